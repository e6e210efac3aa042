import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AssertionError } from '../../raft/assert.ts'
import { FreeSpace } from '../../src/ipam/free-space.ts'
import { parsePrefix } from '../../src/ipam/prefix.ts'
import { type AddressRange, usableRange } from '../../src/ipam/range.ts'

/** The slow, obvious version: a set of occupied addresses. */
class SetSpace {
  readonly range: AddressRange
  readonly occupied = new Set<bigint>()

  constructor(range: AddressRange) {
    this.range = range
  }

  get all(): bigint[] {
    return addresses(this.range.first, this.range.last)
  }

  isFree(first: bigint, last: bigint): boolean {
    return addresses(first, last).every((address) => this.isFreeAt(address))
  }

  isFreeAt(address: bigint): boolean {
    return this.range.first <= address && address <= this.range.last && !this.occupied.has(address)
  }

  lowestRun(count: bigint, { from = 0n, alignment = 1n } = {}): bigint | null {
    const isStart = (start: bigint) => start >= from && start % alignment === 0n
    return this.all.find((start) => isStart(start) && this.isFree(start, start + count - 1n)) ?? null
  }

  runs(isIn: (address: bigint) => boolean): AddressRange[] {
    const runs: AddressRange[] = []
    for (const address of this.all.filter(isIn)) {
      const run = runs.at(-1)
      if (run?.last === address - 1n) runs.splice(-1, 1, { first: run.first, last: address })
      else runs.push({ first: address, last: address })
    }
    return runs
  }

  freeRuns(): AddressRange[] {
    return this.runs((address) => !this.occupied.has(address))
  }

  occupiedRuns(): AddressRange[] {
    return this.runs((address) => this.occupied.has(address))
  }
}

function addresses(first: bigint, last: bigint): bigint[] {
  return Array.from({ length: Number(last - first) + 1 }, (_, i) => first + BigInt(i))
}

function expectSame(space: FreeSpace, model: SetSpace): void {
  const freeRuns = model.freeRuns()
  expect([...space.freeRuns()]).toEqual(freeRuns)
  expect([...space.occupiedRuns()]).toEqual(model.occupiedRuns())
  expect(space.occupiedCount).toBe(BigInt(model.occupied.size))
  expect(space.freeCount + space.occupiedCount).toBe(BigInt(model.all.length))
  expect(space.lowestFree()).toBe(freeRuns[0]?.first ?? null)
  const sizes = freeRuns.map(({ first, last }) => Number(last - first) + 1)
  expect(space.largestRunSize()).toBe(BigInt(Math.max(0, ...sizes)))
}

/** Occupies the stretch if it is free, releases it if it is occupied; else both must refuse. */
function toggle(space: FreeSpace, model: SetSpace, first: bigint, last: bigint): void {
  const stretch = addresses(first, last)
  const isFree = model.isFree(first, last)
  expect(space.isFree(first, last)).toBe(isFree)
  if (isFree) {
    space.occupy(first, last)
    for (const address of stretch) model.occupied.add(address)
    return
  }
  expect(() => space.occupy(first, last)).toThrow(AssertionError)
  if (stretch.every((address) => model.occupied.has(address))) {
    space.release(first, last)
    for (const address of stretch) model.occupied.delete(address)
  } else {
    expect(() => space.release(first, last)).toThrow(AssertionError)
  }
}

/** A range at each width of offset, around a window's edge so that both sides need the next width. */
const WIDTHS = [
  { why: '16-bit offsets', first: 0x0a00_0000n },
  { why: '32-bit offsets, across 2^16', first: 0x0a01_0000n - 20n },
  { why: '64-bit offsets, across 2^32', first: (0x2001n << 112n) + 2n ** 32n - 20n },
  { why: '128-bit offsets, across 2^64', first: (0x2001n << 112n) + 2n ** 64n - 20n },
  { why: 'the lowest addresses', first: 0n },
  { why: 'the highest addresses', first: 2n ** 128n - 40n },
]

describe('free space against a set of addresses', () => {
  test.each(WIDTHS)('agrees after every step ($why)', ({ first }) => {
    const range = { first, last: first + 39n }
    const stretch = fc
      .tuple(fc.nat({ max: 39 }), fc.nat({ max: 6 }))
      .map(([start, extra]) => [start, Math.min(39, start + extra)] as const)
    fc.assert(
      fc.property(fc.array(stretch, { maxLength: 40 }), (steps) => {
        const space = new FreeSpace(range)
        const model = new SetSpace(range)
        for (const [start, end] of steps) {
          toggle(space, model, first + BigInt(start), first + BigInt(end))
          expectSame(space, model)
        }
      }),
      { numRuns: 50 },
    )
  })

  test.each(WIDTHS)('finds the same lowest runs ($why)', ({ first }) => {
    const range = { first, last: first + 39n }
    const search = fc.record({
      occupied: fc.uniqueArray(fc.nat({ max: 39 }), { maxLength: 25 }),
      count: fc.bigInt({ min: 1n, max: 12n }),
      from: fc.bigInt({ min: -2n, max: 41n }),
      alignment: fc.constantFrom(1n, 2n, 4n, 8n, 16n, 32n, 1n << 40n),
    })
    fc.assert(
      fc.property(search, ({ occupied, count, from, alignment }) => {
        const space = new FreeSpace(range)
        const model = new SetSpace(range)
        for (const offset of occupied) toggle(space, model, first + BigInt(offset), first + BigInt(offset))
        const options = { from: first + from, alignment }

        expect(space.lowestRun(count)).toBe(model.lowestRun(count))
        expect(space.lowestRun(count, options)).toBe(model.lowestRun(count, options))
      }),
      { numRuns: 300 },
    )
  })

  test('built from runs it equals one that was occupied step by step', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.bigInt({ min: 100n, max: 160n })), (occupied) => {
        const range = { first: 100n, last: 160n }
        const model = new SetSpace(range)
        for (const address of occupied) model.occupied.add(address)
        expectSame(FreeSpace.fromRuns(range, model.occupiedRuns()), model)

        const single = occupied.toSorted((a, b) => Number(a - b)).map((first) => ({ first, last: first }))
        expectSame(FreeSpace.fromRuns(range, single), model)
      }),
    )
  })

  test('runs are listed from any address on', () => {
    const range = { first: 10n, last: 29n }
    const space = FreeSpace.fromRuns(range, [
      { first: 10n, last: 12n },
      { first: 20n, last: 24n },
    ])

    expect([...space.freeRuns(22n)]).toEqual([{ first: 25n, last: 29n }])
    expect([...space.freeRuns(15n)]).toEqual([
      { first: 15n, last: 19n },
      { first: 25n, last: 29n },
    ])
    expect([...space.occupiedRuns(22n)]).toEqual([{ first: 22n, last: 24n }])
    expect([...space.occupiedRuns(15n)]).toEqual([{ first: 20n, last: 24n }])
    expect([...space.freeRuns(30n)]).toEqual([])
    expect([...space.occupiedRuns(30n)]).toEqual([])
  })
})

/** The slow version of a large space: one byte a cell, a cell being `stride` addresses. */
class CellSpace {
  readonly cells: Uint8Array
  readonly range: AddressRange
  readonly stride: bigint

  constructor(first: bigint, stride: bigint, cellCount: number) {
    this.cells = new Uint8Array(cellCount)
    this.range = { first, last: first + stride * BigInt(cellCount) - 1n }
    this.stride = stride
  }

  bounds(first: number, last = first): [bigint, bigint] {
    const start = this.range.first
    return [start + BigInt(first) * this.stride, start + BigInt(last + 1) * this.stride - 1n]
  }

  runs(value: number): AddressRange[] {
    const runs: AddressRange[] = []
    for (let start = 0; start < this.cells.length; ) {
      let end = start
      while (this.cells[end] === this.cells[start]) end++
      const [first, last] = this.bounds(start, end - 1)
      if (this.cells[start] === value) runs.push({ first, last })
      start = end
    }
    return runs
  }
}

function prng(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function expectSameCells(space: FreeSpace, model: CellSpace): void {
  const free = model.runs(0)
  expect([...space.freeRuns()]).toEqual(free)
  expect([...space.occupiedRuns()]).toEqual(model.runs(1))
  const sizes = free.map(({ first, last }) => last - first + 1n).toSorted((a, b) => (a < b ? 1 : -1))
  expect(space.largestRunSize()).toBe(sizes[0] ?? 0n)
  expect(space.lowestFree()).toBe(free[0]?.first ?? null)
  for (const count of [1n, 2n, 3n, 7n, 12n].map((cells) => cells * model.stride)) {
    const expected = free.find(({ first, last }) => last - first + 1n >= count)?.first ?? null
    expect(space.lowestRun(count)).toBe(expected)
  }
}

describe('free space with thousands of runs, in a tree of several levels', () => {
  const CELLS = 31_000

  test.each([
    { why: '16- and 32-bit offsets', first: 0x0a00_0000n, stride: 2n },
    { why: '32-bit offsets', first: 0n, stride: 100_000n },
    { why: '64-bit offsets', first: 0x2001n << 112n, stride: 2n ** 48n },
    { why: '128-bit offsets', first: 0n, stride: 2n ** 112n },
  ])('grows and shrinks like its model: $why', ({ first, stride }) => {
    const model = new CellSpace(first, stride, CELLS)
    const space = new FreeSpace(model.range)
    const random = prng(7)
    const flip = (cell: number) => {
      const [from, to] = model.bounds(cell)
      if (model.cells[cell] === 0) space.occupy(from, to)
      else space.release(from, to)
      model.cells[cell] = 1 - (model.cells[cell] ?? 0)
    }

    for (let i = 0; i < CELLS; i++) flip(random(CELLS))
    expectSameCells(space, model)
    for (let i = 0; i < CELLS; i++) flip(random(CELLS / 4))
    expectSameCells(space, model)
    expectSameCells(FreeSpace.fromRuns(model.range, model.runs(1)), model)
    for (let cell = CELLS - 1; cell >= 0; cell--) if (model.cells[cell] === 1 && random(50) > 0) flip(cell)
    expectSameCells(space, model)
    for (let cell = 0; cell < CELLS; cell++) if (model.cells[cell] === 1) flip(cell)
    expectSameCells(space, model)
    expect(space.freeCount).toBe(stride * BigInt(CELLS))
    for (let cell = 0; cell < CELLS; cell++) flip(cell)
    expectSameCells(space, model)
    expect([space.freeCount, space.lowestFree(), space.lowestRun(1n)]).toEqual([0n, null, null])
    flip(CELLS - 1)
    flip(CELLS / 2)
    expectSameCells(space, model)
  })

  test.each([
    { why: 'the runs of one leaf, as built, between full neighbours', first: 20 * 384, last: 21 * 384 },
    { why: 'the first leaf', first: 0, last: 384 },
    { why: 'half of the tree', first: 10_000, last: 25_000 },
  ])('a stretch may fill up and empty again while the rest stays fragmented: $why', ({ first, last }) => {
    const model = new CellSpace(0n, 1n, CELLS)
    for (let cell = 0; cell < CELLS; cell += 2) model.cells[cell] = 1
    const space = FreeSpace.fromRuns(model.range, model.runs(1))

    for (let cell = first + 1; cell < last; cell += 2) {
      space.occupy(BigInt(cell), BigInt(cell))
      expect(space.lowestRun(1n, { from: BigInt(first) })).toBe(BigInt(cell) + 2n)
    }
    model.cells.fill(1, first, last + 1)
    expectSameCells(space, model)

    // Joins the free runs on both sides, which now lie leaves apart.
    space.release(BigInt(first), BigInt(last))
    model.cells.fill(0, first, last + 1)
    expectSameCells(space, model)
  })
})

describe('free space of networks of every size', () => {
  test.each(['10.0.0.0/24', '10.0.0.0/8', '0.0.0.0/0', '10.0.0.0/31', '10.0.0.1/32'])(
    '%s gives out its first address, and all of them at once',
    (cidr) => expectGivesOutAll(usableRange(parsePrefix(cidr))),
  )

  test.each(['2001:db8::/64', '2001:db8::/120', '::/0', '2001:db8::/127', '2001:db8::1/128'])(
    '%s gives out its first address, and all of them at once',
    (cidr) => expectGivesOutAll(usableRange(parsePrefix(cidr))),
  )

  test('counts stay exact beyond 2^53', () => {
    const { first, last } = usableRange(parsePrefix('::/0'))
    const space = new FreeSpace({ first, last })

    space.occupy(last - 2n ** 100n, last)
    space.occupy(first, first)

    expect(space.freeCount).toBe(2n ** 128n - 3n - 2n ** 100n)
    expect(space.occupiedCount).toBe(2n ** 100n + 2n)
    expect(space.largestRunSize()).toBe(space.freeCount)
    expect(space.lowestRun(space.freeCount)).toBe(first + 1n)
    expect(space.lowestRun(space.freeCount + 1n)).toBeNull()
  })
})

describe('a bug of the caller stops the process', () => {
  const range = { first: 10n, last: 19n }
  const calls: { why: string; call: (space: FreeSpace) => unknown }[] = [
    { why: 'an empty range', call: () => new FreeSpace({ first: 1n, last: 0n }) },
    { why: 'occupying what is taken', call: (space) => space.occupy(12n, 12n) },
    { why: 'occupying what is partly taken', call: (space) => space.occupy(10n, 12n) },
    { why: 'occupying across a taken address', call: (space) => space.occupy(10n, 19n) },
    { why: 'occupying below the range', call: (space) => space.occupy(9n, 9n) },
    { why: 'occupying beyond the range', call: (space) => space.occupy(19n, 20n) },
    { why: 'occupying backwards', call: (space) => space.occupy(15n, 14n) },
    { why: 'releasing what is free', call: (space) => space.release(10n, 10n) },
    { why: 'releasing what is partly free', call: (space) => space.release(12n, 14n) },
    { why: 'releasing below the range', call: (space) => space.release(9n, 9n) },
    { why: 'releasing beyond the range', call: (space) => space.release(20n, 20n) },
    { why: 'releasing backwards', call: (space) => space.release(13n, 12n) },
    { why: 'a run of no address', call: (space) => space.lowestRun(0n) },
    { why: 'alignment 0', call: (space) => space.lowestRun(1n, { alignment: 0n }) },
    { why: 'alignment 3', call: (space) => space.lowestRun(1n, { alignment: 3n }) },
    {
      why: 'runs out of order',
      call: () => {
        const runs = [15n, 12n].map((first) => ({ first, last: first }))
        return FreeSpace.fromRuns(range, runs)
      },
    },
    { why: 'runs out of range', call: () => FreeSpace.fromRuns(range, [{ first: 19n, last: 20n }]) },
  ]

  test.each(calls)('$why', ({ call }) => {
    const space = FreeSpace.fromRuns(range, [{ first: 12n, last: 13n }])

    expect(() => call(space)).toThrow(AssertionError)

    expect([...space.freeRuns()]).toEqual([
      { first: 10n, last: 11n },
      { first: 14n, last: 19n },
    ])
    expect(space.freeCount).toBe(8n)
  })
})

function expectGivesOutAll(range: AddressRange): void {
  const { first, last } = range
  const space = new FreeSpace(range)
  expect(space.lowestFree()).toBe(first)
  expect(space.lowestRun(space.freeCount)).toBe(first)
  space.occupy(first, last)
  expect([space.lowestFree(), space.lowestRun(1n), space.largestRunSize()]).toEqual([null, null, 0n])
  space.release(last, last)
  expect([space.lowestFree(), space.freeCount, space.largestRunSize()]).toEqual([last, 1n, 1n])
  space.occupy(last, last)
  space.release(first, last)
  expect([...space.freeRuns()]).toEqual([range])
}
