import { assert } from '../../raft/assert.ts'
import { blocksOf, type FreeBlock, floorLog2, lowestBit } from './free-space/block.ts'
import { RunTree } from './free-space/run-tree.ts'
import { type AddressRange, rangeContains, rangeSize } from './range.ts'

export type { FreeBlock }

/**
 * Which addresses of a range are free: exact for up to 2^128 of them, in memory that grows with the number of free runs.
 *
 * Free runs are kept, not occupied ones, and adjacent ones are always one. So an empty network is a single run,
 * the lowest free address is where the first run starts, and a gap never lies between two leaves of the tree.
 * With n free runs every method takes O(log n) steps, except for iteration; what asks for blocks or aligned addresses
 * first looks again at leaves that were edited since it was last asked for: all of them, or those whose runs are long enough.
 */
export class FreeSpace {
  readonly range: AddressRange
  #free: RunTree
  #freeCount: bigint

  /** @param occupied As of `fromRuns`; by default, all of `range` is free. */
  constructor(range: AddressRange, occupied: Iterable<AddressRange> = []) {
    assert(range.first <= range.last, 'range {} to {} is empty', range.first, range.last)
    this.range = range
    this.#freeCount = rangeSize(range)
    this.#free = RunTree.build(this.#gapsBetween(occupied))
  }

  /**
   * Builds the whole tree at once, for boot.
   *
   * @param runs What is occupied: ascending, disjoint, within `range`. Adjacent ones need not be merged.
   */
  static fromRuns(range: AddressRange, runs: Iterable<AddressRange>): FreeSpace {
    return new FreeSpace(range, runs)
  }

  get freeCount(): bigint {
    return this.#freeCount
  }

  get occupiedCount(): bigint {
    return rangeSize(this.range) - this.#freeCount
  }

  /** Takes these addresses, all of which must be free. */
  occupy(first: bigint, last: bigint): void {
    const run = this.#freeRunAround(first, last)
    assert(run !== null, 'occupy {} to {}: not all free', first, last)
    const runs: AddressRange[] = []
    if (run.first < first) runs.push({ first: run.first, last: first - 1n })
    if (last < run.last) runs.push({ first: last + 1n, last: run.last })
    this.#free.edit({ at: run.first, deletes: true, runs })
    this.#freeCount -= last - first + 1n
  }

  /** Gives these addresses back, none of which may be free. */
  release(first: bigint, last: bigint): void {
    const range = { first, last }
    assert(first <= last && rangeContains(this.range, range), 'release {} to {}: out of range', first, last)
    const left = this.#free.floor(last)
    assert(left === null || left.last < first, 'release {} to {}: not all occupied', first, last)
    const right = this.#free.ceiling(last)
    this.#insertFree(
      range,
      left?.last === first - 1n ? left : null,
      right?.first === last + 1n ? right : null,
    )
    this.#freeCount += last - first + 1n
  }

  /** False also where part of it lies outside `range`. */
  isFree(first: bigint, last: bigint): boolean {
    return this.#freeRunAround(first, last) !== null
  }

  /** Null when every address is occupied. O(1). */
  lowestFree(): bigint | null {
    return this.#free.first
  }

  /**
   * Start of the lowest `count` contiguous free addresses, or null if there are none.
   *
   * O(log n); the first search with an alignment looks at every leaf that has a run of `count`, later ones at those edited since.
   *
   * @param options.from Not below this address; default the start of the range.
   * @param options.alignment A power of two, of which the start is a multiple, counted from address 0; default 1.
   */
  lowestRun(count: bigint, options: { from?: bigint; alignment?: bigint } = {}): bigint | null {
    const { from = this.range.first, alignment = 1n } = options
    const isPowerOfTwo = alignment >= 1n && lowestBit(alignment) === alignment
    assert(count >= 1n && isPowerOfTwo, 'lowest run of {} aligned to {}', count, alignment)
    if (alignment === 1n) return this.#free.lowestFit(count, from)
    return this.#free.lowestAligned({ count, alignmentBits: floorLog2(alignment), from })
  }

  /** Addresses in the longest free run, 0 if there is none. O(1). */
  largestRunSize(): bigint {
    return this.#free.longest
  }

  /** Of the largest free blocks the lowest, or null if every address is occupied. */
  largestBlock(): FreeBlock | null {
    return this.#free.largestBlock
  }

  /**
   * Where a block of 2^bits addresses fits best: the smallest maximal block that holds it, of equals the lowest, or null if
   * none does. Its first 2^bits addresses are the ones to take.
   */
  bestBlock(bits: number): FreeBlock | null {
    const sizes = this.#sizesFrom(bits)
    return sizes === 0n ? null : this.#lowestBlock(lowestBit(sizes))
  }

  /**
   * The blocks of 2^bits addresses that one best fit after another would take, in that order, for as long as there are any.
   * The space must not change meanwhile.
   *
   * These are the maximal blocks that hold one, by size, then address, each cut from its start to its end: once a block is
   * begun, what is left of it are the smallest blocks that hold one, each of another size, the smaller before the larger.
   */
  *bestFits(bits: number): Generator<FreeBlock> {
    for (let sizes = this.#sizesFrom(bits); sizes > 0n; sizes &= sizes - 1n) {
      for (const block of this.#free.blocks(lowestBit(sizes))) yield* cut(block, bits)
    }
  }

  /**
   * The maximal free blocks, which are the fewest prefixes that cover all free addresses, ascending.
   * The space must not change meanwhile.
   *
   * @param from Left out are blocks that end below this address.
   */
  *freeBlocks(from: bigint = this.range.first): Generator<FreeBlock> {
    for (const run of this.#free.runs(from)) {
      for (const block of blocksOf(run)) {
        if (block.first + sizeOf(block.bits) > from) yield block
      }
    }
  }

  /** Ascending; no two are adjacent. The space must not change meanwhile. */
  *freeRuns(from: bigint = this.range.first): Generator<AddressRange> {
    for (const run of this.#free.runs(from)) {
      if (run.last >= from) yield run.first < from ? { first: from, last: run.last } : run
    }
  }

  /** Ascending; no two are adjacent. The space must not change meanwhile. */
  *occupiedRuns(from: bigint = this.range.first): Generator<AddressRange> {
    let first = from < this.range.first ? this.range.first : from
    for (const free of this.freeRuns(first)) {
      if (free.first > first) yield { first, last: free.first - 1n }
      first = free.last + 1n
    }
    if (first <= this.range.last) yield { first, last: this.range.last }
  }

  /** Those of the sizes of maximal blocks that are at least 2^bits. */
  #sizesFrom(bits: number): bigint {
    assert(Number.isInteger(bits) && bits >= 0, 'block of 2^{} addresses', bits)
    return (this.#free.blockSizes >> BigInt(bits)) << BigInt(bits)
  }

  #lowestBlock(size: bigint): FreeBlock {
    const [block] = this.#free.blocks(size)
    assert(block !== undefined, 'no block of {} addresses', size)
    return block
  }

  #freeRunAround(first: bigint, last: bigint): AddressRange | null {
    assert(first <= last, 'range {} to {} is empty', first, last)
    const run = this.#free.floor(first)
    return run !== null && last <= run.last ? run : null
  }

  /** @param left @param right Free runs that touch it. */
  #insertFree({ first, last }: AddressRange, left: AddressRange | null, right: AddressRange | null): void {
    const merged = { first: left?.first ?? first, last: right?.last ?? last }
    if (left !== null && right !== null) this.#free.edit({ at: right.first, deletes: true, runs: [] })
    const neighbour = left ?? right
    this.#free.edit({ at: neighbour?.first ?? first, deletes: neighbour !== null, runs: [merged] })
  }

  *#gapsBetween(occupied: Iterable<AddressRange>): Generator<AddressRange> {
    let next = this.range.first
    for (const { first, last } of occupied) {
      assert(
        next <= first && first <= last && last <= this.range.last,
        'occupied run {} to {} is out of order or out of range',
        first,
        last,
      )
      if (next < first) yield { first: next, last: first - 1n }
      next = last + 1n
      this.#freeCount -= last - first + 1n
    }
    if (next <= this.range.last) yield { first: next, last: this.range.last }
  }
}

function sizeOf(bits: number): bigint {
  return 1n << BigInt(bits)
}

/** Ascending. */
function* cut(block: FreeBlock, bits: number): Generator<FreeBlock> {
  const end = block.first + sizeOf(block.bits)
  for (let first = block.first; first < end; first += sizeOf(bits)) yield { first, bits }
}
