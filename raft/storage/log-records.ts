/** The records of a batch as values, for people who look at a log; `replay.ts` folds them into what the log says. */
import { readEntry } from '../entry.ts'
import type { Entry, HardState, SnapshotMeta } from '../types.ts'
import { BEGIN_BYTES } from './batch.ts'
import type { LocatedBatch } from './log-scan.ts'
import { CRC_BYTES, RECORD_HEADER_BYTES, RECORD_TYPE, readUInt64, recordEnd } from './record.ts'
import { decodeMeta } from './snapshot-meta.ts'

export type LogRecord =
  | { readonly type: 'begin'; readonly sequence: number; readonly batchBytes: number }
  | {
      readonly type: 'segment'
      readonly number: number
      readonly sizeBytes: number
      readonly lastIndex: number
    }
  | { readonly type: 'base' | 'reset'; readonly meta: SnapshotMeta }
  | { readonly type: 'hardState'; readonly hardState: HardState }
  | { readonly type: 'entry'; readonly entry: Entry }
  | { readonly type: 'end' }
  /** Its checksum is right, but its content is nothing that this version knows. */
  | { readonly type: 'unknown'; readonly body: Buffer }

export interface LocatedRecord {
  /** In the file. */
  readonly offset: number
  readonly bytes: number
  readonly record: LogRecord
}

/** All records of a batch whose checksums are right, in the order in which they lie there. */
export function* recordsOf(source: Buffer, { offset, header }: LocatedBatch): Generator<LocatedRecord> {
  const { sequence, bytes: batchBytes } = header
  yield { offset, bytes: BEGIN_BYTES, record: { type: 'begin', sequence, batchBytes } }
  for (let at = offset + BEGIN_BYTES; at < offset + batchBytes - 1; at = recordEnd(source, at)) {
    yield { offset: at, bytes: recordEnd(source, at) - at, record: decodeRecord(source, at) }
  }
}

function decodeRecord(source: Buffer, at: number): LogRecord {
  const body = source.subarray(at + RECORD_HEADER_BYTES, recordEnd(source, at) - CRC_BYTES)
  return decodeBody(source.readUInt8(at + 4), body) ?? { type: 'unknown', body }
}

function decodeBody(type: number, body: Buffer): LogRecord | null {
  switch (type) {
    case RECORD_TYPE.segment: {
      const number = readUInt64(body, 2)
      return { type: 'segment', number, sizeBytes: readUInt64(body, 10), lastIndex: readUInt64(body, 18) }
    }
    case RECORD_TYPE.base:
    case RECORD_TYPE.reset: {
      const meta = decodeMeta(body)
      return meta && { type: type === RECORD_TYPE.base ? 'base' : 'reset', meta }
    }
    case RECORD_TYPE.hardState: {
      const vote = readUInt64(body, 8)
      const hardState = { currentTerm: readUInt64(body, 0), votedFor: vote === 0 ? null : vote }
      return { type: 'hardState', hardState }
    }
    case RECORD_TYPE.entry: {
      const read = readEntry(body, 0)
      return read && { type: 'entry', entry: read.entry }
    }
    case RECORD_TYPE.end:
      return { type: 'end' }
    default:
      return null
  }
}
