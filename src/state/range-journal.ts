/** What becomes of addresses and expiries, one change after the other: enough to bring an older picture of them up to date. */
import type { AddressRange } from '../ipam/range.ts'
import { CorruptStateError } from './errors.ts'
import { POSITION_BYTES, type Position } from './key-encoding.ts'
import { readUInt128, writeUInt128 } from './uint128.ts'

/** Of one active allocation: it begins, ends, or expires at another time. */
export interface RangeChange {
  readonly network: Position
  readonly range: AddressRange
  /** From here on, the addresses are the allocation's; else nobody's. */
  readonly isAllocated: boolean
  /** Of the allocation. */
  readonly position: Position
  /** When it was to expire, and when it is now; ms since 1970, null for never. */
  readonly expiresAt: { readonly before: number | null; readonly after: number | null }
}

const FIRST = 1 + POSITION_BYTES
const LAST = FIRST + 16
const ALLOCATION = LAST + 16
const BEFORE = ALLOCATION + POSITION_BYTES
const AFTER = BEFORE + 8
export const CHANGE_BYTES = AFTER + 8

/** The row of a batch of changes, in the order in which they were made: each has `CHANGE_BYTES`. */
export function encodeChanges(changes: readonly RangeChange[]): Buffer {
  const row = Buffer.allocUnsafe(changes.length * CHANGE_BYTES)
  for (const [i, change] of changes.entries()) writeChange(row, i * CHANGE_BYTES, change)
  return row
}

/** @throws {CorruptStateError} */
export function decodeChanges(row: Buffer): RangeChange[] {
  if (row.length % CHANGE_BYTES !== 0) throw new CorruptStateError(`a journal row of ${row.length} bytes`)
  return Array.from({ length: row.length / CHANGE_BYTES }, (_, i) => readChange(row, i * CHANGE_BYTES))
}

function writeChange(row: Buffer, offset: number, change: RangeChange): void {
  const { network, range, isAllocated, position, expiresAt } = change
  row[offset] = isAllocated ? 1 : 0
  writePosition(row, offset + 1, network)
  writeUInt128(row, offset + FIRST, range.first)
  writeUInt128(row, offset + LAST, range.last)
  writePosition(row, offset + ALLOCATION, position)
  row.writeDoubleBE(expiresAt.before ?? Number.NaN, offset + BEFORE)
  row.writeDoubleBE(expiresAt.after ?? Number.NaN, offset + AFTER)
}

function readChange(row: Buffer, offset: number): RangeChange {
  return {
    network: readPosition(row, offset + 1),
    range: { first: readUInt128(row, offset + FIRST), last: readUInt128(row, offset + LAST) },
    isAllocated: row[offset] === 1,
    position: readPosition(row, offset + ALLOCATION),
    expiresAt: { before: readTime(row, offset + BEFORE), after: readTime(row, offset + AFTER) },
  }
}

function readTime(row: Buffer, offset: number): number | null {
  const time = row.readDoubleBE(offset)
  return Number.isNaN(time) ? null : time
}

export function writePosition(row: Buffer, offset: number, position: Position): void {
  // Half of what `Buffer.write` takes for so few.
  for (let i = 0; i < POSITION_BYTES; i++) {
    row[offset + i] = (digitAt(position, 2 * i) << 4) | digitAt(position, 2 * i + 1)
  }
}

export function readPosition(row: Buffer, offset: number): Position {
  return row.toString('hex', offset, offset + POSITION_BYTES)
}

/** Lower-case letters have bit 6, and their low bits begin at 1. */
function digitAt(digits: string, place: number): number {
  const code = digits.charCodeAt(place)
  return (code & 15) + 9 * (code >> 6)
}
