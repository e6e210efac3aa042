import { assert } from '../../raft/assert.ts'
import { type Position, parsePosition, positionOf } from './key-encoding.ts'

/** An active allocation with an expiry. */
export interface Expiry {
  /** Ms since 1970. */
  readonly expiresAt: number
  readonly position: Position
}

/** Inserting moves at most this many numbers, and so does finding: short for the first, long for the second. */
const CHUNK_LENGTH_MAX = 512

/** Columns, since an object per allocation would take five times the memory. Never empty. */
interface Chunk {
  readonly expiresAt: number[]
  readonly index: number[]
  readonly sequence: number[]
}

interface DueOptions {
  readonly time: number
  readonly limit: number
  readonly after?: Expiry | null
}

/** The position as the two numbers that it is made of. */
export interface ExpiryPlace {
  readonly expiresAt: number
  readonly index: number
  readonly sequence: number
}

/**
 * Expiries in the order of their time, then of creation: a sorted list cut into chunks, 24 bytes an allocation.
 *
 * In memory because `apply` must find what is due without waiting, which no iterator of LevelDB allows.
 */
export class ExpiryIndex {
  readonly #chunks: Chunk[] = []

  /** Null when nothing expires. */
  get earliest(): number | null {
    return this.#chunks[0]?.expiresAt[0] ?? null
  }

  get size(): number {
    return this.#chunks.reduce((size, { index }) => size + index.length, 0)
  }

  add(expiry: Expiry): void {
    const entry = entryOf(expiry)
    const place = this.#chunkFor(entry)
    const chunk = this.#chunks[place]
    if (chunk === undefined) {
      this.#chunks.push({ expiresAt: [entry.expiresAt], index: [entry.index], sequence: [entry.sequence] })
      return
    }
    const offset = firstNotBefore(chunk, entry)
    chunk.expiresAt.splice(offset, 0, entry.expiresAt)
    chunk.index.splice(offset, 0, entry.index)
    chunk.sequence.splice(offset, 0, entry.sequence)
    if (chunk.index.length > CHUNK_LENGTH_MAX) this.#split(place, chunk)
  }

  /** Adds one that comes after all others; for boot. */
  append(
    expiresAt: number,
    { index, sequence }: { readonly index: number; readonly sequence: number },
  ): void {
    const last = this.#chunks.at(-1)
    if (last === undefined || last.index.length >= CHUNK_LENGTH_MAX) {
      this.#chunks.push({ expiresAt: [expiresAt], index: [index], sequence: [sequence] })
      return
    }
    last.expiresAt.push(expiresAt)
    last.index.push(index)
    last.sequence.push(sequence)
  }

  /** As `add`, unless it is there. */
  put(expiry: Expiry): void {
    if (!this.#has(expiry)) this.add(expiry)
  }

  /** As `delete`, if it is there. */
  remove(expiry: Expiry): void {
    if (this.#has(expiry)) this.delete(expiry)
  }

  /** It must be there. */
  delete(expiry: Expiry): void {
    const entry = entryOf(expiry)
    const place = this.#chunkFor(entry)
    const chunk = this.#chunks[place]
    const offset = chunk === undefined ? 0 : firstNotBefore(chunk, entry)
    assert(
      chunk !== undefined && compareAt(chunk, offset, entry) === 0,
      'no expiry at {} of {}',
      expiry.expiresAt,
      expiry.position,
    )
    chunk.expiresAt.splice(offset, 1)
    chunk.index.splice(offset, 1)
    chunk.sequence.splice(offset, 1)
    if (chunk.index.length === 0) this.#chunks.splice(place, 1)
  }

  /** Those at or before `time`, in order. @param options.after Only what comes after this one, which need not be there. */
  due(options: DueOptions): Expiry[] {
    return [...this.dueByNow(options)]
  }

  /** Those of `due`, as of this call. Each is made when it is asked for: to copy the numbers costs a hundredth of that. */
  dueByNow({ time, limit, after = null }: DueOptions): Iterable<Expiry> {
    const start = after === null ? null : entryOf(after)
    const first = start === null ? 0 : this.#chunkFor(start)
    const copies: Chunk[] = []
    let left = limit
    for (const chunk of this.#chunks.slice(first)) {
      const { expiresAt, index, sequence } = chunk
      const from = start === null ? 0 : firstAfter(chunk, start)
      const end = Math.min(index.length, from + left)
      if (left === 0 || (expiresAt[from] ?? time) > time) break
      copies.push({
        expiresAt: expiresAt.slice(from, end),
        index: index.slice(from, end),
        sequence: sequence.slice(from, end),
      })
      left -= end - from
    }
    return expiriesUntil(time, copies)
  }

  /**
   * As many as there are after this one, at most `limit`, without an object for each: a picture of all is taken while writes wait.
   *
   * @returns The last one; null if none came after.
   */
  visitAfter(
    after: ExpiryPlace | null,
    limit: number,
    visit: (expiresAt: number, index: number, sequence: number) => void,
  ): ExpiryPlace | null {
    const start = after === null ? 0 : this.#chunkFor(after)
    let left = limit
    let last: ExpiryPlace | null = null
    for (let place = start; place < this.#chunks.length && left > 0; place++) {
      const chunk = this.#chunks[place] as Chunk
      const { expiresAt, index, sequence } = chunk
      const from = after === null ? 0 : firstAfter(chunk, after)
      const end = Math.min(index.length, from + left)
      for (let i = from; i < end; i++)
        visit(expiresAt[i] as number, index[i] as number, sequence[i] as number)
      if (end > from) last = placeAt(chunk, end - 1)
      left -= end - from
    }
    return last
  }

  #has(expiry: Expiry): boolean {
    const entry = entryOf(expiry)
    const chunk = this.#chunks[this.#chunkFor(entry)]
    if (chunk === undefined) return false
    const offset = firstNotBefore(chunk, entry)
    return offset < chunk.index.length && compareAt(chunk, offset, entry) === 0
  }

  /** How many are due, but not more than `limit`. */
  countDue(time: number, limit: number): number {
    let count = 0
    for (const { expiresAt } of this.#chunks) {
      const isWhole = (expiresAt.at(-1) as number) <= time
      count += isWhole ? expiresAt.length : expiresAt.filter((at) => at <= time).length
      if (count >= limit) return limit
      if (!isWhole) break
    }
    return count
  }

  /** The last chunk that starts at or before `entry`, or the first. */
  #chunkFor(entry: ExpiryPlace): number {
    let low = 0
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareAt(this.#chunks[middle] as Chunk, 0, entry) <= 0) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }

  #split(place: number, chunk: Chunk): void {
    // Time to live is mostly the same for all, so new ones come at the end: leave the full chunk nearly full.
    const isLast = place === this.#chunks.length - 1
    const at = isLast ? CHUNK_LENGTH_MAX : CHUNK_LENGTH_MAX / 2
    this.#chunks.splice(place + 1, 0, {
      expiresAt: chunk.expiresAt.splice(at),
      index: chunk.index.splice(at),
      sequence: chunk.sequence.splice(at),
    })
  }
}

function* expiriesUntil(time: number, chunks: readonly Chunk[]): Generator<Expiry> {
  for (const { expiresAt, index, sequence } of chunks) {
    for (const [offset, at] of expiresAt.entries()) {
      if (at > time) return
      const position = positionOf(index[offset] as number, sequence[offset] as number)
      yield { expiresAt: at, position }
    }
  }
}

function entryOf({ expiresAt, position }: Expiry): ExpiryPlace {
  return { expiresAt, ...parsePosition(position) }
}

function placeAt({ expiresAt, index, sequence }: Chunk, offset: number): ExpiryPlace {
  return {
    expiresAt: expiresAt[offset] as number,
    index: index[offset] as number,
    sequence: sequence[offset] as number,
  }
}

/** Negative: what is at `offset` comes before `entry`. */
function compareAt({ expiresAt, index, sequence }: Chunk, offset: number, entry: ExpiryPlace): number {
  return (
    (expiresAt[offset] as number) - entry.expiresAt ||
    (index[offset] as number) - entry.index ||
    (sequence[offset] as number) - entry.sequence
  )
}

function firstAfter(chunk: Chunk, entry: ExpiryPlace): number {
  const offset = firstNotBefore(chunk, entry)
  return offset < chunk.index.length && compareAt(chunk, offset, entry) === 0 ? offset + 1 : offset
}

function firstNotBefore(chunk: Chunk, entry: ExpiryPlace): number {
  let low = 0
  let high = chunk.index.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareAt(chunk, middle, entry) < 0) low = middle + 1
    else high = middle
  }
  return low
}
