import { assert } from '../../../raft/assert.ts'
import { type AddressRange, rangeSize } from '../range.ts'
import { alignUp, blocksOfSize, type FreeBlock, floorLog2 } from './block.ts'
import { createRunArray, type OffsetBits, type RunArray } from './run-array.ts'
import type { AlignedFit, Edit, RunNode } from './run-node.ts'

/** A leaf that reaches it is split in two. */
export const LEAF_RUNS_MAX = 256
const LEAF_RUNS_MIN = LEAF_RUNS_MAX / 4
/** Small enough for V8 to keep the array within the JavaScript heap, next to its header. */
const CAPACITY_MIN = 4

/** The lowest level of the tree: up to `LEAF_RUNS_MAX` runs, as offsets from an origin, as narrow as they allow. */
export class RunLeaf implements RunNode {
  /** Of the lowest run; meaningless in an empty leaf, which only the root of an empty tree can be. */
  first = 0n
  longest = 0n
  /** Null until it is asked for. */
  #blockSizes: bigint | null = null
  /** By alignment; null until one is asked for. */
  #longestAligned: Map<number, bigint> | null = null
  #origin = 0n
  #count = 0
  #array: RunArray

  /** @param runs Ascending, disjoint, fewer than `LEAF_RUNS_MAX`. */
  constructor(runs: readonly AddressRange[]) {
    this.#array = this.#load(runs)
  }

  get isEmpty(): boolean {
    return this.#count === 0
  }

  get isSparse(): boolean {
    return this.#count < LEAF_RUNS_MIN
  }

  get blockSizes(): bigint {
    // The origin is a multiple of the window's size, so offsets are as aligned as the addresses are.
    this.#blockSizes ??= this.#array.blockSizes(this.#count)
    return this.#blockSizes
  }

  get largestBlock(): FreeBlock | null {
    if (this.isEmpty) return null
    const [block] = this.blocks(1n << BigInt(floorLog2(this.blockSizes)))
    return block ?? null
  }

  longestAligned(alignmentBits: number): bigint {
    this.#longestAligned ??= new Map()
    let longest = this.#longestAligned.get(alignmentBits)
    if (longest !== undefined) return longest
    longest = this.#isWiderThanWindow(alignmentBits)
      ? this.#fromOnlyMultiple(alignmentBits)
      : this.#array.longestAligned(alignmentBits, this.#count)
    this.#longestAligned.set(alignmentBits, longest)
    return longest
  }

  floor(address: bigint): AddressRange | null {
    const index = this.#indexOf(address)
    return index < 0 ? null : this.#run(index)
  }

  ceiling(address: bigint): AddressRange | null {
    const index = this.#indexOf(address - 1n) + 1
    return index < this.#count ? this.#run(index) : null
  }

  lowestFit(count: bigint, from: bigint): bigint | null {
    const start = Math.max(0, this.#indexOf(from))
    if (start === this.#count) return null
    // Only the first of these runs can begin below `from`, and then it counts from there.
    const { first, last } = this.#run(start)
    if (first < from && from + count - 1n <= last) return from
    const index = this.#array.indexOfSize(count, first < from ? start + 1 : start, this.#count)
    return index < 0 ? null : this.#origin + this.#array.first(index)
  }

  lowestAligned({ count, alignmentBits, from }: AlignedFit): bigint | null {
    const index = Math.max(0, this.#indexOf(from))
    if (index === this.#count) return null
    // As in `lowestFit`: only the first of these runs counts from `from` on.
    const start = startIn(this.#run(index), { count, alignmentBits, from })
    if (start !== null) return start
    if (this.#isWiderThanWindow(alignmentBits)) return null
    const next = this.#array.indexOfAligned({ size: count, alignmentBits }, index + 1, this.#count)
    return next < 0 ? null : startIn(this.#run(next), { count, alignmentBits, from })
  }

  /** Then the window has one multiple at most, its start; else all, for the start is one. */
  #isWiderThanWindow(alignmentBits: number): boolean {
    return alignmentBits > this.#array.bits
  }

  #fromOnlyMultiple(alignmentBits: number): bigint {
    if (this.#count === 0 || alignUp(this.first, 1n << BigInt(alignmentBits)) !== this.first) return 0n
    return rangeSize(this.#run(0))
  }

  *blocks(size: bigint): Generator<FreeBlock> {
    const bits = floorLog2(size)
    for (let i = -1; ; ) {
      i = this.#array.indexOfBlock(bits, i + 1, this.#count)
      if (i < 0) return
      yield* blocksOfSize(this.#run(i), size)
    }
  }

  edit({ at, deletes, runs }: Edit): RunLeaf | null {
    this.#forget()
    const index = this.#indexOf(at) + (deletes ? 0 : 1)
    const deleted = deletes ? this.#run(index) : null
    assert(deleted === null || deleted.first === at, 'no run starts at {}', at)
    this.#splice(index, deleted === null ? 0 : 1, runs)
    this.#refreshLongest(deleted === null ? 0n : rangeSize(deleted), runs)
    if (index === 0 && this.#count > 0) this.first = this.#origin + this.#array.first(0)
    return this.#count < LEAF_RUNS_MAX ? null : this.#split()
  }

  absorb(right: RunLeaf): boolean {
    // Some room to grow is left, or the next edit would split it again.
    if (this.#count + right.#count > (LEAF_RUNS_MAX * 3) / 4) return false
    this.#array = this.#load([...this.#slice(0, this.#count), ...right.#slice(0, right.#count)])
    return true
  }

  *runs(from: bigint): Generator<AddressRange> {
    for (let i = Math.max(0, this.#indexOf(from)); i < this.#count; i++) yield this.#run(i)
  }

  /** Index of the last run that starts at or before `address`, or -1. */
  #indexOf(address: bigint): number {
    if (this.#count === 0 || address < this.first) return -1
    const offset = address - this.#origin
    return offset >> BigInt(this.#array.bits) > 0n ? this.#count - 1 : this.#array.floor(offset, this.#count)
  }

  #run(index: number): AddressRange {
    return { first: this.#origin + this.#array.first(index), last: this.#origin + this.#array.last(index) }
  }

  #splice(index: number, deleteCount: number, runs: readonly AddressRange[]): void {
    if (!runs.every((run) => this.#hasRoomFor(run))) {
      this.#array = this.#load(this.#slice(0, this.#count).toSpliced(index, deleteCount, ...runs))
      return
    }
    const count = this.#count + runs.length - deleteCount
    if (count > this.#array.capacity) this.#array = this.#array.slice(0, this.#count, capacityFor(count))
    this.#array.splice(index, deleteCount, this.#offsets(runs), this.#count)
    this.#count = count
  }

  #hasRoomFor({ first, last }: AddressRange): boolean {
    return first >= this.#origin && (last - this.#origin) >> BigInt(this.#array.bits) === 0n
  }

  #offsets(runs: readonly AddressRange[]): AddressRange[] {
    return runs.map(({ first, last }) => ({ first: first - this.#origin, last: last - this.#origin }))
  }

  /** Reads the whole array only when the longest run may have gone. */
  #refreshLongest(removedSize: bigint, runs: readonly AddressRange[]): void {
    let longest = this.longest
    for (const run of runs) {
      const size = rangeSize(run)
      if (size > longest) longest = size
    }
    const mayHaveGone = removedSize === longest
    this.longest = mayHaveGone ? this.#array.longest(this.#count) : longest
  }

  #split(): RunLeaf {
    const half = LEAF_RUNS_MAX / 2
    const right = new RunLeaf([])
    right.#take(this, half, this.#count)
    this.#take(this, 0, half)
    return right
  }

  /** Becomes a part of another leaf, or of itself: a plain copy unless its offsets may now be narrower. */
  #take(leaf: RunLeaf, start: number, end: number): void {
    const first = leaf.#run(start).first
    const bits = narrowest(first, leaf.#run(end - 1).last)
    if (bits < leaf.#array.bits) {
      this.#array = this.#load(leaf.#slice(start, end))
      return
    }
    this.#array = leaf.#array.slice(start, end, capacityFor(end - start))
    this.first = first
    this.#origin = leaf.#origin
    this.#count = end - start
    this.#forget()
    this.longest = this.#array.longest(this.#count)
  }

  #forget(): void {
    this.#blockSizes = null
    this.#longestAligned = null
  }

  #slice(start: number, end: number): AddressRange[] {
    return Array.from({ length: end - start }, (_, i) => this.#run(start + i))
  }

  /** Starts afresh with these runs, in the narrowest array that holds them and a few more. */
  #load(runs: readonly AddressRange[]): RunArray {
    this.first = runs[0]?.first ?? 0n
    const bits = narrowest(this.first, runs.at(-1)?.last ?? 0n)
    this.#origin = (this.first >> BigInt(bits)) << BigInt(bits)
    this.#count = runs.length
    this.#forget()
    const array = createRunArray(bits, capacityFor(runs.length))
    array.splice(0, 0, this.#offsets(runs), 0)
    this.longest = array.longest(runs.length)
    return array
  }
}

/** The lowest place for an aligned fit in one run. */
function startIn({ first, last }: AddressRange, { count, alignmentBits, from }: AlignedFit): bigint | null {
  const start = alignUp(first < from ? from : first, 1n << BigInt(alignmentBits))
  return start + count - 1n <= last ? start : null
}

function capacityFor(count: number): number {
  return Math.min(LEAF_RUNS_MAX, Math.max(CAPACITY_MIN, Math.ceil(count * 1.5)))
}

/** Both ends in one aligned window of 2^bits: then no address between them needs more. */
function narrowest(first: bigint, last: bigint): OffsetBits {
  if (first >> 16n === last >> 16n) return 16
  if (first >> 32n === last >> 32n) return 32
  return first >> 64n === last >> 64n ? 64 : 128
}
