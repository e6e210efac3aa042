/** Membership entries change the cluster, not the addresses: here they only leave their audit rows. */
import { AssertionError } from '../../raft/assert.ts'
import type { Member, Membership } from '../../raft/types.ts'
import type { LogPosition } from './apply.ts'
import { SYSTEM_USER } from './audit.ts'
import type { CommandContext } from './command.ts'
import type { AuditAction, MemberRecord } from './records.ts'
import type { Store } from './store.ts'

interface MembershipAudit {
  readonly action: AuditAction
  readonly resource: string
  readonly details: string
  readonly before: MemberRecord | null
  readonly after: MemberRecord | null
}

/** @param payload JSON `{"membership": Membership, "note": string}`; the note is `{"user", "requestId"}` or empty. */
export function applyMembership(store: Store, payload: Uint8Array, { time }: LogPosition): void {
  const { membership, note } = decodePayload(payload)
  const { user, requestId } = contextOf(note)
  for (const change of changesBetween(store.membership(), membership)) {
    store.appendAudit({ timestamp: time, ...change, user, requestId })
  }
  store.putMembership(membership)
}

/**
 * Removals, additions, promotions, old data directories, each ascending by id; then the schema version. What else a leader
 * records of a member is none of them.
 */
function changesBetween(previous: Membership | null, next: Membership): MembershipAudit[] {
  const before = new Map((previous?.members ?? foundersOf(next)).map((member) => [member.id, member]))
  const after = new Map(next.members.map((member) => [member.id, member]))
  const records = (id: number) => ({ before: recordOf(before.get(id)), after: recordOf(after.get(id)) })
  const removedBefore = new Set(previous?.removed)
  const removed = next.removed.filter((id) => !removedBefore.has(id))
  const added = next.members.filter(({ id }) => !before.has(id))
  const promoted = next.members.filter(({ id, voter }) => voter && before.get(id)?.voter === false)
  const rolledBack = next.members.filter(({ id, isRolledBack }) => {
    return isRolledBack && before.get(id)?.isRolledBack === false
  })
  return [
    ...removed.map((nodeId): MembershipAudit => {
      const addr = before.get(nodeId)?.addr
      const details = addr === undefined ? `Removed node ${nodeId}` : `Removed node ${nodeId} (${addr})`
      return { action: 'node_removed', resource: `node-${nodeId}`, details, ...records(nodeId) }
    }),
    ...added.map(({ id, addr }): MembershipAudit => {
      const details = `Added node ${id} (${addr})`
      return { action: 'node_added', resource: `node-${id}`, details, ...records(id) }
    }),
    ...promoted.map(({ id, addr }): MembershipAudit => {
      const details = `Promoted node ${id} (${addr}) to voter`
      return { action: 'node_promoted', resource: `node-${id}`, details, ...records(id) }
    }),
    ...rolledBack.map(({ id, addr }): MembershipAudit => {
      const details = `Node ${id} (${addr}) came with a data directory older than what it had acknowledged`
      return { action: 'node_rolled_back', resource: `node-${id}`, details, ...records(id) }
    }),
    ...raisesBetween(previous, next),
  ]
}

function recordOf(member: Member | undefined): MemberRecord | null {
  if (member === undefined) return null
  const { id, addr, voter, isRolledBack } = member
  return { kind: 'member', nodeId: id, addr, voter, isRolledBack }
}

/** The version that the cluster started with is in no entry: the first one raises nothing. */
function raisesBetween(previous: Membership | null, next: Membership): MembershipAudit[] {
  if (previous === null || next.schemaVersion === previous.schemaVersion) return []
  const details = `Raised the command schema from ${previous.schemaVersion} to ${next.schemaVersion}`
  return [{ action: 'schema_raised', resource: 'cluster', details, before: null, after: null }]
}

/**
 * The members that the cluster started with are in no entry, and a node that joins later does not know them. But they
 * are voters, none was removed, and one entry changes one thing (§4.1): so in the first entry every voter is a founder.
 */
function foundersOf({ members }: Membership): Member[] {
  return members.filter(({ voter }) => voter)
}

function decodePayload(payload: Uint8Array): { membership: Membership; note: string } {
  try {
    return JSON.parse(Buffer.from(payload).toString('utf8')) as { membership: Membership; note: string }
  } catch (cause) {
    throw new AssertionError('a membership entry is not JSON', { cause })
  }
}

/** A note that is no context is no reason to stop: the change itself stands. */
function contextOf(note: string): CommandContext {
  const nobody = { user: SYSTEM_USER, requestId: null }
  if (note === '') return nobody
  try {
    const { user, requestId } = JSON.parse(note) as Record<string, unknown>
    return {
      user: typeof user === 'string' ? user : nobody.user,
      requestId: typeof requestId === 'string' ? requestId : null,
    }
  } catch {
    return nobody
  }
}
