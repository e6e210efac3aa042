/** How many rows a list has in all: exact, or not said. */
import { describe, expect, test } from 'vitest'
import { ALLOCATION_DEFAULTS } from '../../src/ipam/defaults.ts'
import type { AllocationFilter } from '../../src/ipam/query.ts'
import { type CountedState, openCounted } from './counted-state.ts'
import {
  accepted,
  EVERY_STATUS,
  Harness,
  listAllocations,
  listAudit,
  listNetworks,
  page,
  START,
  tokenOf,
} from './harness.ts'

/** Candidates that are looked at for a total, at most. */
const COUNTED = 1_024
const MAC = '02:00:00:00:00:07'
/** That a list of allocations always reads: how many those of deleted networks are. */
const LIST_READS = 1

/** Networks with so many allocations together that every filter finds, each released one with an active one of its kind. */
async function build(count: number): Promise<CountedState> {
  const state = await openCounted()
  const { ipam } = state
  ipam.createNetwork('net', '10.0.0.0/16')
  ipam.createNetwork('rest', '10.1.0.0/16')
  const texts = { hostname: 'server', tags: ['web'], mac: MAC, description: 'granite', ttlMs: 1_000 }
  for (const network of ['net', 'rest']) {
    for (let done = 0; done < count / 2; done += 100) {
      const items = Array.from({ length: Math.min(100, Math.ceil(count / 2) - done) }, (_, i) => ({
        ...ALLOCATION_DEFAULTS,
        ...texts,
        network: { id: network },
        tags: i === 7 ? ['web', 'seldom'] : ['web'],
        token: tokenOf(`${network}${done + i}`),
      }))
      accepted(
        ipam.apply({
          type: 'allocateBatch',
          items: network === 'rest' && done === 0 ? items.slice(count % 2) : items,
        }),
      )
    }
  }
  await ipam.machine.flush()
  return state
}

const FILTERS: readonly { readonly name: string; readonly filter: Partial<AllocationFilter> }[] = [
  { name: 'host name', filter: { hostname: 'erv' } },
  { name: 'tag', filter: { tag: 'web' } },
  { name: 'MAC', filter: { mac: MAC } },
  { name: 'word', filter: { q: 'granite' } },
  { name: 'a part of host names, as a word', filter: { q: 'erve' } },
  { name: 'expiry', filter: { expiresBefore: START + 2_000 } },
  { name: 'some statuses', filter: { statuses: ['allocated', 'released'] } },
]

const [just, more] = await Promise.all([build(COUNTED), build(COUNTED + 1)])

describe(`allocations by a filter that leaves ${COUNTED} to look at`, () => {
  test.each(FILTERS)(
    'by $name are counted, wherever the page ends, and no more of them',
    async ({ filter }) => {
      const totals = async ({ ipam }: CountedState) => {
        const ask = async (limit: number, offset = 0) =>
          (await listAllocations(ipam.machine, filter, { limit, cursor: null, offset })).total
        return [await ask(1), await ask(10, 5), await ask(1_000), await ask(10, 1_000), await ask(2_000)]
      }

      const { machine } = just.ipam
      const { nextCursor } = await listAllocations(machine, filter, page(10))
      const later = await listAllocations(machine, filter, page(10, nextCursor))

      expect(await totals(just)).toEqual(Array.from({ length: 5 }, () => COUNTED))
      expect(later.total).toBeNull()
      // Those that are too many are counted only where the page has all of them.
      expect(await totals(more)).toEqual([null, null, null, null, COUNTED + 1])
    },
  )

  test('those of them are counted that match all filters', async () => {
    const filter = { mac: MAC, tag: 'seldom' }
    const { rows } = await listAllocations(just.ipam.machine, filter)

    const { total } = await listAllocations(just.ipam.machine, filter, page(1))

    expect(rows.length).toBeGreaterThan(5)
    expect(total).toBe(rows.length)
  })

  test.each(FILTERS.slice(0, 5))(
    'where there are more by $name, only the records of the page are read',
    async ({ filter }) => {
      const { ipam, storage } = more
      const before = { ...storage.reads }

      await listAllocations(ipam.machine, filter, page(10))

      const blocks = Math.ceil(COUNTED / 16)
      expect(storage.reads.keys - before.keys).toBeLessThanOrEqual(LIST_READS + 11 + blocks + 2)
    },
  )

  test('a page by default reads its records, and one more that tells whether anything is left', async () => {
    const { ipam, storage } = more
    const before = { ...storage.reads }

    await listAllocations(ipam.machine, { mac: MAC }, page(1_000))

    expect(storage.reads.keys - before.keys).toBe(LIST_READS + 1_001)
  })
})

test('networks by a filter of texts are counted as well', async () => {
  const ipam = await Harness.open()
  for (let i = 0; i < 30; i++)
    ipam.createNetwork(`net-${i}`, `10.${i}.0.0/16`, { tags: i < 20 ? ['core'] : [] })

  const { total } = await listNetworks(ipam.machine, { tag: 'core' }, page(5))

  expect(total).toBe(20)
})

test('audit rows are counted only where the first page has all of them: nobody waits for more', async () => {
  const totals = [10, 10_000].map(
    async (limit) => (await listAudit(just.ipam.machine, {}, page(limit))).total,
  )
  const { rows } = await listAudit(just.ipam.machine)

  expect(await Promise.all(totals)).toEqual([null, rows.length])
})

test('of a network with few allocations all that are found are counted, however many others have', async () => {
  const { ipam } = more
  ipam.createNetwork('few', '10.2.0.0/24')
  for (let i = 0; i < 30; i++) ipam.allocate(`f-${i}`, 'few', { hostname: `web-${i}` })
  const filter = { networkId: 'few', hostname: 'web', statuses: EVERY_STATUS }

  const { rows, total } = await listAllocations(ipam.machine, filter, page(3))

  expect([rows.length, total]).toEqual([3, 30])
})
