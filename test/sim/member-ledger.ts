/** The members as their audit rows tell them: each row has what the entry made of the member, and joins the row before it. */
import { isDeepStrictEqual } from 'node:util'
import { decodeMembership } from '../../raft/core/membership-entry.ts'
import type { Entry, Membership, NodeId } from '../../raft/types.ts'
import type { AuditEntry, MemberRecord } from '../../src/ipam/records.ts'
import { check } from './calls.ts'

export class MemberLedger {
  /** As the last row had them after it; the members that a cluster starts with are in no row. */
  readonly #told = new Map<string, AuditEntry['after']>()

  /** A `membership` entry. @throws if a row does not say what it did. */
  apply({ payload }: Entry, rows: readonly AuditEntry[]): void {
    const { membership } = decodeMembership(payload)
    for (const row of rows) {
      if (row.action === 'schema_raised') checkBare(row)
      else this.#applyRow(row, membership)
    }
  }

  #applyRow({ action, resource, before, after }: AuditEntry, membership: Membership): void {
    const now = memberOf(membership, Number(resource.slice('node-'.length)))
    check(isDeepStrictEqual(after, now), `${action}: ${resource} is ${show(now)}, and not ${show(after)}`)
    const told = this.#told.get(resource) ?? null
    const isJoined =
      action === 'node_added' ? before === null : told === null || isDeepStrictEqual(before, told)
    check(isJoined, `${action}: ${resource} was ${show(told)}, and not ${show(before)}`)
    this.#told.set(resource, after)
  }
}

function memberOf({ members }: Membership, nodeId: NodeId): MemberRecord | null {
  const member = members.find(({ id }) => id === nodeId)
  if (member === undefined) return null
  const { addr, voter, isRolledBack } = member
  return { kind: 'member', nodeId, addr, voter, isRolledBack }
}

function checkBare({ action, before, after }: AuditEntry): void {
  check(before === null && after === null, `${action} is about no record, and has one`)
}

function show(value: unknown): string {
  return JSON.stringify(value)
}
