/** Where a list's rows come from: positions of records in a stable order, a chunk at a time. */
import { type KeyRange, POSITION_CHARS, type Position, positionIn } from '../key-encoding.ts'
import { decodeAddressRange } from '../row-codec.ts'
import type { Scan, StoredRow, View } from '../view.ts'

export interface Candidate {
  readonly position: Position
  /** Where it stands among the others; what comes after it is greater. */
  readonly place: string
  /** The index row that named it, empty if none did. */
  readonly key: string
}

export interface Candidates {
  /** Tells lists apart: a cursor of one means nothing to another. */
  readonly name: string
  /** The next ones; fewer than `count` only at the end, or where it has stopped. */
  take(count: number): Promise<readonly Candidate[]>
  /** The place up to which it has looked, if it has read as much as one request may: more may come behind it. */
  readonly stoppedAt?: string | null
  close(): Promise<void>
}

interface Run {
  readonly scan: Scan
  readonly toCandidate: (row: StoredRow) => Candidate
  rows: StoredRow[]
  offset: number
  isLast: boolean
}

const RUN_ROWS_MIN = 16
/** Where rows are left out, for the last few that are wanted more than those have to be read. */
const MIXED_ROWS_MIN = 64

/**
 * The rows of several ranges as one list. A place is what a key has behind a start that is of the same length in all ranges;
 * where the position is in the row and not in the key, as with address ranges, the place ends with it as well.
 */
export class IndexCandidates implements Candidates {
  readonly name: string
  readonly #after: string | null
  readonly #isReverse: boolean
  readonly #isOthers: ((place: string) => boolean) | null
  readonly #runs: readonly Run[]

  /** @param after Only what stands after this place. */
  constructor(
    view: View,
    options: {
      readonly name: string
      readonly ranges: readonly KeyRange[]
      /** Of address ranges; forwards only. */
      readonly addressRanges?: readonly KeyRange[]
      /** How many characters of a key come before its place. */
      readonly placeOffset: number
      readonly after: string | null
      readonly isReverse?: boolean
      /** Rows at these places are left out; null: none. */
      readonly isOthers?: ((place: string) => boolean) | null
    },
  ) {
    const { name, ranges, addressRanges = [], placeOffset, after, isReverse = false } = options
    this.name = name
    this.#isOthers = options.isOthers ?? null
    this.#after = after
    this.#isReverse = isReverse
    const open = (range: KeyRange, toCandidate: Run['toCandidate']): Run => {
      return { scan: view.scan({ ...range, isReverse }), toCandidate, rows: [], offset: 0, isLast: false }
    }
    const byKey = ([key]: StoredRow): Candidate => {
      return { position: positionIn(key), place: key.slice(placeOffset), key }
    }
    const byRow = ([key, row]: StoredRow): Candidate => {
      const { position } = decodeAddressRange(row)
      return { position, place: key.slice(placeOffset) + position, key }
    }
    this.#runs = [
      ...ranges.map((range) => open(from(range, { placeOffset, after, isReverse }), byKey)),
      ...addressRanges.map((range) => open(fromAddress(range, { placeOffset, after }), byRow)),
    ]
  }

  async take(count: number): Promise<Candidate[]> {
    const candidates: Candidate[] = []
    while (candidates.length < count) {
      await this.#fill(count - candidates.length)
      const next = this.#takeNext()
      if (next === null) break
      if (!this.#isBehind(next) && this.#isOthers?.(next.place) !== true) candidates.push(next)
    }
    return candidates
  }

  async close(): Promise<void> {
    for (const { scan } of this.#runs) await scan.close()
  }

  async #fill(wanted: number): Promise<void> {
    const isEmpty = (run: Run): boolean => run.offset === run.rows.length && !run.isLast
    if (!this.#runs.some(isEmpty)) return
    await Promise.all(
      this.#runs.filter(isEmpty).map(async (run) => {
        // Of many, most have little or nothing; one that has more is asked for more each time.
        const share = Math.max(Math.ceil(wanted / this.#runs.length), RUN_ROWS_MIN, 2 * run.rows.length)
        const limit = Math.max(Math.min(wanted, share), this.#isOthers === null ? 0 : MIXED_ROWS_MIN)
        run.rows = await run.scan.take(limit)
        run.offset = 0
        run.isLast = run.rows.length < limit
      }),
    )
  }

  #takeNext(): Candidate | null {
    let from: Run | null = null
    let next: Candidate | null = null
    for (const run of this.#runs) {
      const row = run.rows[run.offset]
      if (row === undefined) continue
      const own = run.toCandidate(row)
      if (next !== null && (this.#isReverse ? own.place <= next.place : own.place >= next.place)) continue
      from = run
      next = own
    }
    if (from !== null) from.offset += 1
    return next
  }

  /** Address ranges begin with all rows of the address at which the cursor stands. */
  #isBehind({ place }: Candidate): boolean {
    return !this.#isReverse && this.#after !== null && place <= this.#after
  }
}

function from(
  range: KeyRange,
  { placeOffset, after, isReverse }: { placeOffset: number; after: string | null; isReverse: boolean },
): KeyRange {
  if (after === null) return range
  const key = range.gte.slice(0, placeOffset) + after
  // The lowest key after another one is that with a zero byte behind it.
  const gte = `${key}\0`
  if (isReverse) return { gte: range.gte, lt: key < range.lt ? key : range.lt }
  return { gte: gte > range.gte ? gte : range.gte, lt: range.lt }
}

/** From the address at which the cursor stands: which of its rows come after the cursor only the rows say. */
function fromAddress(
  range: KeyRange,
  { placeOffset, after }: { placeOffset: number; after: string | null },
): KeyRange {
  if (after === null) return range
  const gte = range.gte.slice(0, placeOffset) + after.slice(0, -POSITION_CHARS)
  return { gte: gte > range.gte ? gte : range.gte, lt: range.lt }
}

/** What is in memory: whatever a generator gives. */
export class MemoryCandidates implements Candidates {
  readonly name: string
  readonly #candidates: Iterator<Candidate>

  constructor(name: string, candidates: Iterable<Candidate>) {
    this.name = name
    this.#candidates = candidates[Symbol.iterator]()
  }

  async take(count: number): Promise<Candidate[]> {
    const taken: Candidate[] = []
    while (taken.length < count) {
      const next = this.#candidates.next()
      if (next.done === true) break
      taken.push(next.value)
    }
    return taken
  }

  async close(): Promise<void> {
    this.#candidates.return?.()
  }
}

/** Lists one after the other: all places of one come before those of the next. */
export class ChainedCandidates implements Candidates {
  readonly name: string
  readonly #lists: readonly Candidates[]
  #current = 0

  constructor(name: string, lists: readonly Candidates[]) {
    this.name = name
    this.#lists = lists
  }

  async take(count: number): Promise<Candidate[]> {
    const taken: Candidate[] = []
    for (let list = this.#lists[this.#current]; list !== undefined; list = this.#lists[this.#current]) {
      taken.push(...(await list.take(count - taken.length)))
      if (taken.length === count) break
      this.#current += 1
    }
    return taken
  }

  async close(): Promise<void> {
    for (const list of this.#lists) await list.close()
  }
}

/** Several lists as one, in the order of places. */
export class MergedCandidates implements Candidates {
  readonly name: string
  readonly #isReverse: boolean
  readonly #sources: readonly Source[]

  constructor(
    name: string,
    lists: readonly Candidates[],
    { isReverse = false }: { isReverse?: boolean } = {},
  ) {
    this.name = name
    this.#isReverse = isReverse
    this.#sources = lists.map((list) => ({ list, rows: [], offset: 0, isLast: false }))
  }

  async take(count: number): Promise<Candidate[]> {
    const taken: Candidate[] = []
    while (taken.length < count) {
      await Promise.all(this.#sources.map(refill))
      const source = this.#nextSource()
      const candidate = source?.rows[source.offset]
      if (source === null || candidate === undefined) break
      source.offset += 1
      taken.push(candidate)
    }
    return taken
  }

  async close(): Promise<void> {
    for (const { list } of this.#sources) await list.close()
  }

  #nextSource(): Source | null {
    let best: Source | null = null
    for (const source of this.#sources) {
      const own = source.rows[source.offset]?.place
      const other = best?.rows[best.offset]?.place
      if (own === undefined) continue
      if (other === undefined || (this.#isReverse ? own > other : own < other)) best = source
    }
    return best
  }
}

interface Source {
  readonly list: Candidates
  rows: readonly Candidate[]
  offset: number
  isLast: boolean
}

const SOURCE_ROWS = 64

async function refill(source: Source): Promise<void> {
  if (source.offset < source.rows.length || source.isLast) return
  source.rows = await source.list.take(SOURCE_ROWS)
  source.offset = 0
  source.isLast = source.rows.length < SOURCE_ROWS
}
