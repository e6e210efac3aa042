/** Rows as MessagePack arrays with fixed positions. A change of any of them is a new `FORMAT`. */
import { Packr } from 'msgpackr'
import type { Divergence, Member, Membership } from '../../raft/types.ts'
import type { Allocation, AllocationStatus, AuditAction, AuditEntry, Network } from '../ipam/records.ts'
import type { Session } from '../ipam/session.ts'
import type { AuditDraft } from '../ipam/store.ts'
import { CorruptStateError } from './errors.ts'
import { type Position, parsePosition } from './key-space.ts'
import { formatHash } from './state-hash.ts'

const FORMAT = 2
const STATUSES: readonly AllocationStatus[] = ['allocated', 'released', 'expired']
/** A stored number is the place in this list, so the list only ever grows at its end. */
const ACTIONS: readonly AuditAction[] = [
  'network_created',
  'network_deleted',
  'ip_allocated',
  'ip_released',
  'ip_expired',
  'node_added',
  'node_promoted',
  'node_removed',
  'node_rolled_back',
  'schema_raised',
]

/** Without records, so that the bytes of a row depend on nothing but the row. */
const packr = new Packr({ useRecords: false })

/** The last entry that the rows contain. */
export interface AppliedPoint {
  readonly index: number
  readonly term: number
  /** Of that entry, ms since 1970. */
  readonly time: number
  /** Over everything that was written up to there: see `StateHash`. */
  readonly hash: bigint
}

/** What is needed of an active allocation to rebuild memory. */
export interface AddressRangeRow {
  readonly last: bigint
  readonly position: Position
  readonly expiresAt: number | null
}

export const EMPTY_ROW = Buffer.alloc(0)
export const NOTHING_APPLIED: AppliedPoint = { index: 0, term: 0, time: 0, hash: 0n }

export function encodeApplied({ index, term, time, hash }: AppliedPoint): Buffer {
  return packr.pack([FORMAT, index, term, time, formatHash(hash)])
}

/** @throws {CorruptStateError} also for a format of another version. */
export function decodeApplied(row: Uint8Array): AppliedPoint {
  const [format, index, term, time, hash] = packr.unpack(row) as AppliedFields
  if (format !== FORMAT) throw new CorruptStateError(`state format ${format}: this version reads ${FORMAT}`)
  if (hash === undefined) throw new CorruptStateError('the applied row is incomplete')
  return { index, term, time, hash: BigInt(`0x${hash}`) }
}

type AppliedFields = [format: number, index: number, term: number, time: number, hash?: string]

export function encodeDivergence({ index, hash, majorityHash }: Divergence): Buffer {
  return packr.pack([index, hash, majorityHash])
}

export function decodeDivergence(row: Uint8Array): Divergence {
  const [index, hash, majorityHash] = packr.unpack(row) as [number, string, string]
  return { index, hash, majorityHash }
}

export function encodeMembership({ members, removed, schemaVersion }: Membership): Buffer {
  return packr.pack([members.map(memberFields), removed, schemaVersion])
}

export function decodeMembership(row: Uint8Array): Membership {
  const [members, removed, schemaVersion] = packr.unpack(row) as [MemberFields[], number[], number]
  return { members: members.map(memberOf), removed, schemaVersion }
}

type MemberFields = [number, string, boolean, string | null, [number, number] | null, boolean]

function memberFields({ id, addr, voter, incarnation, schemas, isRolledBack }: Member): MemberFields {
  return [id, addr, voter, incarnation, schemas && [schemas.min, schemas.max], isRolledBack]
}

function memberOf([id, addr, voter, incarnation, schemas, isRolledBack]: MemberFields): Member {
  const range = schemas && { min: schemas[0], max: schemas[1] }
  return { id, addr, voter, incarnation, schemas: range, isRolledBack }
}

export function encodeNetwork(network: Network): Buffer {
  return packr.pack(networkFields(network))
}

export function decodeNetwork(row: Uint8Array): Network {
  return networkOf(packr.unpack(row) as NetworkFields)
}

export function encodeAllocation(allocation: Allocation): Buffer {
  return packr.pack(allocationFields(allocation))
}

export function decodeAllocation(row: Uint8Array): Allocation {
  return allocationOf(packr.unpack(row) as AllocationFields)
}

/** 16 bytes of `last`, the expiry as a float (NaN for none), the position as text: read often, and all at once, on open. */
export function encodeAddressRange({ last, position, expiresAt }: AddressRangeRow): Buffer {
  const row = Buffer.allocUnsafe(24 + position.length)
  row.writeBigUInt64BE(last >> 64n, 0)
  row.writeBigUInt64BE(last & 0xffff_ffff_ffff_ffffn, 8)
  row.writeDoubleBE(expiresAt ?? Number.NaN, 16)
  row.write(position, 24, 'latin1')
  return row
}

export function decodeAddressRange(row: Buffer): AddressRangeRow {
  const expiresAt = row.readDoubleBE(16)
  return {
    last: (row.readBigUInt64BE(0) << 64n) | row.readBigUInt64BE(8),
    position: row.toString('latin1', 24),
    expiresAt: Number.isNaN(expiresAt) ? null : expiresAt,
  }
}

export function encodeSession({ floor, usedAt }: Omit<Session, 'id'>): Buffer {
  return packr.pack([floor, usedAt])
}

export function decodeSession(row: Uint8Array): Omit<Session, 'id'> {
  const [floor, usedAt] = packr.unpack(row) as [number, number]
  return { floor, usedAt }
}

/** `before` and `after` are both networks or both allocations. Index and sequence are in the key. */
export function encodeAudit(draft: AuditDraft): Buffer {
  const { timestamp, action, resource, details, user, requestId, before, after } = draft
  return packr.pack([
    timestamp,
    ACTIONS.indexOf(action),
    resource,
    details,
    user,
    requestId,
    before && recordFields(before),
    after && recordFields(after),
  ])
}

export function decodeAudit(position: Position, row: Uint8Array): AuditEntry {
  const [timestamp, action, resource, details, user, requestId, before, after] = packr.unpack(
    row,
  ) as AuditFields
  return {
    ...parsePosition(position),
    timestamp,
    action: listed(ACTIONS, action),
    resource,
    details,
    user,
    requestId,
    before: before && recordOf(before),
    after: after && recordOf(after),
  }
}

export function recordFields(record: Network | Allocation): RecordFields {
  return 'cidr' in record ? networkFields(record) : allocationFields(record)
}

export function recordOf(fields: RecordFields): Network | Allocation {
  return isNetworkFields(fields) ? networkOf(fields) : allocationOf(fields)
}

type NetworkFields = [
  id: string,
  cidr: string,
  description: string,
  tags: readonly string[],
  createdAt: number,
  updatedAt: number,
  changedIndex: number,
]

type AllocationFields = [
  id: string,
  networkId: string,
  ip: string,
  endIp: string | null,
  hostname: string | null,
  description: string,
  status: number,
  allocatedAt: number,
  expiresAt: number | null,
  releasedAt: number | null,
  changedIndex: number,
]

export type RecordFields = NetworkFields | AllocationFields

type AuditFields = [
  timestamp: number,
  action: number,
  resource: string,
  details: string,
  user: string,
  requestId: string | null,
  before: RecordFields | null,
  after: RecordFields | null,
]

function networkFields(network: Network): NetworkFields {
  const { id, cidr, description, tags, createdAt, updatedAt, changedIndex } = network
  return [id, cidr, description, tags, createdAt, updatedAt, changedIndex]
}

function networkOf(fields: NetworkFields): Network {
  const [id, cidr, description, tags, createdAt, updatedAt, changedIndex] = fields
  return { id, cidr, description, tags, createdAt, updatedAt, changedIndex }
}

function allocationFields(allocation: Allocation): AllocationFields {
  const { id, networkId, ip, endIp, hostname, description, status } = allocation
  const { allocatedAt, expiresAt, releasedAt, changedIndex } = allocation
  const statusNumber = STATUSES.indexOf(status)
  return [
    id,
    networkId,
    ip,
    endIp,
    hostname,
    description,
    statusNumber,
    allocatedAt,
    expiresAt,
    releasedAt,
    changedIndex,
  ]
}

function allocationOf(fields: AllocationFields): Allocation {
  const [id, networkId, ip, endIp, hostname, description, status, ...rest] = fields
  const [allocatedAt, expiresAt, releasedAt, changedIndex] = rest
  return {
    id,
    networkId,
    ip,
    endIp,
    hostname,
    description,
    status: listed(STATUSES, status),
    allocatedAt,
    expiresAt,
    releasedAt,
    changedIndex,
  }
}

/** The fourth field of a network is its list of tags; of an allocation, text or null. */
function isNetworkFields(fields: RecordFields): fields is NetworkFields {
  return Array.isArray(fields[3])
}

function listed<T>(list: readonly T[], place: number): T {
  const found = list[place]
  if (found === undefined) throw new CorruptStateError(`no meaning is known for the number ${place}`)
  return found
}
