/**
 * What it takes to choose, take and give back addresses, counted and not timed, in networks as full as they get. A search that
 * goes through addresses or runs takes thousands of times as many steps.
 */
import { describe, expect, test } from 'vitest'
import type { AddressSpace as Space } from '../../src/ipam/address-space.ts'
import type { AllocationRequest } from '../../src/ipam/command.ts'
import type { AddressRange } from '../../src/ipam/range.ts'
import type { Strategy } from '../../src/ipam/records.ts'
import { countSteps } from '../counted-steps.ts'

const stepsOf = countSteps()
const { AddressSpace } = await import('../../src/ipam/address-space.ts')
const { chooseAddresses } = await import('../../src/ipam/choose-addresses.ts')
const { ALLOCATION_DEFAULTS } = await import('../../src/ipam/defaults.ts')
const { parsePrefix } = await import('../../src/ipam/prefix.ts')
const { usableRange } = await import('../../src/ipam/range.ts')

/**
 * Of taking addresses and giving them back: a leaf of 256 runs is gone through by each edit of its longest run, and so are the 32
 * children of each branch above it.
 */
const STEPS_MAX = 4_000
/** Of statistics: a few leaves. */
const LOOK_STEPS_MAX = 3_000
/** Of a network against one that is 4,096 times smaller and as full. */
const GROWTH_MAX = 3
/** A number of nothing means that the code was not counted. */
const STEPS_MIN = 20
const ROUNDS = 200
const STRATEGIES = ['lowest', 'next', 'random'] as const

interface Filling {
  /** Of the stretches that are taken, in the mean. */
  readonly taken: number
  /** Between two of them, at most. */
  readonly free: number
}

const NINE_OF_TEN: Filling = { taken: 9, free: 1 }
const ONE_OF_THREE: Filling = { taken: 1, free: 3 }

function prng(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function* stretches({ first, last }: AddressRange, { taken, free }: Filling): Generator<AddressRange> {
  const random = prng(7)
  for (let at = first + 1n; at <= last; ) {
    const end = at + BigInt(random(2 * taken - 1))
    yield { first: at, last: end < last ? end : last }
    at = end + 2n + BigInt(random(free))
  }
}

function spaceOf(cidr: string, filling: Filling | null): Space {
  const prefix = parsePrefix(cidr)
  const allocated = filling === null ? [] : [...stretches(usableRange(prefix), filling)]
  return new AddressSpace(prefix, { allocated, cooling: [], delegated: [], reserved: [] })
}

/** With one gap of some 300 addresses, behind nearly everything. */
function fragmented(cidr: string): Space {
  const space = spaceOf(cidr, ONE_OF_THREE)
  const gap = { first: space.usable.last - 9_000n, last: space.usable.last - 8_700n }
  for (const range of [...space.allocatedIn(gap)]) space.release(range, { cools: false })
  return space
}

/** One allocation as `apply` makes it, but for its rows; and its end. */
function take(space: Space, strategy: Strategy, round: number, wish: Partial<AllocationRequest>): void {
  const nextAddress = space.usable.first + (space.totalCount * BigInt(round)) / BigInt(ROUNDS)
  const { prefix } = space
  const network = { id: 'net', namespace: 'default', prefix, space, strategy, nextAddress }
  const settings = { tags: [], cooldownMs: 0, activeAllocations: 0 }
  const chosen = chooseAddresses({ ...network, ...settings }, { ...ALLOCATION_DEFAULTS, ...wish }, () =>
    BigInt(round),
  )
  if (!('first' in chosen)) throw new Error('there is no room')
  space.allocate(chosen)
  space.release(chosen, { cools: false })
}

/** In the mean. */
async function stepsToTake(
  space: Space,
  strategy: Strategy,
  wish: Partial<AllocationRequest> = {},
): Promise<number> {
  const steps = await stepsOf(() => {
    for (let round = 0; round < ROUNDS; round++) take(space, strategy, round, wish)
  })
  return steps / ROUNDS
}

const SMALL = spaceOf('10.0.0.0/20', NINE_OF_TEN)
const LARGE = spaceOf('10.0.0.0/8', NINE_OF_TEN)

describe.each(STRATEGIES)('the next free address by %s', (strategy) => {
  test.each([
    { name: 'an empty /24', why: 'it is one run', space: spaceOf('10.0.0.0/24', null) },
    { name: 'an empty /64', why: 'so is this', space: spaceOf('2001:db8::/64', null) },
    { name: 'a /8 of which nine tenths are taken', why: 'a tree of 1.6 million runs is low', space: LARGE },
  ])('takes some hundred steps in $name: $why', async ({ space }) => {
    const steps = await stepsToTake(space, strategy)

    expect(steps).toBeGreaterThan(STEPS_MIN)
    expect(steps).toBeLessThan(STEPS_MAX)
  })

  test('takes hardly more in a /8 than in a /20 that is as full', async () => {
    const [ofSmall, steps] = [await stepsToTake(SMALL, strategy), await stepsToTake(LARGE, strategy)]

    expect(steps).toBeLessThan(GROWTH_MAX * ofSmall)
  })
})

describe.each(['lowest', 'random'] as const)('contiguous addresses by %s', (strategy) => {
  const small = fragmented('10.0.0.0/18')
  const large = fragmented('10.0.0.0/12')

  test.each([
    { count: 256, alignment: 1, why: 'nodes know the longest run below them' },
    { count: 256, alignment: 16, why: 'and the longest one from a multiple of 16 on' },
    { count: 40, alignment: 256, why: 'also where long runs are badly placed' },
  ])(
    '$count aligned to $alignment, are found in a /12 of which a third is taken: $why',
    async ({ ...wish }) => {
      const first = await stepsOf(() => {
        large.lowestRun(BigInt(wish.count), { alignment: BigInt(wish.alignment) })
      })
      const ofSmall = await stepsToTake(small, strategy, wish)
      const steps = await stepsToTake(large, strategy, wish)

      expect(steps).toBeGreaterThan(STEPS_MIN)
      expect(Math.max(first, steps), `${first} steps, and ${steps} later`).toBeLessThan(STEPS_MAX)
      expect(steps).toBeLessThan(GROWTH_MAX * ofSmall)
    },
  )
})

describe('statistics', () => {
  /** What `networkStats` asks for. */
  function look(space: Space): void {
    space.lowestRun(1n)
    space.largestBlock()
    for (const count of ['allocated', 'available', 'reserved', 'cooling', 'delegated'] as const) {
      expect(space[`${count}Count`]).toBeGreaterThanOrEqual(0n)
    }
  }

  test.each([
    { name: 'a /8 of which nine tenths are taken', cidr: '10.0.0.0/8', filling: NINE_OF_TEN },
    { name: 'a /12 of which a third is taken', cidr: '10.0.0.0/12', filling: ONE_OF_THREE },
  ])(
    'of $name go through nothing, at the first question and after a thousand changes',
    async ({ cidr, filling }) => {
      const space = spaceOf(cidr, filling)

      const first = await stepsOf(() => look(space))
      for (let i = 0; i < 1_000; i++) take(space, 'random', i, {})
      const later = await stepsOf(() => look(space))

      expect(Math.min(first, later)).toBeGreaterThan(STEPS_MIN)
      expect(Math.max(first, later)).toBeLessThan(LOOK_STEPS_MAX)
    },
  )
})
