/**
 * The index of host names: which blocks of allocations have which grams.
 *
 * Allocations are numbered in the order of creation; sixteen of them are a block, and 256 blocks a chunk. The newest chunk is
 * in memory only, and made of its records again when the rows are opened. Its rows, one for each gram, are written while the
 * next chunk fills, a share with each allocation: a host name costs a fraction of a row, and no entry writes many.
 *
 * A name that changes or ends leaves its bits in rows behind. Who searches looks at the records, and leaves out blocks whose
 * allocations have all ended if he asks for active ones.
 */
import { type BlockEntry, encodeBlock, positionsIn, withSignature } from './hostname-block.ts'
import {
  BLOCK_ALLOCATIONS,
  blockOf,
  CHUNK_ALLOCATIONS,
  CHUNK_BLOCKS,
  chunkOf,
  HostnameChunk,
  hasBit,
  placeOf,
  withBit,
} from './hostname-chunk.ts'
import { GRAMS, visitGrams } from './hostname-grams.ts'
import { signatureOf } from './hostname-signature.ts'
import type { Position } from './key-encoding.ts'
import { allocationKey, blockKey, endedCountsKey, gramKey } from './key-space.ts'
import { decodeNamed } from './record-codec.ts'
import type { StagedRows } from './staged-rows.ts'

/** The rows of a chunk are written with so many allocations of the next one: with each those of every so many-th gram. */
const SHARES = CHUNK_ALLOCATIONS / 4
/** A byte for each block. */
const NO_COUNTS = Buffer.alloc(CHUNK_BLOCKS)

/** What rows do not say yet. */
export interface HostnameMemory {
  /** How many allocations there have ever been: what the next one is numbered. */
  count: number
  /** Of the block that is not full. It changes in place: whoever reads it takes at once what he needs. */
  tail: BlockEntry[]
  /** The newest chunk, and the one before it until all of its rows are written; by number. */
  readonly chunks: Map<number, HostnameChunk>
}

/** The number of the first chunk that memory has while there are so many allocations. */
export function firstChunkInMemory(count: number): number {
  const newest = chunkOf(Math.max(0, count - 1))
  return count - newest * CHUNK_ALLOCATIONS < SHARES ? Math.max(0, newest - 1) : newest
}

/** What is indexed when the entry is over, and nothing can be taken back any more. */
type Naming =
  | { readonly isNew: true; readonly ordinal: number; readonly after: string | null }
  | {
      readonly isNew: false
      readonly ordinal: number
      readonly before: string | null
      readonly after: string | null
    }

export class HostnameRows {
  readonly #rows: StagedRows
  readonly #memory: HostnameMemory
  /** Allocations that are indexed: all but those of this entry. */
  #indexed: number
  readonly #namings: Naming[] = []
  /** Of this entry. */
  readonly #ended: number[] = []

  constructor(options: { rows: StagedRows; memory: HostnameMemory }) {
    this.#rows = options.rows
    this.#memory = options.memory
    this.#indexed = options.memory.count
  }

  /** @returns The number of the new allocation. */
  add(position: Position, hostname: string | null): number {
    const memory = this.#memory
    const { count: ordinal, tail } = memory
    // In place: a copy of up to fifteen for each allocation is a kilobyte of garbage.
    tail.push({ position, signature: signatureOf(hostname) })
    const isFull = tail.length === BLOCK_ALLOCATIONS
    memory.count += 1
    if (isFull) memory.tail = []
    this.#rows.undoLater(() => {
      memory.count = ordinal
      memory.tail = tail
      tail.pop()
    })
    if (isFull) this.#rows.put(blockKey(blockOf(ordinal)), encodeBlock(tail))
    this.#indexLater({ isNew: true, ordinal, after: hostname })
    return ordinal
  }

  rename(ordinal: number, { before, after }: { before: string | null; after: string | null }): void {
    if (before !== after) this.#indexLater({ isNew: false, ordinal, before, after })
  }

  end(ordinal: number): void {
    this.#ended.push(ordinal)
    this.#rows.undoLater(() => this.#ended.pop())
  }

  endEntry(): void {
    this.#countEnded()
    for (const naming of this.#namings) {
      if (naming.isNew) this.#indexNew(naming.ordinal, naming.after)
      else this.#indexAgain(naming.ordinal, naming)
    }
    this.#namings.length = 0
  }

  #countEnded(): void {
    const changed = new Map<number, Buffer>()
    for (const ordinal of this.#ended) {
      const chunk = chunkOf(ordinal)
      const counts = changed.get(chunk) ?? Buffer.from(this.#rows.get(endedCountsKey(chunk)) ?? NO_COUNTS)
      const place = placeOf(ordinal)
      counts[place] = (counts[place] as number) + 1
      changed.set(chunk, counts)
    }
    for (const [chunk, counts] of changed) this.#rows.put(endedCountsKey(chunk), counts)
    this.#ended.length = 0
  }

  #indexLater(naming: Naming): void {
    this.#namings.push(naming)
    this.#rows.undoLater(() => this.#namings.pop())
  }

  #indexNew(ordinal: number, hostname: string | null): void {
    const { chunks } = this.#memory
    const number = chunkOf(ordinal)
    const chunk = chunks.get(number) ?? new HostnameChunk()
    chunks.set(number, chunk)
    if (hostname !== null) chunk.add(hostname, placeOf(ordinal))
    const share = ordinal % CHUNK_ALLOCATIONS
    if (share < SHARES) this.#writeShare(share, number - 1)
    if (share === SHARES - 1) chunks.delete(number - 1)
    this.#indexed = ordinal + 1
  }

  #writeShare(share: number, number: number): void {
    const chunk = this.#memory.chunks.get(number)
    if (chunk === undefined) return
    for (let gram = share; gram < GRAMS; gram += SHARES) {
      const bits = chunk.bits(gram)
      if (bits !== null) this.#rows.put(gramKey(gram, number), bits)
    }
  }

  #indexAgain(ordinal: number, { before, after }: { before: string | null; after: string | null }): void {
    this.#sign(ordinal, after)
    const number = chunkOf(ordinal)
    const chunk = this.#memory.chunks.get(number)
    // What is not written yet must be the same as if memory were made of the records as they are now: a node that starts does so.
    if (chunk !== undefined && before !== null) this.#forget(chunk, { ordinal, hostname: before })
    if (after === null) return
    chunk?.add(after, placeOf(ordinal))
    visitGrams(after, (gram) => {
      if (this.#isWritten(gram, number)) this.#addToRow(gram, { number, place: placeOf(ordinal) })
    })
  }

  #sign(ordinal: number, hostname: string | null): void {
    const memory = this.#memory
    const [block, place] = [blockOf(ordinal), ordinal % BLOCK_ALLOCATIONS]
    const signature = signatureOf(hostname)
    if (block === blockOf(memory.count)) {
      memory.tail = memory.tail.map((entry, i) => (i === place ? { ...entry, signature } : entry))
    } else {
      const key = blockKey(block)
      this.#rows.put(key, withSignature(this.#rows.existing(key), place, signature))
    }
  }

  #forget(chunk: HostnameChunk, { ordinal, hostname }: { ordinal: number; hostname: string }): void {
    const kept = new Set<number>()
    for (const other of this.#hostnamesOf(blockOf(ordinal))) visitGrams(other, (gram) => kept.add(gram))
    visitGrams(hostname, (gram) => {
      if (!kept.has(gram)) chunk.delete(gram, placeOf(ordinal))
    })
  }

  #isWritten(gram: number, number: number): boolean {
    const newest = chunkOf(this.#indexed - 1)
    return (
      number < newest - 1 || (number < newest && gram % SHARES < this.#indexed - newest * CHUNK_ALLOCATIONS)
    )
  }

  #addToRow(gram: number, { number, place }: { number: number; place: number }): void {
    const key = gramKey(gram, number)
    const bits = this.#rows.get(key)
    if (bits === null || !hasBit(bits, place)) this.#rows.put(key, withBit(bits, place))
  }

  *#hostnamesOf(block: number): Generator<string> {
    const { count, tail } = this.#memory
    const isTail = block === blockOf(count)
    const positions = isTail
      ? tail.map(({ position }) => position)
      : positionsIn(this.#rows.existing(blockKey(block)))
    for (const position of positions) {
      const { hostname } = decodeNamed(this.#rows.existing(allocationKey(position)))
      if (hostname !== null) yield hostname
    }
  }
}

/** @param counts Null for none. @param place Of a full block. */
export function hasActive(counts: Buffer | null, place: number): boolean {
  return (counts?.[place] ?? 0) < BLOCK_ALLOCATIONS
}
