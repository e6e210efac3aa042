/** Rows as MessagePack arrays with fixed positions. A change of any of them is a new `FORMAT`. */
import { Packr } from 'msgpackr'
import type { Divergence, Member, Membership } from '../../raft/types.ts'
import type { AddressRange } from '../ipam/range.ts'
import { CorruptStateError, StateFormatError } from './errors.ts'
import type { Position } from './key-encoding.ts'
import { rowWriter } from './row-writer.ts'
import { formatHash } from './state-hash.ts'
import { readUInt128 } from './uint128.ts'

const FORMAT = 9
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

/** @throws {CorruptStateError} @throws {StateFormatError} for the rows of another release. */
export function decodeApplied(row: Uint8Array): AppliedPoint {
  const [format, index, term, time, hash] = packr.unpack(row) as AppliedFields
  if (format !== FORMAT) throw new StateFormatError('state', { found: format, known: FORMAT })
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

/** 16 bytes of `last`, the expiry as a float (NaN for none), the position as text: read often, and all at once, on open. */
export function encodeAddressRange({ last, position, expiresAt }: AddressRangeRow): Buffer {
  rowWriter.begin()
  rowWriter.writeUInt128(last)
  rowWriter.writeFloat(expiresAt ?? Number.NaN)
  rowWriter.writeAscii(position)
  return rowWriter.end()
}

export function decodeAddressRange(row: Buffer): AddressRangeRow {
  return { last: readUInt128(row, 0), position: row.toString('latin1', 24), expiresAt: decodeExpiry(row) }
}

/** The expiry alone, of the same row. */
export function decodeExpiry(row: Buffer): number | null {
  const expiresAt = row.readDoubleBE(16)
  return Number.isNaN(expiresAt) ? null : expiresAt
}

/** The last address alone, of the same row, which must be of an IPv4 network. */
export function decodeLastIpv4(row: Buffer): number {
  return row.readUInt32BE(12)
}

/** Addresses that rest. */
export interface CoolingRow extends AddressRange {
  readonly network: Position
  /** Ms since 1970. */
  readonly until: number
}

/** 16 bytes each of first and last address, the time as a float, the network's position as text. */
export function encodeCooling({ network, first, last, until }: CoolingRow): Buffer {
  rowWriter.begin()
  rowWriter.writeUInt128(first)
  rowWriter.writeUInt128(last)
  rowWriter.writeFloat(until)
  rowWriter.writeAscii(network)
  return rowWriter.end()
}

export function decodeCooling(row: Buffer): CoolingRow {
  const [first, last] = [readUInt128(row, 0), readUInt128(row, 16)]
  return { first, last, until: row.readDoubleBE(32), network: row.toString('latin1', 40) }
}

/** What changes of a network with every allocation. */
export interface NetworkCounters {
  /** Active and ended ones. */
  readonly allocations: number
  readonly activeAllocations: number
  readonly nextAddress: bigint | null
  readonly lastAddress: bigint | null
}

export function encodeNetworkCounters(counters: NetworkCounters): Buffer {
  const { allocations, activeAllocations, nextAddress, lastAddress } = counters
  rowWriter.begin()
  rowWriter.writeHead(4)
  rowWriter.writeNumber(allocations)
  rowWriter.writeNumber(activeAllocations)
  rowWriter.writeText(hexOf(nextAddress))
  rowWriter.writeText(hexOf(lastAddress))
  return rowWriter.end()
}

export function decodeNetworkCounters(row: Uint8Array): NetworkCounters {
  const [allocations, activeAllocations, next, last] = packr.unpack(row) as CounterFields
  return { allocations, activeAllocations, nextAddress: addressOf(next), lastAddress: addressOf(last) }
}

type CounterFields = [allocations: number, active: number, next: string | null, last: string | null]

function hexOf(address: bigint | null): string | null {
  return address === null ? null : address.toString(16)
}

function addressOf(digits: string | null): bigint | null {
  return digits === null ? null : BigInt(`0x${digits}`)
}

/** Where the audit log begins by now. */
export interface AuditFloor {
  /** Log index. */
  readonly index: number
  /** Keys of the block in which it lies that go when the block is over. */
  readonly values: readonly string[]
}

export function encodeAuditFloor({ index, values }: AuditFloor): Buffer {
  return packr.pack([index, values])
}

export function decodeAuditFloor(row: Uint8Array): AuditFloor {
  const [index, values] = packr.unpack(row) as [number, string[]]
  return { index, values }
}

/** The head of a checkpoint: its parts lie under its generation. */
export interface CheckpointHead {
  /** It was begun when this entry was the last; what changed since is in the journal. */
  readonly generation: number
  readonly parts: number
  readonly bytes: number
}

export function encodeCheckpointHead({ generation, parts, bytes }: CheckpointHead): Buffer {
  return packr.pack([generation, parts, bytes])
}

export function decodeCheckpointHead(row: Uint8Array): CheckpointHead {
  const [generation, parts, bytes] = packr.unpack(row) as [number, number, number]
  return { generation, parts, bytes }
}

/** A number that is a row of its own. */
export function encodeNumber(value: number): Buffer {
  return packr.pack(value)
}

export function decodeNumber(row: Uint8Array): number {
  return packr.unpack(row) as number
}
