/** Single-server membership changes (§4.1), learners and their promotion (§4.2.1). */
import { unreachable } from '../assert.ts'
import type { LogIndex, Member, Membership, MembershipChange, NodeId } from '../types.ts'
import { canRead, withRaisedSchema, withSeen } from './admission.ts'
import { noteWaitingPeer } from './commit-notice.ts'
import { isHandingOver } from './disk-health.ts'
import type { Event } from './event.ts'
import { membershipAt } from './log.ts'
import { encodeMembership } from './membership-entry.ts'
import { append } from './out.ts'
import { newProgress } from './progress.ts'
import { quorumSize } from './quorum.ts'
import type { Raft } from './state.ts'

/**
 * The configuration in force: the newest in the log, committed or not ("a server always uses the
 * latest configuration in its log", §4.1), else the one the log starts with.
 */
export function currentMembership(raft: Raft): Membership {
  return membershipAt(raft.log, raft.log.lastIndex).membership
}

/** The newest configuration that no leader can take back. */
export function committedMembership(raft: Raft): Membership {
  return membershipAt(raft.log, raft.commitIndex).membership
}

export function voterIds(raft: Raft): NodeId[] {
  return currentMembership(raft)
    .members.filter((member) => member.voter)
    .map((member) => member.id)
}

export function isVoter(raft: Raft, id: NodeId): boolean {
  return currentMembership(raft).members.some((member) => member.id === id && member.voter)
}

/** A change is appended and not committed yet; the next has to wait (§4.1). */
function isChangePending(raft: Raft): boolean {
  return membershipAt(raft.log, raft.log.lastIndex).index > raft.commitIndex
}

/**
 * A leader may change the membership only once an entry of its own term is committed: otherwise two
 * leaders that do not know each other's change form disjoint majorities (the 2015 bug of §4.1).
 */
function isChangeAllowed(raft: Raft): boolean {
  return (
    raft.role === 'leader' &&
    raft.commitIndex >= raft.termStartIndex &&
    !isChangePending(raft) &&
    !isHandingOver(raft)
  )
}

/** Lets the leader's view of its peers follow the configuration in force; called after every append. */
export function syncProgress(raft: Raft): void {
  const ids = new Set(currentMembership(raft).members.map((member) => member.id))
  for (const id of raft.progress.keys()) {
    if (!ids.has(id)) raft.progress.delete(id)
  }
  for (const id of ids) {
    if (id !== raft.id && !raft.progress.has(id)) raft.progress.set(id, newProgress(raft))
  }
}

/** Answers an administrator's wish, in `memberships`: appended, or refused with a reason. */
export function changeMembership(
  raft: Raft,
  { id, peer, change, note, time }: Event & { type: 'changeMembership' },
): void {
  const refusal = refuseNow(raft) ?? refuseChange(raft, change)
  if (refusal !== null) {
    raft.out.memberships.push({ id, ...refusal })
    return
  }
  const index = appendMembership(raft, { membership: changed(currentMembership(raft), change), note, time })
  noteWaitingPeer(raft, peer, index)
  raft.out.memberships.push({ id, index, term: raft.currentTerm })
}

type Refusal = { refusal: string; message: string }

function refuseNow(raft: Raft): Refusal | null {
  if (raft.role !== 'leader') return { refusal: 'not_leader', message: 'this node is not the leader' }
  if (raft.transfer !== null) {
    return { refusal: 'not_leader', message: `leadership is being handed to node ${raft.transfer.target}` }
  }
  if (isHandingOver(raft)) {
    return { refusal: 'not_leader', message: 'the disk of the leader is stalled' }
  }
  if (raft.commitIndex < raft.termStartIndex) {
    return { refusal: 'leader_not_ready', message: 'the leader has just been elected, try again' }
  }
  if (isChangePending(raft)) {
    return { refusal: 'change_in_flight', message: 'another membership change is in flight, try again' }
  }
  return null
}

function refuseChange(raft: Raft, change: MembershipChange): Refusal | null {
  const { members, removed } = currentMembership(raft)
  const member = members.find(({ id }) => id === change.id)
  switch (change.type) {
    case 'add': {
      if (member !== undefined) {
        return {
          refusal: 'node_exists',
          message: `node ${change.id} is a member already, at ${member.addr}; a node that has moved takes an id that was never used, such as ${freshId(raft)}, and the old one is removed`,
        }
      }
      if (removed.includes(change.id)) {
        return {
          refusal: 'node_removed',
          message: `node ${change.id} was removed and its id cannot return; choose an id that was never used, such as ${freshId(raft)}`,
        }
      }
      const holder = members.find(({ addr }) => addr === change.addr)
      if (holder !== undefined) {
        return {
          refusal: 'addr_in_use',
          message: `${change.addr} is the address of node ${holder.id}; choose another, or remove node ${holder.id} first`,
        }
      }
      if (members.length >= raft.limits.membersMax) {
        return {
          refusal: 'too_many_nodes',
          message: `a cluster has at most ${raft.limits.membersMax} nodes; remove one first`,
        }
      }
      return null
    }
    case 'remove': {
      if (member === undefined) {
        const message = removed.includes(change.id)
          ? `node ${change.id} was removed already`
          : notAMember(raft, change.id)
        return { refusal: 'node_not_found', message }
      }
      if (!member.voter) return null
      return refuseRemoval(raft, member, change.isForced)
    }
    default:
      return unreachable(change)
  }
}

/** What to say to whoever means a node that is none of ours. */
export function notAMember(raft: Raft, id: NodeId): string {
  const ids = currentMembership(raft).members.map((member) => member.id)
  return `node ${id} is not a member; the members are ${ids.join(', ')}`
}

/** Above all that were ever used. */
function freshId(raft: Raft): NodeId {
  const { members, removed } = currentMembership(raft)
  return Math.max(...members.map(({ id }) => id), ...removed) + 1
}

function refuseRemoval(raft: Raft, member: Member, isForced: boolean): Refusal | null {
  const remaining = voterIds(raft).filter((id) => id !== member.id)
  if (remaining.length === 0) {
    return {
      refusal: 'last_voter',
      message: `node ${member.id} is the only voter, and a cluster needs one; add another node first, and wait until it votes`,
    }
  }
  // Before leadership is handed over: with a removal that cannot be carried out it would be for nothing.
  const refusal = isForced ? null : refuseUnhealthy(raft, member.id, remaining)
  if (refusal !== null) return refusal
  if (member.id !== raft.id) return null
  return { refusal: 'is_leader', message: 'the leader hands leadership over before it is removed' }
}

/**
 * Those who stay must have a majority that is known to live. A new leader takes nobody's word for that but their own: whom it
 * has not heard in its term may be down since before its election.
 */
function refuseUnhealthy(raft: Raft, leaving: NodeId, remaining: readonly NodeId[]): Refusal | null {
  const inContact = remaining.filter((id) => isInContact(raft, id))
  const unheard = inContact.filter((id) => id !== raft.id && raft.progress.get(id)?.hasAnswered !== true)
  const healthy = inContact.length - unheard.length
  const needed = quorumSize(remaining.length)
  if (healthy >= needed) return null
  if (inContact.length >= needed) {
    const names = `${unheard.length === 1 ? 'node' : 'nodes'} ${unheard.join(', ')}`
    const message = `the leader has just been elected and has not heard from ${names} yet, try again`
    return { refusal: 'leader_not_ready', message }
  }
  return {
    refusal: 'would_lose_quorum',
    message: `without node ${leaving}, ${healthy} of ${remaining.length} voters would be healthy and ${needed} are needed; bring a voter back first, or force it`,
  }
}

/** The leader has heard from that node within an election timeout, or leads for less than one. */
export function isInContact(raft: Raft, id: NodeId): boolean {
  if (id === raft.id) return true
  const progress = raft.progress.get(id)
  return progress !== undefined && raft.now - progress.lastContact < raft.timing.electionMinMs
}

function changed(membership: Membership, change: MembershipChange): Membership {
  const { members, removed } = membership
  switch (change.type) {
    case 'add':
      return { ...membership, members: ascending([...members, newMember(change)]) }
    case 'remove':
      return {
        ...membership,
        members: members.filter(({ id }) => id !== change.id),
        removed: [...removed, change.id].toSorted((a, b) => a - b),
      }
    default:
      return unreachable(change)
  }
}

function newMember({ id, addr }: { id: NodeId; addr: string }): Member {
  return { id, addr, voter: false, incarnation: null, schemas: null, isRolledBack: false }
}

function ascending(members: Member[]): Member[] {
  return members.toSorted((a, b) => a.id - b.id)
}

function appendMembership(
  raft: Raft,
  { membership, note, time }: { membership: Membership; note: string; time: number },
): LogIndex {
  const index = raft.log.lastIndex + 1
  append(raft, {
    index,
    term: raft.currentTerm,
    time: Math.max(time, raft.log.maxTime),
    type: 'membership',
    payload: encodeMembership({ membership, note }),
  })
  syncProgress(raft)
  return index
}

/**
 * What a leader changes by itself, one at a time: what handshakes have shown of the members is recorded, so that
 * another data directory or an older one is recognized (`admission.ts`); the schema version is raised as far as all
 * can read it; a learner that keeps up becomes a voter.
 */
export function maintainMembership(raft: Raft, time: number): void {
  const current = currentMembership(raft)
  trackRounds(raft)
  if (!isChangeAllowed(raft)) return
  const membership = withSeen(raft, current) ?? withRaisedSchema(current) ?? withPromoted(raft, current)
  if (membership !== null) appendMembership(raft, { membership, note: '', time })
}

function withPromoted(raft: Raft, membership: Membership): Membership | null {
  const learner = membership.members.find((member) => isPromotable(raft, membership, member))
  if (learner === undefined) return null
  const members = membership.members.map((member) =>
    member === learner ? { ...member, voter: true } : member,
  )
  return { ...membership, members }
}

function isPromotable(raft: Raft, { schemaVersion }: Membership, member: Member): boolean {
  const { id, voter, schemas, isRolledBack } = member
  const isFit = !isRolledBack && (schemas === null || canRead(schemas, schemaVersion))
  return !voter && isFit && !raft.wrongStates.includes(id) && isCaughtUp(raft, id)
}

/**
 * "Each round replicates all the log entries present in the leader's log at the start of the round"; a learner
 * whose last round took less than an election timeout keeps up (§4.2.1).
 */
function isCaughtUp(raft: Raft, id: NodeId): boolean {
  const progress = raft.progress.get(id)
  return (
    progress !== undefined &&
    progress.state === 'replicate' &&
    isInContact(raft, id) &&
    progress.matchIndex >= progress.roundTarget &&
    raft.now - progress.roundStart < raft.timing.electionMinMs
  )
}

function trackRounds(raft: Raft): void {
  for (const progress of raft.progress.values()) {
    const isRoundOver = progress.matchIndex >= progress.roundTarget
    const wasSlow = raft.now - progress.roundStart >= raft.timing.electionMinMs
    if (!isRoundOver || !wasSlow) continue
    progress.roundTarget = raft.log.lastIndex
    progress.roundStart = raft.now
  }
}
