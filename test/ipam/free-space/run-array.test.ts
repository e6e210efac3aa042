import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { blocksOf, blocksOfSize } from '../../../src/ipam/free-space/block.ts'
import { createRunArray, type OffsetBits } from '../../../src/ipam/free-space/run-array.ts'
import type { FreeBlock } from '../../../src/ipam/free-space.ts'
import type { AddressRange } from '../../../src/ipam/range.ts'
import { cover, sizeOf } from './blocks.ts'

/** Addresses from the first multiple on; 0 if there is none. */
function alignedSize({ first, last }: AddressRange, alignment: bigint): bigint {
  const start = ((first + alignment - 1n) / alignment) * alignment
  return start > last ? 0n : last - start + 1n
}

describe('the maximal blocks of a run', () => {
  /** Words of all zeros, all ones, one bit and anything, so that sums carry and borrow from word to word. */
  function offsets(bits: OffsetBits): fc.Arbitrary<bigint> {
    const word = fc.oneof(
      fc.constantFrom(0n, 1n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_fffen, 0xffff_ffffn),
      fc.bigInt({ min: 0n, max: 0xffff_ffffn }),
    )
    const words = fc.array(word, { minLength: 4, maxLength: 4 })
    return words.map((parts) =>
      BigInt.asUintN(
        bits,
        parts.reduce((high, low) => (high << 32n) | low, 0n),
      ),
    )
  }

  test.each([16, 32, 64, 128] as const)(
    'are known of packed runs of %i bits without looking at each',
    (bits) => {
      fc.assert(
        fc.property(fc.uniqueArray(offsets(bits), { minLength: 2, maxLength: 6 }), (bounds) => {
          const ascending = bounds.toSorted((a, b) => (a < b ? -1 : 1))
          const runs = ascending.flatMap((last, i) => {
            const first = ascending[i - 1]
            return i % 2 === 1 && first !== undefined ? [{ first, last }] : []
          })
          const array = createRunArray(bits, runs.length)
          array.splice(0, 0, runs, 0)
          const covers = runs.map(cover)

          for (const [i, run] of runs.entries()) expect([...blocksOf(run)]).toEqual(covers[i])
          const all = covers.flat()
          expect(array.blockSizes(runs.length)).toBe(all.reduce((sizes, b) => sizes | sizeOf(b.bits), 0n))
          for (let k = 0; k <= bits; k++) {
            const hasBlock = (blocks: FreeBlock[]) => blocks.some((block) => block.bits === k)
            expect(array.indexOfBlock(k, 0, runs.length)).toBe(covers.findIndex(hasBlock))
            const later = covers.findIndex((blocks, i) => i > 0 && hasBlock(blocks))
            expect(array.indexOfBlock(k, 1, runs.length)).toBe(later)
            const sizes = runs.map((run) => alignedSize(run, sizeOf(k)))
            const most = sizes.reduce((longest, size) => (size > longest ? size : longest), 0n)
            expect(array.longestAligned(k, runs.length)).toBe(most)
            const fit = { size: most > 1n ? most - 1n : 1n, alignmentBits: k }
            const expected = sizes.findIndex((size, i) => i > 0 && size >= fit.size)
            expect(array.indexOfAligned(fit, 1, runs.length)).toBe(expected)
            const ofSize = runs.flatMap((run) => blocksOfSize(run, sizeOf(k)))
            expect(ofSize).toEqual(all.filter((block) => block.bits === k))
          }
        }),
        { numRuns: 100 },
      )
    },
  )

  test.each([16, 32, 64, 128] as const)('a run that fills a window of %i bits is one block', (bits) => {
    const array = createRunArray(bits, 1)
    array.splice(0, 0, [{ first: 0n, last: sizeOf(bits) - 1n }], 0)

    expect(array.blockSizes(1)).toBe(sizeOf(bits))
    expect(array.indexOfBlock(bits, 0, 1)).toBe(0)
    expect(array.indexOfBlock(bits - 1, 0, 1)).toBe(-1)
    expect(array.blockSizes(0)).toBe(0n)
  })
  test.each([16, 32, 64, 128] as const)(
    'all but the first of a window of %i bits are blocks of every size',
    (bits) => {
      const array = createRunArray(bits, 1)
      array.splice(0, 0, [{ first: 1n, last: sizeOf(bits) - 1n }], 0)

      expect(array.blockSizes(1)).toBe(sizeOf(bits) - 1n)
    },
  )
})
