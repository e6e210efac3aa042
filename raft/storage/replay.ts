/** What a log says, batch by batch: the fold of its records from the oldest to the newest. */
import { assert } from '../assert.ts'
import { entryAt } from '../entry.ts'
import type { Entry, HardState, LogIndex, SnapshotMeta, Term, TermRun } from '../types.ts'
import type { BatchHeader } from './batch.ts'
import { checkSense, isMembershipEntry, recordOffsets } from './batch-sense.ts'
import { CRC_BYTES, RECORD_HEADER_BYTES, RECORD_TYPE, readUInt64, recordEnd } from './record.ts'
import type { Segment } from './segment.ts'
import { decodeMeta } from './snapshot-meta.ts'

export class Replay {
  hardState: HardState = { currentTerm: 0, votedFor: null }
  base: SnapshotMeta | null = null
  lastIndex: LogIndex = 0
  /** Entries from here on were seen; those before were in segments that are gone. */
  firstSeen: LogIndex = 1
  readonly segments: Segment[] = []
  #terms: TermRun[] = []
  #membershipEntries: Entry[] = []

  /**
   * Applies the batch at `offset`, all of whose checksums are right.
   *
   * @throws {CorruptLogError} if its records make no sense. Nothing of it is applied then: a batch is all or nothing.
   */
  applyBatch(
    source: Buffer,
    offset: number,
    { header, segment }: { header: BatchHeader; segment: Segment },
  ): void {
    const isOldest = (this.segments[0] ?? segment) === segment
    const log = { lastIndex: this.lastIndex, baseIndex: this.base?.lastIndex ?? 0, isOldest }
    checkSense(source, offset, { header, segment, log })
    if (offset === 0) this.segments.push(segment)
    for (const at of recordOffsets(source, offset, header)) this.#applyRecord(source, at, segment)
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

  #applyRecord(source: Buffer, at: number, segment: Segment): void {
    const body = at + RECORD_HEADER_BYTES
    switch (source.readUInt8(at + 4)) {
      case RECORD_TYPE.segment:
        this.#applySegment(readUInt64(source, body + 18), segment)
        break
      case RECORD_TYPE.base:
        this.base = metaIn(source, at)
        break
      case RECORD_TYPE.reset:
        this.#applyReset(metaIn(source, at))
        break
      case RECORD_TYPE.hardState: {
        const vote = readUInt64(source, body + 8)
        this.hardState = { currentTerm: readUInt64(source, body), votedFor: vote === 0 ? null : vote }
        break
      }
      case RECORD_TYPE.entry:
        this.#applyEntry(source, at, segment)
        break
    }
  }

  /** @param lastIndex Of the log before the segment. */
  #applySegment(lastIndex: LogIndex, segment: Segment): void {
    if (this.segments[0] !== segment) return
    this.lastIndex = lastIndex
    this.firstSeen = lastIndex + 1
  }

  #applyReset(meta: SnapshotMeta): void {
    this.#truncateFrom(0)
    this.base = meta
    this.lastIndex = meta.lastIndex
    this.firstSeen = meta.lastIndex + 1
  }

  #applyEntry(source: Buffer, at: number, segment: Segment): void {
    const body = at + RECORD_HEADER_BYTES
    const index = readUInt64(source, body)
    const term = readUInt64(source, body + 8)
    if (index <= this.lastIndex) this.#truncateFrom(index)
    this.lastIndex = index
    segment.entries.append(index, at)
    if (this.#terms.at(-1)?.term !== term) this.#terms.push({ firstIndex: index, term })
    if (!isMembershipEntry(source, body)) return
    const { entry } = entryAt(source, body)
    // A copy: a view would keep the whole segment in memory.
    this.#membershipEntries.push({ ...entry, payload: Buffer.from(entry.payload) })
  }

  #truncateFrom(index: LogIndex): void {
    for (const segment of this.segments) segment.entries.truncateFrom(index)
    this.#terms = this.#terms.filter((run) => run.firstIndex < index)
    this.#membershipEntries = this.#membershipEntries.filter((entry) => entry.index < index)
    this.firstSeen = Math.min(this.firstSeen, index)
  }
}

/** Of a record that was checked. */
function metaIn(source: Buffer, at: number): SnapshotMeta {
  const meta = decodeMeta(source.subarray(at + RECORD_HEADER_BYTES, recordEnd(source, at) - CRC_BYTES))
  assert(meta !== null, 'no base at offset {}', at)
  return meta
}
