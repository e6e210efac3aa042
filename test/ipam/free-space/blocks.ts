/** What the tests of free blocks have in common: the obvious way to find them, and to carve. */
import type { FreeBlock, FreeSpace } from '../../../src/ipam/free-space.ts'
import type { AddressRange } from '../../../src/ipam/range.ts'

export function sizeOf(bits: number): bigint {
  return 1n << BigInt(bits)
}

export function isBetter(a: FreeBlock, b: FreeBlock): boolean {
  return a.bits < b.bits || (a.bits === b.bits && a.first < b.first)
}

/** What every carving is to do: take the first addresses of the block that fits best. */
export function carve(space: FreeSpace, bits: number): bigint | null {
  const block = space.bestBlock(bits)
  if (block === null) return null
  space.occupy(block.first, block.first + sizeOf(bits) - 1n)
  return block.first
}

/** The largest aligned block at the start of what is left, until nothing is. */
export function cover({ first, last }: AddressRange): FreeBlock[] {
  const blocks: FreeBlock[] = []
  for (let next = first; next <= last; ) {
    let bits = 0
    while (next % sizeOf(bits + 1) === 0n && next + sizeOf(bits + 1) - 1n <= last) bits++
    blocks.push({ first: next, bits })
    next += sizeOf(bits)
  }
  return blocks
}
