/**
 * Aligned blocks of 2^k addresses, which is what a CIDR prefix covers.
 *
 * A run of addresses is made of maximal blocks, those that lie in no larger block of the run: its minimal cover by prefixes.
 * From its start they grow up to a middle, the most aligned address above the start, and from there they shrink. On either
 * side no size occurs twice, so the sizes on the left are the binary digits of (middle - start), those on the right the
 * digits of (end - middle).
 */
import type { AddressRange } from '../range.ts'

/** 2^`bits` free addresses, the first of which is a multiple of that. */
export interface FreeBlock {
  readonly first: bigint
  /** 0 to 128: the host bits of its prefix. */
  readonly bits: number
}

/** The maximal blocks of a run, ascending. */
export function* blocksOf(run: AddressRange): Generator<FreeBlock> {
  const { middle, end } = halvesOf(run)
  let first = run.first
  for (let left = middle - first; left > 0n; left = middle - first) {
    const size = lowestBit(left)
    yield { first, bits: floorLog2(size) }
    first += size
  }
  while (first < end) {
    const bits = floorLog2(end - first)
    yield { first, bits }
    first += 1n << BigInt(bits)
  }
}

/** Those of the maximal blocks of a run that have `size` addresses, a power of two: at most two, ascending. */
export function blocksOfSize(run: AddressRange, size: bigint): FreeBlock[] {
  const { middle, end } = halvesOf(run)
  const bits = floorLog2(size)
  const [left, right] = [middle - run.first, end - middle]
  const blocks: FreeBlock[] = []
  // On the left what is smaller comes before it, on the right what is larger.
  if ((left & size) !== 0n) blocks.push({ first: run.first + (left & (size - 1n)), bits })
  if ((right & size) !== 0n) blocks.push({ first: end - (right & (2n * size - 1n)), bits })
  return blocks
}

/** @param value At least 1. */
export function floorLog2(value: bigint): number {
  let bits = 0
  let rest = value
  for (; rest >> 32n > 0n; rest >>= 32n) bits += 32
  return bits + 31 - Math.clz32(Number(rest))
}

/** The largest power of two that divides `value`. */
export function lowestBit(value: bigint): bigint {
  return value & -value
}

/** The lowest multiple of `alignment` that is not below `address`. */
export function alignUp(address: bigint, alignment: bigint): bigint {
  const excess = address % alignment
  return excess === 0n ? address : address - excess + alignment
}

/** @returns `end` is the address after the run, which may be 2^32 or 2^128. */
function halvesOf({ first, last }: AddressRange): { middle: bigint; end: bigint } {
  const end = last + 1n
  const bits = BigInt(floorLog2(first ^ end))
  return { middle: (end >> bits) << bits, end }
}
