/** Lists of the allocations of a namespace: those of its networks, wherever the rows of others lie. */
import { describe, expect, test } from 'vitest'
import { ALLOCATION_DEFAULTS } from '../../src/ipam/defaults.ts'
import type { AllocationFilter, Page } from '../../src/ipam/query.ts'
import type { Allocation } from '../../src/ipam/records.ts'
import { openCounted, readsOf } from './counted-state.ts'
import { accepted, EVERY_STATUS, Harness, listAllocations, nameOf, page, START, tokenOf } from './harness.ts'

const HOUR_MS = 3_600_000
const BATCH = 1_000

/** @param name At most eight characters. */
function allocateMany(
  ipam: Harness,
  { name, network, count }: { readonly name: string; readonly network: string; readonly count: number },
): void {
  for (let done = 0; done < count; done += BATCH) {
    const items = Array.from({ length: Math.min(BATCH, count - done) }, (_, i) => ({
      ...ALLOCATION_DEFAULTS,
      network: { id: network },
      token: tokenOf(`${name}${done + i}`),
    }))
    accepted(ipam.apply({ type: 'allocateBatch', items }))
  }
}

/** Page by page. @param between What happens after each page. */
async function pagesOf(
  { machine }: Harness,
  filter: Partial<AllocationFilter>,
  { limit, between = () => {} }: { readonly limit: number; readonly between?: () => void },
): Promise<string[][]> {
  const pages: string[][] = []
  let cursor: string | null = null
  do {
    const { rows, nextCursor }: Page<Allocation> = await listAllocations(machine, filter, page(limit, cursor))
    pages.push(rows.map(nameOf))
    cursor = nextCursor
    between()
  } while (cursor !== null)
  return pages
}

describe('the networks of two namespaces, made in turn', () => {
  const gaps = [
    { others: 0, why: 'nothing lies between' },
    { others: 1, why: 'a row of others lies between any two' },
    { others: 32, why: 'what lies between is read over' },
    { others: 33, why: 'what lies between is left out' },
    { others: 60, why: 'it is more than a page' },
  ]

  test.each(gaps)(
    'each list is that of its own, on pages that are full, with $others allocations of the others between: $why',
    async ({ others }) => {
      const ipam = await Harness.open()
      const own: string[] = []
      for (let n = 0; n < 12; n++) {
        ipam.createNetwork(`own-${n}`, `10.0.${n}.0/24`, { namespace: 'lab' })
        ipam.createNetwork(`other-${n}`, `10.0.${n}.0/24`)
        if (others > 0) allocateMany(ipam, { name: `o${n}-`, network: `other-${n}`, count: others })
        // Every third has none.
        for (let i = 0; i < n % 3; i++) {
          ipam.allocate(`l-${n}-${i}`, `own-${n}`)
          own.push(`l-${n}-${i}`)
        }
      }

      for (const limit of [1, 5, 100]) {
        const pages = await pagesOf(ipam, { namespace: 'lab' }, { limit })
        expect(pages.flat()).toEqual(own)
        expect(pages.slice(0, -1).every(({ length }) => length === limit)).toBe(true)
      }
      const rest = await pagesOf(ipam, { namespace: 'default' }, { limit: 7 })
      expect(rest.flat()).toHaveLength(12 * others)
      expect(rest.flat().filter((name) => own.includes(name))).toEqual([])
    },
  )

  test('what lies between two of them is left out, though nothing lies between the next two', async () => {
    const ipam = await Harness.open()
    for (const [n, namespace] of ['lab', 'default', 'lab', 'lab'].entries()) {
      ipam.createNetwork(`net-${n}`, `10.0.${n}.0/24`, { namespace })
      ipam.allocate(`a-${n}`, `net-${n}`)
    }

    const pages = await pagesOf(ipam, { namespace: 'lab' }, { limit: 100 })

    expect(pages).toEqual([['a-0', 'a-2', 'a-3']])
  })

  test('a page reads over few rows of the others, and none of the many', async () => {
    for (const [others, readsMax] of [
      [32, 40 * (32 + 3)],
      [200, 40 * 4],
    ] as const) {
      const state = await openCounted()
      const { ipam } = state
      for (let n = 0; n < 40; n++) {
        ipam.createNetwork(`own-${n}`, `10.0.${n}.0/24`, { namespace: 'lab' })
        ipam.createNetwork(`other-${n}`, `10.0.${n}.0/24`)
        ipam.allocate(`l-${n}`, `own-${n}`)
        allocateMany(ipam, { name: `o${n}-`, network: `other-${n}`, count: others })
      }
      await ipam.machine.flush()

      const [{ rows }, reads] = await readsOf(state, ({ machine }) => {
        return listAllocations(machine, { namespace: 'lab' }, page(100))
      })

      expect(rows).toHaveLength(40)
      expect(reads).toBeLessThanOrEqual(readsMax)
    }
  })
})

describe('a namespace', () => {
  test('is read at once where its networks lie side by side', async () => {
    const { ipam, storage } = await openCounted()
    for (let n = 0; n < 40; n++) {
      ipam.createNetwork(`net-${n}`, `10.0.${n}.0/24`)
      ipam.allocate(`a-${n}`, `net-${n}`)
      ipam.createNetwork(`lab-${n}`, `10.0.${n}.0/24`, { namespace: `lab-${n}` })
    }
    await ipam.machine.flush()

    const before = storage.scans
    const { rows } = await listAllocations(ipam.machine, { namespace: 'default' }, page(100))

    expect([rows.length, storage.scans - before]).toEqual([40, 1])
  })

  test('goes on in its next network, however many allocations the one of the cursor has', async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('net-1', '10.0.0.0/16', { namespace: 'lab' })
    ipam.createNetwork('net-2', '10.1.0.0/16', { namespace: 'lab' })
    allocateMany(ipam, { name: 'a', network: 'net-1', count: 22_000 })
    ipam.allocate('last', 'net-2')

    const pages = await pagesOf(ipam, { namespace: 'lab' }, { limit: 10_000 })

    expect(pages.map(({ length }) => length)).toEqual([10_000, 10_000, 2_001])
    expect(pages.flat().at(-1)).toBe('last')
  })

  test('reads nothing of a deleted network, however many ended allocations of it lie among its own', async () => {
    const state = await openCounted()
    const { ipam } = state
    for (const id of ['one', 'gone', 'two']) {
      ipam.createNetwork(id, '10.0.0.0/16', { namespace: id === 'gone' ? 'default' : id })
    }
    ipam.createNetwork('three', '10.3.0.0/16', { namespace: 'one' })
    for (const id of ['one', 'three', ...Array.from({ length: 300 }, () => 'gone')]) {
      ipam.allocate('a', id)
      ipam.release('a')
    }
    accepted(ipam.apply({ type: 'deleteNetwork', id: 'gone', ifChangedIndex: null }))
    await ipam.machine.flush()

    const [{ rows }, reads] = await readsOf(state, ({ machine }) => {
      return listAllocations(machine, { namespace: 'one', statuses: EVERY_STATUS })
    })

    expect(rows).toHaveLength(2)
    expect(reads).toBeLessThan(20)
  })

  test('has nothing of a network that is deleted, whose ended allocations lie among its own', async () => {
    const ipam = await Harness.open()
    for (const [id, second] of [
      ['one', 1],
      ['gone', 2],
      ['two', 3],
    ] as const) {
      ipam.createNetwork(id, `10.${second}.0.0/16`, { namespace: 'lab' })
      ipam.allocate(`${id}-a`, id)
      ipam.allocate(`${id}-b`, id)
      ipam.release(`${id}-a`)
    }
    ipam.release('gone-b')
    accepted(ipam.apply({ type: 'deleteNetwork', id: 'gone', ifChangedIndex: null }))
    const idsOf = async (filter: Partial<AllocationFilter>): Promise<string[]> =>
      (await listAllocations(ipam.machine, filter)).rows.map(nameOf)

    const all = { namespace: 'lab', statuses: EVERY_STATUS }

    expect(await idsOf(all)).toEqual(['one-a', 'one-b', 'two-a', 'two-b'])
    expect(await idsOf({ ...all, statuses: ['released'] })).toEqual(['one-a', 'two-a'])
    expect(await idsOf({ statuses: ['released'] })).toEqual(['one-a', 'gone-a', 'gone-b', 'two-a'])
  })
})

const SEARCHES: readonly { readonly name: string; readonly filter: Partial<AllocationFilter> }[] = [
  { name: 'host name', filter: { hostname: 'web' } },
  { name: 'tag', filter: { tag: 'web' } },
  { name: 'a tag longer than an index has it', filter: { tag: 'a-tag-of-more-than-thirty-two-characters' } },
  { name: 'MAC', filter: { mac: '02:00:00:00:00:07' } },
  { name: 'word', filter: { q: 'web' } },
  { name: 'expiry', filter: { expiresBefore: START + 1_000 * HOUR_MS } },
]

describe('who searches in a network or a namespace', () => {
  test.each(SEARCHES)(
    'by $name gets the same list while it has few allocations and when it has many, with one cursor',
    async ({ filter }) => {
      const ipam = await Harness.open()
      ipam.createNetwork('net', '10.0.0.0/16', { namespace: 'lab' })
      ipam.createNetwork('other', '10.0.0.0/16')
      const sought = {
        hostname: 'web',
        tags: ['web', 'a-tag-of-more-than-thirty-two-characters'],
        mac: '02:00:00:00:00:07',
      }
      for (let i = 0; i < 60; i++) {
        const ttlMs = ((i * 7) % 60) * HOUR_MS + 1
        const isNamed = i % 3 > 0
        const texts = { ...sought, ...(isNamed ? {} : { hostname: null, description: 'the web' }) }
        // The highest address comes first, so that no list is in the order of addresses.
        ipam.allocate(`a-${i}`, 'net', { ...texts, ip: `10.0.1.${200 - i}`, ttlMs })
        ipam.allocate(`o-${i}`, 'other', { ...texts, ttlMs })
        if (i % 10 === 0) ipam.release(`a-${i}`)
      }
      const wanted = { ...filter, namespace: 'lab' }
      const few = await pagesOf(ipam, wanted, { limit: 7 })
      let written = 0
      const grow = (): void => {
        if (written++ === 2) allocateMany(ipam, { name: 'b', network: 'net', count: 1_000 })
      }

      const growing = await pagesOf(ipam, wanted, { limit: 7, between: grow })
      const many = await pagesOf(ipam, { ...filter, networkId: 'net' }, { limit: 7 })

      expect(few.flat().length).toBeGreaterThan(30)
      expect(growing.flat()).toEqual(few.flat())
      expect(many.flat()).toEqual(few.flat())
    },
  )
})
