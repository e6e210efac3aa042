/** Whether what a batch says can follow on what the log says so far: right checksums do not tell. */
import { readEntry } from '../entry.ts'
import { LogFormatError } from '../errors.ts'
import type { LogIndex } from '../types.ts'
import { type BatchHeader, BEGIN_BYTES, FORMAT_VERSION } from './batch.ts'
import { damage } from './damage.ts'
import { CRC_BYTES, RECORD_HEADER_BYTES, RECORD_TYPE, readUInt64, recordEnd } from './record.ts'
import type { Segment } from './segment.ts'
import { decodeMeta } from './snapshot-meta.ts'

/** `readEntry` makes objects; boot looks at each of some 100,000 entries, and only at these. */
const ENTRY_TYPE_OFFSET = 24
const MEMBERSHIP_TYPE = 2

/** Offsets of the records of a batch, `begin` left out. */
export function* recordOffsets(source: Buffer, offset: number, header: BatchHeader): Generator<number> {
  const end = offset + header.bytes
  for (let at = offset + BEGIN_BYTES; at < end - 1; at = recordEnd(source, at)) yield at
}

/** @param body Where the entry begins. */
export function isMembershipEntry(source: Buffer, body: number): boolean {
  return source.readUInt8(body + ENTRY_TYPE_OFFSET) === MEMBERSHIP_TYPE
}

/**
 * Looks at every record of the batch at `offset`, and changes nothing.
 *
 * @param log What it says before the batch. In its oldest segment, the first record says what `lastIndex` is.
 * @throws {CorruptLogError} at the first record that cannot be.
 */
export function checkSense(
  source: Buffer,
  offset: number,
  options: {
    readonly header: BatchHeader
    readonly segment: Segment
    readonly log: { readonly lastIndex: LogIndex; readonly baseIndex: LogIndex; readonly isOldest: boolean }
  },
): void {
  const { header, segment, log } = options
  const check = new SenseCheck(segment, log)
  for (const at of recordOffsets(source, offset, header)) {
    const reason = check.reasonAgainst(source, at)
    if (reason !== null) throw damage(segment.path, at, reason)
  }
}

/** What the log would say after the records so far, as much of it as the next one depends on. */
class SenseCheck {
  readonly #segment: Segment
  readonly #isOldest: boolean
  #lastIndex: LogIndex
  #baseIndex: LogIndex

  constructor(
    segment: Segment,
    { lastIndex, baseIndex, isOldest }: { lastIndex: LogIndex; baseIndex: LogIndex; isOldest: boolean },
  ) {
    this.#segment = segment
    this.#isOldest = isOldest
    this.#lastIndex = lastIndex
    this.#baseIndex = baseIndex
  }

  /** For one record after the other. `null`: it is right. */
  reasonAgainst(source: Buffer, at: number): string | null {
    const body = at + RECORD_HEADER_BYTES
    const type = source.readUInt8(at + 4)
    switch (type) {
      case RECORD_TYPE.segment:
        return this.#againstSegment(source, at)
      case RECORD_TYPE.base:
      case RECORD_TYPE.reset:
        return this.#againstBase(source.subarray(body, recordEnd(source, at) - CRC_BYTES), type)
      case RECORD_TYPE.entry:
        return this.#againstEntry(source, body)
      case RECORD_TYPE.hardState:
      case RECORD_TYPE.end:
        return null
      default:
        return `unknown record type ${type}`
    }
  }

  /** @throws {LogFormatError} */
  #againstSegment(source: Buffer, at: number): string | null {
    const body = at + RECORD_HEADER_BYTES
    const version = source.readUInt16LE(body)
    if (version !== FORMAT_VERSION) {
      throw new LogFormatError({
        file: this.#segment.path,
        offset: at,
        found: version,
        known: FORMAT_VERSION,
      })
    }
    const number = readUInt64(source, body + 2)
    if (number !== this.#segment.number) return `this is segment ${number} under another name`
    const sizeBytes = readUInt64(source, body + 10)
    if (sizeBytes > this.#segment.file.sizeBytes()) return `the file was cut from ${sizeBytes} bytes`
    const lastIndex = readUInt64(source, body + 18)
    if (this.#isOldest) this.#lastIndex = lastIndex
    return lastIndex === this.#lastIndex
      ? null
      : `the segment follows entry ${lastIndex}, not ${this.#lastIndex}`
  }

  #againstBase(bytes: Buffer, type: number): string | null {
    const meta = decodeMeta(bytes)
    if (meta === null) return 'a base that cannot be read'
    this.#baseIndex = meta.lastIndex
    if (type === RECORD_TYPE.reset) this.#lastIndex = meta.lastIndex
    return null
  }

  #againstEntry(source: Buffer, body: number): string | null {
    const index = readUInt64(source, body)
    if (index > this.#lastIndex + 1) return `entry ${index} follows ${this.#lastIndex}`
    if (index <= this.#baseIndex) return `entry ${index} is before the base`
    this.#lastIndex = index
    const isReadable = !isMembershipEntry(source, body) || readEntry(source, body) !== null
    return isReadable ? null : 'a membership entry that cannot be read'
  }
}
