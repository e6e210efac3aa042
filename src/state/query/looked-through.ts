/** A search among the few allocations of a network or namespace: each of them is looked at. */
import type { Allocation } from '../../ipam/records.ts'
import { CorruptStateError } from '../errors.ts'
import { allocationKey } from '../key-space.ts'
import { decodeNumberedAllocation } from '../record-codec.ts'
import type { View } from '../view.ts'
import type { Search } from './allocation-searches.ts'
import type { Candidate, Candidates } from './candidates.ts'
import { COUNTED_MAX } from './page.ts'

/** As many as all of a /22, so that all that is found can be counted. An index of something else may name any number that are somebody else's. */
export const LOOKED_THROUGH_MAX = COUNTED_MAX

/** In the order of the search, with its places: it goes on from one page to the next as more become of them. */
export class LookedThrough implements Candidates {
  readonly name: string
  readonly #view: View
  readonly #all: Candidates
  readonly #search: Search
  readonly #matches: (allocation: Allocation) => boolean
  readonly #after: string | null
  #found: Candidate[] | null = null

  /** @param all Those few. @param options.after Only what stands behind this place of the search. */
  constructor(
    view: View,
    all: Candidates,
    options: {
      readonly search: Search
      readonly matches: (allocation: Allocation) => boolean
      readonly after: string | null
    },
  ) {
    this.name = options.search.name
    this.#view = view
    this.#all = all
    this.#search = options.search
    this.#matches = options.matches
    this.#after = options.after
  }

  async take(count: number): Promise<readonly Candidate[]> {
    this.#found ??= await this.#lookThrough()
    return this.#found.splice(0, count)
  }

  close(): Promise<void> {
    return this.#all.close()
  }

  async #lookThrough(): Promise<Candidate[]> {
    const all = await this.#all.take(LOOKED_THROUGH_MAX + 1)
    const rows = await this.#view.getMany(all.map(({ position }) => allocationKey(position)))
    const found = all.flatMap(({ position, key }, i): Candidate[] => {
      const row = rows[i]
      if (row === undefined) throw new CorruptStateError(`${key} points to no record`)
      const { allocation, ordinal } = decodeNumberedAllocation(row)
      if (!this.#matches(allocation)) return []
      const candidate = { position, ...this.#search.placeOf({ allocation, ordinal, position }) }
      return this.#after === null || candidate.place > this.#after ? [candidate] : []
    })
    return found.sort((a, b) => (a.place < b.place ? -1 : 1))
  }
}
