/** The state at one index, readable while later entries are applied and flushed. */
import type { AbstractIterator, AbstractIteratorOptions, AbstractSnapshot } from 'abstract-level'
import type { KeyRange } from './key-encoding.ts'
import { type Layer, newestRow } from './overlay.ts'
import type { AppliedPoint } from './row-codec.ts'
import type { Slices } from './slices.ts'
import type { StateDatabase } from './storage.ts'

export type StoredRow = readonly [key: string, value: Buffer]

/** How many rows one trip to LevelDB brings. */
const TRIP_ROWS_MAX = 1000
const TRIP_BYTES_MAX = 1024 * 1024

export interface ScanOptions extends KeyRange {
  readonly isReverse?: boolean
}

/**
 * A LevelDB snapshot and the layers over it, taken in one synchronous step. A flush may be in flight then: whether the
 * snapshot has its rows does not matter, since the layers have them too.
 */
export class View {
  readonly point: AppliedPoint
  readonly #database: StateDatabase
  readonly #snapshot: AbstractSnapshot
  /** Oldest first. */
  readonly #layers: readonly Layer[]

  constructor(options: { database: StateDatabase; layers: readonly Layer[]; point: AppliedPoint }) {
    this.point = options.point
    this.#database = options.database
    this.#layers = options.layers
    this.#snapshot = options.database.snapshot()
  }

  async getMany(keys: readonly string[]): Promise<(Buffer | undefined)[]> {
    const rows = keys.map((key) => newestRow(this.#layers, key))
    const missing = keys.filter((_, i) => rows[i] === undefined)
    if (missing.length === 0) return rows.map((row) => row ?? undefined)
    const stored = (await this.#database.getMany(missing, { snapshot: this.#snapshot })).values()
    return rows.map((row) => (row === undefined ? stored.next().value : (row ?? undefined)))
  }

  /** Before a scan of everything, which would else sort the keys of all layers at once: 50 ms for 32 MiB. */
  async sortLayers(slices: Slices): Promise<void> {
    for (const layer of this.#layers) {
      layer.sort()
      await slices.add(layer.sizeBytes)
    }
  }

  /** Close it. */
  scan(options: ScanOptions): Scan {
    const { gte, lt, isReverse = false } = options
    const iteratorOptions: AbstractIteratorOptions<string, Buffer> & { highWaterMarkBytes: number } = {
      gte,
      lt,
      reverse: isReverse,
      snapshot: this.#snapshot,
      highWaterMarkBytes: TRIP_BYTES_MAX,
    }
    const iterator = this.#database.iterator<string, Buffer>(iteratorOptions)
    // Newest first, so that the first of equal keys is the row that counts.
    const layers = this.#layers.toReversed().map((layer) => new LayerCursor(layer, options))
    return new Scan({ iterator, layers: layers.filter(({ key }) => key !== undefined), isReverse })
  }

  /** The first `limit` rows of a range. */
  async take(options: ScanOptions & { readonly limit: number }): Promise<StoredRow[]> {
    const scan = this.scan(options)
    try {
      return await scan.take(options.limit)
    } finally {
      await scan.close()
    }
  }

  async close(): Promise<void> {
    await this.#snapshot.close()
  }
}

/** The rows of a range in key order: LevelDB's, as far as no layer replaces or deletes them, and the layers'. */
export class Scan {
  readonly #iterator: AbstractIterator<StateDatabase, string, Buffer>
  readonly #layers: readonly LayerCursor[]
  readonly #isReverse: boolean
  #trip: [string, Buffer][] = []
  #tripOffset = 0
  #isTripLast = false

  constructor(options: {
    iterator: AbstractIterator<StateDatabase, string, Buffer>
    layers: readonly LayerCursor[]
    isReverse: boolean
  }) {
    this.#iterator = options.iterator
    this.#layers = options.layers
    this.#isReverse = options.isReverse
  }

  /** The next `limit` rows; fewer only at the end. */
  async take(limit: number): Promise<StoredRow[]> {
    const rows: StoredRow[] = []
    while (rows.length < limit) {
      if (this.#tripOffset === this.#trip.length && !this.#isTripLast) {
        await this.#fetch(Math.min(limit - rows.length, TRIP_ROWS_MAX))
      }
      const key = this.#nextKey()
      if (key === undefined) break
      const value = this.#takeRow(key)
      if (value !== null) rows.push([key, value])
    }
    return rows
  }

  async close(): Promise<void> {
    await this.#iterator.close()
  }

  async #fetch(limit: number): Promise<void> {
    this.#trip = await this.#iterator.nextv(limit)
    this.#tripOffset = 0
    this.#isTripLast = this.#trip.length === 0
  }

  #nextKey(): string | undefined {
    let next = this.#trip[this.#tripOffset]?.[0]
    for (const { key } of this.#layers) {
      if (key === undefined) continue
      if (next === undefined || (this.#isReverse ? key > next : key < next)) next = key
    }
    return next
  }

  /** Moves every source past `key`. */
  #takeRow(key: string): Buffer | null {
    let row: Buffer | null | undefined
    for (const layer of this.#layers) {
      if (layer.key !== key) continue
      if (row === undefined) row = layer.row
      layer.advance()
    }
    const stored = this.#trip[this.#tripOffset]
    if (stored?.[0] !== key) return row ?? null
    this.#tripOffset += 1
    return row === undefined ? stored[1] : row
  }
}

class LayerCursor {
  readonly #layer: Layer
  readonly #keys: readonly string[]
  readonly #step: 1 | -1
  #offset: number

  constructor(layer: Layer, { gte, lt, isReverse = false }: ScanOptions) {
    this.#layer = layer
    this.#keys = layer.keysIn({ gte, lt })
    this.#step = isReverse ? -1 : 1
    this.#offset = isReverse ? this.#keys.length - 1 : 0
  }

  /** Undefined at the end. */
  get key(): string | undefined {
    return this.#keys[this.#offset]
  }

  get row(): Buffer | null | undefined {
    return this.key === undefined ? undefined : this.#layer.rows.get(this.key)
  }

  advance(): void {
    this.#offset += this.#step
  }
}
