/** Which of the blocks of one chunk have which grams in their host names: a bit for each block. */
import { visitGrams } from './hostname-grams.ts'

/** Allocations, in the order of creation. Fewer find more exactly, more need fewer bits. */
export const BLOCK_ALLOCATIONS = 16
export const CHUNK_BLOCKS = 256
export const CHUNK_ALLOCATIONS = CHUNK_BLOCKS * BLOCK_ALLOCATIONS
export const BITS_BYTES = CHUNK_BLOCKS / 8

export class HostnameChunk {
  readonly #bits = new Map<number, Uint8Array>()

  /** @param place Of the block in its chunk. */
  add(hostname: string, place: number): void {
    visitGrams(hostname, (gram) => {
      let bits = this.#bits.get(gram)
      if (bits === undefined) {
        bits = new Uint8Array(BITS_BYTES)
        this.#bits.set(gram, bits)
      }
      bits[place >> 3] = (bits[place >> 3] as number) | (1 << (place & 7))
    })
  }

  delete(gram: number, place: number): void {
    const bits = this.#bits.get(gram)
    if (bits === undefined) return
    bits[place >> 3] = (bits[place >> 3] as number) & ~(1 << (place & 7))
    if (bits.every((byte) => byte === 0)) this.#bits.delete(gram)
  }

  /** How many blocks have it. */
  count(gram: number): number {
    let count = 0
    for (const byte of this.#bits.get(gram) ?? [])
      for (let rest = byte; rest !== 0; rest &= rest - 1) count += 1
    return count
  }

  /** A copy; null if no block has it. */
  bits(gram: number): Buffer | null {
    const bits = this.#bits.get(gram)
    return bits === undefined ? null : Buffer.from(bits)
  }
}

export function hasBit(bits: Uint8Array, place: number): boolean {
  return ((bits[place >> 3] as number) & (1 << (place & 7))) !== 0
}

/** @param bits Null for none. @returns A copy. */
export function withBit(bits: Buffer | null, place: number): Buffer {
  const changed = bits === null ? Buffer.alloc(BITS_BYTES) : Buffer.from(bits)
  changed[place >> 3] = (changed[place >> 3] as number) | (1 << (place & 7))
  return changed
}

export function blockOf(ordinal: number): number {
  return Math.floor(ordinal / BLOCK_ALLOCATIONS)
}

export function chunkOf(ordinal: number): number {
  return Math.floor(ordinal / CHUNK_ALLOCATIONS)
}

export function placeOf(ordinal: number): number {
  return blockOf(ordinal) % CHUNK_BLOCKS
}
