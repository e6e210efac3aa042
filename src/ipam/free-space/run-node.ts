/** What the levels of the tree of runs have in common. */
import type { AddressRange } from '../range.ts'

/** Runs in one place, replaced by others that keep the order. */
export interface Edit {
  /** With `deletes`, start of the run to delete; else where the new runs belong. */
  readonly at: bigint
  readonly deletes: boolean
  /** None, one or two. */
  readonly runs: readonly AddressRange[]
}

export interface RunNode {
  /** Of the lowest run. */
  readonly first: bigint
  /** Addresses in the longest run. */
  readonly longest: bigint
  readonly isEmpty: boolean
  /** Would better be one with its neighbour. */
  readonly isSparse: boolean
  /** The last run that starts at or before `address`. */
  floor(address: bigint): AddressRange | null
  /** The first run that starts at or after `address`. */
  ceiling(address: bigint): AddressRange | null
  /** The lowest address, not below `from`, where `count` addresses lie in one run. */
  lowestFit(count: bigint, from: bigint): bigint | null
  /** Returns the upper half as a new node if it has become too large. */
  edit(edit: Edit): RunNode | null
  /** Takes over everything in its right neighbour, which is of the same kind; false if that is too much. */
  absorb(right: RunNode): boolean
  /** Ascending, from the run that `from` lies in, or the one before or after it. */
  runs(from: bigint): Generator<AddressRange>
}
