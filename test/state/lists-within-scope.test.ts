/** Lists for keys that are for a part of the networks: full pages of that part, whatever lies around it. */
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Scope } from '../../src/ipam/access.ts'
import { ALLOCATION_DEFAULTS, NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'
import { contains, parsePrefix } from '../../src/ipam/prefix.ts'
import type {
  AddressAnswer,
  AllocationFilter,
  NetworkFilter,
  NetworkQuery,
  Page,
} from '../../src/ipam/query.ts'
import type { PlacedNetwork } from '../../src/ipam/records.ts'
import { openCounted, readsOf } from './counted-state.ts'
import {
  accepted,
  EVERY_STATUS,
  Harness,
  listAllocations,
  listNetworks,
  nameOf,
  openMachine,
  page,
  START,
  tokenOf,
} from './harness.ts'
import { MemoryStorage } from './memory-storage.ts'
import { NO_ALLOCATION_FILTER, NO_NETWORK_FILTER } from './no-filter.ts'

const HOUR_MS = 3_600_000
const MAC = '02:00:00:00:00:07'
const SOUGHT = { tags: ['rack'], hostname: 'rack-7', description: 'granite', mac: MAC, ttlMs: HOUR_MS }
const LAB: Scope = { networks: [], tags: ['lab'] }

type Row = { readonly id: string }
type Listed = Pick<Harness, 'machine'>

interface List {
  readonly pages: Row[][]
  /** Of the first page. */
  readonly total: number | null
}

/** Page by page. @param between What happens after each page. */
async function pagesOf(
  { machine }: Listed,
  scope: Scope,
  {
    query,
    limit,
    between = () => {},
  }: {
    readonly query: (cursor: string | null) => NetworkQuery
    readonly limit: number
    readonly between?: () => void
  },
): Promise<List> {
  const pages: Row[][] = []
  let cursor: string | null = null
  let total: number | null = null
  do {
    const asked = { type: 'withinScope', scope, query: query(cursor) } as const
    const answer = (await machine.query(asked)) as Page<Row>
    if (cursor === null) total = answer.total
    pages.push([...answer.rows])
    cursor = answer.nextCursor
    if (cursor !== null) expect(answer.rows, 'a page is short with more to come').toHaveLength(limit)
    between()
  } while (cursor !== null)
  return { pages, total }
}

function ofAllocations(filter: Partial<AllocationFilter>, limit: number, offset = 0) {
  return (cursor: string | null): NetworkQuery => {
    const asked = { ...page(limit, cursor), offset }
    return { type: 'allocations', filter: { ...NO_ALLOCATION_FILTER, ...filter }, page: asked }
  }
}

function ofNetworks(filter: Partial<NetworkFilter>, limit: number) {
  return (cursor: string | null): NetworkQuery => {
    return { type: 'networks', filter: { ...NO_NETWORK_FILTER, ...filter }, page: page(limit, cursor) }
  }
}

async function allocationsOf(
  ipam: Listed,
  filter: Partial<AllocationFilter> = {},
  { scope = LAB, limit = 100 }: { scope?: Scope; limit?: number } = {},
): Promise<List> {
  return pagesOf(ipam, scope, { query: ofAllocations(filter, limit), limit })
}

async function networksOf(
  ipam: Listed,
  filter: Partial<NetworkFilter> = {},
  { scope = LAB, limit = 100 }: { scope?: Scope; limit?: number } = {},
): Promise<List> {
  return pagesOf(ipam, scope, { query: ofNetworks(filter, limit), limit })
}

function names({ pages }: List): string[] {
  return pages.flat().map(nameOf)
}

/** By the rule of the documentation, the long way. */
async function insideOf({ machine }: Listed, scope: Scope): Promise<ReadonlySet<string>> {
  const { rows } = await listNetworks(machine)
  const isRoot = ({ id, tags }: PlacedNetwork): boolean =>
    scope.networks.includes(id) || tags.some((tag) => scope.tags.includes(tag))
  const isAround = (outer: PlacedNetwork, inner: PlacedNetwork): boolean =>
    outer.namespace === inner.namespace && contains(parsePrefix(outer.cidr), parsePrefix(inner.cidr))
  const inside = rows.filter((one) => rows.some((root) => isRoot(root) && isAround(root, one)))
  return new Set(inside.map(({ id }) => id))
}

/** @param name At most eight characters. */
function allocateMany(
  ipam: Harness,
  {
    name,
    network,
    count,
    tags = [],
    texts = {},
  }: {
    readonly name: string
    readonly network: string
    readonly count: number
    readonly tags?: string[]
    readonly texts?: Partial<typeof SOUGHT>
  },
): void {
  for (let done = 0; done < count; done += 1_000) {
    const items = Array.from({ length: Math.min(1_000, count - done) }, (_, i) => ({
      ...ALLOCATION_DEFAULTS,
      tags,
      ...texts,
      network: { id: network },
      token: tokenOf(`${name}${done + i}`),
    }))
    accepted(ipam.apply({ type: 'allocateBatch', items }))
  }
}

const ALLOCATION_FILTERS: readonly Partial<AllocationFilter>[] = [
  {},
  { statuses: EVERY_STATUS },
  { statuses: ['released'] },
  { namespace: 'other' },
  { namespace: 'default', statuses: EVERY_STATUS },
  { hostname: 'web' },
  { tag: 'rack' },
  { tag: 'rack', namespace: 'default', statuses: EVERY_STATUS },
  { mac: MAC },
  { q: 'web' },
  { q: 'gran', statuses: EVERY_STATUS },
  { expiresBefore: START + 50 * HOUR_MS },
  { ip: '10.0.0.1' },
  { ip: '10.0.0.1', statuses: EVERY_STATUS },
]

const NETWORK_FILTERS: readonly Partial<NetworkFilter>[] = [
  {},
  { namespace: 'other' },
  { within: '10.0.0.0/9' },
  { within: '10.0.0.0/17' },
  { within: '10.0.0.64/26', namespace: 'default' },
  { tag: 'lab' },
  { tag: 'rack', namespace: 'default' },
  { q: 'gran' },
  { q: 'gr 10.0', within: '10.0.0.0/16' },
  { contains: '10.0.0.1' },
  { cidr: '10.0.0.0/16' },
  { parentId: 'net-0' },
  { parentId: 'net-3', tag: 'lab' },
]

const CIDRS = ['10.0.0.0/8', '10.0.0.0/16', '10.0.0.0/24', '10.0.0.0/25', '10.0.0.128/25', '10.128.0.0/9']
const TAGS = ['lab', 'rack', 'office']

interface Step {
  readonly kind: number
  readonly network: number
  readonly cidr: string
  readonly tags: readonly string[]
  readonly namespace: string
}

/** What is refused changes nothing. */
function take(ipam: Harness, { kind, network, cidr, tags, namespace }: Step, i: number): void {
  const id = `net-${network}`
  if (kind < 4) {
    const settings = { ...NETWORK_DEFAULTS, cidr, namespace, tags, description: 'granite' }
    const created = ipam.apply({ ...settings, type: 'createNetwork', id })
    if (!created.ok) ipam.apply({ type: 'updateNetwork', id, changes: { tags }, ifChangedIndex: null })
  } else if (kind < 9) {
    const texts = kind % 2 > 0 ? { hostname: `web-${i}` } : { description: 'grand web' }
    const items = [
      {
        ...ALLOCATION_DEFAULTS,
        ...texts,
        tags,
        mac: MAC,
        ttlMs: (i % 7) * 20 * HOUR_MS + 1,
        network: { id },
      },
    ]
    ipam.apply({ type: 'allocateBatch', items: items.map((item) => ({ ...item, token: tokenOf(`a${i}`) })) })
  } else if (kind < 11)
    ipam.apply({ type: 'releaseAllocation', id: ipam.idOf(`a${i - 2}`), ifChangedIndex: null })
  else ipam.apply({ type: 'deleteNetwork', id, ifChangedIndex: null })
}

const steps = fc.array(
  fc.record({
    kind: fc.nat({ max: 11 }),
    network: fc.nat({ max: 7 }),
    cidr: fc.constantFrom(...CIDRS),
    tags: fc.subarray(TAGS),
    namespace: fc.constantFrom('default', 'other'),
  }),
  { minLength: 10, maxLength: 60 },
)

const scopes = fc.record({
  networks: fc.subarray(['net-0', 'net-1', 'net-5']),
  tags: fc.subarray(['lab', 'office'], { minLength: 1 }),
})

describe('whatever has been written, a key for a part of the networks lists', () => {
  test('what everybody lists, as far as it lies inside, on full pages, and with its number if that is said', async () => {
    let found = 0
    await fc.assert(
      fc.asyncProperty(steps, scopes, fc.integer({ min: 1, max: 5 }), async (taken, scope, limit) => {
        const ipam = await Harness.open()
        for (const [i, step] of taken.entries()) take(ipam, step, i)
        const inside = await insideOf(ipam, scope)
        found += inside.size

        for (const filter of ALLOCATION_FILTERS) {
          const list = await allocationsOf(ipam, filter, { scope, limit })
          const { rows } = await listAllocations(ipam.machine, filter)
          const expected = rows.filter(({ networkId }) => inside.has(networkId)).map(nameOf)
          expect(names(list).sort(), JSON.stringify(filter)).toEqual(expected.sort())
          expect([null, expected.length], JSON.stringify(filter)).toContain(list.total)
        }
        for (const filter of NETWORK_FILTERS) {
          const list = await networksOf(ipam, filter, { scope, limit })
          const { rows } = await listNetworks(ipam.machine, filter)
          const expected = rows.filter(({ id }) => inside.has(id)).map(nameOf)
          expect(names(list), JSON.stringify(filter)).toEqual(expected)
          expect([null, expected.length], JSON.stringify(filter)).toContain(list.total)
        }
      }),
      { numRuns: 60 },
    )

    expect(found, 'nothing was ever inside').toBeGreaterThan(60)
  })
})

/** A network of the lab between any two others, and in each some allocations. */
async function inTurn(): Promise<Harness> {
  const ipam = await Harness.open()
  for (let n = 0; n < 30; n++) {
    ipam.createNetwork(`own-${n}`, `10.0.${n}.0/24`, { tags: ['lab'], description: 'granite' })
    ipam.createNetwork(`other-${n}`, `10.1.${n}.0/24`, { description: 'granite' })
    for (const [name, network] of [
      [`o${n}`, `other-${n}`],
      [`l${n}`, `own-${n}`],
    ] as const) {
      const texts = { tags: ['rack'], hostname: `web-${name}`, description: 'marble', mac: MAC }
      ipam.allocate(name, network, { ...texts, ttlMs: HOUR_MS })
      ipam.allocate(`${name}-e`, network, texts)
      ipam.release(`${name}-e`)
    }
  }
  return ipam
}

describe('how many there are inside is said', () => {
  const totals: readonly [string, (ipam: Harness) => Promise<List>, number][] = [
    ['networks', (ipam) => networksOf(ipam, {}, { limit: 7 }), 30],
    ['networks of a namespace', (ipam) => networksOf(ipam, { namespace: 'default' }, { limit: 7 }), 30],
    ['networks within a prefix', (ipam) => networksOf(ipam, { within: '10.0.0.0/20' }, { limit: 7 }), 16],
    ['networks by tag', (ipam) => networksOf(ipam, { tag: 'lab' }, { limit: 7 }), 30],
    ['networks by word', (ipam) => networksOf(ipam, { q: 'granite' }, { limit: 7 }), 30],
    ['active allocations', (ipam) => allocationsOf(ipam, {}, { limit: 7 }), 30],
    ['all allocations', (ipam) => allocationsOf(ipam, { statuses: EVERY_STATUS }, { limit: 7 }), 60],
    ['allocations by tag', (ipam) => allocationsOf(ipam, { tag: 'rack' }, { limit: 7 }), 30],
    ['allocations by host name', (ipam) => allocationsOf(ipam, { hostname: 'web' }, { limit: 7 }), 30],
  ]

  test.each(totals)('of %s', async (_, list, count) => {
    const { pages, total } = await list(await inTurn())

    expect([pages.flat().length, total]).toEqual([count, count])
  })
})

describe('a network belongs to the part', () => {
  test('as soon as it has the tag, as long as it has it, and after a restart', async () => {
    const storage = new MemoryStorage()
    const ipam = await Harness.open(storage)
    const retag = (id: string, tags: string[]): void => {
      accepted(ipam.apply({ type: 'updateNetwork', id, changes: { tags }, ifChangedIndex: null }))
    }
    ipam.createNetwork('around', '10.0.0.0/16')
    ipam.createNetwork('one', '10.0.1.0/24', { tags: ['lab', 'old'] })
    ipam.createNetwork('two', '10.0.2.0/24', { tags: ['old'] })
    ipam.createNetwork('in-two', '10.0.2.0/25')

    retag('two', ['new', 'lab'])
    retag('one', ['new'])
    expect(names(await networksOf(ipam))).toEqual(['two', 'in-two'])

    await ipam.machine.close()
    const again = { machine: await openMachine(storage) }
    expect(names(await networksOf(again))).toEqual(['two', 'in-two'])
    expect(names(await networksOf(again, {}, { scope: { networks: ['around'], tags: [] } }))).toHaveLength(4)
  })

  test('until it is deleted, and so does what is inside of it', async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('one', '10.0.1.0/24', { tags: ['lab'] })
    ipam.createNetwork('in-one', '10.0.1.0/25')
    expect(names(await networksOf(ipam))).toEqual(['one', 'in-one'])

    accepted(ipam.apply({ type: 'deleteNetwork', id: 'one', ifChangedIndex: null }))

    expect(names(await networksOf(ipam))).toEqual([])
  })

  test('and what is asked for by the id of another one is not there', async () => {
    const ipam = await inTurn()

    expect(names(await allocationsOf(ipam, { networkId: 'own-3' }))).toEqual(['l3'])
    expect(await allocationsOf(ipam, { networkId: 'other-3' })).toEqual({ pages: [[]], total: 0 })
    expect(await allocationsOf(ipam, { networkId: 'other-3', tag: 'rack' })).toEqual({
      pages: [[]],
      total: 0,
    })
  })

  test('a tag in another letter case is another one, though an index has them together', async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('one', '10.0.1.0/24', { tags: ['Lab'] })
    ipam.createNetwork('two', '10.0.2.0/24', { tags: ['lab'] })

    expect(names(await networksOf(ipam))).toEqual(['two'])
    expect(names(await networksOf(ipam, { tag: 'lab' }))).toEqual(['two'])
  })
})

describe('where many have what is sought, and most of them are others', () => {
  const sizes = [
    { own: 1_000, others: 22_000 },
    { own: 1_500, others: 22_000 },
    { own: 9_000, others: 12_000 },
  ]

  test.each(sizes)('pages of $own among $others are full', async ({ own, others }) => {
    const ipam = await Harness.open()
    ipam.createNetwork('other', '10.0.0.0/16')
    ipam.createNetwork('own', '10.1.0.0/16', { tags: ['lab'] })
    ipam.createNetwork('late', '10.2.0.0/16')
    for (let i = 0; i < 20; i++) ipam.allocate(`s-${i}`, 'own', { tags: ['rack'] })
    allocateMany(ipam, { name: 'o', network: 'other', count: others, tags: ['rack'] })
    allocateMany(ipam, { name: 'l', network: 'own', count: own - 150 })
    for (let i = 20; i < 150; i++) {
      ipam.allocate(`s-${i}`, 'own', { tags: ['rack'] })
      ipam.allocate(`z-${i}`, 'late', { tags: ['rack'] })
    }
    const expected = Array.from({ length: 150 }, (_, i) => `s-${i}`)

    expect(names(await allocationsOf(ipam, { tag: 'rack' }))).toEqual(expected)
    expect(names(await allocationsOf(ipam, { tag: 'rack', networkId: 'own' }))).toEqual(expected)
  })

  test('as much is read, however many others there are', async () => {
    const readsAmong = async (others: number): Promise<number> => {
      const state = await openCounted()
      const { ipam } = state
      ipam.createNetwork('other', '10.0.0.0/16')
      ipam.createNetwork('own', '10.1.0.0/16', { tags: ['lab'] })
      allocateMany(ipam, { name: 'o', network: 'other', count: others, tags: ['rack'] })
      allocateMany(ipam, { name: 'l', network: 'own', count: 1_500, tags: ['rack'] })
      await ipam.machine.flush()
      const [list, reads] = await readsOf(state, () => {
        const query = ofAllocations({ tag: 'rack' }, 100)(null)
        return ipam.machine.query({ type: 'withinScope', scope: LAB, query })
      })
      expect((list as Page<Row>).rows).toHaveLength(100)
      return reads
    }

    expect(await readsAmong(15_000)).toBe(await readsAmong(2_000))
  })

  test('a list goes on where it was, though the part grows on the way', async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('other', '10.0.0.0/16')
    ipam.createNetwork('own', '10.1.0.0/16', { tags: ['lab'] })
    for (let i = 0; i < 90; i++) {
      ipam.allocate(`o-${i}`, 'other', { tags: ['rack'] })
      ipam.allocate(`s-${i}`, 'own', { tags: ['rack'] })
    }
    let written = 0
    const grow = (): void => {
      if (written++ === 2) allocateMany(ipam, { name: 'l', network: 'own', count: 2_000 })
    }
    const query = ofAllocations({ tag: 'rack' }, 20)

    const list = await pagesOf(ipam, LAB, { query, limit: 20, between: grow })

    expect(names(list)).toEqual(Array.from({ length: 90 }, (_, i) => `s-${i}`))
  })
})

/** Of a part with more than 10,000, as of everything: documented in `docs/guide.md`, since an index for it would be more in each row. */
describe('behind 20,000 that others have, what few have inside is', () => {
  const filters = [
    { tag: 'rack' },
    { hostname: 'rack' },
    { q: 'granite' },
    { mac: MAC },
    { expiresBefore: START + 2 * HOUR_MS },
  ]
  const asked: readonly { where: string; narrowed: Partial<AllocationFilter>; scope: Scope }[] = [
    { where: 'a scope', narrowed: {}, scope: LAB },
    { where: 'a network', narrowed: { networkId: 'own' }, scope: { networks: ['own', 'other'], tags: [] } },
    { where: 'a namespace', narrowed: { namespace: 'lab' }, scope: { networks: ['own', 'other'], tags: [] } },
  ]
  const pages: string[][][] = []
  let behindAnOffset: string[] = []

  beforeAll(async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('other', '10.0.0.0/16')
    ipam.createNetwork('own', '10.0.0.0/16', { namespace: 'lab', tags: ['lab'] })
    allocateMany(ipam, { name: 'o', network: 'other', count: 21_500, texts: SOUGHT })
    allocateMany(ipam, { name: 'l', network: 'own', count: 10_000 - 5 })
    allocateMany(ipam, { name: 's', network: 'own', count: 5, texts: SOUGHT })
    for (const _ of ['as many as are looked through', 'one more']) {
      pages.push([])
      for (const { narrowed, scope } of asked) {
        for (const filter of filters)
          pages.at(-1)?.push(await shortPagesOf(ipam, { ...filter, ...narrowed }, scope))
      }
      allocateMany(ipam, { name: 'late', network: 'own', count: 1 })
    }
    behindAnOffset = await shortPagesOf(ipam, { tag: 'rack' }, LAB, { offset: 2 })
  }, 60_000)

  const cases = asked.flatMap(({ where }) => filters.map((filter) => ({ where, by: Object.keys(filter)[0] })))

  test.each(cases.map((one, i) => ({ ...one, i })))(
    'on the first page by $by in $where with 10,000',
    ({ i }) => {
      expect(pages[0]?.[i]).toEqual(['s0 s1 s2 s3 s4'])
    },
  )

  test.each(cases.map((one, i) => ({ ...one, i })))(
    'on the second page by $by in $where with 10,001, and the first is empty with more to come',
    ({ i }) => {
      expect(pages[1]?.[i]).toEqual(['', 's0 s1 s2 s3 s4'])
    },
  )

  test('left out by an offset also where the first page has not come so far', () => {
    expect(behindAnOffset).toEqual(['', 's2 s3 s4'])
  })
})

/** The names on each page of five. */
async function shortPagesOf(
  { machine }: Listed,
  filter: Partial<AllocationFilter>,
  scope: Scope,
  { offset } = { offset: 0 },
): Promise<string[]> {
  const pages: string[] = []
  for (let cursor: string | null = null; cursor !== null || pages.length === 0; ) {
    const query = ofAllocations(filter, 5, cursor === null ? offset : 0)(cursor)
    const { rows, nextCursor } = (await machine.query({ type: 'withinScope', scope, query })) as Page<Row>
    pages.push(rows.map(nameOf).join(' '))
    cursor = nextCursor
  }
  return pages
}

test('of an address the newest hundred who had it inside are shown, however many had it elsewhere since', async () => {
  const ipam = await Harness.open()
  ipam.createNetwork('own', '10.0.0.0/16', { tags: ['lab'] })
  const had = (name: string, network: string): void => {
    ipam.allocate(name, network, { ip: '10.0.0.9' })
    ipam.release(name)
  }
  had('first', 'own')
  ipam.createNetwork('gone', '10.0.0.0/24')
  for (let i = 0; i < 120; i++) had(`g-${i}`, 'gone')
  accepted(ipam.apply({ type: 'deleteNetwork', id: 'gone', ifChangedIndex: null }))
  had('last', 'own')
  const question = { namespace: 'default', ip: '10.0.0.9', at: null }

  const answer = await ipam.machine.query({
    type: 'withinScope',
    scope: LAB,
    query: { type: 'address', question },
  })

  expect((answer as AddressAnswer).history.map(nameOf)).toEqual(['last', 'first'])
})
