import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressBits, formatAddress, parseAddress } from '../../src/ipam/address.ts'
import { AddressSpace, type Obstacle } from '../../src/ipam/address-space.ts'
import type { FreeBlock } from '../../src/ipam/free-space.ts'
import { type Prefix, parsePrefix } from '../../src/ipam/prefix.ts'
import { type AddressRange, rangeOf, rangesOverlap } from '../../src/ipam/range.ts'
import { cover, isBetter, sizeOf } from './free-space/blocks.ts'

type Claim = Exclude<Obstacle, 'outside' | 'not_usable'> | 'free'

/** The slow, obvious version: lists of ranges, all of which are asked about each address that could differ from the one before. */
class ModelSpace {
  allocated: AddressRange[] = []
  cooling: AddressRange[] = []
  delegated: AddressRange[] = []
  reserved: AddressRange[] = []
  readonly prefix: Prefix

  constructor(prefix: Prefix) {
    this.prefix = prefix
  }

  get whole(): AddressRange {
    return rangeOf(this.prefix)
  }

  isUsable(address: bigint): boolean {
    const { first, last } = this.whole
    if (this.prefix.length >= addressBits(this.prefix.family) - 1) return true
    return address !== first && (this.prefix.family === 6 || address !== last)
  }

  claimOn(address: bigint): Claim {
    const isIn = (ranges: AddressRange[]): boolean =>
      ranges.some(({ first, last }) => first <= address && address <= last)
    if (isIn(this.allocated)) return 'allocated'
    if (isIn(this.delegated)) return 'delegated'
    if (isIn(this.cooling)) return 'cooling'
    return isIn(this.reserved) ? 'reserved' : 'free'
  }

  /** Runs of addresses that are alike, ascending. */
  segments(): (AddressRange & { claim: Claim; isUsable: boolean })[] {
    const { first, last } = this.whole
    const ranges = [...this.allocated, ...this.cooling, ...this.delegated, ...this.reserved]
    const ends = ranges.flatMap((range) => [range.first, range.last + 1n])
    const starts = [...new Set([first, first + 1n, last, last + 1n, ...ends])]
      .filter((start) => start <= last)
      .sort((a, b) => (a < b ? -1 : 1))
    return starts.map((start, i) => ({
      first: start,
      last: (starts[i + 1] ?? last + 1n) - 1n,
      claim: this.claimOn(start),
      isUsable: this.isUsable(start),
    }))
  }

  count(claim: Claim): bigint {
    return this.segments()
      .filter((segment) => segment.claim === claim && segment.isUsable)
      .reduce((sum, { first, last }) => sum + last - first + 1n, 0n)
  }

  /** @param forHosts Without the network's own address and the broadcast address. */
  freeRuns({ forHosts }: { forHosts: boolean }): AddressRange[] {
    const runs: AddressRange[] = []
    for (const { first, last, claim, isUsable } of this.segments()) {
      if (claim !== 'free' || (forHosts && !isUsable)) continue
      const previous = runs.at(-1)
      if (previous !== undefined && previous.last + 1n === first) {
        runs[runs.length - 1] = { first: previous.first, last }
      } else runs.push({ first, last })
    }
    return runs
  }

  obstacleTo({ first, last }: AddressRange): Obstacle | null {
    if (first < this.whole.first || last > this.whole.last) return 'outside'
    const inside = this.segments().filter((segment) => rangesOverlap(segment, { first, last }))
    if (inside.some(({ isUsable }) => !isUsable)) return 'not_usable'
    const order: Obstacle[] = ['allocated', 'delegated', 'cooling', 'reserved']
    return order.find((obstacle) => inside.some(({ claim }) => claim === obstacle)) ?? null
  }

  lowestRun(count: bigint, { from, alignment }: { from: bigint; alignment: bigint }): bigint | null {
    for (const { first, last } of this.freeRuns({ forHosts: true })) {
      let start = first < from ? from : first
      if (start % alignment !== 0n) start += alignment - (start % alignment)
      if (start + count - 1n <= last) return start
    }
    return null
  }

  freeBlocks(): FreeBlock[] {
    return this.freeRuns({ forHosts: false }).flatMap(cover)
  }

  bestBlock(bits: number): FreeBlock | null {
    const fitting = this.freeBlocks().filter((block) => block.bits >= bits)
    return fitting.reduce<FreeBlock | null>(
      (best, block) => (best === null || isBetter(block, best) ? block : best),
      null,
    )
  }

  largestBlock(): FreeBlock | null {
    return this.freeBlocks().reduce<FreeBlock | null>(
      (largest, block) => (largest === null || block.bits > largest.bits ? block : largest),
      null,
    )
  }

  /** One carving after the other, at most `count`. */
  bestFits(bits: number, count: number): FreeBlock[] {
    const trial = Object.assign(new ModelSpace(this.prefix), this)
    const fits: FreeBlock[] = []
    while (fits.length < count) {
      const block = trial.bestBlock(bits)
      if (block === null) break
      const { first } = block
      trial.delegated = [...trial.delegated, { first, last: first + sizeOf(bits) - 1n }]
      fits.push({ first, bits })
    }
    return fits
  }
}

/** What a step does is decided by the state it meets: numbers choose among what is possible then. */
interface Step {
  readonly kind: 'allocate' | 'release' | 'endCooling' | 'reserve' | 'delegate'
  readonly isUndone: boolean
  readonly cools: boolean
  readonly points: readonly Point[]
  readonly choice: number
}

/** A place in the network: a 64th of it, and one address before or after. */
interface Point {
  readonly part: number
  readonly shift: number
}

const point: fc.Arbitrary<Point> = fc.record({
  part: fc.integer({ min: 0, max: 64 }),
  shift: fc.integer({ min: -1, max: 1 }),
})
const points = fc.array(point, { minLength: 2, maxLength: 8 })
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('allocate', 'allocate', 'release', 'release', 'endCooling', 'reserve', 'delegate'),
  isUndone: fc.boolean(),
  cools: fc.boolean(),
  points,
  choice: fc.nat(1000),
})
const probe = fc.record({
  points,
  count: fc.bigInt({ min: 1n, max: 9n }),
  alignmentBits: fc.integer({ min: 0, max: 4 }),
  bits: fc.integer({ min: 0, max: 8 }),
})

function addressAt({ first, last }: AddressRange, { part, shift }: Point): bigint {
  const address = first + ((last - first + 1n) * BigInt(part)) / 64n + BigInt(shift)
  return address < first ? first : address > last ? last : address
}

/** Between neighbours of the points: disjoint, ascending. */
function rangesAt(whole: AddressRange, places: readonly Point[]): AddressRange[] {
  const addresses = [...new Set(places.map((place) => addressAt(whole, place)))].sort((a, b) =>
    a < b ? -1 : 1,
  )
  const ranges: AddressRange[] = []
  for (let i = 0; i + 1 < addresses.length; i += 2) {
    ranges.push({ first: addresses[i] as bigint, last: addresses[i + 1] as bigint })
  }
  if (ranges.length === 0) ranges.push({ first: addresses[0] as bigint, last: addresses[0] as bigint })
  return ranges
}

function without(ranges: readonly AddressRange[], { first, last }: AddressRange): AddressRange[] {
  return ranges.flatMap((range) => {
    const before = { first: range.first, last: range.last < first ? range.last : first - 1n }
    const after = { first: range.first > last ? range.first : last + 1n, last: range.last }
    return [before, after].filter((rest) => rest.first <= rest.last)
  })
}

/** Does the step to both. @returns What takes it back; null if there is nothing to do. */
function take(space: AddressSpace, model: ModelSpace, asked: Step): (() => void) | null {
  const { allocated, cooling, delegated, reserved } = model
  const restore = (): void => {
    Object.assign(model, { allocated, cooling, delegated, reserved })
  }
  const ranges = rangesAt(model.whole, asked.points)
  const [range] = ranges as [AddressRange]
  switch (asked.kind) {
    case 'allocate': {
      if (model.obstacleTo(range) !== null) return null
      space.allocate(range)
      model.allocated = [...allocated, range]
      return () => {
        space.release(range, { cools: false })
        restore()
      }
    }
    case 'release': {
      const ended = allocated[asked.choice % allocated.length]
      if (ended === undefined) return null
      const { cools } = asked
      space.release(ended, { cools })
      model.allocated = allocated.filter((other) => other !== ended)
      if (cools) model.cooling = [...cooling, ended]
      return () => {
        space.takeBack(ended, { cooled: cools })
        restore()
      }
    }
    case 'endCooling': {
      const rested = cooling[asked.choice % cooling.length]
      if (rested === undefined) return null
      space.endCooling(rested)
      model.cooling = cooling.filter((other) => other !== rested)
      return () => {
        space.coolAgain(rested)
        restore()
      }
    }
    case 'reserve': {
      const before = space.reserve(ranges)
      expect(before).toEqual(reserved)
      model.reserved = ranges
      return () => {
        space.reserve(before)
        restore()
      }
    }
    case 'delegate': {
      const child = alignedBlock(model, range.first, asked.choice)
      const isInUse = [...allocated, ...cooling].some((other) => rangesOverlap(other, child))
      if (isInUse) return null
      // A new child, one that is gone, or one whose own children move up.
      const children = asked.cools ? [child] : rangesAt(child, asked.points).slice(0, asked.choice % 4)
      const before = space.delegate(child, children)
      model.delegated = [...without(delegated, child), ...children]
      return () => {
        space.delegate(child, before)
        restore()
      }
    }
  }
}

/** A prefix inside the network. */
function alignedBlock({ prefix, whole }: ModelSpace, address: bigint, choice: number): AddressRange {
  const hostBits = addressBits(prefix.family) - prefix.length
  const bits = BigInt(choice % Math.max(1, hostBits))
  const first = (address >> bits) << bits
  return { first: first < whole.first ? whole.first : first, last: first + (1n << bits) - 1n }
}

type Probe = typeof probe extends fc.Arbitrary<infer T> ? T : never

function expectAlike(
  space: AddressSpace,
  model: ModelSpace,
  { points, count, alignmentBits, bits }: Probe,
): void {
  const counts = {
    allocated: space.allocatedCount,
    cooling: space.coolingCount,
    delegated: space.delegatedCount,
    reserved: space.reservedCount,
    free: space.availableCount,
  }
  for (const [claim, number] of Object.entries(counts)) {
    expect([claim, number]).toEqual([claim, model.count(claim as Claim)])
  }
  expect(space.totalCount).toBe(Object.values(counts).reduce((sum, number) => sum + number, 0n))
  expect([...space.freeRuns()]).toEqual(model.freeRuns({ forHosts: true }))
  expect([...space.freeBlocks()]).toEqual(model.freeBlocks())
  expect(space.largestBlock()).toEqual(model.largestBlock())
  expect(space.bestBlock(bits)).toEqual(model.bestBlock(bits))
  expect(firstFew(space.bestFits(bits), 5)).toEqual(model.bestFits(bits, 5))

  const alignment = 1n << BigInt(alignmentBits)
  for (const range of rangesAt(model.whole, points)) {
    const search = { from: range.first, alignment }
    const isIn = (ranges: AddressRange[]): boolean => ranges.some((other) => rangesOverlap(other, range))
    expect(space.lowestRun(count, search)).toBe(model.lowestRun(count, search))
    expect(space.obstacleTo(range)).toBe(model.obstacleTo(range))
    expect(space.isFree(range)).toBe(model.obstacleTo(range) === null)
    expect(space.hasAllocationIn(range)).toBe(isIn(model.allocated))
    expect(space.hasCoolingIn(range)).toBe(isIn(model.cooling))
    for (const run of space.allocatedIn(range)) {
      expect(model.claimOn(run.first)).toBe('allocated')
      expect(run.first >= range.first && run.last <= range.last).toBe(true)
    }
  }
  const anywhere = { from: 0n, alignment }
  expect(space.lowestRun(count, { alignment })).toBe(model.lowestRun(count, anywhere))
}

function firstFew<T>(values: Iterable<T>, count: number): T[] {
  const few: T[] = []
  for (const value of values) {
    if (few.length === count) break
    few.push(value)
  }
  return few
}

function ascending(ranges: readonly AddressRange[]): AddressRange[] {
  return ranges.toSorted((a, b) => (a.first < b.first ? -1 : 1))
}

describe('an address space is what a slow model says', () => {
  test.each([
    { cidr: '10.0.0.0/24', why: 'the usual network' },
    { cidr: '10.0.0.16/28', why: 'every address is hit' },
    { cidr: '10.0.0.248/29', why: 'few addresses, so that edges matter' },
    { cidr: '10.0.0.4/30', why: 'two hosts between two edges' },
    { cidr: '10.0.0.4/31', why: 'no edges (RFC 3021)' },
    { cidr: '10.0.0.4/32', why: 'one address' },
    { cidr: '2001:db8::/120', why: 'one edge only' },
    { cidr: '2001:db8::2/127', why: 'no edges (RFC 6164)' },
    { cidr: '0.0.0.0/0', why: 'the whole family, and address 0' },
    { cidr: '224.0.0.0/3', why: 'up to the last IPv4 address' },
    { cidr: '::/0', why: 'numbers of 129 bits', numRuns: 10 },
    { cidr: 'e000::/3', why: 'up to the last IPv6 address, in large steps', numRuns: 10 },
    {
      cidr: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00/120',
      why: 'up to the last IPv6 address, in small steps',
    },
  ])('$cidr: $why', ({ cidr, numRuns = 50 }) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), probe, (steps, asked) => {
        const prefix = parsePrefix(cidr)
        const space = new AddressSpace(prefix)
        const model = new ModelSpace(prefix)

        for (const next of steps) {
          const undo = take(space, model, next)
          if (undo === null) continue
          expectAlike(space, model, asked)
          if (!next.isUndone) continue
          undo()
          expectAlike(space, model, asked)
        }

        const { allocated, cooling, delegated, reserved } = model
        const contents = {
          allocated: ascending(allocated),
          cooling: ascending(cooling),
          delegated: ascending(delegated),
          reserved,
        }
        expectAlike(new AddressSpace(prefix, contents), model, asked)
      }),
      { numRuns },
    )
  })
})

describe('addresses for hosts', () => {
  test.each([
    { cidr: '10.0.0.0/24', count: 254n, first: '10.0.0.1', why: 'all but the network and broadcast address' },
    { cidr: '10.0.0.0/24', count: 255n, first: null, why: 'the broadcast address would be one of them' },
    { cidr: '10.0.0.0/31', count: 2n, first: '10.0.0.0', why: 'RFC 3021: a link has no broadcast address' },
    { cidr: '10.0.0.7/32', count: 1n, first: '10.0.0.7', why: 'a network of one host' },
    { cidr: '2001:db8::/120', count: 255n, first: '2001:db8::1', why: 'IPv6 has no broadcast address' },
    {
      cidr: '2001:db8::/120',
      count: 256n,
      first: null,
      why: 'the subnet-router anycast address would be one',
    },
    { cidr: '2001:db8::2/127', count: 2n, first: '2001:db8::2', why: 'RFC 6164: no anycast address' },
    { cidr: '2001:db8::2/128', count: 1n, first: '2001:db8::2', why: 'a network of one host' },
    { cidr: '0.0.0.0/0', count: 1n, first: '0.0.0.1', why: 'address 0 is a network address' },
    { cidr: '0.0.0.0/0', count: 2n ** 32n - 1n, first: null, why: 'the last address is a broadcast address' },
    { cidr: '::/0', count: 2n ** 128n - 1n, first: '::1', why: 'all but one address of the family' },
  ])('$count in $cidr start at $first: $why', ({ cidr, count, first }) => {
    const space = new AddressSpace(parsePrefix(cidr))

    const start = space.lowestRun(count)

    expect(start).toBe(first === null ? null : parseAddress(first).value)
  })

  test('a child network may have the edges that no host may', () => {
    const space = new AddressSpace(parsePrefix('10.0.0.0/28'))

    const fits = [...space.bestFits(2)].map(({ first }) => formatAddress({ family: 4, value: first }))

    expect(fits).toEqual(['10.0.0.0', '10.0.0.4', '10.0.0.8', '10.0.0.12'])
  })

  test('what was allocated and is reserved later is not handed out after its release', () => {
    const space = new AddressSpace(parsePrefix('10.0.0.0/29'))
    const range = { first: 0x0a000001n, last: 0x0a000002n }
    space.allocate(range)
    space.reserve([{ first: 0x0a000002n, last: 0x0a000003n }])

    space.release(range, { cools: true })
    space.endCooling(range)

    expect(space.obstacleTo({ first: 0x0a000002n, last: 0x0a000002n })).toBe('reserved')
    expect([...space.freeRuns()]).toEqual([
      { first: 0x0a000001n, last: 0x0a000001n },
      { first: 0x0a000004n, last: 0x0a000006n },
    ])
  })
})
