/**
 * Which sizes the maximal blocks of packed runs have (see `block.ts`), without a bigint for each run.
 *
 * Sizes are powers of two, so a set of them is their sum. They fit the words of an offset but for one case: a run that fills
 * the whole window of 2^bits, for which the set comes out as 0. No other run has an empty set.
 */

/** Of a run below 2^32. */
export function blockSizesOf(first: number, last: number): number {
  // 2^32 wraps around to 0, and so does all that follows from it.
  const end = (last + 1) >>> 0
  const middle = middleOf(first, end)
  return (middle - first) | (end - middle)
}

const WORDS_ARE_BIG_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 0

/** Collects the sizes in runs of wider offsets, in 32-bit words. */
export class WideBlockSizes {
  readonly #words: Uint32Array
  readonly #wordCount: number
  /** Lowest word first, like `#end`. */
  readonly #sizes: Uint32Array
  readonly #end: Uint32Array

  /**
   * @param bounds `first, last, first, last, …`, of one 64-bit word, or of two with the high one in front. It must not be
   *   a small array that is to live on: looking into the buffer moves its content off the JavaScript heap.
   * @param bits 64 or 128.
   */
  constructor(bounds: BigUint64Array<ArrayBuffer>, bits: number) {
    this.#words = new Uint32Array(bounds.buffer)
    this.#wordCount = bits / 32
    this.#sizes = new Uint32Array(this.#wordCount)
    this.#end = new Uint32Array(this.#wordCount)
  }

  /** All that was added, as one number. */
  get sum(): bigint {
    const sum = this.#sizes.reduceRight((high, word) => (high << 32n) | BigInt(word), 0n)
    return sum === 0n ? 1n << BigInt(32 * this.#wordCount) : sum
  }

  /** Long subtraction: (middle - first) | (end - middle), where the words of the middle below `top` are 0. */
  add(index: number): void {
    const [sizes, ends] = [this.#sizes, this.#end]
    const top = this.#setEnd(index)
    let borrow = 0
    for (let i = 0; i < this.#wordCount && i <= top; i++) {
      const first = this.#word(2 * index, i)
      const end = ends[i] ?? 0
      const middle = i < top ? 0 : middleOf(first, end)
      sizes[i] = (sizes[i] ?? 0) | (middle - first - borrow) | (end - middle)
      if (first > 0) borrow = 1
    }
  }

  /** Whether a block of 2^bits addresses was added. */
  has(bits: number): boolean {
    if (bits === 32 * this.#wordCount) return this.#sizes.every((word) => word === 0)
    return (((this.#sizes[bits >>> 5] ?? 0) >>> (bits & 31)) & 1) === 1
  }

  clear(): void {
    this.#sizes.fill(0)
  }

  /** Returns the highest word in which the end of the run differs from its start; `#wordCount` if it is 2^bits. */
  #setEnd(index: number): number {
    let top = 0
    let carry = 1
    for (let i = 0; i < this.#wordCount; i++) {
      const end = (this.#word(2 * index + 1, i) + carry) >>> 0
      if (end !== 0) carry = 0
      this.#end[i] = end
      if (end !== this.#word(2 * index, i)) top = i
    }
    return carry === 1 ? this.#wordCount : top
  }

  /** @param i 0 is the lowest. */
  #word(bound: number, i: number): number {
    const lowest = this.#wordCount * (bound + 1) - 2
    const position = lowest - (i & 2) + (i & 1)
    return this.#words[WORDS_ARE_BIG_ENDIAN ? position ^ 1 : position] ?? 0
  }
}

/** The most aligned number above `first` and up to `end`, all below 2^32. */
function middleOf(first: number, end: number): number {
  const bits = 31 - Math.clz32(first ^ end)
  return ((end >>> bits) << bits) >>> 0
}
