/** What is under way, under numbers that only grow. */
import { assert } from './assert.ts'

/** Powers of two. */
const CAPACITY_MIN = 64
const CAPACITY_KEPT_MAX = 4_096

/**
 * A ring from the oldest number in use to the newest, and not a map: the tables that a map leaves behind while entries come and go keep
 * each other alive in V8, with all that was under way when each was left, until a full collection.
 *
 * Takes 8 bytes for each number between the oldest and the newest; looks nothing up by hashing.
 */
export class RequestTable<T extends object> {
  #slots: (T | null)[] = emptySlots(CAPACITY_MIN)
  /** In use, or the same as `#end`. */
  #oldest = 0
  #end = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  get(id: number): T | null {
    return this.#covers(id) ? (this.#slots[this.#slotOf(id)] ?? null) : null
  }

  /** @param id Larger than all before. */
  add(id: number, request: T): void {
    assert(id >= this.#end, 'number {} comes after {}', id, this.#end)
    if (this.#size === 0) this.#restart(id)
    while (id - this.#oldest >= this.#slots.length) this.#grow()
    this.#slots[this.#slotOf(id)] = request
    this.#end = id + 1
    this.#size += 1
  }

  /** @returns Whether it was there. */
  delete(id: number): boolean {
    if (this.get(id) === null) return false
    this.#slots[this.#slotOf(id)] = null
    this.#size -= 1
    while (this.#oldest < this.#end && this.#slots[this.#slotOf(this.#oldest)] === null) this.#oldest += 1
    return true
  }

  /** Oldest first; any may be deleted meanwhile. */
  *values(): Generator<T> {
    for (let id = this.#oldest; id < this.#end; id = Math.max(id + 1, this.#oldest)) {
      const request = this.get(id)
      if (request !== null) yield request
    }
  }

  #covers(id: number): boolean {
    return id >= this.#oldest && id < this.#end
  }

  /** `&` sees the low 32 bits of any whole number. */
  #slotOf(id: number): number {
    return id & (this.#slots.length - 1)
  }

  #restart(id: number): void {
    if (this.#slots.length > CAPACITY_KEPT_MAX) this.#slots = emptySlots(CAPACITY_MIN)
    this.#oldest = id
  }

  #grow(): void {
    const slots = emptySlots<T>(this.#slots.length * 2)
    for (let id = this.#oldest; id < this.#end; id++) slots[id & (slots.length - 1)] = this.get(id)
    this.#slots = slots
  }
}

function emptySlots<T>(count: number): (T | null)[] {
  return new Array<T | null>(count).fill(null)
}
