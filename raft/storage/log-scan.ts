/** What is there: reads a log and judges it, and changes nothing. `recovery.ts` repairs, `ipam log` shows. */
import { CorruptLogError } from '../errors.ts'
import type { Disk, RecoveredLog } from '../ports.ts'
import type { Entry, LogIndex } from '../types.ts'
import { type BatchHeader, type Chain, checkBatch, readBatchHeader, saltAt } from './batch.ts'
import { damage } from './damage.ts'
import { Replay } from './replay.ts'
import { SECTOR_BYTES } from './sector.ts'
import { Segment, segmentNumber, segmentPath } from './segment.ts'
import { checkTail } from './tail.ts'

/** What the first batch of segment 1 looks like. */
const FIRST: Chain = { sequence: 1, previousCrc: 0 }
/** Entries read from a segment in one go, in bytes. */
const READ_BYTES_MAX = 1024 * 1024

/** One segment, read up to its end or to the damage in it. */
export interface SegmentScan {
  readonly segment: Segment
  readonly batchCount: number
  /** Remains of a torn batch are in the file from `segment.position` to here. */
  readonly tornEnd: number
}

/** A batch whose checksums are all right. */
export interface LocatedBatch {
  readonly offset: number
  readonly header: BatchHeader
}

/** Gets each segment that was read, as it was read; what it keeps of `source` stays in memory. */
export type SegmentVisitor = (segment: {
  readonly path: string
  readonly source: Buffer
  readonly batches: readonly LocatedBatch[]
}) => Promise<void>

/** The last intact batch of the log, which may never have been synced. */
interface LastBatch {
  readonly segment: Segment
  readonly offset: number
  readonly bytes: Buffer
}

/**
 * A log as it lies on disk. One segment is in memory at a time; of the others, four bytes an entry.
 */
export class LogScan {
  readonly directory: string
  /** Ascending; after one that is damaged none was read. */
  readonly segments: readonly SegmentScan[]
  /** Numbers of segments before a hole: nothing in them is part of the log. */
  readonly obsolete: readonly number[]
  /** Numbers of segments after the damage: they cannot be linked to what comes before them. */
  readonly unread: readonly number[]
  /** The first that was found; all other fields say what comes before it. */
  readonly damage: CorruptLogError | null
  readonly chain: Chain
  readonly lastBatch: LastBatch | null
  readonly #replay: Replay

  /**
   * Reads all and checks all. Damage is a result here, not an error; a disk that cannot be read is an error.
   *
   * @param onSegment Awaited before the next segment is read.
   */
  static async read(
    disk: Pick<Disk, 'list' | 'open'>,
    directory: string,
    onSegment: SegmentVisitor | null = null,
  ): Promise<LogScan> {
    const numbers = (await disk.list(directory)).map(segmentNumber).filter((number) => number !== null)
    const { run, obsolete } = newestRun(numbers)
    const scanner = new Scanner(disk, directory)
    try {
      for (const number of run) {
        await scanner.readSegment(number, onSegment)
        if (scanner.damage !== null) break
      }
      scanner.checkComplete(obsolete)
    } catch (error) {
      await scanner.close()
      throw error
    }
    return new LogScan(scanner, { directory, obsolete, unread: run.slice(scanner.segments.length) })
  }

  private constructor(
    scanner: Scanner,
    {
      directory,
      obsolete,
      unread,
    }: { directory: string; obsolete: readonly number[]; unread: readonly number[] },
  ) {
    this.directory = directory
    this.segments = scanner.segments
    this.obsolete = obsolete
    this.unread = unread
    this.damage = scanner.damage
    this.chain = scanner.chain ?? FIRST
    this.lastBatch = scanner.lastBatch
    this.#replay = scanner.replay
  }

  /** Ascending; every one holds a batch. The last one takes the next batch. Empty in a new directory. */
  get begun(): Segment[] {
    return this.#replay.segments
  }

  /** The one after `begun`, if its file is there: without a batch. */
  get spare(): Segment | null {
    return this.segments.at(this.begun.length)?.segment ?? null
  }

  get log(): RecoveredLog {
    const { hardState, base, lastIndex, terms, membershipEntries } = this.#replay
    return { hardState, base, lastIndex, terms, membershipEntries, tornBytes: this.tornBytes }
  }

  /** What a crash left of a write that was never acknowledged. */
  get tornBytes(): number {
    return this.segments.reduce((sum, { segment, tornEnd }) => sum + tornEnd - segment.position, 0)
  }

  /** Terms of the entries of `segment` that are still part of the log, ascending. */
  termsIn({ entries }: Segment): number[] {
    return entries.count === 0 ? [] : this.#replay.termsBetween(entries.first, entries.last)
  }

  /**
   * The entries of the log from `first` to `last`, as far as there are any, ascending.
   *
   * @throws {CorruptLogError} if one has changed since the scan
   */
  async *entries({ first, last }: { first: LogIndex; last: LogIndex }): AsyncGenerator<Entry> {
    const base = this.#replay.base?.lastIndex ?? 0
    for (const segment of this.begun) {
      if (segment.entries.count === 0) continue
      const end = Math.min(last, segment.entries.last)
      let next = Math.max(first, base + 1, segment.entries.first)
      while (next <= end) {
        const some = await segment.read({ first: next, last: end, bytes: READ_BYTES_MAX })
        yield* some
        next += some.length
      }
    }
  }

  /** Closes the files. Not for one whose segments are in use by a log. */
  async close(): Promise<void> {
    for (const { segment } of this.segments) await segment.retire()
  }
}

/**
 * The newest segments that follow one another, and those before a hole.
 *
 * Removal goes from the oldest on, but a crash may undo any of it: so a hole is no damage by itself. `checkComplete` decides.
 */
function newestRun(numbers: readonly number[]): { run: number[]; obsolete: number[] } {
  const ascending = numbers.toSorted((a, b) => a - b)
  const start = ascending.findLastIndex((number, i) => number - 1 !== ascending[i - 1])
  return { run: ascending.slice(Math.max(start, 0)), obsolete: ascending.slice(0, Math.max(start, 0)) }
}

class Scanner {
  readonly replay = new Replay()
  readonly segments: { segment: Segment; batchCount: number; tornEnd: number }[] = []
  chain: Chain | null = null
  lastBatch: LastBatch | null = null
  damage: CorruptLogError | null = null
  readonly #disk: Pick<Disk, 'list' | 'open'>
  readonly #directory: string

  constructor(disk: Pick<Disk, 'list' | 'open'>, directory: string) {
    this.#disk = disk
    this.#directory = directory
  }

  async readSegment(number: number, onSegment: SegmentVisitor | null): Promise<void> {
    const segment = await Segment.openExisting(this.#disk, this.#directory, number)
    if (segment === null) {
      this.damage = missing(this.#directory, number)
      return
    }
    const before = this.segments.at(-1)
    const scan = { segment, batchCount: 0, tornEnd: 0 }
    this.segments.push(scan)
    const content = await segment.file.read(0, segment.file.sizeBytes())
    // What is left of a file whose allocation a crash interrupted is not looked at: no batch was in it.
    const source = content.subarray(0, content.length - (content.length % SECTOR_BYTES))
    const batches: LocatedBatch[] = []
    this.#noteDamage(() => {
      this.#readBatches(segment, source, batches)
      scan.tornEnd = this.#tornEnd(segment, source)
      if (before !== undefined) checkOrder(before, scan)
    })
    scan.batchCount = batches.length
    scan.tornEnd = Math.max(scan.tornEnd, segment.position)
    await onSegment?.({ path: segment.path, source, batches })
  }

  /** Notes if entries after the base, or the base itself, were in segments that are missing. */
  checkComplete(obsolete: readonly number[]): void {
    const { base, firstSeen, segments } = this.replay
    const oldest = this.segments[0]?.segment
    if (oldest === undefined || this.damage !== null) return
    const isNew = segments.length === 0 && oldest.number === 1 && obsolete.length === 0
    const isComplete = segments.length > 0 && (base?.lastIndex ?? 0) + 1 >= firstSeen
    if (!isNew && !isComplete) this.damage = missing(this.#directory, oldest.number - 1)
  }

  async close(): Promise<void> {
    for (const { segment } of this.segments) await segment.retire()
  }

  #noteDamage(read: () => void): void {
    try {
      read()
    } catch (error) {
      if (!(error instanceof CorruptLogError)) throw error
      this.damage = error
    }
  }

  #readBatches(segment: Segment, source: Buffer, batches: LocatedBatch[]): void {
    for (
      let next = this.#nextBatch(segment, source);
      next !== null;
      next = this.#nextBatch(segment, source)
    ) {
      const { header, crc } = next
      const offset = segment.position
      this.replay.applyBatch(source, offset, { header, segment })
      if (offset === 0) segment.salt = header.previousCrc
      this.chain = { sequence: header.sequence + 1, previousCrc: crc }
      segment.position += header.bytes
      this.lastBatch = { segment, offset, bytes: source.subarray(offset, segment.position) }
      batches.push({ offset, header })
    }
  }

  #nextBatch(segment: Segment, source: Buffer): { header: BatchHeader; crc: number } | null {
    const offset = segment.position
    const header = readBatchHeader(source, offset, saltAt(offset, segment.salt))
    if (header === null) return null
    const expected = this.#expected(segment)
    const follows =
      expected === null ||
      (header.sequence === expected.sequence && header.previousCrc === expected.previousCrc)
    const crc = follows ? checkBatch(source, offset, header) : null
    return crc === null ? null : { header, crc }
  }

  /** `null` for the oldest segment after a compaction: its chain begins in a file that is gone. */
  #expected(segment: Segment): Chain | null {
    return this.chain ?? (segment.number === 1 ? FIRST : null)
  }

  #tornEnd(segment: Segment, source: Buffer): number {
    const next = this.#expected(segment)
    if (next === null) throw damage(segment.path, 0, 'the first batch of the oldest segment is damaged')
    // Where a batch is missing at the very start, the salt of later ones is what the missing one would name.
    const segmentSalt = segment.position === 0 ? next.previousCrc : segment.salt
    return checkTail({ source, path: segment.path, offset: segment.position, segmentSalt, next })
  }
}

function missing(directory: string, number: number): CorruptLogError {
  return damage(segmentPath(directory, number), 0, 'the segment is missing')
}

/** A segment is begun only once all of the one before is durable, and prepared only once that one is begun. */
function checkOrder(before: SegmentScan, scan: SegmentScan): void {
  const { path, position } = before.segment
  if (position === 0) throw damage(path, 0, 'the segment is empty, but a later one exists')
  const isTorn = before.tornEnd > position
  const hasBytes = scan.segment.position > 0 || scan.tornEnd > 0
  if (isTorn && hasBytes) throw damage(path, position, 'a damaged batch is followed by a later segment')
}
