/** Reads a log back: which segments count, what they say, and what a crash left to be tidied. */
import type { Disk, RecoveredLog } from '../ports.ts'
import { type BatchHeader, type Chain, checkBatch, readBatchHeader, saltAt } from './batch.ts'
import { damage } from './damage.ts'
import { Replay } from './replay.ts'
import { SECTOR_BYTES } from './sector.ts'
import { Segment, segmentNumber, segmentPath } from './segment.ts'
import { checkTail } from './tail.ts'

export interface Recovery {
  readonly log: RecoveredLog
  /** Ascending; every one holds a batch. The last one takes the next batch. Empty in a new directory. */
  readonly segments: Segment[]
  /** The one after `segments`, if its file is there: without a batch. */
  readonly spare: Segment | null
  readonly chain: Chain
}

/** What the first batch of segment 1 looks like. */
const FIRST: Chain = { sequence: 1, previousCrc: 0 }

/** One segment, read. */
interface Scan {
  readonly segment: Segment
  /** Remains of a torn batch are in the file from `segment.position` to here. */
  readonly tornEnd: number
  /** The last intact batch, which may never have been synced. */
  readonly lastBatch: { readonly offset: number; readonly bytes: Buffer } | null
}

/**
 * Reads all, checks all, and only then changes anything.
 *
 * @throws {CorruptLogError} if the durable part is damaged. Nothing is changed then.
 */
export async function recover(disk: Disk, directory: string): Promise<Recovery> {
  await disk.makeDirectory(directory)
  const numbers = (await disk.list(directory)).map(segmentNumber).filter((number) => number !== null)
  const { run, obsolete } = newestRun(numbers)
  const reader = new LogReader(disk, directory)
  try {
    const scans = await reader.readAll(run)
    reader.checkComplete(obsolete)
    await repair(disk, { directory, scans, obsolete })
    return reader.recovery(scans)
  } catch (error) {
    await reader.close()
    throw error
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

class LogReader {
  readonly #disk: Disk
  readonly #directory: string
  readonly #replay = new Replay()
  readonly #opened: Segment[] = []
  #chain: Chain | null = null

  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.#directory = directory
  }

  async readAll(numbers: readonly number[]): Promise<Scan[]> {
    const scans: Scan[] = []
    for (const number of numbers) {
      const before = scans.at(-1)
      const segment = await Segment.open(this.#disk, this.#directory, number)
      this.#opened.push(segment)
      const source = await segment.file.read(0, segment.file.sizeBytes())
      // What is left of a file whose allocation a crash interrupted is not looked at: no batch was in it.
      const scan = this.#scan(segment, source.subarray(0, source.length - (source.length % SECTOR_BYTES)))
      if (before !== undefined) checkOrder(before, scan)
      scans.push(scan)
    }
    return scans
  }

  /** @throws {CorruptLogError} if entries after the base, or the base itself, were in segments that are missing. */
  checkComplete(obsolete: readonly number[]): void {
    const { base, firstSeen, segments } = this.#replay
    const oldest = this.#opened[0]
    if (oldest === undefined) return
    const isNew = segments.length === 0 && oldest.number === 1 && obsolete.length === 0
    const isComplete = segments.length > 0 && (base?.lastIndex ?? 0) + 1 >= firstSeen
    if (isNew || isComplete) return
    throw damage(segmentPath(this.#directory, oldest.number - 1), 0, 'the segment is missing')
  }

  recovery(scans: readonly Scan[]): Recovery {
    const { hardState, base, lastIndex, terms, membershipEntries, segments } = this.#replay
    const torn = scans.map(({ segment, tornEnd }) => tornEnd - segment.position)
    return {
      log: {
        hardState,
        base,
        lastIndex,
        terms,
        membershipEntries,
        tornBytes: torn.reduce((sum, bytes) => sum + bytes, 0),
      },
      segments,
      spare: this.#opened.at(segments.length) ?? null,
      chain: this.#chain ?? FIRST,
    }
  }

  async close(): Promise<void> {
    for (const segment of this.#opened) await segment.retire()
  }

  #scan(segment: Segment, source: Buffer): Scan {
    let lastBatch: Scan['lastBatch'] = null
    for (
      let next = this.#nextBatch(segment, source);
      next !== null;
      next = this.#nextBatch(segment, source)
    ) {
      const { header, crc } = next
      const offset = segment.position
      if (offset === 0) {
        this.#replay.segments.push(segment)
        segment.salt = header.previousCrc
      }
      this.#replay.applyBatch(source, offset, { header, segment })
      this.#chain = { sequence: header.sequence + 1, previousCrc: crc }
      segment.position += header.bytes
      lastBatch = { offset, bytes: source.subarray(offset, segment.position) }
    }
    return { segment, tornEnd: this.#tornEnd(segment, source), lastBatch }
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
    return this.#chain ?? (segment.number === 1 ? FIRST : null)
  }

  #tornEnd(segment: Segment, source: Buffer): number {
    const next = this.#expected(segment)
    if (next === null) throw damage(segment.path, 0, 'the first batch of the oldest segment is damaged')
    // Where a batch is missing at the very start, the salt of later ones is what the missing one would name.
    const segmentSalt = segment.position === 0 ? next.previousCrc : segment.salt
    return checkTail({ source, path: segment.path, offset: segment.position, segmentSalt, next })
  }
}

/** A segment is begun only once all of the one before is durable, and prepared only once that one is begun. */
function checkOrder(before: Scan, scan: Scan): void {
  const { path, position } = before.segment
  if (position === 0) throw damage(path, 0, 'the segment is empty, but a later one exists')
  const isTorn = before.tornEnd > position
  const hasBytes = scan.segment.position > 0 || scan.tornEnd > 0
  if (isTorn && hasBytes) throw damage(path, position, 'a damaged batch is followed by a later segment')
}

/** Makes what was read durable, and what was cut stay away. Doing it again changes nothing. */
async function repair(
  disk: Disk,
  { directory, scans, obsolete }: { directory: string; scans: readonly Scan[]; obsolete: readonly number[] },
): Promise<void> {
  const newest = scans.findLastIndex(({ lastBatch }) => lastBatch !== null)
  for (const [i, { segment, tornEnd, lastBatch }] of scans.entries()) {
    const isTorn = tornEnd > segment.position
    if (!isTorn && i !== newest) continue
    // Sectors of a torn batch that come back later must not meet new ones.
    if (isTorn) segment.file.write(segment.position, Buffer.alloc(tornEnd - segment.position))
    // A process may have died between the write and its sync; and after a sync that failed, the page cache calls
    // pages clean that are not on disk, which only a new write brings there.
    if (lastBatch !== null && i === newest) segment.file.write(lastBatch.offset, lastBatch.bytes)
    await segment.file.sync()
  }
  for (const number of obsolete) await disk.remove(segmentPath(directory, number))
  await disk.syncDirectory(directory)
}
