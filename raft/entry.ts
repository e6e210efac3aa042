/** The one binary form of an entry: in the log, on the wire, and in the follower's log. */
import { AssertionError, assert } from './assert.ts'
import type { Entry, EntryType } from './types.ts'

/** index u64, term u64, time f64, type u8, payload length u32, little-endian. */
export const ENTRY_HEADER_BYTES = 29
/** Above any payload that a node accepts; a length beyond it is damage. */
const ENTRY_PAYLOAD_BYTES_MAX = 16 * 1024 * 1024

const TYPES: readonly EntryType[] = ['noop', 'command', 'membership']

export function encodedEntryBytes(entry: Entry): number {
  return ENTRY_HEADER_BYTES + entry.payload.length
}

/** Writes `entry` at `offset` and returns the offset after it. What could not be read back is our bug: it would be in the log for good. */
export function writeEntry(target: Buffer, offset: number, entry: Entry): number {
  const { length } = entry.payload
  assert(length <= ENTRY_PAYLOAD_BYTES_MAX, 'entry {} of {} bytes', entry.index, length)
  writeSafeInteger(target, offset, entry.index)
  writeSafeInteger(target, offset + 8, entry.term)
  target.writeDoubleLE(entry.time, offset + 16)
  target[offset + 24] = TYPES.indexOf(entry.type)
  target.writeUInt32LE(length, offset + 25)
  target.set(entry.payload, offset + ENTRY_HEADER_BYTES)
  return offset + ENTRY_HEADER_BYTES + length
}

/**
 * Reads the entry at `offset`. Its payload is a view into `source`, not a copy.
 *
 * @returns `null` if the bytes there are not an entry that ends within `source`.
 */
export function readEntry(source: Buffer, offset: number): { entry: Entry; end: number } | null {
  if (offset + ENTRY_HEADER_BYTES > source.length) return null
  const index = readSafeInteger(source, offset)
  const term = readSafeInteger(source, offset + 8)
  const time = source.readDoubleLE(offset + 16)
  const type = TYPES[source.readUInt8(offset + 24)]
  const length = source.readUInt32LE(offset + 25)
  const end = offset + ENTRY_HEADER_BYTES + length
  if (index === null || term === null || type === undefined || !Number.isFinite(time)) return null
  if (length > ENTRY_PAYLOAD_BYTES_MAX || end > source.length) return null
  return {
    entry: { index, term, time, type, payload: source.subarray(offset + ENTRY_HEADER_BYTES, end) },
    end,
  }
}

function writeSafeInteger(target: Buffer, offset: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, 'not a non-negative safe integer: {}', value)
  target.writeUInt32LE(value % 0x1_0000_0000, offset)
  target.writeUInt32LE(Math.floor(value / 0x1_0000_0000), offset + 4)
}

function readSafeInteger(source: Buffer, offset: number): number | null {
  const value = source.readUInt32LE(offset + 4) * 0x1_0000_0000 + source.readUInt32LE(offset)
  return Number.isSafeInteger(value) ? value : null
}

/** The entry at `offset` of bytes that were already checked; anything else is our bug. */
export function entryAt(source: Buffer, offset: number): { entry: Entry; end: number } {
  const read = readEntry(source, offset)
  if (read === null) throw new AssertionError(`no entry at offset ${offset}`)
  return read
}
