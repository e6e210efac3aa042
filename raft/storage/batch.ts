/** A batch: what one `append` writes, all or nothing. A run of records in whole sectors, from `begin` to `end`. */
import { assert } from '../assert.ts'
import { encodedEntryBytes, writeEntry } from '../entry.ts'
import type { Entry, HardState } from '../types.ts'
import {
  CRC_BYTES,
  checkRecord,
  RECORD_HEADER_BYTES,
  RECORD_OVERHEAD_BYTES,
  RECORD_TYPE,
  readUInt64,
  writeRecordCrc,
  writeRecordHeader,
  writeUInt64,
} from './record.ts'
import { countZeroSectors, roundUpToSector, SECTOR_BYTES } from './sector.ts'

export const FORMAT_VERSION = 1
/** `RLOG`. */
const MAGIC = 0x474f_4c52
/** Magic u32, batch length u32, sequence u64, checksum of the batch before u32. */
const BEGIN_BODY_BYTES = 20
export const BEGIN_BYTES = RECORD_OVERHEAD_BYTES + BEGIN_BODY_BYTES
/** Version u16, segment number u64, file size u64, last index u64. */
const SEGMENT_BODY_BYTES = 26
/** Term u64, vote u64. */
const HARD_STATE_BODY_BYTES = 16
/** After any padding: zero sectors u32, and the same inverted. */
const END_BODY_BYTES = 8
/** The last byte of a batch: a write that stopped early has not got there. */
const FINAL_BYTE = 0xed
const END_BYTES_MIN = RECORD_OVERHEAD_BYTES + END_BODY_BYTES + 1
/** A batch is gathered in memory before it is written. */
export const BATCH_BYTES_MAX = 256 * 1024 * 1024

/** What links a batch to those before it. */
export interface Chain {
  /** Of the batch to come, from 1; one more than that of the batch before. */
  readonly sequence: number
  /** Checksum of the batch before; 0 if there is none. */
  readonly previousCrc: number
}

/** Opens a segment; always the first record in it. */
export interface SegmentHead {
  readonly number: number
  readonly sizeBytes: number
  /** Last index of the log before this batch. */
  readonly lastIndex: number
}

export interface BatchContent {
  readonly segment: SegmentHead | null
  /** An encoded `SnapshotMeta`. A `reset` also empties the log. */
  readonly base: { readonly type: 'base' | 'reset'; readonly meta: Uint8Array } | null
  readonly hardState: HardState | null
  readonly entries: readonly Entry[]
}

export function batchBytes({ segment, base, hardState, entries }: BatchContent): number {
  let bytes = BEGIN_BYTES + END_BYTES_MIN
  if (segment !== null) bytes += RECORD_OVERHEAD_BYTES + SEGMENT_BODY_BYTES
  if (base !== null) bytes += RECORD_OVERHEAD_BYTES + base.meta.length
  if (hardState !== null) bytes += RECORD_OVERHEAD_BYTES + HARD_STATE_BODY_BYTES
  for (const entry of entries) bytes += RECORD_OVERHEAD_BYTES + encodedEntryBytes(entry)
  assert(bytes <= BATCH_BYTES_MAX, 'a batch of {} bytes is above {}', bytes, BATCH_BYTES_MAX)
  return roundUpToSector(bytes)
}

/**
 * Writes a batch over all of `target`, whose length is `batchBytes(content)`.
 *
 * @param salt Seeds the first checksum; see `saltAt`.
 * @param entryOffsets Filled with where each entry's record begins within the batch.
 * @returns The checksum of the batch.
 */
export function writeBatch(
  target: Buffer,
  content: BatchContent,
  { sequence, previousCrc }: Chain,
  { salt, entryOffsets }: { salt: number; entryOffsets: number[] },
): number {
  let at = writeRecordHeader(target, 0, { type: RECORD_TYPE.begin, bodyBytes: BEGIN_BODY_BYTES })
  target.writeUInt32LE(MAGIC, at)
  target.writeUInt32LE(target.length, at + 4)
  writeUInt64(target, at + 8, sequence)
  target.writeUInt32LE(previousCrc, at + 16)
  at += BEGIN_BODY_BYTES
  let crc = writeRecordCrc(target, 0, at, salt)
  at += CRC_BYTES

  const close = (start: number, bodyEnd: number): void => {
    crc = writeRecordCrc(target, start, bodyEnd, crc)
    at = bodyEnd + CRC_BYTES
  }
  if (content.segment !== null) close(at, writeSegmentHead(target, at, content.segment))
  if (content.base !== null) {
    const { type, meta } = content.base
    const body = writeRecordHeader(target, at, { type: RECORD_TYPE[type], bodyBytes: meta.length })
    target.set(meta, body)
    close(at, body + meta.length)
  }
  if (content.hardState !== null) close(at, writeHardState(target, at, content.hardState))
  for (const entry of content.entries) {
    entryOffsets.push(at)
    const bodyBytes = encodedEntryBytes(entry)
    const body = writeRecordHeader(target, at, { type: RECORD_TYPE.entry, bodyBytes })
    close(at, writeEntry(target, body, entry))
  }
  return writeEnd(target, at, crc)
}

function writeSegmentHead(target: Buffer, start: number, head: SegmentHead): number {
  const body = writeRecordHeader(target, start, {
    type: RECORD_TYPE.segment,
    bodyBytes: SEGMENT_BODY_BYTES,
  })
  target.writeUInt16LE(FORMAT_VERSION, body)
  writeUInt64(target, body + 2, head.number)
  writeUInt64(target, body + 10, head.sizeBytes)
  return writeUInt64(target, body + 18, head.lastIndex)
}

function writeHardState(target: Buffer, start: number, { currentTerm, votedFor }: HardState): number {
  const body = writeRecordHeader(target, start, {
    type: RECORD_TYPE.hardState,
    bodyBytes: HARD_STATE_BODY_BYTES,
  })
  writeUInt64(target, body, currentTerm)
  return writeUInt64(target, body + 8, votedFor ?? 0)
}

/** Pads so that the batch fills its last sector, whose every byte but one is then under a checksum. */
function writeEnd(target: Buffer, start: number, seed: number): number {
  const bodyEnd = target.length - 1 - CRC_BYTES
  const bodyBytes = bodyEnd - start - RECORD_HEADER_BYTES
  const body = writeRecordHeader(target, start, { type: RECORD_TYPE.end, bodyBytes })
  target.fill(0, body)
  const zeroSectors = countZeroSectors(target, 0, target.length)
  target.writeUInt32LE(zeroSectors, bodyEnd - 8)
  target.writeUInt32LE(~zeroSectors >>> 0, bodyEnd - 4)
  const crc = writeRecordCrc(target, start, bodyEnd, seed)
  target.writeUInt8(FINAL_BYTE, target.length - 1)
  return crc
}

/**
 * What seeds a batch's first checksum: 0 at the start of a segment, else what the segment's first batch names as the
 * checksum before it. So a command that holds the bytes of some batch is not taken for one.
 */
export function saltAt(offset: number, segmentSalt: number): number {
  return offset === 0 ? 0 : segmentSalt
}

/** What a batch's first record says. */
export interface BatchHeader extends Chain {
  readonly bytes: number
  /** The checksum of this record, which seeds that of the next. */
  readonly crc: number
}

/** @returns `null` if no batch begins at `offset`. */
export function readBatchHeader(source: Buffer, offset: number, salt: number): BatchHeader | null {
  if (checkRecord(source, offset, source.length, salt) !== offset + BEGIN_BYTES) return null
  const body = offset + RECORD_HEADER_BYTES
  if (source.readUInt8(offset + 4) !== RECORD_TYPE.begin || source.readUInt32LE(body) !== MAGIC) return null
  return {
    bytes: source.readUInt32LE(body + 4),
    sequence: readUInt64(source, body + 8),
    previousCrc: source.readUInt32LE(body + 16),
    crc: source.readUInt32LE(body + BEGIN_BODY_BYTES),
  }
}

/**
 * Checks every record of the batch at `offset`.
 *
 * @returns Its checksum, or `null` if anything in it is not as it was written.
 */
export function checkBatch(source: Buffer, offset: number, header: BatchHeader): number | null {
  const end = offset + header.bytes
  if (end > source.length || header.bytes % SECTOR_BYTES !== 0) return null
  if (source.readUInt8(end - 1) !== FINAL_BYTE) return null
  let at = offset + BEGIN_BYTES
  let crc = header.crc
  while (at < end - 1) {
    const next = checkRecord(source, at, end - 1, crc)
    if (next === -1) return null
    crc = source.readUInt32LE(next - CRC_BYTES)
    const isEnd = source.readUInt8(at + 4) === RECORD_TYPE.end
    if (isEnd !== (next === end - 1)) return null
    at = next
  }
  return crc
}

/** How many sectors of the batch were zero when it was written; `null` if its end does not agree with itself. */
export function zeroSectorsWritten(source: Buffer, batchEnd: number): number | null {
  const at = batchEnd - 1 - CRC_BYTES - END_BODY_BYTES
  const count = source.readUInt32LE(at)
  return source.readUInt32LE(at + 4) === ~count >>> 0 ? count : null
}
