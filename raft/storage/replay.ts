/** What a log says, batch by batch: the fold of its records from the oldest to the newest. */
import { readEntry } from '../entry.ts'
import type { Entry, HardState, LogIndex, SnapshotMeta, Term, TermRun } from '../types.ts'
import { type BatchHeader, BEGIN_BYTES, FORMAT_VERSION } from './batch.ts'
import { damage } from './damage.ts'
import { CRC_BYTES, RECORD_HEADER_BYTES, RECORD_TYPE, readUInt64, recordEnd } from './record.ts'
import type { Segment } from './segment.ts'
import { decodeMeta } from './snapshot-meta.ts'

/** `readEntry` makes objects; boot looks at each of some 100,000 entries, and only at these. */
const ENTRY_TYPE_OFFSET = 24
const MEMBERSHIP_TYPE = 2

export class Replay {
  hardState: HardState = { currentTerm: 0, votedFor: null }
  base: SnapshotMeta | null = null
  lastIndex: LogIndex = 0
  /** Entries from here on were seen; those before were in segments that are gone. */
  firstSeen: LogIndex = 1
  readonly segments: Segment[] = []
  #terms: TermRun[] = []
  #membershipEntries: Entry[] = []

  /** Applies the batch at `offset`, all of whose checksums are right. */
  applyBatch(
    source: Buffer,
    offset: number,
    { header, segment }: { header: BatchHeader; segment: Segment },
  ): void {
    const end = offset + header.bytes
    for (let at = offset + BEGIN_BYTES; at < end - 1; at = recordEnd(source, at)) {
      const reason = this.#applyRecord(source, at, segment)
      if (reason !== null) throw damage(segment.path, at, reason)
    }
  }

  /** Terms of the entries after the base. */
  get terms(): TermRun[] {
    const first = (this.base?.lastIndex ?? 0) + 1
    if (this.lastIndex < first) return []
    const begun = this.#terms.findLastIndex((run) => run.firstIndex <= first)
    return this.#terms.slice(Math.max(begun, 0)).map(({ firstIndex, term }) => {
      return { firstIndex: Math.max(firstIndex, first), term }
    })
  }

  /** Terms of the entries from `first` to `last`, ascending, whether after the base or not. */
  termsBetween(first: LogIndex, last: LogIndex): Term[] {
    return this.#terms
      .filter(
        ({ firstIndex }, i) => firstIndex <= last && (this.#terms[i + 1]?.firstIndex ?? Infinity) > first,
      )
      .map(({ term }) => term)
  }

  get membershipEntries(): Entry[] {
    return this.#membershipEntries.filter((entry) => entry.index > (this.base?.lastIndex ?? 0))
  }

  /** @returns What is wrong, or `null`. */
  #applyRecord(source: Buffer, at: number, segment: Segment): string | null {
    const body = at + RECORD_HEADER_BYTES
    switch (source.readUInt8(at + 4)) {
      case RECORD_TYPE.segment:
        return this.#applySegment(source, body, segment)
      case RECORD_TYPE.base:
        return this.#applyBase(source.subarray(body, recordEnd(source, at) - CRC_BYTES))
      case RECORD_TYPE.reset:
        return this.#applyReset(source.subarray(body, recordEnd(source, at) - CRC_BYTES))
      case RECORD_TYPE.hardState: {
        const vote = readUInt64(source, body + 8)
        this.hardState = { currentTerm: readUInt64(source, body), votedFor: vote === 0 ? null : vote }
        return null
      }
      case RECORD_TYPE.entry:
        return this.#applyEntry(source, at, segment)
      case RECORD_TYPE.end:
        return null
      default:
        return `unknown record type ${source.readUInt8(at + 4)}`
    }
  }

  #applySegment(source: Buffer, body: number, segment: Segment): string | null {
    const version = source.readUInt16LE(body)
    if (version !== FORMAT_VERSION) return `format version ${version}, this program knows ${FORMAT_VERSION}`
    const number = readUInt64(source, body + 2)
    if (number !== segment.number) return `this is segment ${number} under another name`
    const sizeBytes = readUInt64(source, body + 10)
    if (sizeBytes > segment.file.sizeBytes()) return `the file was cut from ${sizeBytes} bytes`
    const lastIndex = readUInt64(source, body + 18)
    const isOldest = this.segments[0] === segment
    if (isOldest) {
      this.lastIndex = lastIndex
      this.firstSeen = lastIndex + 1
    }
    return lastIndex === this.lastIndex
      ? null
      : `the segment follows entry ${lastIndex}, not ${this.lastIndex}`
  }

  #applyBase(bytes: Buffer): string | null {
    const meta = decodeMeta(bytes)
    if (meta === null) return 'a base that cannot be read'
    this.base = meta
    return null
  }

  #applyReset(bytes: Buffer): string | null {
    const meta = decodeMeta(bytes)
    if (meta === null) return 'a base that cannot be read'
    this.#truncateFrom(0)
    this.base = meta
    this.lastIndex = meta.lastIndex
    this.firstSeen = meta.lastIndex + 1
    return null
  }

  #applyEntry(source: Buffer, at: number, segment: Segment): string | null {
    const body = at + RECORD_HEADER_BYTES
    const index = readUInt64(source, body)
    const term = readUInt64(source, body + 8)
    if (index > this.lastIndex + 1) return `entry ${index} follows ${this.lastIndex}`
    if (index <= (this.base?.lastIndex ?? 0)) return `entry ${index} is before the base`
    if (index <= this.lastIndex) this.#truncateFrom(index)
    this.lastIndex = index
    segment.entries.append(index, at)
    if (this.#terms.at(-1)?.term !== term) this.#terms.push({ firstIndex: index, term })
    if (source.readUInt8(body + ENTRY_TYPE_OFFSET) !== MEMBERSHIP_TYPE) return null
    const read = readEntry(source, body)
    if (read === null) return 'a membership entry that cannot be read'
    // A copy: a view would keep the whole segment in memory.
    this.#membershipEntries.push({ ...read.entry, payload: Buffer.from(read.entry.payload) })
    return null
  }

  #truncateFrom(index: LogIndex): void {
    for (const segment of this.segments) segment.entries.truncateFrom(index)
    this.#terms = this.#terms.filter((run) => run.firstIndex < index)
    this.#membershipEntries = this.#membershipEntries.filter((entry) => entry.index < index)
    this.firstSeen = Math.min(this.firstSeen, index)
  }
}
