/** The binary form of `SnapshotMeta`, in a log's base record and in a snapshot's header: JSON, so that `strings` shows it. */
import type { Member, Membership, SnapshotMeta, SnapshotOrigin } from '../types.ts'

/** Far above any cluster; checked before memory is taken. */
export const META_BYTES_MAX = 1024 * 1024

/** @param origin Of a snapshot that leaves the cluster; null for one that does not. */
export function encodeMeta(meta: SnapshotMeta, origin: SnapshotOrigin | null = null): Buffer {
  const { lastIndex, lastTerm, lastTime, membership, membershipIndex } = meta
  const members = membership.members.map(({ id, addr, voter, incarnation, schemas, isRolledBack }) => {
    const range = schemas && { min: schemas.min, max: schemas.max }
    return { id, addr, voter, incarnation, schemas: range, isRolledBack }
  })
  const { removed, schemaVersion } = membership
  // Built field by field: the bytes must not depend on how the caller made its object.
  return Buffer.from(
    JSON.stringify({
      lastIndex,
      lastTerm,
      lastTime,
      membership: { members, removed, schemaVersion },
      membershipIndex,
      ...(origin !== null && { origin: originFields(origin) }),
    }),
  )
}

function originFields({ clusterId, nodeId, takenAt, program }: SnapshotOrigin): SnapshotOrigin {
  return { clusterId, nodeId, takenAt, program }
}

/** @returns `null` if `bytes` are not the form of a `SnapshotMeta`. */
export function decodeMeta(bytes: Uint8Array): SnapshotMeta | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
    return isMeta(value) ? value : null
  } catch {
    return null
  }
}

/** @returns `null` if they are the form of no such header, or of one that says nothing of this. */
export function decodeOrigin(bytes: Uint8Array): SnapshotOrigin | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
    const origin = isRecord(value) ? value['origin'] : null
    return isOrigin(origin) ? originFields(origin) : null
  } catch {
    return null
  }
}

function isOrigin(value: unknown): value is SnapshotOrigin {
  if (!isRecord(value)) return false
  const { clusterId, nodeId, takenAt, program } = value
  return isCount(clusterId) && isCount(nodeId) && Number.isFinite(takenAt) && typeof program === 'string'
}

function isMeta(value: unknown): value is SnapshotMeta {
  if (!isRecord(value)) return false
  const { lastIndex, lastTerm, lastTime, membership, membershipIndex } = value
  return (
    isCount(lastIndex) &&
    isCount(lastTerm) &&
    Number.isFinite(lastTime) &&
    isCount(membershipIndex) &&
    isMembership(membership)
  )
}

function isMembership(value: unknown): value is Membership {
  if (!isRecord(value)) return false
  const { members, removed, schemaVersion } = value
  const areMembers = Array.isArray(members) && members.every(isMember)
  return areMembers && Array.isArray(removed) && removed.every(isCount) && isCount(schemaVersion)
}

function isMember(value: unknown): value is Member {
  if (!isRecord(value)) return false
  const { id, addr, voter, incarnation, schemas, isRolledBack } = value
  const isIncarnation = incarnation === null || typeof incarnation === 'string'
  const isPlace = isCount(id) && typeof addr === 'string' && isIncarnation && isSchemas(schemas)
  return isPlace && typeof voter === 'boolean' && typeof isRolledBack === 'boolean'
}

function isSchemas(value: unknown): boolean {
  return value === null || (isRecord(value) && isCount(value['min']) && isCount(value['max']))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
