import { assert } from '../assert.ts'
import type { LogIndex } from '../types.ts'

const CAPACITY_MIN = 256

/** Where the records of a run of entries begin within one file: four bytes an entry. */
export class EntryOffsets {
  #first: LogIndex = 1
  #count = 0
  #offsets = new Uint32Array(CAPACITY_MIN)

  /** Meaningful only if `count` is above 0. */
  get first(): LogIndex {
    return this.#first
  }

  get last(): LogIndex {
    return this.#first + this.#count - 1
  }

  get count(): number {
    return this.#count
  }

  has(index: LogIndex): boolean {
    return index >= this.#first && index < this.#first + this.#count
  }

  at(index: LogIndex): number {
    const offset = this.#offsets[index - this.#first]
    assert(offset !== undefined && this.has(index), 'entry {} is not in this segment', index)
    return offset
  }

  /** One after the last one, or any if there is none. */
  append(index: LogIndex, offset: number): void {
    if (this.#count === 0) this.#first = index
    assert(index === this.#first + this.#count, 'entry {} does not follow {}', index, this.last)
    if (this.#count === this.#offsets.length) this.#grow()
    this.#offsets[this.#count++] = offset
  }

  truncateFrom(index: LogIndex): void {
    this.#count = Math.min(this.#count, Math.max(0, index - this.#first))
  }

  #grow(): void {
    const larger = new Uint32Array(this.#offsets.length * 2)
    larger.set(this.#offsets)
    this.#offsets = larger
  }
}
