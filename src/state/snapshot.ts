/** All rows as one stream of bytes, and back; the format is in README.md. */
import type { Clock, StateImage } from '../../raft/ports.ts'
import { CorruptStateError, StateFormatError } from './errors.ts'
import { SYNCED } from './flush.ts'
import { APPLIED_KEY, EVERYTHING } from './key-space.ts'
import { Layer } from './overlay.ts'
import { type AppliedPoint, encodeApplied } from './row-codec.ts'
import { Slices } from './slices.ts'
import type { StateDatabase } from './storage.ts'
import type { Scan, StoredRow, View } from './view.ts'

const MAGIC = Buffer.from('IPAMROWS', 'latin1')
const VERSION = 1
const HEADER_BYTES = MAGIC.length + 4
const ROW_HEADER_BYTES = 6
const TRAILER_BYTES = 2 + 8
const CHUNK_BYTES = 256 * 1024
const ROWS_AT_ONCE = 1000
/** Above any row that an entry can make; a length beyond it is damage. */
const VALUE_BYTES_MAX = 64 * 1024 * 1024

/** One batch of a restore. */
const BATCH_BYTES = 1024 * 1024

/** What a view lacks to be a whole state: the row that says how far it goes, written only with each flush. */
export function appliedLayer(point: AppliedPoint): Layer {
  const row = encodeApplied(point)
  return new Layer({ rows: new Map([[APPLIED_KEY, row]]), sizeBytes: row.length, point })
}

/** A view of everything that others keep open. */
export class RowImage implements StateImage {
  readonly appliedIndex: number
  readonly #view: View
  readonly #clock: Pick<Clock, 'setSoon'>
  readonly #onRelease: () => void
  readonly #scans = new Set<Scan>()

  constructor(view: View, { clock, onRelease }: { clock: Pick<Clock, 'setSoon'>; onRelease: () => void }) {
    this.appliedIndex = view.point.index
    this.#view = view
    this.#clock = clock
    this.#onRelease = onRelease
  }

  async *chunks(): AsyncGenerator<Buffer> {
    const slices = new Slices(this.#clock)
    await this.#view.sortLayers(slices)
    const scan = this.#view.scan(EVERYTHING)
    this.#scans.add(scan)
    try {
      yield* encodeRows(scan, slices)
    } finally {
      this.#scans.delete(scan)
      await scan.close()
    }
  }

  /** Whoever is still reading chunks gets an error instead of the next one. */
  async release(): Promise<void> {
    this.#onRelease()
    for (const scan of this.#scans) await scan.close()
    await this.#view.close()
  }
}

/**
 * The applied row, which comes first, and the rows that were decoded with it.
 *
 * @throws {CorruptStateError}
 */
export async function readHead(
  batches: AsyncGenerator<StoredRow[]>,
): Promise<{ applied: Buffer; rows: StoredRow[] }> {
  for (;;) {
    const { value, done } = await batches.next()
    if (done === true) throw new CorruptStateError('a snapshot without rows')
    const [first, ...rows] = value
    if (first === undefined) continue
    const [key, applied] = first
    if (key !== APPLIED_KEY) throw new CorruptStateError(`a snapshot that starts with ${key}`)
    return { applied, rows }
  }
}

/**
 * Every batch is synced: LevelDB starts a new log file now and then without syncing the last one, so rows that
 * are not synced could be missing below one that is.
 */
export async function writeRows(
  database: StateDatabase,
  head: StoredRow[],
  batches: AsyncIterable<StoredRow[]>,
): Promise<void> {
  // Rows go into the batch as they come: those that are gathered first outlive a few garbage collections, each of
  // which has to copy them.
  let batch = database.batch()
  let bytes = putRows(batch, head)
  for await (const rows of batches) {
    bytes += putRows(batch, rows)
    if (bytes < BATCH_BYTES) continue
    await batch.write(SYNCED)
    batch = database.batch()
    bytes = 0
  }
  await batch.write(SYNCED)
}

/** Returns how many bytes they have. */
function putRows(batch: ReturnType<StateDatabase['batch']>, rows: readonly StoredRow[]): number {
  let bytes = 0
  for (const [key, value] of rows) {
    batch.put(key, value)
    bytes += key.length + value.length
  }
  return bytes
}

/**
 * Chunks of at most `CHUNK_BYTES`, unless a single row is larger; cut between rows. The same rows give the same chunks.
 *
 * @param slices Runs of rows that are only in memory would else come in one turn, however long they are.
 */
export async function* encodeRows(scan: Scan, slices: Slices): AsyncGenerator<Buffer> {
  let chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  let end = MAGIC.copy(chunk)
  end = chunk.writeUInt32LE(VERSION, end)
  let rowCount = 0
  for (;;) {
    const rows = await scan.take(ROWS_AT_ONCE)
    for (const row of rows) {
      const rowBytes = ROW_HEADER_BYTES + row[0].length + row[1].length
      if (end + rowBytes > chunk.length) {
        yield chunk.subarray(0, end)
        await slices.add(end)
        chunk = Buffer.allocUnsafe(Math.max(CHUNK_BYTES, rowBytes))
        end = 0
      }
      end = writeRow(chunk, end, row)
    }
    rowCount += rows.length
    if (rows.length < ROWS_AT_ONCE) break
  }
  yield chunk.subarray(0, end)
  yield trailerOf(rowCount)
}

/** Returns the offset after it. */
function writeRow(chunk: Buffer, offset: number, [key, value]: StoredRow): number {
  chunk.writeUInt16LE(key.length, offset)
  chunk.writeUInt32LE(value.length, offset + 2)
  const valueOffset = offset + ROW_HEADER_BYTES + chunk.write(key, offset + ROW_HEADER_BYTES, 'latin1')
  chunk.set(value, valueOffset)
  return valueOffset + value.length
}

function trailerOf(rowCount: number): Buffer {
  const trailer = Buffer.alloc(TRAILER_BYTES)
  trailer.writeBigUInt64LE(BigInt(rowCount), 2)
  return trailer
}

/**
 * The rows of each chunk, in ascending order. Chunks may be cut anywhere.
 *
 * @throws {CorruptStateError} also when the end is missing.
 */
export async function* decodeRows(
  chunks: AsyncIterable<Uint8Array>,
  slices: Slices,
): AsyncGenerator<StoredRow[]> {
  const decoder = new RowDecoder()
  for await (const chunk of chunks) {
    yield decoder.push(chunk)
    await slices.add(chunk.length)
  }
  decoder.finish()
}

class RowDecoder {
  #rest: Buffer = Buffer.alloc(0)
  #hasHeader = false
  #hasTrailer = false
  #lastKey = ''
  #rowCount = 0

  push(chunk: Uint8Array): StoredRow[] {
    if (this.#hasTrailer && chunk.length > 0) throw new CorruptStateError('bytes after the end of a snapshot')
    const bytes = Buffer.concat([this.#rest, chunk])
    let offset = this.#readHeader(bytes)
    const rows: StoredRow[] = []
    while (this.#hasHeader && !this.#hasTrailer) {
      const end = this.#readRow(bytes, offset, rows)
      if (end === null) break
      offset = end
    }
    this.#rest = bytes.subarray(offset)
    if (this.#hasTrailer && this.#rest.length > 0) {
      throw new CorruptStateError('bytes after the end of a snapshot')
    }
    return rows
  }

  finish(): void {
    if (!this.#hasTrailer) throw new CorruptStateError('the end of the snapshot is missing')
  }

  #readHeader(bytes: Buffer): number {
    if (this.#hasHeader || bytes.length < HEADER_BYTES) return 0
    const version = bytes.readUInt32LE(MAGIC.length)
    if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new CorruptStateError('not a snapshot')
    if (version !== VERSION) {
      throw new StateFormatError('snapshot', { found: version, known: VERSION })
    }
    this.#hasHeader = true
    return HEADER_BYTES
  }

  /** Returns the offset after a row or the trailer; null when it is not complete yet. */
  #readRow(bytes: Buffer, offset: number, rows: StoredRow[]): number | null {
    if (offset + ROW_HEADER_BYTES > bytes.length) return null
    const keyBytes = bytes.readUInt16LE(offset)
    if (keyBytes === 0) return this.#readTrailer(bytes, offset)
    const valueBytes = bytes.readUInt32LE(offset + 2)
    if (valueBytes > VALUE_BYTES_MAX) throw new CorruptStateError(`a row of ${valueBytes} bytes`)
    const valueOffset = offset + ROW_HEADER_BYTES + keyBytes
    const end = valueOffset + valueBytes
    if (end > bytes.length) return null
    const key = bytes.toString('latin1', offset + ROW_HEADER_BYTES, valueOffset)
    if (key <= this.#lastKey) throw new CorruptStateError(`row ${key} comes after ${this.#lastKey}`)
    this.#lastKey = key
    this.#rowCount += 1
    rows.push([key, bytes.subarray(valueOffset, end)])
    return end
  }

  #readTrailer(bytes: Buffer, offset: number): number | null {
    if (offset + TRAILER_BYTES > bytes.length) return null
    const rowCount = bytes.readBigUInt64LE(offset + 2)
    if (rowCount !== BigInt(this.#rowCount)) {
      throw new CorruptStateError(`a snapshot of ${rowCount} rows has ${this.#rowCount}`)
    }
    this.#hasTrailer = true
    return offset + TRAILER_BYTES
  }
}
