import { entryAt } from '../entry.ts'
import type { Disk, DiskFile } from '../ports.ts'
import type { Entry, LogIndex } from '../types.ts'
import { damage } from './damage.ts'
import { EntryOffsets } from './entry-offsets.ts'
import { CRC_BYTES, checkRecord, RECORD_HEADER_BYTES, RECORD_OVERHEAD_BYTES, recordEnd } from './record.ts'

const NAME = /^(\d{16})\.log$/
/** One look at the file: enough for many entries, and little if only one was wanted. */
const SPAN_BYTES_MIN = 4 * 1024
const SPAN_BYTES_MAX = 1024 * 1024

export function segmentPath(directory: string, number: number): string {
  return `${directory}/${String(number).padStart(16, '0')}.log`
}

/** @returns `null` if `name` is not that of a segment. */
export function segmentNumber(name: string): number | null {
  const digits = NAME.exec(name)?.[1]
  return digits === undefined ? null : Number(digits)
}

/** One file of the log: batches one after the other, then zeros. */
export class Segment {
  readonly number: number
  readonly path: string
  readonly file: DiskFile
  /** See `saltAt`; set when the first batch is written or read. */
  salt = 0
  /** Where the next batch goes. */
  position = 0
  /** Of the entries that are still part of the log. */
  readonly entries = new EntryOffsets()
  #readers = 0
  #isRetired = false

  constructor(path: string, number: number, file: DiskFile) {
    this.path = path
    this.number = number
    this.file = file
  }

  static async open(disk: Disk, directory: string, number: number): Promise<Segment> {
    const path = segmentPath(directory, number)
    const file = await disk.open(path, { create: true })
    if (file === null) throw new Error(`${path}: could not be created`)
    return new Segment(path, number, file)
  }

  /** @returns `null` if there is no such file; it is not made. */
  static async openExisting(
    disk: Pick<Disk, 'open'>,
    directory: string,
    number: number,
  ): Promise<Segment | null> {
    const path = segmentPath(directory, number)
    const file = await disk.open(path, { create: false })
    return file === null ? null : new Segment(path, number, file)
  }

  /**
   * Some entries from `first` on, at least one.
   *
   * @param bytes About how much the caller wants.
   * @throws {CorruptLogError} if a checksum fails.
   */
  async read({ first, last, bytes }: { first: LogIndex; last: LogIndex; bytes: number }): Promise<Entry[]> {
    this.#readers++
    try {
      const start = this.entries.at(first)
      const spanBytes = Math.min(Math.max(bytes, SPAN_BYTES_MIN), SPAN_BYTES_MAX, this.position - start)
      // Taken before anything is awaited: an append may replace entries meanwhile.
      const offsets = this.#offsetsWithin(first, Math.min(last, this.entries.last), start + spanBytes)
      return parseSpan(this.path, first, offsets, await this.#readSpan(start, spanBytes))
    } finally {
      this.#readers--
      if (this.#isRetired) await this.#closeUnused()
    }
  }

  #offsetsWithin(first: LogIndex, last: LogIndex, limit: number): number[] {
    const offsets: number[] = []
    for (let index = first; index <= last; index++) {
      const offset = this.entries.at(index)
      if (offset >= limit) break
      offsets.push(offset)
    }
    return offsets
  }

  /** Beginning with the checksum before `start`, which seeds the first record's. */
  async #readSpan(start: number, spanBytes: number): Promise<Span> {
    const from = start - CRC_BYTES
    const source = await this.file.read(from, spanBytes + CRC_BYTES)
    if (source.length < CRC_BYTES + RECORD_OVERHEAD_BYTES)
      throw damage(this.path, start, 'the file is too short')
    const wanted = recordEnd(source, CRC_BYTES)
    if (wanted <= source.length) return { source, from }
    if (from + wanted > this.position)
      throw damage(this.path, start, 'an entry reaches past the end of the log')
    return { source: await this.file.read(from, wanted), from }
  }

  /** Closes the file once no read uses it. It may be gone from its directory by then. */
  async retire(): Promise<void> {
    this.#isRetired = true
    await this.#closeUnused()
  }

  async #closeUnused(): Promise<void> {
    if (this.#readers === 0) await this.file.close()
  }
}

/** Bytes of a file from offset `from` on. */
interface Span {
  readonly source: Buffer
  readonly from: number
}

function parseSpan(
  path: string,
  first: LogIndex,
  offsets: readonly number[],
  { source, from }: Span,
): Entry[] {
  const entries: Entry[] = []
  for (const offset of offsets) {
    const at = offset - from
    const isWhole = at + RECORD_OVERHEAD_BYTES <= source.length && recordEnd(source, at) <= source.length
    if (!isWhole && entries.length > 0) break
    if (checkRecord(source, at, source.length, source.readUInt32LE(at - CRC_BYTES)) === -1) {
      throw damage(path, offset, 'an entry fails its checksum')
    }
    const { entry } = entryAt(source, at + RECORD_HEADER_BYTES)
    if (entry.index !== first + entries.length)
      throw damage(path, offset, `entry ${entry.index} is out of place`)
    entries.push(entry)
  }
  return entries
}
