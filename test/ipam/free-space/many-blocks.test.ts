import { describe, expect, test } from 'vitest'
import { FreeSpace } from '../../../src/ipam/free-space.ts'
import { type AddressRange, rangeContains } from '../../../src/ipam/range.ts'
import { carve, cover, isBetter, sizeOf } from './blocks.ts'

function prng(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Every answer, from a look at every free run. */
function expectSameAsRuns(space: FreeSpace): void {
  const blocks = [...space.freeRuns()].flatMap(cover)
  expect([...space.freeBlocks()]).toEqual(blocks)
  const bitsMax = Math.max(-1, ...new Set(blocks.map(({ bits }) => bits)))
  expect(space.largestBlock()).toEqual(blocks.find(({ bits }) => bits === bitsMax) ?? null)
  const sorted = blocks.toSorted((a, b) => (isBetter(a, b) ? -1 : 1))
  for (let bits = 0; bits <= bitsMax + 1; bits++) {
    expect(space.bestBlock(bits)).toEqual(sorted.find((block) => block.bits >= bits) ?? null)
  }
}

function lowestAligned(
  space: FreeSpace,
  search: { count: bigint; from: bigint; alignment: bigint },
): bigint | null {
  const { count, from, alignment } = search
  for (const run of space.freeRuns(from)) {
    const first = ((run.first + alignment - 1n) / alignment) * alignment
    if (rangeContains(run, { first, last: first + count - 1n })) return first
  }
  return null
}

describe('free blocks of thousands of runs, in a tree of several levels', () => {
  const CELLS = 20_000
  const STRIDES = [
    { why: '16- and 32-bit offsets', first: 0x0a00_0000n, stride: 1n },
    { why: '32-bit offsets', first: 0x0a00_0000n, stride: 2n ** 11n },
    { why: '64-bit offsets', first: 0x2001n << 112n, stride: 2n ** 48n },
    { why: '128-bit offsets', first: 0n, stride: 2n ** 112n },
    { why: 'badly aligned', first: 0x2001n << 112n, stride: 3n * 2n ** 30n },
  ]

  test.each(STRIDES)('are known after edits anywhere, splits and merges: $why', ({ first, stride }) => {
    const space = new FreeSpace({ first, last: first + stride * BigInt(CELLS) - 1n })
    const random = prng(11)
    const isTaken = new Uint8Array(CELLS)
    const flip = (cell: number) => {
      const [from, to] = [first + stride * BigInt(cell), first + stride * BigInt(cell + 1) - 1n]
      if (isTaken[cell] === 0) space.occupy(from, to)
      else space.release(from, to)
      isTaken[cell] = 1 - (isTaken[cell] ?? 0)
      // Asked after each edit, so that an answer that was kept for too long shows.
      const block = space.largestBlock()
      const isFree = block === null || space.isFree(block.first, block.first + sizeOf(block.bits) - 1n)
      if (!isFree) throw new Error(`block ${block.first}/${block.bits} is not free`)
    }

    for (let i = 0; i < CELLS; i++) flip(random(CELLS))
    expectSameAsRuns(space)
    for (let i = 0; i < CELLS / 2; i++) flip(random(CELLS / 4))
    expectSameAsRuns(space)
    for (let cell = CELLS - 1; cell >= 0; cell--) if (isTaken[cell] === 1 && random(50) > 0) flip(cell)
    expectSameAsRuns(space)
    for (const { first: from, last } of [...space.freeRuns()]) space.occupy(from, last)
    expect([space.largestBlock(), space.bestBlock(0), [...space.freeBlocks()]]).toEqual([null, null, []])
  })

  test.each(STRIDES)('aligned searches find the lowest place: $why', ({ first, stride }) => {
    const random = prng(5)
    const taken: AddressRange[] = []
    for (let cell = 0; cell < CELLS; cell += 1 + random(6)) {
      // Sparse towards the end, so that large blocks exist and lie behind many small ones.
      if (random(CELLS) < cell) continue
      taken.push({ first: first + stride * BigInt(cell), last: first + stride * BigInt(cell + 1) - 1n })
    }
    const space = FreeSpace.fromRuns({ first, last: first + stride * BigInt(CELLS) - 1n }, taken)

    for (let i = 0; i < 400; i++) {
      const alignment = i % 2 === 0 ? sizeOf(random(128)) : sizeOf(stride.toString(2).length - 1 + random(6))
      const count = i % 3 === 0 ? alignment : 1n + (stride * BigInt(random(160))) / 8n
      const from = first + (stride * BigInt(random(CELLS * 4))) / 4n
      const search = { count, from, alignment }
      expect(space.lowestRun(count, { from, alignment })).toBe(lowestAligned(space, search))
    }
  })

  test.each(STRIDES)(
    'aligned places are found while they are taken and given back: $why',
    ({ first, stride }) => {
      const random = prng(7)
      const taken: AddressRange[] = []
      for (let cell = 0; cell < CELLS; cell += 3 + random(8)) {
        taken.push({ first: first + stride * BigInt(cell), last: first + stride * BigInt(cell + 1) - 1n })
      }
      const space = FreeSpace.fromRuns({ first, last: first + stride * BigInt(CELLS) - 1n }, taken)
      const alignment = sizeOf(stride.toString(2).length + 2)
      // No run is long enough at first: some are once what parts them is given back.
      const given = [...taken]

      for (let i = 0; i < 600; i++) {
        const count = stride * BigInt(8 + random(8))
        const search = { count, from: first, alignment }
        const start = space.lowestRun(count, search)
        expect(start).toBe(lowestAligned(space, search))
        if (start !== null) {
          space.occupy(start, start + count - 1n)
          given.push({ first: start, last: start + count - 1n })
        }
        const [back] = given.splice(random(given.length), 1)
        if (back !== undefined) space.release(back.first, back.last)
      }
    },
  )

  test('a leaf that its neighbour takes over brings its blocks along', () => {
    const singles = Array.from({ length: 300 }, (_, i) => ({
      first: 2n * BigInt(i) + 1n,
      last: 2n * BigInt(i) + 1n,
    }))
    const space = FreeSpace.fromRuns({ first: 0n, last: 0xffffn }, singles)
    // The first leaf holds the 192 runs below 384 and shrinks to 91, the second the 109 others and shrinks to too few.
    const lower = Array.from({ length: 101 }, (_, i) => 2n * BigInt(i))
    const upper = Array.from({ length: 60 }, (_, i) => 384n + 2n * BigInt(i))

    for (const address of [...lower, ...upper]) {
      space.occupy(address, address)
      expect(space.largestBlock()).toEqual({ first: 0x8000n, bits: 15 })
    }
  })

  test('an edit far from the best block does not hide it, and taking it brings up the next', () => {
    const first = 0x2001n << 112n
    const space = new FreeSpace({ first, last: first + 2n ** 64n - 1n })
    for (let i = 0n; i < 3_000n; i++) space.occupy(first + i * 2n ** 40n, first + i * 2n ** 40n)
    const [best, next] = space.bestFits(39)

    space.occupy(first + 1n, first + 1n)
    expect(space.bestBlock(39)).toEqual(best)
    expect(carve(space, 39)).toBe(best?.first)
    expect(space.bestBlock(39)).toEqual(next)
    expect(carve(space, 39)).toBe(next?.first)
    expect(space.largestBlock()).toEqual({ first: first + 2n ** 63n, bits: 63 })
  })
})
