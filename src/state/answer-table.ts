/**
 * Of each answer that is kept under an idempotency key, what memory holds: where its row is, and when it goes. Hashes
 * of keys in typed arrays, since a look-up in LevelDB of a key that is nowhere costs more than all else about a write.
 */
import { assert } from '../../raft/assert.ts'

export interface KeptAnswerPlace {
  /** Log index of the entry that was answered; the row lies under it. */
  readonly index: number
  readonly time: number
  /** Of the row. */
  readonly bytes: number
}

const CAPACITY_MIN = 1_024
/** At most half of them are taken, so that what is not there is told by the first or second one. */
const SLOTS_PER_ANSWER = 2
const NONE: readonly number[] = []

/** A ring, oldest first, and a hash table of places in it (open addressing, linear probing). 32 to 64 bytes each. */
export class AnswerTable {
  #indexes = new Float64Array(CAPACITY_MIN)
  #times = new Float64Array(CAPACITY_MIN)
  #bytes = new Uint32Array(CAPACITY_MIN)
  #hashes = new Uint32Array(CAPACITY_MIN)
  /** A place in the ring, and one; zero is free. */
  #slots = new Uint32Array(CAPACITY_MIN * SLOTS_PER_ANSWER)
  #first = 0
  #size = 0
  #totalBytes = 0

  get size(): number {
    return this.#size
  }

  get totalBytes(): number {
    return this.#totalBytes
  }

  get oldest(): KeptAnswerPlace | null {
    if (this.#size === 0) return null
    const place = this.#first
    return { index: at(this.#indexes, place), time: at(this.#times, place), bytes: at(this.#bytes, place) }
  }

  /** Log indexes of answers whose keys may be this one: nearly always none, or the one. */
  indexesOf(keyDigest: string): readonly number[] {
    const hash = hashOf(keyDigest)
    let found = NONE
    for (let slot = this.#home(hash); at(this.#slots, slot) !== 0; slot = this.#next(slot)) {
      const place = at(this.#slots, slot) - 1
      if (at(this.#hashes, place) === hash) found = [...found, at(this.#indexes, place)]
    }
    return found
  }

  /** The newest. */
  add(keyDigest: string, { index, time, bytes }: KeptAnswerPlace): void {
    if (this.#size === this.#indexes.length) this.#grow()
    const place = (this.#first + this.#size) & (this.#indexes.length - 1)
    this.#indexes[place] = index
    this.#times[place] = time
    this.#bytes[place] = bytes
    this.#hashes[place] = hashOf(keyDigest)
    this.#size += 1
    this.#totalBytes += bytes
    this.#take(place)
  }

  removeOldest(): void {
    assert(this.#size > 0, 'no answer is kept')
    this.#free(this.#first)
    this.#totalBytes -= at(this.#bytes, this.#first)
    this.#first = (this.#first + 1) & (this.#indexes.length - 1)
    this.#size -= 1
  }

  #home(hash: number): number {
    return hash & (this.#slots.length - 1)
  }

  #next(slot: number): number {
    return (slot + 1) & (this.#slots.length - 1)
  }

  #take(place: number): void {
    let slot = this.#home(at(this.#hashes, place))
    while (at(this.#slots, slot) !== 0) slot = this.#next(slot)
    this.#slots[slot] = place + 1
  }

  /** Those behind it move up, so that no probe ends too early (Knuth, TAOCP 6.4, algorithm R). */
  #free(place: number): void {
    let hole = this.#home(at(this.#hashes, place))
    while (at(this.#slots, hole) !== place + 1) hole = this.#next(hole)
    for (let slot = this.#next(hole); at(this.#slots, slot) !== 0; slot = this.#next(slot)) {
      const home = this.#home(at(this.#hashes, at(this.#slots, slot) - 1))
      const mask = this.#slots.length - 1
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue
      this.#slots[hole] = at(this.#slots, slot)
      hole = slot
    }
    this.#slots[hole] = 0
  }

  #grow(): void {
    const capacity = 2 * this.#indexes.length
    this.#indexes = unrolled(this.#indexes, this.#first, new Float64Array(capacity))
    this.#times = unrolled(this.#times, this.#first, new Float64Array(capacity))
    this.#bytes = unrolled(this.#bytes, this.#first, new Uint32Array(capacity))
    this.#hashes = unrolled(this.#hashes, this.#first, new Uint32Array(capacity))
    this.#slots = new Uint32Array(capacity * SLOTS_PER_ANSWER)
    this.#first = 0
    for (let place = 0; place < this.#size; place++) this.#take(place)
  }
}

type Column = Float64Array | Uint32Array

/** A full ring, from its beginning on. */
function unrolled<Of extends Column>(ring: Of, first: number, into: Of): Of {
  into.set(ring.subarray(first))
  into.set(ring.subarray(0, first), ring.length - first)
  return into
}

function at(column: Column, place: number): number {
  return column[place] as number
}

/** FNV-1a, of 32 bits: what it is given is a digest, and who knows how to make many of one hash makes only lookups slower. */
function hashOf(keyDigest: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < keyDigest.length; i++) hash = Math.imul(hash ^ keyDigest.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
