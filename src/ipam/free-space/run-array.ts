/** Runs packed into a typed array: `first, last, first, last, …`, each an offset within a window of 2^bits. */
import type { AddressRange } from '../range.ts'
import { blockSizesOf, WideBlockSizes } from './block-sizes.ts'

/** How wide an offset is. A leaf of neighbours needs 16 bits, whatever the size of the network around it. */
export type OffsetBits = 16 | 32 | 64 | 128

/**
 * Ascending disjoint runs at index 0 to `count` - 1, and spare room behind them. The owner keeps `count` and passes
 * offsets that fit: a typed array would wrap silently.
 */
export interface RunArray {
  readonly bits: OffsetBits
  /** In runs. */
  readonly capacity: number
  first(index: number): bigint
  last(index: number): bigint
  /** Index of the last run that starts at or before `offset`; -1 if none does. O(log count). */
  floor(offset: bigint, count: number): number
  /** Addresses in the longest run; 0 if there is none. */
  longest(count: number): bigint
  /** The first index at or after `index` whose run has `size` addresses or more; -1 if none has. */
  indexOfSize(size: bigint, index: number, count: number): number
  /** Addresses from the first multiple of 2^alignmentBits in a run to its end, in whichever run they are most; 0 if in none. */
  longestAligned(alignmentBits: number, count: number): bigint
  /** The first index at or after `index` whose run has `size` addresses or more from a multiple of 2^alignmentBits on; -1 if none has. */
  indexOfAligned(fit: { size: bigint; alignmentBits: number }, index: number, count: number): number
  /** The sizes of the maximal blocks of all runs: bit k is set if some have 2^k addresses; 0 if there is no run. */
  blockSizes(count: number): bigint
  /** The first index at or after `index` whose run has a maximal block of 2^blockBits addresses; -1 if none has. */
  indexOfBlock(blockBits: number, index: number, count: number): number
  splice(index: number, deleteCount: number, runs: readonly AddressRange[], count: number): void
  /** The runs from index `start` up to, not including, `end`, at the front of a new array. */
  slice(start: number, end: number, capacity: number): RunArray
}

export function createRunArray(bits: OffsetBits, capacity: number): RunArray {
  if (bits === 16) return new NarrowRunArray(bits, new Uint16Array(2 * capacity))
  if (bits === 32) return new NarrowRunArray(bits, new Uint32Array(2 * capacity))
  return new WideRunArray(bits, capacity)
}

/** Offsets are JavaScript numbers, exact since they are below 2^32. */
class NarrowRunArray implements RunArray {
  readonly bits: OffsetBits
  readonly #bounds: Uint16Array | Uint32Array

  constructor(bits: OffsetBits, bounds: Uint16Array | Uint32Array) {
    this.bits = bits
    this.#bounds = bounds
  }

  get capacity(): number {
    return this.#bounds.length / 2
  }

  first(index: number): bigint {
    return BigInt(this.#bounds[2 * index] ?? 0)
  }

  last(index: number): bigint {
    return BigInt(this.#bounds[2 * index + 1] ?? 0)
  }

  floor(offset: bigint, count: number): number {
    const bounds = this.#bounds
    const target = Number(offset)
    let low = 0
    let high = count
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((bounds[2 * middle] ?? 0) <= target) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  longest(count: number): bigint {
    const bounds = this.#bounds
    let longest = 0
    for (let i = 0; i < 2 * count; i += 2) {
      const size = (bounds[i + 1] ?? 0) - (bounds[i] ?? 0) + 1
      if (size > longest) longest = size
    }
    return BigInt(longest)
  }

  indexOfSize(size: bigint, index: number, count: number): number {
    const bounds = this.#bounds
    const distance = Number(size) - 1
    for (let i = index; i < count; i++) {
      if ((bounds[2 * i + 1] ?? 0) - (bounds[2 * i] ?? 0) >= distance) return i
    }
    return -1
  }

  longestAligned(alignmentBits: number, count: number): bigint {
    const bounds = this.#bounds
    const mask = 2 ** alignmentBits - 1
    let longest = 0
    for (let i = 0; i < 2 * count; i += 2) {
      const first = bounds[i] ?? 0
      // Up to the next multiple: bitwise operators are modulo 2^32, which a mask of 32 bits needs.
      const size = (bounds[i + 1] ?? 0) - first - ((-first & mask) >>> 0) + 1
      if (size > longest) longest = size
    }
    return BigInt(longest)
  }

  indexOfAligned(
    { size, alignmentBits }: { size: bigint; alignmentBits: number },
    index: number,
    count: number,
  ): number {
    const bounds = this.#bounds
    const mask = 2 ** alignmentBits - 1
    const distance = Number(size) - 1
    for (let i = index; i < count; i++) {
      const first = bounds[2 * i] ?? 0
      if ((bounds[2 * i + 1] ?? 0) - first - ((-first & mask) >>> 0) >= distance) return i
    }
    return -1
  }

  blockSizes(count: number): bigint {
    const bounds = this.#bounds
    if (count === 0) return 0n
    let sizes = 0
    for (let i = 0; i < 2 * count; i += 2) sizes |= blockSizesOf(bounds[i] ?? 0, bounds[i + 1] ?? 0)
    return sizes === 0 ? 1n << 32n : BigInt(sizes >>> 0)
  }

  indexOfBlock(blockBits: number, index: number, count: number): number {
    const bounds = this.#bounds
    for (let i = index; i < count; i++) {
      const sizes = blockSizesOf(bounds[2 * i] ?? 0, bounds[2 * i + 1] ?? 0)
      if (blockBits === 32 ? sizes === 0 : ((sizes >>> blockBits) & 1) === 1) return i
    }
    return -1
  }

  splice(index: number, deleteCount: number, runs: readonly AddressRange[], count: number): void {
    const bounds = this.#bounds
    if (deleteCount !== runs.length) {
      bounds.copyWithin(2 * (index + runs.length), 2 * (index + deleteCount), 2 * count)
    }
    let i = 2 * index
    for (const { first, last } of runs) {
      bounds[i++] = Number(first)
      bounds[i++] = Number(last)
    }
  }

  slice(start: number, end: number, capacity: number): RunArray {
    const bounds = this.bits === 16 ? new Uint16Array(2 * capacity) : new Uint32Array(2 * capacity)
    for (let from = 2 * start, to = 0; from < 2 * end; from++, to++) bounds[to] = this.#bounds[from] ?? 0
    return new NarrowRunArray(this.bits, bounds)
  }
}

/** Offsets are bigints, of one 64-bit word, or of two with the high one in front. */
class WideRunArray implements RunArray {
  readonly bits: OffsetBits
  readonly #words: BigUint64Array

  constructor(bits: OffsetBits, capacity: number) {
    this.bits = bits
    this.#words = new BigUint64Array((bits / 32) * capacity)
  }

  get capacity(): number {
    return this.#words.length / (this.bits / 32)
  }

  first(index: number): bigint {
    return this.#bound(2 * index)
  }

  last(index: number): bigint {
    return this.#bound(2 * index + 1)
  }

  floor(offset: bigint, count: number): number {
    let low = 0
    let high = count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#bound(2 * middle) <= offset) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  longest(count: number): bigint {
    let longest = 0n
    for (let i = 0; i < count; i++) {
      const size = this.last(i) - this.first(i) + 1n
      if (size > longest) longest = size
    }
    return longest
  }

  indexOfSize(size: bigint, index: number, count: number): number {
    for (let i = index; i < count; i++) {
      if (this.last(i) - this.first(i) + 1n >= size) return i
    }
    return -1
  }

  longestAligned(alignmentBits: number, count: number): bigint {
    const mask = (1n << BigInt(alignmentBits)) - 1n
    let longest = 0n
    for (let i = 0; i < count; i++) {
      const first = this.first(i)
      const size = this.last(i) - first + 1n
      // Most runs are shorter than the best so far, aligned or not.
      if (size > longest && size - (-first & mask) > longest) longest = size - (-first & mask)
    }
    return longest
  }

  indexOfAligned(
    { size, alignmentBits }: { size: bigint; alignmentBits: number },
    index: number,
    count: number,
  ): number {
    const mask = (1n << BigInt(alignmentBits)) - 1n
    for (let i = index; i < count; i++) {
      const first = this.first(i)
      if (this.last(i) - first - (-first & mask) + 1n >= size) return i
    }
    return -1
  }

  blockSizes(count: number): bigint {
    if (count === 0) return 0n
    const sizes = this.#blockSizes(0, count)
    for (let i = 0; i < count; i++) sizes.add(i)
    return sizes.sum
  }

  indexOfBlock(blockBits: number, index: number, count: number): number {
    const sizes = this.#blockSizes(index, count)
    for (let i = 0; i < count - index; i++) {
      sizes.clear()
      sizes.add(i)
      if (sizes.has(blockBits)) return index + i
    }
    return -1
  }

  splice(index: number, deleteCount: number, runs: readonly AddressRange[], count: number): void {
    const runWords = this.bits / 32
    if (deleteCount !== runs.length) {
      this.#words.copyWithin(
        runWords * (index + runs.length),
        runWords * (index + deleteCount),
        runWords * count,
      )
    }
    let i = 2 * index
    for (const { first, last } of runs) {
      this.#setBound(i++, first)
      this.#setBound(i++, last)
    }
  }

  slice(start: number, end: number, capacity: number): RunArray {
    const copy = new WideRunArray(this.bits, capacity)
    const runWords = this.bits / 32
    copy.#words.set(this.#words.subarray(runWords * start, runWords * end))
    return copy
  }

  /** Of the runs from index `start` up to, not including, `end`. */
  #blockSizes(start: number, end: number): WideBlockSizes {
    const runWords = this.bits / 32
    return new WideBlockSizes(this.#words.slice(runWords * start, runWords * end), this.bits)
  }

  #bound(i: number): bigint {
    if (this.bits === 64) return this.#words[i] ?? 0n
    return ((this.#words[2 * i] ?? 0n) << 64n) | (this.#words[2 * i + 1] ?? 0n)
  }

  #setBound(i: number, offset: bigint): void {
    if (this.bits === 64) {
      this.#words[i] = offset
    } else {
      this.#words[2 * i] = offset >> 64n
      this.#words[2 * i + 1] = BigInt.asUintN(64, offset)
    }
  }
}
