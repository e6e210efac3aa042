import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type FreeBlock, FreeSpace } from '../../../src/ipam/free-space.ts'
import { carve, isBetter, sizeOf } from './blocks.ts'

/** The slow, obvious version: a boolean for each address. */
class BooleanSpace {
  readonly isFree: boolean[]
  readonly first: bigint

  constructor(first: bigint, isFree: boolean[]) {
    this.first = first
    this.isFree = isFree
  }

  isBlockFree({ first, bits }: FreeBlock): boolean {
    const start = Number(first - this.first)
    return Array.from({ length: 2 ** bits }, (_, i) => this.isFree[start + i] === true).every(Boolean)
  }

  /** Aligned, free, and in no larger one; ascending. */
  blocks(): FreeBlock[] {
    const blocks: FreeBlock[] = []
    for (const [offset] of this.isFree.entries()) {
      for (let bits = 0; bits <= 7; bits++) {
        const first = this.first + BigInt(offset)
        const parent = { first: (first >> BigInt(bits + 1)) << BigInt(bits + 1), bits: bits + 1 }
        if (first % sizeOf(bits) !== 0n || !this.isBlockFree({ first, bits })) continue
        if (!this.isBlockFree(parent)) blocks.push({ first, bits })
      }
    }
    return blocks
  }

  bestBlock(bits: number): FreeBlock | null {
    const blocks = this.blocks().filter((block) => block.bits >= bits)
    return blocks.reduce<FreeBlock | null>((best, b) => (best === null || isBetter(b, best) ? b : best), null)
  }

  largestBlock(): FreeBlock | null {
    const bitsMax = Math.max(...this.blocks().map(({ bits }) => bits))
    return this.blocks().find(({ bits }) => bits === bitsMax) ?? null
  }

  /** One best fit after the other, each taken before the next is chosen. */
  bestFits(bits: number): FreeBlock[] {
    const rest = new BooleanSpace(this.first, [...this.isFree])
    const taken: FreeBlock[] = []
    for (let best = rest.bestBlock(bits); best !== null; best = rest.bestBlock(bits)) {
      taken.push({ first: best.first, bits })
      const start = Number(best.first - this.first)
      rest.isFree.fill(false, start, start + 2 ** bits)
    }
    return taken
  }

  toggle(start: number, end: number): void {
    const isFree = this.isFree[start] === true
    for (let i = start; i <= end; i++) this.isFree[i] = !isFree
  }
}

/** A range at each width of offset, around a window's edge so that both sides need the next width. */
const WIDTHS = [
  { why: '16-bit offsets', first: 0x0a00_0000n },
  { why: '16-bit offsets that are not aligned', first: 0x0a00_0003n },
  { why: '32-bit offsets, across 2^16', first: 0x0a01_0000n - 21n },
  { why: '32-bit offsets, across 2^31', first: 2n ** 31n - 8n },
  { why: 'the highest of IPv4', first: 2n ** 32n - 40n },
  { why: '64-bit offsets, across 2^32', first: (0x2001n << 112n) + 2n ** 32n - 24n },
  { why: '128-bit offsets, across 2^64', first: (0x2001n << 112n) + 2n ** 64n - 20n },
  { why: '128-bit offsets, across 2^127', first: 2n ** 127n - 17n },
  { why: 'the lowest addresses', first: 0n },
  { why: 'the highest addresses of IPv6', first: 2n ** 128n - 40n },
]

function expectSameBlocks(space: FreeSpace, model: BooleanSpace): void {
  expect([...space.freeBlocks()]).toEqual(model.blocks())
  expect(space.largestBlock()).toEqual(model.largestBlock())
  for (const bits of [0, 1, 2, 3, 4, 6]) expect(space.bestBlock(bits)).toEqual(model.bestBlock(bits))
}

describe('free blocks against an array of booleans', () => {
  test.each(WIDTHS)('are the same after every step ($why)', ({ first }) => {
    const stretch = fc
      .tuple(fc.nat({ max: 39 }), fc.nat({ max: 9 }))
      .map(([start, extra]) => [start, Math.min(39, start + extra)] as const)
    fc.assert(
      fc.property(fc.array(stretch, { maxLength: 20 }), (steps) => {
        const space = new FreeSpace({ first, last: first + 39n })
        const model = new BooleanSpace(first, Array<boolean>(40).fill(true))
        expectSameBlocks(space, model)
        for (const [start, extra] of steps) {
          const end = model.isFree.findIndex((isFree, i) => i > start && isFree !== model.isFree[start])
          const last = Math.min(extra, end < 0 ? 39 : end - 1)
          const bounds = [first + BigInt(start), first + BigInt(last)] as const
          if (model.isFree[start]) space.occupy(...bounds)
          else space.release(...bounds)
          model.toggle(start, last)
          expectSameBlocks(space, model)
        }
      }),
      { numRuns: 30 },
    )
  })

  test.each(WIDTHS)('the preview is what one carving after another takes ($why)', ({ first }) => {
    const occupied = fc.array(fc.boolean(), { minLength: 40, maxLength: 40 })
    const mostlyFree = fc.tuple(occupied, occupied, occupied).map(([a, b, c]) => {
      return a.map((isFree, i) => isFree || b[i] === true || c[i] === true)
    })
    fc.assert(
      fc.property(fc.oneof(occupied, mostlyFree), fc.nat({ max: 4 }), (isFree, bits) => {
        const model = new BooleanSpace(first, isFree)
        const space = new FreeSpace({ first, last: first + 39n })
        for (const [i, free] of isFree.entries())
          if (!free) space.occupy(first + BigInt(i), first + BigInt(i))
        const expected = model.bestFits(bits)

        const preview = [...space.bestFits(bits)]

        expect(preview).toEqual(expected)
        expect(expected.map(() => carve(space, bits))).toEqual(preview.map((block) => block.first))
        expect(carve(space, bits)).toBeNull()
      }),
      { numRuns: 60 },
    )
  })

  test('they are listed from the one that an address lies in, on', () => {
    const space = new FreeSpace({ first: 3n, last: 20n })
    const starts = (from: bigint) => [...space.freeBlocks(from)].map(({ first }) => first)

    expect(starts(3n)).toEqual([3n, 4n, 8n, 16n, 20n])
    expect(starts(15n)).toEqual([8n, 16n, 20n])
    expect(starts(16n)).toEqual([16n, 20n])
    expect(starts(20n)).toEqual([20n])
    expect(starts(21n)).toEqual([])
  })
})
