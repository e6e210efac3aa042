/** Leadership transfer (§3.10): gate writes and reads, bring the target up to date, let it campaign at once. */
import type { NodeId } from '../types.ts'
import { isHoldingBack, isMuchFaster, isStall } from './disk-health.ts'
import { currentMembership, isInContact, isVoter, notAMember, voterIds } from './membership.ts'
import { quorumSize } from './quorum.ts'
import { becomeFollower } from './role.ts'
import type { Raft } from './state.ts'

/** @param target Null leaves the choice to us: the healthy voter that has the most. */
export function startTransfer(raft: Raft, { id, target }: { id: number; target: NodeId | null }): void {
  const chosen = target ?? bestTarget(raft)
  const refusal = refuse(raft, chosen)
  if (refusal !== null || chosen === null) {
    raft.out.transfers.push({
      id,
      ...(refusal ?? refuseAll(raft)),
    })
    return
  }
  beginTransfer(raft, { id, target: chosen })
}

function beginTransfer(raft: Raft, { id, target }: { id: number | null; target: NodeId }): void {
  raft.transfer = { id, target, deadline: raft.now + raft.timing.electionMinMs, isTimeoutSent: false }
}

function bestTarget(raft: Raft): NodeId | null {
  const healthy = voterIds(raft).filter((id) => {
    return isInContact(raft, id) && mayTakeOver(raft, id) && !isPeerStalled(raft, id)
  })
  return mostCaughtUp(raft, healthy)
}

/** Nothing but its disk, or its silence, speaks against it. */
function mayTakeOver({ id: self, progress, wrongStates }: Raft, id: NodeId): boolean {
  return id !== self && !wrongStates.includes(id) && progress.get(id)?.isDrained === false
}

/** Of those that have the same, one with room on its disk. */
function mostCaughtUp({ progress }: Raft, ids: readonly NodeId[]): NodeId | null {
  const matchIndex = (id: NodeId): number => progress.get(id)?.matchIndex ?? 0
  const lacksRoom = (id: NodeId): number => (progress.get(id)?.disk.isLow === true ? 1 : 0)
  return ids.toSorted((a, b) => matchIndex(b) - matchIndex(a) || lacksRoom(a) - lacksRoom(b))[0] ?? null
}

function isPeerStalled({ progress, timing }: Raft, id: NodeId): boolean {
  const peer = progress.get(id)
  return peer !== undefined && isStall(peer.disk, timing)
}

/**
 * Leader rule, at every tick. A leader that cannot write hands over, as soon as the others could go on without it:
 * if they are no quorum of good disks, nobody that they elect would commit anything either, and this leader at
 * least still confirms reads.
 */
export function giveWay(raft: Raft): void {
  const { role, transfer, progress } = raft
  if (role !== 'leader') return
  if (!isHoldingBack(raft)) {
    // The disk was faster than the transfer.
    if (transfer?.id === null && !transfer.isTimeoutSent) raft.transfer = null
    return
  }
  if (transfer !== null) return
  const voters = voterIds(raft)
  const able = voters.filter((id) => {
    const peer = progress.get(id)
    return peer !== undefined && isInContact(raft, id) && isMuchFaster(raft, peer.disk)
  })
  if (able.length < quorumSize(voters.length)) return
  const target = mostCaughtUp(
    raft,
    able.filter((id) => mayTakeOver(raft, id)),
  )
  if (target !== null) beginTransfer(raft, { id: null, target })
}

function refuse(raft: Raft, target: NodeId | null): { refusal: string; message: string } | null {
  if (raft.role !== 'leader') return { refusal: 'not_leader', message: 'this node is not the leader' }
  if (raft.transfer !== null) {
    return {
      refusal: 'transfer_in_flight',
      message: `leadership is being handed to node ${raft.transfer.target}; try again when that is over`,
    }
  }
  if (target === null) return refuseAll(raft)
  if (target === raft.id) return { refusal: 'is_leader', message: `node ${target} is the leader already` }
  if (!isVoter(raft, target)) return { refusal: 'not_voter', message: notAVoter(raft, target) }
  if (raft.wrongStates.includes(target)) {
    return {
      refusal: 'state_diverged',
      message: `the state of node ${target} is not what the majority has; choose another`,
    }
  }
  if (raft.progress.get(target)?.isDrained === true) {
    return { refusal: 'draining', message: `node ${target} is drained; end that first, or choose another` }
  }
  if (!isInContact(raft, target)) {
    return {
      refusal: 'not_healthy',
      message: `node ${target} has not answered for an election timeout; see that it runs, or choose another`,
    }
  }
  if (isPeerStalled(raft, target)) {
    return { refusal: 'not_healthy', message: `the disk of node ${target} is stalled; choose another` }
  }
  return null
}

function refuseAll(raft: Raft): { refusal: string; message: string } {
  const others = voterIds(raft).filter((id) => id !== raft.id)
  const why =
    others.length === 0
      ? `node ${raft.id} is the only one; add another node first, and wait until it votes`
      : `each of ${others.join(', ')} is silent, drained, stalled or wrong`
  return { refusal: 'no_target', message: `no other voter could take over: ${why}` }
}

function notAVoter(raft: Raft, id: NodeId): string {
  if (!currentMembership(raft).members.some((member) => member.id === id)) return notAMember(raft, id)
  return `node ${id} is a learner, which votes by itself once it has caught up; the voters are ${voterIds(raft).join(', ')}`
}

/** Leader rule, at the end of a step. A transfer never outlives its deadline, nor (see `becomeFollower`) its term. */
export function advanceTransfer(raft: Raft): void {
  const { transfer } = raft
  if (transfer === null) return
  const progress = raft.progress.get(transfer.target)
  if (raft.now >= transfer.deadline || progress === undefined) {
    endTransfer(raft, transfer)
    return
  }
  if (transfer.isTimeoutSent || progress.matchIndex < raft.log.lastIndex) return
  transfer.isTimeoutSent = true
  raft.out.messages.push({ type: 'TimeoutNow', from: raft.id, to: transfer.target, term: raft.currentTerm })
}

/** It has failed. A leader that still cannot write leaves the choice of the next one to the others. */
function endTransfer(raft: Raft, { id, target }: { id: number | null; target: NodeId }): void {
  raft.transfer = null
  if (id !== null) {
    const message = `node ${target} did not take over in time`
    raft.out.transfers.push({ id, refusal: 'transfer_timeout', message })
  } else if (isHoldingBack(raft)) becomeFollower(raft, { term: raft.currentTerm, leaderId: null })
}
