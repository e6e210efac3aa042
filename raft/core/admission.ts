/** What handshakes have shown of the nodes, and what of it a leader writes into the membership. */
import { SchemaMismatchError } from '../errors.ts'
import type { Member, Membership, NodeId, SchemaRange } from '../types.ts'
import { membershipAt } from './log.ts'
import type { Raft } from './state.ts'

/** A node as its handshake showed it. */
export interface SeenPeer {
  readonly incarnation: string
  readonly schemas: SchemaRange
}

/** Notes which data directory and which program a node came with; a leader records it (`withSeen`). */
export function notePeer(
  raft: Raft,
  { id, incarnation, schemas }: { id: NodeId; incarnation: string; schemas: SchemaRange },
): void {
  raft.seen.set(id, { incarnation, schemas })
}

/**
 * A node that is no member is gone: perhaps it was tried under the wrong id, on the wrong machine. Remembered, its directory
 * would be recorded when that id is added, and the machine that was meant be refused for good.
 */
export function forgetStranger(raft: Raft, id: NodeId): void {
  const { members } = membershipAt(raft.log, raft.log.lastIndex).membership
  if (!members.some((member) => member.id === id)) raft.seen.delete(id)
}

/**
 * The driver has found that a member's data directory lacks what the node had acknowledged. Forgotten at an election:
 * only a leader hears all the time whether the node, with a better directory, is alive after all.
 */
export function noteRolledBack(raft: Raft, { id, incarnation }: { id: NodeId; incarnation: string }): void {
  raft.rolledBack.set(id, incarnation)
}

/** With everything that is known of the members by now; null if that is in it already. */
export function withSeen(raft: Raft, membership: Membership): Membership | null {
  const members = membership.members.map((member) => asSeen(raft, member))
  return members.some((member, i) => member !== membership.members[i]) ? { ...membership, members } : null
}

/** A data directory is recorded once and for good; the program on it may be exchanged, for an older one as well. */
function asSeen(raft: Raft, member: Member): Member {
  const seen = raft.seen.get(member.id)
  const incarnation = member.incarnation ?? seen?.incarnation ?? null
  const isSame = seen !== undefined && seen.incarnation === incarnation
  const schemas = isSame ? seen.schemas : member.schemas
  const isFound = incarnation !== null && raft.rolledBack.get(member.id) === incarnation
  const isRolledBack = member.isRolledBack || isFound
  const isKnown =
    incarnation === member.incarnation &&
    isRolledBack === member.isRolledBack &&
    schemas?.min === member.schemas?.min &&
    schemas?.max === member.schemas?.max
  return isKnown ? member : { ...member, incarnation, schemas, isRolledBack }
}

/**
 * With the highest schema version that every member can read, learners too: they will be asked for their vote. Null
 * if it is in force, or if one of them has not been seen.
 */
export function withRaisedSchema(membership: Membership): Membership | null {
  const schemaVersion = Math.min(...membership.members.map(({ schemas }) => schemas?.max ?? 0))
  return schemaVersion > membership.schemaVersion ? { ...membership, schemaVersion } : null
}

export function canRead({ min, max }: SchemaRange, schemaVersion: number): boolean {
  return min <= schemaVersion && schemaVersion <= max
}

/**
 * Before a program takes part.
 *
 * @param newest The newest in its log, committed or not: a version that may come into force is one to be able to read.
 * @throws {SchemaMismatchError}
 */
export function checkSchemasAtStart({ members, schemaVersion }: Membership, schemas: SchemaRange): void {
  // Who waits to be added does not know the version.
  if (members.length === 0 || canRead(schemas, schemaVersion)) return
  throw new SchemaMismatchError(schemaVersion, schemas)
}

/**
 * Before anything is applied: what we cannot read the others can. A leader raises the version only as far as all were
 * last seen to read; one whose software was exchanged for older just then finds out here.
 *
 * @throws {SchemaMismatchError}
 */
export function checkSchemaInForce({ schemaVersion }: Membership, schemas: SchemaRange): void {
  if (schemaVersion > schemas.max) throw new SchemaMismatchError(schemaVersion, schemas)
}
