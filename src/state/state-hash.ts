/** A running hash over everything that apply writes, so that nodes can tell whether they wrote the same. */
import type { Row } from './overlay.ts'

/** In place of a length: no row has that many bytes. */
const DELETED = -1
const HASH_DIGITS = 16

/**
 * Each entry adds the rows that it puts and deletes, in order, then its position.
 *
 * Two lanes of MurmurHash3 (x86, 32 bits) with different constants. A lane is a bijection in its state and in each word,
 * so two states that differ in one word always differ in both. It finds accidents; against malice it does nothing.
 */
export class StateHash {
  #high: number
  #low: number

  /** @param hash What `endEntry` returned for the last entry; 0 before the first. */
  constructor(hash: bigint) {
    this.#high = Number(hash >> 32n) | 0
    this.#low = Number(hash & 0xffff_ffffn) | 0
  }

  addRow(key: string, row: Row): void {
    this.#addWord(key.length)
    this.#addWord(row === null ? DELETED : row.length)
    this.#addText(key)
    if (row !== null) this.#addBytes(row)
  }

  /** The hash of the state with this entry. Entries without rows change it as well. */
  endEntry({ index, term, time }: { index: number; term: number; time: number }): bigint {
    for (const number of [index, term, time]) {
      this.#addWord(number | 0)
      this.#addWord(Math.floor(number / 2 ** 32))
    }
    return (BigInt(this.#high >>> 0) << 32n) | BigInt(this.#low >>> 0)
  }

  #addWord(word: number): void {
    this.#high = mixHigh(this.#high, word)
    this.#low = mixLow(this.#low, word)
  }

  /** @param text ASCII, as keys are. */
  #addText(text: string): void {
    let high = this.#high
    let low = this.#low
    const wholeWords = text.length & ~3
    for (let i = 0; i < wholeWords; i += 4) {
      const word =
        text.charCodeAt(i) |
        (text.charCodeAt(i + 1) << 8) |
        (text.charCodeAt(i + 2) << 16) |
        (text.charCodeAt(i + 3) << 24)
      high = mixHigh(high, word)
      low = mixLow(low, word)
    }
    this.#high = high
    this.#low = low
    let rest = 0
    for (let i = wholeWords; i < text.length; i++) rest = (rest << 8) | text.charCodeAt(i)
    if (wholeWords < text.length) this.#addWord(rest)
  }

  #addBytes(bytes: Uint8Array): void {
    let high = this.#high
    let low = this.#low
    const wholeWords = bytes.length & ~3
    for (let i = 0; i < wholeWords; i += 4) {
      const word =
        byte(bytes, i) | (byte(bytes, i + 1) << 8) | (byte(bytes, i + 2) << 16) | (byte(bytes, i + 3) << 24)
      high = mixHigh(high, word)
      low = mixLow(low, word)
    }
    this.#high = high
    this.#low = low
    let rest = 0
    for (let i = wholeWords; i < bytes.length; i++) rest = (rest << 8) | byte(bytes, i)
    if (wholeWords < bytes.length) this.#addWord(rest)
  }
}

/** Of fixed width. */
export function formatHash(hash: bigint): string {
  return hash.toString(16).padStart(HASH_DIGITS, '0')
}

/** Inlined by the engine. The caller has checked the range. */
function byte(bytes: Uint8Array, i: number): number {
  return bytes[i] as number
}

function mixHigh(lane: number, word: number): number {
  return (
    (Math.imul(rotate(lane ^ Math.imul(rotate(Math.imul(word, 0xcc9e_2d51), 15), 0x1b87_3593), 13), 5) +
      0xe654_6b64) |
    0
  )
}

function mixLow(lane: number, word: number): number {
  return (
    (Math.imul(rotate(lane ^ Math.imul(rotate(Math.imul(word, 0x239b_961b), 17), 0xab0e_9789), 15), 5) +
      0x561c_cd1b) |
    0
  )
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}
