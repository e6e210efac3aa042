/** Where audit rows lie by each of the filters: lists that are asked for what comes next, so that several are gone through at once. */
import {
  AUDIT,
  AUDIT_BLOCK_INDEXES,
  type AuditBlockKind,
  auditBlockKey,
  auditBlocks,
  auditKey,
  parseAuditBlockKey,
} from '../audit-keys.ts'
import {
  type KeyRange,
  type Position,
  parsePosition,
  positionIn,
  positionOf,
  SEQUENCE_MAX,
} from '../key-encoding.ts'
import type { Candidate, Candidates } from './candidates.ts'
import { EXAMINED_MAX } from './page.ts'
import { type Reading, SeekableRows } from './seekable-rows.ts'

/** Rows of the log and of its indexes that one request brings, at most: a page is short then. */
export const AUDIT_READS_MAX = 2 * EXAMINED_MAX

export interface Places {
  /** The nearest that is not before `from`, in the direction of the reading; null: none is left. Who asks again asks no less far. */
  seek(from: Position): Promise<Position | null>
  close(): Promise<void>
}

/** All of each block in which some row has the value. */
export class BlockPlaces implements Places {
  readonly #kind: AuditBlockKind
  readonly #value: string
  readonly #isReverse: boolean
  readonly #rows: SeekableRows

  constructor(reading: Reading, { kind, value }: { readonly kind: AuditBlockKind; readonly value: string }) {
    this.#kind = kind
    this.#value = value
    this.#isReverse = reading.isReverse
    this.#rows = new SeekableRows(reading, auditBlocks(kind, value))
  }

  async seek(from: Position): Promise<Position | null> {
    const { index } = parsePosition(from)
    const row = await this.#rows.seek(auditBlockKey(this.#kind, this.#value, index))
    if (row === null) return null
    const first = parseAuditBlockKey(row[0])
    if (first === blockOf(from)) return from
    return this.#isReverse ? positionOf(first + AUDIT_BLOCK_INDEXES - 1, SEQUENCE_MAX) : positionOf(first, 0)
  }

  close(): Promise<void> {
    return this.#rows.close()
  }
}

/** What an index names, the position at the end of its keys. */
export class IndexPlaces implements Places {
  readonly #prefix: string
  readonly #rows: SeekableRows

  constructor(reading: Reading, range: KeyRange) {
    this.#prefix = range.gte
    this.#rows = new SeekableRows(reading, range)
  }

  async seek(from: Position): Promise<Position | null> {
    const row = await this.#rows.seek(this.#prefix + from)
    return row === null ? null : positionIn(row[0])
  }

  close(): Promise<void> {
    return this.#rows.close()
  }
}

/** What is known without reading. */
export class KnownPlaces implements Places {
  readonly #places: readonly Position[]
  readonly #isReverse: boolean

  constructor({ isReverse }: Pick<Reading, 'isReverse'>, places: readonly Position[]) {
    this.#isReverse = isReverse
    this.#places = places.toSorted((a, b) => (isBefore(a, b, isReverse) ? -1 : 1))
  }

  async seek(from: Position): Promise<Position | null> {
    return this.#places.find((place) => !isBefore(place, from, this.#isReverse)) ?? null
  }

  async close(): Promise<void> {}
}

/** What is in any of several lists. */
export class AnyPlaces implements Places {
  readonly #isReverse: boolean
  readonly #lists: readonly Places[]
  /** What each list has next; undefined if it was not asked yet. */
  readonly #next: (Position | null | undefined)[]

  constructor({ isReverse }: Pick<Reading, 'isReverse'>, lists: readonly Places[]) {
    this.#isReverse = isReverse
    this.#lists = lists
    this.#next = lists.map(() => undefined)
  }

  async seek(from: Position): Promise<Position | null> {
    await Promise.all(this.#lists.map((list, i) => this.#refresh(list, i, from)))
    let nearest: Position | null = null
    for (const place of this.#next) {
      if (place == null) continue
      if (nearest === null || isBefore(place, nearest, this.#isReverse)) nearest = place
    }
    return nearest
  }

  async close(): Promise<void> {
    for (const list of this.#lists) await list.close()
  }

  async #refresh(list: Places, i: number, from: Position): Promise<void> {
    const place = this.#next[i]
    const isBehind = place === undefined || (place !== null && isBefore(place, from, this.#isReverse))
    if (isBehind) this.#next[i] = await list.seek(from)
  }
}

/** Where rows of the log are sought, within the block that is asked for; then wherever the next row is. */
export class LogPlaces implements Places {
  readonly #reading: Reading
  readonly #isSought: (row: Buffer, position: Position) => boolean
  readonly #rows: SeekableRows

  constructor(reading: Reading, isSought: (row: Buffer, position: Position) => boolean) {
    this.#reading = reading
    this.#isSought = isSought
    this.#rows = new SeekableRows(reading, AUDIT)
  }

  async seek(from: Position): Promise<Position | null> {
    for (let next = from; ; ) {
      const row = await this.#rows.seek(auditKey(next))
      if (row === null) return null
      const place = positionIn(row[0])
      // Which block is the next to be looked into, the others may know.
      if (blockOf(place) !== blockOf(from) || this.#isSought(row[1], place)) return place
      next = positionBehind(place, this.#reading)
      if (this.#reading.left < 1) return next
    }
  }

  close(): Promise<void> {
    return this.#rows.close()
  }
}

/** What all of several lists have: whichever is asked says how far the others need not look. What costs most to ask comes last. */
export class CommonPlaces implements Candidates {
  readonly name: string
  readonly #reading: Reading
  readonly #lists: readonly Places[]
  readonly #isBeyond: (place: Position) => boolean
  #from: Position | null
  #stoppedAt: Position | null = null

  /** @param options.from The first place that may be listed. @param options.isBeyond Whether it lies behind the last one. */
  constructor(
    reading: Reading,
    options: {
      readonly name: string
      readonly lists: readonly Places[]
      readonly from: Position
      readonly isBeyond: (place: Position) => boolean
    },
  ) {
    this.name = options.name
    this.#reading = reading
    this.#lists = options.lists
    this.#from = options.from
    this.#isBeyond = options.isBeyond
  }

  get stoppedAt(): Position | null {
    return this.#stoppedAt
  }

  async take(count: number): Promise<Candidate[]> {
    const taken: Candidate[] = []
    while (taken.length < count && this.#from !== null) {
      const place = await this.#next(this.#from)
      this.#from = place && positionBehind(place, this.#reading)
      if (place !== null) taken.push({ position: place, place, key: '' })
    }
    return taken
  }

  async close(): Promise<void> {
    for (const list of this.#lists) await list.close()
  }

  async #next(from: Position): Promise<Position | null> {
    let place = from
    // Each further list is asked only where all before it agree.
    for (let agreed = 0; agreed < this.#lists.length; ) {
      const { isReverse, left } = this.#reading
      if (left < 1) {
        this.#stoppedAt = positionBehind(place, { isReverse: !isReverse })
        return null
      }
      const next = (await this.#lists[agreed]?.seek(place)) ?? null
      if (next === null || this.#isBeyond(next)) return null
      agreed = next === place ? agreed + 1 : 0
      place = next
    }
    return place
  }
}

/** The position right behind another one, whether anything lies there or not. */
export function positionBehind(position: Position, { isReverse }: Pick<Reading, 'isReverse'>): Position {
  const { index, sequence } = parsePosition(position)
  // No entry has the index 0: nothing lies before it.
  if (isReverse && sequence === 0) return positionOf(Math.max(index - 1, 0), SEQUENCE_MAX)
  if (isReverse) return positionOf(index, sequence - 1)
  return sequence < SEQUENCE_MAX ? positionOf(index, sequence + 1) : positionOf(index + 1, 0)
}

function blockOf(position: Position): number {
  const { index } = parsePosition(position)
  return index - (index % AUDIT_BLOCK_INDEXES)
}

function isBefore(place: Position, other: Position, isReverse: boolean): boolean {
  return isReverse ? place > other : place < other
}
