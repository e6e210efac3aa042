/** Rows that are applied but not flushed yet, over those of the database. */
import { assert } from '../../raft/assert.ts'
import type { KeyRange } from './key-encoding.ts'
import { CHANGE_BYTES, type RangeChange } from './range-journal.ts'
import type { AppliedPoint } from './row-codec.ts'
import { StateHash } from './state-hash.ts'

/** Null: deleted. */
export type Row = Buffer | null

/** Map entry, key and value headers; so that many small rows count as what they take. */
const ROW_OVERHEAD_BYTES = 100
/** Building a batch of this size takes a few milliseconds, during which nothing else runs. */
const LAYER_BYTES_MAX = 1024 * 1024

/** Rows of consecutive whole entries; never changes. */
export class Layer {
  readonly rows: ReadonlyMap<string, Row>
  /** What the rows mean for memory, in the order in which it changed. */
  readonly changes: readonly RangeChange[]
  readonly sizeBytes: number
  /** The last entry whose rows are in it. */
  readonly point: AppliedPoint
  #kinds: ReadonlyMap<string, SortedKeys> | null = null

  constructor({
    rows,
    changes = [],
    sizeBytes,
    point,
  }: {
    rows: ReadonlyMap<string, Row>
    changes?: readonly RangeChange[]
    sizeBytes: number
    point: AppliedPoint
  }) {
    this.rows = rows
    this.changes = changes
    this.sizeBytes = sizeBytes
    this.point = point
  }

  /** Ascending. */
  keysIn(range: KeyRange): readonly string[] {
    const grouped = this.#grouped()
    const first = range.gte.slice(0, 1)
    const last = range.lt.slice(0, 1)
    const kinds = [...grouped.keys()].filter((kind) => first <= kind && kind <= last).sort()
    const runs = kinds.map((kind) => grouped.get(kind)?.within(range) ?? [])
    return runs.length === 1 ? (runs[0] ?? []) : runs.flat()
  }

  /** Does what `keysIn` has to do only once. */
  sort(): void {
    for (const keys of this.#grouped().values()) keys.sort()
  }

  #grouped(): ReadonlyMap<string, SortedKeys> {
    this.#kinds ??= groupByKind(this.rows.keys())
    return this.#kinds
  }
}

/** The keys of one kind, sorted when first asked for: what nobody lists never is, and most kinds are nearly sorted. */
class SortedKeys {
  readonly #keys: string[]
  #isSorted = false

  constructor(keys: string[]) {
    this.#keys = keys
  }

  sort(): void {
    if (!this.#isSorted) this.#keys.sort()
    this.#isSorted = true
  }

  within({ gte, lt }: KeyRange): readonly string[] {
    this.sort()
    return this.#keys.slice(firstAtOrAfter(this.#keys, gte), firstAtOrAfter(this.#keys, lt))
  }
}

/**
 * One growing set of rows, and sealed layers below it: those that wait, and those that are being flushed.
 *
 * Whoever needs a view that later entries do not change seals what has grown and keeps the layers. Small neighbours
 * are merged whenever a layer is added, so that the number of layers is logarithmic in the number of rows.
 */
export class Overlay {
  #rows = new Map<string, Row>()
  #changes: RangeChange[] = []
  #rowsBytes = 0
  /** Oldest first, as is `#flushing`, which is older still. */
  #sealed: Layer[] = []
  #flushing: readonly Layer[] = []
  #layersBytes = 0
  #point: AppliedPoint
  readonly #hash: StateHash

  /** @param point The last entry whose rows the database has. */
  constructor(point: AppliedPoint) {
    this.#point = point
    this.#hash = new StateHash(point.hash)
  }

  /** The last entry whose rows are all here or in the database. */
  get point(): AppliedPoint {
    return this.#point
  }

  get sizeBytes(): number {
    return this.#layersBytes + this.#rowsBytes
  }

  /** Undefined: ask the database. */
  get(key: string): Row | undefined {
    const row = this.#rows.get(key)
    if (row !== undefined) return row
    const waiting = newestRow(this.#sealed, key)
    return waiting !== undefined ? waiting : newestRow(this.#flushing, key)
  }

  put(key: string, row: Row): void {
    const before = this.#rows.get(key)
    if (before !== undefined) this.#rowsBytes -= bytesOf(key, before)
    this.#rows.set(key, row)
    this.#hash.addRow(key, row)
    this.#rowsBytes += bytesOf(key, row)
  }

  /** The rows of this entry do this to memory. */
  noteChange(change: RangeChange): void {
    this.#changes.push(change)
    this.#rowsBytes += CHANGE_BYTES
  }

  /** Deletes a row that was put once, ever: one that has not left this place yet need never be written. */
  withdraw(key: string): void {
    const row = this.#rows.get(key)
    if (row === undefined) {
      this.put(key, null)
      return
    }
    this.#rows.delete(key)
    this.#rowsBytes -= bytesOf(key, row)
    // Whether the row was still here depends on the flushes of this node, and the hash must not.
    this.#hash.addRow(key, null)
  }

  /** Everything put so far belongs to entries up to this one. */
  commit({ index, term, time }: { index: number; term: number; time: number }): void {
    this.#point = { index, term, time, hash: this.#hash.endEntry({ index, term, time }) }
    if (this.#rowsBytes >= LAYER_BYTES_MAX) this.#seal()
  }

  /** All rows, oldest layer first, as they are now. Call between entries. */
  layers(): readonly Layer[] {
    this.#seal()
    return [...this.#flushing, ...this.#sealed]
  }

  /** Takes the oldest layers that wait, as many as make one batch; they stay readable until `endFlush`. */
  beginFlush(): { layers: readonly Layer[]; point: AppliedPoint } {
    assert(this.#flushing.length === 0, 'one flush at a time')
    this.#seal()
    let count = 0
    let bytes = 0
    for (const layer of this.#sealed) {
      bytes += layer.sizeBytes
      if (count > 0 && bytes > LAYER_BYTES_MAX) break
      count += 1
    }
    const layers = this.#sealed.splice(0, count)
    this.#flushing = layers
    // Entries without rows come after the last layer.
    const point = this.#sealed.length === 0 ? this.#point : (layers.at(-1)?.point ?? this.#point)
    return { layers, point }
  }

  /** The database has them. */
  endFlush(): void {
    for (const layer of this.#flushing) this.#layersBytes -= layer.sizeBytes
    this.#flushing = []
  }

  #seal(): void {
    if (this.#rows.size === 0) return
    let layer = new Layer({
      rows: this.#rows,
      changes: this.#changes,
      sizeBytes: this.#rowsBytes,
      point: this.#point,
    })
    this.#layersBytes += layer.sizeBytes
    this.#rows = new Map()
    this.#changes = []
    this.#rowsBytes = 0
    for (let below = this.#sealed.at(-1); below !== undefined; below = this.#sealed.at(-1)) {
      if (below.sizeBytes > 2 * layer.sizeBytes || below.sizeBytes + layer.sizeBytes > LAYER_BYTES_MAX) break
      layer = merge(below, layer)
      this.#sealed.pop()
    }
    this.#sealed.push(layer)
  }
}

function bytesOf(key: string, row: Row): number {
  return ROW_OVERHEAD_BYTES + key.length + (row?.length ?? 0)
}

/** @param layers Oldest first. */
export function newestRow(layers: readonly Layer[], key: string): Row | undefined {
  for (let i = layers.length - 1; i >= 0; i--) {
    const row = layers[i]?.rows.get(key)
    if (row !== undefined) return row
  }
  return undefined
}

function merge(older: Layer, newer: Layer): Layer {
  const rows = new Map(older.rows)
  for (const [key, row] of newer.rows) rows.set(key, row)
  return new Layer({
    rows,
    changes: newer.changes.length === 0 ? older.changes : [...older.changes, ...newer.changes],
    sizeBytes: older.sizeBytes + newer.sizeBytes,
    point: newer.point,
  })
}

function firstAtOrAfter(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] as string) < key) low = middle + 1
    else high = middle
  }
  return low
}

/** By the first character of the key. */
function groupByKind(keys: Iterable<string>): Map<string, SortedKeys> {
  const kinds = new Map<string, string[]>()
  for (const key of keys) {
    const kind = key.charAt(0)
    const ofKind = kinds.get(kind)
    if (ofKind === undefined) kinds.set(kind, [key])
    else ofKind.push(key)
  }
  return new Map([...kinds].map(([kind, ofKind]) => [kind, new SortedKeys(ofKind)]))
}
