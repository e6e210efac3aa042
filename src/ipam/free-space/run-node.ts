/** What the levels of the tree of runs have in common. */
import type { AddressRange } from '../range.ts'
import type { FreeBlock } from './block.ts'

/** Runs in one place, replaced by others that keep the order. */
export interface Edit {
  /** With `deletes`, start of the run to delete; else where the new runs belong. */
  readonly at: bigint
  readonly deletes: boolean
  /** None, one or two. */
  readonly runs: readonly AddressRange[]
}

/** A search for `count` addresses in one run, the first of which is a multiple of 2^alignmentBits. */
export interface AlignedFit {
  readonly count: bigint
  readonly alignmentBits: number
  /** Not below this address. */
  readonly from: bigint
}

export interface RunNode {
  /** Of the lowest run. */
  readonly first: bigint
  /** Addresses in the longest run. */
  readonly longest: bigint
  /**
   * The sizes of the maximal blocks of all runs: bit k is set if some have 2^k addresses. So it is at least 2^k if and only
   * if a block of 2^k addresses is free. Computed when it is asked for, and again only in nodes that were edited since.
   */
  readonly blockSizes: bigint
  /** Of the largest blocks of all runs the lowest; null if there is no run. */
  readonly largestBlock: FreeBlock | null
  /**
   * Addresses from the first multiple of 2^alignmentBits in a run to its end, in whichever run below they are most; 0 if in none.
   * Kept for each alignment that was asked for, until an edit below.
   */
  longestAligned(alignmentBits: number): bigint
  readonly isEmpty: boolean
  /** Would better be one with its neighbour. */
  readonly isSparse: boolean
  /** The last run that starts at or before `address`. */
  floor(address: bigint): AddressRange | null
  /** The first run that starts at or after `address`. */
  ceiling(address: bigint): AddressRange | null
  /** The lowest address, not below `from`, where `count` addresses lie in one run. */
  lowestFit(count: bigint, from: bigint): bigint | null
  lowestAligned(fit: AlignedFit): bigint | null
  /** The maximal blocks of exactly `size` addresses, a power of two, ascending. */
  blocks(size: bigint): Generator<FreeBlock>
  /** Returns the upper half as a new node if it has become too large. */
  edit(edit: Edit): RunNode | null
  /** Takes over everything in its right neighbour, which is of the same kind; false if that is too much. */
  absorb(right: RunNode): boolean
  /** Ascending, from the run that `from` lies in, or the one before or after it. */
  runs(from: bigint): Generator<AddressRange>
}
