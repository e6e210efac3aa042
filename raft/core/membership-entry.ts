/** The payload of a `membership` entry: JSON, because it is rare and people read logs. */
import { assert } from '../assert.ts'
import type { Member, Membership } from '../types.ts'

export interface MembershipEntry {
  readonly membership: Membership
  /** Whatever the proposer wants to find again when the entry is applied, e.g. who asked. */
  readonly note: string
}

export function encodeMembership(entry: MembershipEntry): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(entry))
}

/** @throws {AssertionError} on anything that `encodeMembership` does not write: the log is checksummed. */
export function decodeMembership(payload: Uint8Array): MembershipEntry {
  const entry = JSON.parse(new TextDecoder().decode(payload)) as MembershipEntry
  assert(
    typeof entry.note === 'string' &&
      Array.isArray(entry.membership?.members) &&
      Array.isArray(entry.membership.removed) &&
      entry.membership.members.every(isMember) &&
      entry.membership.removed.every(Number.isSafeInteger) &&
      Number.isSafeInteger(entry.membership.schemaVersion),
    'a membership entry does not hold a membership',
  )
  return entry
}

function isMember(member: Member): boolean {
  return (
    Number.isSafeInteger(member.id) &&
    typeof member.addr === 'string' &&
    typeof member.voter === 'boolean' &&
    typeof member.isRolledBack === 'boolean' &&
    (member.schemas === null ||
      (Number.isSafeInteger(member.schemas.min) && Number.isSafeInteger(member.schemas.max))) &&
    (member.incarnation === null || typeof member.incarnation === 'string')
  )
}
