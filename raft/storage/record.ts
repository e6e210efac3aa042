/** A record: what a log file consists of. The README of this folder has the table. */
import { assert } from '../assert.ts'
import { crc32c } from './crc32c.ts'

/** Body length u32, type u8. */
export const RECORD_HEADER_BYTES = 5
export const CRC_BYTES = 4
export const RECORD_OVERHEAD_BYTES = RECORD_HEADER_BYTES + CRC_BYTES

/** Never zero: a byte that was never written must not look like a type. */
export const RECORD_TYPE = {
  begin: 1,
  segment: 2,
  base: 3,
  reset: 4,
  hardState: 5,
  entry: 6,
  end: 7,
} as const

/** Writes a record's header and returns where its body goes. */
export function writeRecordHeader(
  target: Buffer,
  offset: number,
  { type, bodyBytes }: { type: number; bodyBytes: number },
): number {
  target.writeUInt32LE(bodyBytes, offset)
  target.writeUInt8(type, offset + 4)
  return offset + RECORD_HEADER_BYTES
}

/** Closes the record that began at `start` and whose body ends at `bodyEnd`. Returns its checksum; `seed` is the one before. */
export function writeRecordCrc(target: Buffer, start: number, bodyEnd: number, seed: number): number {
  const crc = crc32c(target, start, bodyEnd, seed)
  target.writeUInt32LE(crc, bodyEnd)
  return crc
}

/** Where the record at `offset` ends, as its own length says: unchecked. */
export function recordEnd(source: Buffer, offset: number): number {
  return offset + RECORD_OVERHEAD_BYTES + source.readUInt32LE(offset)
}

/**
 * Checks the record at `offset` of which the last byte must be before `limit`.
 *
 * @param seed The checksum of the record before it.
 * @returns Where it ends, or -1 if it is not intact.
 */
export function checkRecord(source: Buffer, offset: number, limit: number, seed: number): number {
  if (offset + RECORD_OVERHEAD_BYTES > limit) return -1
  const end = recordEnd(source, offset)
  if (end > limit) return -1
  return crc32c(source, offset, end - CRC_BYTES, seed) === source.readUInt32LE(end - CRC_BYTES) ? end : -1
}

export function writeUInt64(target: Buffer, offset: number, value: number): number {
  assert(Number.isSafeInteger(value) && value >= 0, 'not a non-negative safe integer: {}', value)
  target.writeUInt32LE(value % 0x1_0000_0000, offset)
  target.writeUInt32LE(Math.floor(value / 0x1_0000_0000), offset + 4)
  return offset + 8
}

/** Above 2^53 it is inexact: compare, or check with `Number.isSafeInteger`. */
export function readUInt64(source: Buffer, offset: number): number {
  return source.readUInt32LE(offset + 4) * 0x1_0000_0000 + source.readUInt32LE(offset)
}
