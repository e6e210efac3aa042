const WORD_BITS = 16
const FULL = 0xffff

/** Small whole numbers. Its key is short where they are mostly those up to some number, as in a search in time. */
export class BitSet {
  readonly #words: Uint16Array
  /** All words before it are full; those from `#end` on are empty. */
  #start = 0
  #end = 0

  constructor(size: number) {
    this.#words = new Uint16Array(Math.ceil(size / WORD_BITS))
  }

  add(bit: number): void {
    const at = Math.floor(bit / WORD_BITS)
    this.#words[at] = this.#word(at) | (1 << (bit % WORD_BITS))
    this.#end = Math.max(this.#end, at + 1)
    while (this.#start < this.#words.length && this.#word(this.#start) === FULL) this.#start += 1
  }

  remove(bit: number): void {
    const at = Math.floor(bit / WORD_BITS)
    this.#words[at] = this.#word(at) & ~(1 << (bit % WORD_BITS))
    this.#start = Math.min(this.#start, at)
    while (this.#end > 0 && this.#word(this.#end - 1) === 0) this.#end -= 1
  }

  /** Exact: equal for equal sets only. */
  get key(): string {
    let key = `${this.#start}:`
    for (let at = this.#start; at < this.#end; at++) key += String.fromCharCode(this.#word(at))
    return key
  }

  #word(at: number): number {
    return this.#words[at] ?? 0
  }
}
