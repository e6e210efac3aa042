import { assert } from '../assert.ts'
import { encodedEntryBytes } from '../entry.ts'
import { ClosedError } from '../errors.ts'
import type { Disk, LogBatch, LogStore, RecoveredLog } from '../ports.ts'
import type { Entry, HardState, LogIndex, SnapshotMeta } from '../types.ts'
import { type BatchContent, batchBytes, type Chain, saltAt, writeBatch } from './batch.ts'
import { recover } from './recovery.ts'
import { roundUpToSector, SECTOR_BYTES } from './sector.ts'
import { Segment } from './segment.ts'
import { encodeMeta } from './snapshot-meta.ts'

const SEGMENT_BYTES_DEFAULT = 16 * 1024 * 1024
/** A batch up to this size is gathered in memory that is used again: `write` has copied it when it returns. */
const SCRATCH_BYTES_MAX = 1024 * 1024

export interface SegmentedLogOptions {
  readonly disk: Disk
  readonly directory: string
  /** Whole sectors. A larger batch gets a segment of its own size. */
  readonly segmentBytes?: number
}

/** What one write changes, before the segment it lands in is known. */
type Change = Omit<BatchContent, 'segment'>

/**
 * The log and the hard state, in preallocated files of checksummed batches.
 *
 * One `append` is one write and one fdatasync. Format, recovery and reasons are in the README of this folder.
 */
export class SegmentedLog implements LogStore {
  readonly #disk: Disk
  readonly #directory: string
  readonly #segmentBytes: number
  #scratch = Buffer.alloc(4 * SECTOR_BYTES)
  /** Ascending; the last one takes the next batch. */
  #segments: Segment[] = []
  /** The segment after those, allocated ahead, so that going on to it costs no more than the write. */
  #spare: Promise<Segment> | null = null
  #chain: Chain = { sequence: 1, previousCrc: 0 }
  #hardState: HardState = { currentTerm: 0, votedFor: null }
  #base: SnapshotMeta | null = null
  #lastIndex: LogIndex = 0
  /** Counts what takes entries away, so that a read does not go on past it, mixing old and new. */
  #removals = 0
  #isWriting = false
  /** Why nothing works any more: not opened yet, closed, or the first write error. */
  #failure: Error | null = new Error('the log is not open')

  constructor({ disk, directory, segmentBytes = SEGMENT_BYTES_DEFAULT }: SegmentedLogOptions) {
    const isWhole = segmentBytes >= SECTOR_BYTES && segmentBytes % SECTOR_BYTES === 0
    assert(isWhole && segmentBytes < 2 ** 32, 'segment of {} bytes', segmentBytes)
    this.#disk = disk
    this.#directory = directory
    this.#segmentBytes = segmentBytes
  }

  async open(): Promise<RecoveredLog> {
    const { log, segments, spare, chain } = await recover(this.#disk, this.#directory)
    this.#segments = segments
    this.#chain = chain
    this.#hardState = log.hardState
    this.#base = log.base
    this.#lastIndex = log.lastIndex
    this.#failure = null
    await this.#write(() => this.#removeObsolete())
    this.#prepareSpare(spare)
    return log
  }

  initialize(base: SnapshotMeta): Promise<void> {
    return this.#write(() => {
      assert(this.#base === null, 'the log is initialized already')
      return this.#reset(base)
    })
  }

  append({ hardState, entries }: LogBatch): Promise<void> {
    return this.#write(async () => {
      this.#checkEntries(entries)
      if (hardState !== null || entries.length > 0) await this.#commit({ base: null, hardState, entries })
    })
  }

  async read({
    first,
    last,
    bytesMax,
  }: {
    first: LogIndex
    last: LogIndex
    bytesMax: number
  }): Promise<Entry[]> {
    this.#checkUsable()
    assert(first <= last && last <= this.#lastIndex, 'entries {} to {} of {}', first, last, this.#lastIndex)
    const removals = this.#removals
    const entries: Entry[] = []
    let bytes = 0
    for (let next = first; next <= last; next = first + entries.length) {
      const some = await this.#segmentOf(next).read({ first: next, last, bytes: bytesMax - bytes })
      for (const entry of some) {
        bytes += encodedEntryBytes(entry)
        if (bytes > bytesMax && entries.length > 0) return entries
        entries.push(entry)
      }
      if (this.#removals !== removals) return entries
    }
    return entries
  }

  indexBefore(bytes: number): LogIndex {
    let after = 0
    for (const [i, { position }] of [...this.#segments.entries()].toReversed()) {
      after += position
      if (after < bytes) continue
      const older = this.#segments.slice(0, i).findLast(({ entries }) => entries.count > 0)
      return older?.entries.last ?? 0
    }
    return 0
  }

  compact(base: SnapshotMeta): Promise<void> {
    return this.#write(async () => {
      assert(base.lastIndex <= this.#lastIndex, 'base {} is after {}', base.lastIndex, this.#lastIndex)
      if (this.#base === null || base.lastIndex <= this.#base.lastIndex) return
      this.#base = base
      // Without a segment to remove, the next one that is begun records it.
      if (this.#obsoleteCount() === 0) return
      await this.#commit({ base: { type: 'base', meta: encodeMeta(base) }, hardState: null, entries: [] })
      await this.#removeObsolete()
    })
  }

  reset(base: SnapshotMeta): Promise<void> {
    return this.#write(() => this.#reset(base))
  }

  async close(): Promise<void> {
    assert(!this.#isWriting, 'the log is closed while it is written')
    this.#failure ??= new ClosedError()
    const spare = await this.#spare?.catch(() => null)
    this.#spare = null
    const segments = [...this.#segments, ...(spare ? [spare] : [])]
    this.#segments = []
    for (const segment of segments) await segment.retire()
  }

  /** Runs `change` alone. A failure is final: what is on disk is then unknown. */
  async #write(change: () => Promise<void>): Promise<void> {
    this.#checkUsable()
    assert(!this.#isWriting, 'a write began before the one before had ended')
    this.#isWriting = true
    try {
      await change()
      this.#checkUsable()
    } catch (error) {
      throw this.#fail(error)
    } finally {
      this.#isWriting = false
    }
  }

  #checkUsable(): void {
    if (this.#failure !== null) throw this.#failure
  }

  #fail(error: unknown): Error {
    this.#failure ??= error instanceof Error ? error : new Error('the log failed', { cause: error })
    return this.#failure
  }

  #checkEntries(entries: readonly Entry[]): void {
    const first = entries[0]?.index
    if (first === undefined) return
    assert(this.#base !== null && first > this.#base.lastIndex, 'entry {} is not after the base', first)
    assert(first <= this.#lastIndex + 1, 'entry {} does not follow {}', first, this.#lastIndex)
    for (const [i, { index }] of entries.entries())
      assert(index === first + i, 'entry {} is out of order', index)
  }

  async #reset(base: SnapshotMeta): Promise<void> {
    // The hard state is in the segment that this lands in: its head says it, or a later batch.
    await this.#commit({ base: { type: 'reset', meta: encodeMeta(base) }, hardState: null, entries: [] })
    this.#base = base
    this.#lastIndex = base.lastIndex
    await this.#removeObsolete()
  }

  /** One write, one sync. */
  async #commit(change: Change): Promise<void> {
    const active = this.#segments.at(-1)
    const bytes = batchBytes({ ...change, segment: null })
    if (active !== undefined && active.position + bytes <= active.file.sizeBytes()) {
      await this.#writeTo(active, { ...change, segment: null })
      return
    }
    const { segment, content } = await this.#beginSegment(change)
    this.#segments.push(segment)
    await this.#writeTo(segment, content)
    // Only now: that the segment after this one exists proves that this one was begun.
    this.#prepareSpare(null)
  }

  /** The head of a segment repeats what the segments before it say, so that they can be removed. */
  async #beginSegment(change: Change): Promise<{ segment: Segment; content: BatchContent }> {
    assert(this.#spare !== null, 'no segment was prepared')
    const segment = await this.#spare
    this.#spare = null
    const known = this.#base === null ? null : ({ type: 'base', meta: encodeMeta(this.#base) } as const)
    const headless = {
      base: change.base ?? known,
      hardState: change.hardState ?? this.#hardState,
      entries: change.entries,
    }
    const { number, file } = segment
    const head = { number, sizeBytes: file.sizeBytes(), lastIndex: this.#lastIndex }
    const bytes = batchBytes({ ...headless, segment: head })
    if (bytes > head.sizeBytes) {
      await file.allocate(bytes)
      await file.sync()
    }
    segment.salt = this.#chain.previousCrc
    return { segment, content: { ...headless, segment: { ...head, sizeBytes: file.sizeBytes() } } }
  }

  async #writeTo(segment: Segment, content: BatchContent): Promise<void> {
    const bytes = batchBytes(content)
    const target = this.#memoryFor(bytes)
    const offset = segment.position
    const entryOffsets: number[] = []
    const salt = saltAt(offset, segment.salt)
    const crc = writeBatch(target, content, this.#chain, { salt, entryOffsets })
    segment.file.write(offset, target)
    segment.position += bytes
    this.#chain = { sequence: this.#chain.sequence + 1, previousCrc: crc }
    this.#remember(segment, content, entryOffsets, offset)
    await segment.file.sync()
  }

  #memoryFor(bytes: number): Buffer {
    if (bytes > SCRATCH_BYTES_MAX) return Buffer.alloc(bytes)
    if (bytes > this.#scratch.length) {
      this.#scratch = Buffer.alloc(Math.min(SCRATCH_BYTES_MAX, Math.max(bytes, 2 * this.#scratch.length)))
    }
    return this.#scratch.subarray(0, bytes)
  }

  #remember(segment: Segment, content: BatchContent, entryOffsets: readonly number[], offset: number): void {
    const { base, hardState, entries } = content
    if (hardState !== null) this.#hardState = hardState
    const first = entries[0]?.index
    if (base?.type === 'reset') this.#truncateFrom(0)
    else if (first !== undefined && first <= this.#lastIndex) this.#truncateFrom(first)
    if (first === undefined) return
    for (let i = 0; i < entries.length; i++)
      segment.entries.append(first + i, offset + (entryOffsets[i] as number))
    this.#lastIndex = first + entries.length - 1
  }

  #truncateFrom(index: LogIndex): void {
    for (const segment of this.#segments) segment.entries.truncateFrom(index)
    this.#removals++
  }

  #segmentOf(index: LogIndex): Segment {
    const segment = this.#segments.findLast(({ entries }) => entries.has(index))
    assert(segment !== undefined, 'entry {} is not in the log', index)
    return segment
  }

  /** How many of the oldest segments hold nothing after the base. The newest one stays: it takes the next batch. */
  #obsoleteCount(): number {
    const base = this.#base?.lastIndex ?? 0
    const kept = this.#segments.findIndex(({ entries }) => entries.count > 0 && entries.last > base)
    return Math.max(0, Math.min(kept === -1 ? Infinity : kept, this.#segments.length - 1))
  }

  /** The record that makes them unnecessary is durable. */
  async #removeObsolete(): Promise<void> {
    const obsolete = this.#segments.splice(0, this.#obsoleteCount())
    if (obsolete.length === 0) return
    this.#removals++
    for (const segment of obsolete) {
      await this.#disk.remove(segment.path)
      await segment.retire()
    }
    await this.#disk.syncDirectory(this.#directory)
  }

  /** In the background; a failure makes every later call fail. */
  #prepareSpare(existing: Segment | null): void {
    const number = (this.#segments.at(-1)?.number ?? 0) + 1
    this.#spare = this.#allocateSpare(existing, number)
    this.#spare.catch((error: unknown) => this.#fail(error))
  }

  async #allocateSpare(existing: Segment | null, number: number): Promise<Segment> {
    const segment = existing ?? (await Segment.open(this.#disk, this.#directory, number))
    const sizeBytes = Math.max(this.#segmentBytes, roundUpToSector(segment.file.sizeBytes()))
    if (segment.file.sizeBytes() < sizeBytes) await segment.file.allocate(sizeBytes)
    await segment.file.sync()
    await this.#disk.syncDirectory(this.#directory)
    return segment
  }
}
