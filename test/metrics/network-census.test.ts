import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { First } from '../../src/metrics/first.ts'
import { takeCensus } from '../../src/metrics/network-census.ts'
import { Harness } from '../state/harness.ts'

async function census(harness: Harness, fullestMax: number) {
  const breathe = async (): Promise<void> => {}
  return takeCensus(harness.machine.figures.trees, { fullestMax, breathe })
}

/** Networks and how many addresses of each are allocated. */
async function stateWith(networks: Readonly<Record<string, number>>): Promise<Harness> {
  const harness = await Harness.open()
  for (const [i, [cidr, count]] of Object.entries(networks).entries()) {
    harness.createNetwork(`net-${i}`, cidr)
    if (count > 0) harness.allocate(`alloc-${i}`, `net-${i}`, { count })
  }
  return harness
}

describe('census of networks', () => {
  test('totals are of all networks, single lines of the fullest', async () => {
    const harness = await stateWith({
      '10.0.0.0/24': 10,
      '10.1.0.0/30': 2,
      '10.2.0.0/24': 0,
      '10.3.0.0/24': 127,
      'fd00::/64': 3,
    })

    const { allocations, allocated, fullest } = await census(harness, 2)

    expect(allocations).toBe(4)
    expect(allocated).toEqual({ ipv4: 139, ipv6: 3 })
    expect(fullest).toEqual([
      {
        id: 'net-1',
        cidr: '10.1.0.0/30',
        namespace: 'default',
        allocations: 1,
        usable: 2,
        allocated: 2,
        available: 0,
        utilization: 1,
      },
      expect.objectContaining({ id: 'net-3', utilization: 0.5, available: 127 }),
    ])
  })

  test('what a child network has is taken from its parent, and no address counts twice', async () => {
    const harness = await stateWith({ '10.0.0.0/24': 0, '10.0.0.0/25': 4 })

    const { allocated, fullest } = await census(harness, 10)

    expect(allocated.ipv4).toBe(4)
    expect(fullest.map(({ cidr, allocated }) => [cidr, allocated])).toEqual([
      ['10.0.0.0/24', 0],
      ['10.0.0.0/25', 4],
    ])
    expect(fullest[0]?.utilization).toBeCloseTo(127 / 254)
  })

  test('with no lines for single networks there are still totals', async () => {
    const harness = await stateWith({ '10.0.0.0/24': 10 })

    expect(await census(harness, 0)).toMatchObject({ allocations: 1, fullest: [] })
  })

  test('others have their turn after each two hundred networks', async () => {
    const harness = await Harness.open()
    for (let i = 0; i < 401; i++) harness.createNetwork(`net-${i}`, `10.${i >> 8}.${i & 255}.0/24`)
    let breaths = 0
    const breathe = async (): Promise<void> => {
      breaths += 1
    }

    await takeCensus(harness.machine.figures.trees, { fullestMax: 10, breathe })

    expect(breaths).toBe(2)
  })

  test('the first of an order are those that sorting all of them shows', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.nat(20), (values, max) => {
        const ascending = (a: number, b: number): number => a - b
        const first = new First<number>(max, ascending)
        for (const value of values) first.add(value)
        expect(first.take()).toEqual(values.toSorted(ascending).slice(0, max))
      }),
    )
  })
})
