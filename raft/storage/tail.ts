/**
 * Tells a write that a crash cut short from damage to what was durable (bug 37, etcd#6378).
 *
 * Only one batch is ever unsynced, a batch fills whole sectors, and what follows it is zero. A crash leaves each of its
 * sectors written or still zero; a process that dies within `write` leaves a prefix. All else is damage.
 */
import type { CorruptLogError } from '../errors.ts'
import {
  type BatchHeader,
  BEGIN_BYTES,
  type Chain,
  readBatchHeader,
  saltAt,
  zeroSectorsWritten,
} from './batch.ts'
import { damage } from './damage.ts'
import { countZeroSectors, endOfWritten, isZero, SECTOR_BYTES } from './sector.ts'

export interface Tail {
  /** Whole sectors of a segment file. */
  readonly source: Buffer
  readonly path: string
  /** Where the last intact batch ends. */
  readonly offset: number
  readonly segmentSalt: number
  /** What the batch here would have to be. */
  readonly next: Chain
}

/**
 * Where the remains of a torn batch end; `offset` if there are none.
 *
 * @throws {CorruptLogError} if no crash explains what is there.
 */
export function checkTail(tail: Tail): number {
  const { source, path, offset, segmentSalt } = tail
  const written = endOfWritten(source, offset, source.length)
  if (written === offset) return written
  const header = readBatchHeader(source, offset, saltAt(offset, segmentSalt))
  const reason =
    header === null
      ? checkHeaderless(tail, written)
      : checkTorn(tail, { header, end: offset + header.bytes, written })
  if (reason !== null) throw damage(path, offset, reason)
  return written
}

function checkHeaderless({ source, path, offset, segmentSalt, next }: Tail, written: number): string | null {
  if (!isZero(source, offset, offset + SECTOR_BYTES)) {
    const isCutShort = isZero(source, offset + BEGIN_BYTES - 1, written)
    return isCutShort ? null : 'a batch begins with a damaged record'
  }
  for (let at = offset + SECTOR_BYTES; at < written; at += SECTOR_BYTES) {
    const later = readBatchHeader(source, at, segmentSalt)
    if (later !== null && later.sequence > next.sequence) throw gap(path, offset, at)
  }
  return null
}

/** The next batch was written only after this one was synced. */
function gap(path: string, offset: number, laterOffset: number): CorruptLogError {
  return damage(path, offset, `a batch is missing before the one at offset ${laterOffset}`)
}

function checkTorn(
  { source, offset, next }: Tail,
  { header, end, written }: { header: BatchHeader; end: number; written: number },
): string | null {
  if (header.sequence !== next.sequence || header.previousCrc !== next.previousCrc) {
    return `batch ${header.sequence} does not follow on the one before, ${next.sequence} would`
  }
  if (end > source.length) return 'a batch reaches past the end of the file'
  if (written > end) return 'a damaged batch is followed by a later one'
  if (source.readUInt8(end - 1) === 0) return null
  const zeroSectors = zeroSectorsWritten(source, end)
  if (zeroSectors !== null && countZeroSectors(source, offset, end) > zeroSectors) return null
  return 'a batch was written whole and has changed since'
}
