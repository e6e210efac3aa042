/** Which addresses of a range belong to one kind of claim. */
import { FreeSpace } from './free-space.ts'
import type { AddressRange } from './range.ts'

/** As `FreeSpace`, seen from the other side; and while it is empty, which most are, it takes next to no memory. */
export class RunSet {
  readonly #whole: AddressRange
  #space: FreeSpace | null

  /** @param runs Ascending, disjoint, within `whole`. */
  constructor(whole: AddressRange, runs: readonly AddressRange[]) {
    this.#whole = whole
    this.#space = runs.length === 0 ? null : FreeSpace.fromRuns(whole, runs)
  }

  get count(): bigint {
    return this.#space?.occupiedCount ?? 0n
  }

  get isEmpty(): boolean {
    return this.#space === null
  }

  /** Whether any of them is in the set. */
  meets({ first, last }: AddressRange): boolean {
    return this.#space !== null && !this.#space.isFree(first, last)
  }

  /** None of them may be in the set. */
  add({ first, last }: AddressRange): void {
    this.#space ??= new FreeSpace(this.#whole)
    this.#space.occupy(first, last)
  }

  /** All of them must be in the set. */
  delete({ first, last }: AddressRange): void {
    this.#space ??= new FreeSpace(this.#whole)
    this.#space.release(first, last)
    if (this.#space.occupiedCount === 0n) this.#space = null
  }

  /** What of `range` is in the set: ascending, no two adjacent. Lazy; the set must not change meanwhile. */
  *within(range: AddressRange): Generator<AddressRange> {
    if (this.#space === null) return
    for (const run of this.#space.occupiedRuns(range.first)) {
      if (run.first > range.last) return
      yield cut(run, range)
    }
  }

  /** Of `range`, exactly these are in the set now. @param runs Ascending, disjoint. */
  replace(range: AddressRange, runs: readonly AddressRange[]): void {
    if (this.#space === null && runs.length === 0) return
    this.#space ??= new FreeSpace(this.#whole)
    replaceOccupied(this.#space, range, runs)
    if (this.#space.occupiedCount === 0n) this.#space = null
  }
}

/** Of `range`, exactly these are occupied afterwards. @param occupied Ascending, disjoint, within `range`. */
export function replaceOccupied(
  space: FreeSpace,
  range: AddressRange,
  occupied: readonly AddressRange[],
): void {
  const free: AddressRange[] = []
  for (const run of space.freeRuns(range.first)) {
    if (run.first > range.last) break
    free.push(cut(run, range))
  }
  for (const { first, last } of free) space.occupy(first, last)
  for (const { first, last } of gapsBetween(range, occupied)) space.release(first, last)
}

function gapsBetween(range: AddressRange, runs: readonly AddressRange[]): AddressRange[] {
  const gaps: AddressRange[] = []
  let next = range.first
  for (const { first, last } of runs) {
    if (next < first) gaps.push({ first: next, last: first - 1n })
    next = last + 1n
  }
  if (next <= range.last) gaps.push({ first: next, last: range.last })
  return gaps
}

/** The part of a run that lies in a range which it meets. */
export function cut({ first, last }: AddressRange, { first: low, last: high }: AddressRange): AddressRange {
  return { first: first < low ? low : first, last: last > high ? high : last }
}
