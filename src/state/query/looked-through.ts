/** A search among few records: each of them is looked at. */
import { CorruptStateError } from '../errors.ts'
import type { Position } from '../key-encoding.ts'
import type { View } from '../view.ts'
import type { Candidate, Candidates } from './candidates.ts'
import { COUNTED_MAX, EXAMINED_MAX } from './page.ts'

/** As many as all of a /22, so that all that is found can be counted. An index of something else may name any number that are somebody else's. */
export const LOOKED_THROUGH_MAX = COUNTED_MAX
/** So many are looked at where an index has named as many in vain: together no more than a request may read. */
export const LOOKED_THROUGH_LATE_MAX = EXAMINED_MAX / 2
/** Between these, others have their turn. */
const TRIP_RECORDS = 1_000

export interface LookedThroughOptions {
  /** Of the search. */
  readonly name: string
  readonly keyOf: (position: Position) => string
  /** Where a record that is sought stands in the search; null: it is not sought. */
  readonly placeOf: (row: Buffer, position: Position) => Omit<Candidate, 'position'> | null
  /** Only what stands behind this place of the search. */
  readonly after: string | null
}

/** In the order of the search, with its places: it goes on from one page to the next as more become of them. */
export class LookedThrough implements Candidates {
  readonly name: string
  readonly #view: View
  readonly #all: Candidates
  readonly #options: LookedThroughOptions
  #after: string | null
  #found: Candidate[] | null = null

  /** @param all Those few. */
  constructor(view: View, all: Candidates, options: LookedThroughOptions) {
    this.name = options.name
    this.#after = options.after
    this.#view = view
    this.#all = all
    this.#options = options
  }

  /** Before anything is taken. */
  skipTo(place: string): void {
    this.#after = place
  }

  async take(count: number): Promise<readonly Candidate[]> {
    this.#found ??= await this.#lookThrough()
    return this.#found.splice(0, count)
  }

  close(): Promise<void> {
    return this.#all.close()
  }

  async #lookThrough(): Promise<Candidate[]> {
    const found: Candidate[] = []
    for (;;) {
      const trip = await this.#all.take(TRIP_RECORDS)
      found.push(...(await this.#soughtOf(trip)))
      if (trip.length < TRIP_RECORDS) break
    }
    return found.sort((a, b) => (a.place < b.place ? -1 : 1))
  }

  async #soughtOf(trip: readonly Candidate[]): Promise<Candidate[]> {
    const { keyOf, placeOf } = this.#options
    const after = this.#after
    const rows = await this.#view.getMany(trip.map(({ position }) => keyOf(position)))
    return trip.flatMap(({ position, key }, i): Candidate[] => {
      const row = rows[i]
      if (row === undefined) throw new CorruptStateError(`${key} points to no record`)
      const found = placeOf(row, position)
      return found !== null && (after === null || found.place > after) ? [{ position, ...found }] : []
    })
  }
}

/**
 * What an index names; once it has named so many that may all be somebody else's, the rest by looking at each of the own. So it
 * takes at most twice as much as the better of the two, and nobody need know which that is.
 */
export class LookedThroughLate implements Candidates {
  readonly name: string
  readonly #indexed: Candidates
  readonly #through: LookedThrough
  /** That the index may still name. */
  #left: number

  /** @param count That the index may name: as many as there are to be looked at. */
  constructor(indexed: Candidates, through: LookedThrough, count: number) {
    this.name = indexed.name
    this.#indexed = indexed
    this.#through = through
    this.#left = count
  }

  async take(count: number): Promise<readonly Candidate[]> {
    const wanted = Math.min(count, this.#left)
    const taken = wanted === 0 ? [] : await this.#indexed.take(wanted)
    this.#left -= taken.length
    const last = taken.at(-1)
    if (last !== undefined) this.#through.skipTo(last.place)
    if (taken.length < wanted || wanted === count) return taken
    return [...taken, ...(await this.#through.take(count - wanted))]
  }

  async close(): Promise<void> {
    await this.#indexed.close()
    await this.#through.close()
  }
}
