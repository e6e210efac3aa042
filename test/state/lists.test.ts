import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ALLOCATION_DEFAULTS } from '../../src/ipam/defaults.ts'
import {
  type AllocationFilter,
  type AuditFilter,
  InvalidCursorError,
  type NetworkFilter,
  type Page,
  type PageRequest,
} from '../../src/ipam/query.ts'
import {
  EVERY_STATUS,
  Harness,
  listAllocations,
  listAudit,
  listNetworks,
  page,
  START,
  tokenOf,
} from './harness.ts'
import { MemoryStorage } from './memory-storage.ts'

/** A list, and rows as names that tell them apart. */
type List = (ipam: Harness, request: PageRequest) => Promise<Page<string>>

function allocations(filter: Partial<AllocationFilter>): List {
  return async ({ machine }, request) =>
    named(await listAllocations(machine, filter, request), ({ id }) => id)
}

function networks(filter: Partial<NetworkFilter>): List {
  return async ({ machine }, request) => named(await listNetworks(machine, filter, request), ({ id }) => id)
}

/** Newest first, as the pages go. */
function audit(filter: Partial<AuditFilter>): List {
  return async ({ machine }, request) => {
    const { rows, ...rest } = await listAudit(machine, filter, request)
    return { ...rest, rows: rows.map(({ index, sequence }) => `${index}.${sequence}`).toReversed() }
  }
}

function named<T>({ rows, ...rest }: Page<T>, nameOf: (row: T) => string): Page<string> {
  return { ...rest, rows: rows.map(nameOf) }
}

const LISTS: { name: string; why: string; list: List }[] = [
  { name: 'allocations', why: 'in the order of creation', list: allocations({}) },
  {
    name: 'allocations, ended ones too',
    why: 'what ends between pages stays where it is',
    list: allocations({ statuses: EVERY_STATUS }),
  },
  { name: 'allocations of a network', why: 'an index of its own', list: allocations({ networkId: 'net-1' }) },
  {
    name: 'allocations of a network, ended ones too',
    why: 'an index of its own',
    list: allocations({ networkId: 'net-1', statuses: EVERY_STATUS }),
  },
  {
    name: 'ended allocations',
    why: 'most candidates are refused',
    list: allocations({ statuses: ['released'] }),
  },
  {
    name: 'allocations by host name',
    why: 'a name has the part in several places',
    list: allocations({ hostname: 'a' }),
  },
  {
    name: 'allocations by host name, ended ones too',
    why: 'what ends goes to the other of two ranges that are merged',
    list: allocations({ hostname: 'a', statuses: EVERY_STATUS }),
  },
  {
    name: 'allocations by host name and tag',
    why: 'only one of them chooses the candidates',
    list: allocations({ hostname: 'a', tag: 'web' }),
  },
  {
    name: 'allocations by tag',
    why: 'an exact term',
    list: allocations({ tag: 'web', statuses: EVERY_STATUS }),
  },
  {
    name: 'allocations by words',
    why: 'host names and words are two kinds of term',
    list: allocations({ q: 'a', statuses: EVERY_STATUS }),
  },
  { name: 'active allocations by words', why: 'two kinds of term', list: allocations({ q: 'w' }) },
  {
    name: 'allocations by address',
    why: 'of two namespaces, by blocks of every size',
    list: allocations({ ip: '10.0.0.2', statuses: EVERY_STATUS }),
  },
  {
    name: 'allocations of a namespace',
    why: 'one network after the other, over those of others',
    list: allocations({ namespace: 'lab' }),
  },
  {
    name: 'allocations of a namespace, ended ones too',
    why: 'of each network two ranges that are merged',
    list: allocations({ namespace: 'lab', statuses: EVERY_STATUS }),
  },
  {
    name: 'allocations of a namespace by host name',
    why: 'few, which are all looked at',
    list: allocations({ namespace: 'lab', hostname: 'a', statuses: EVERY_STATUS }),
  },
  {
    name: 'allocations of a network by words',
    why: 'few, in the order of two kinds of term',
    list: allocations({ networkId: 'net-1', q: 'a', statuses: EVERY_STATUS }),
  },
  {
    name: 'allocations that expire',
    why: 'from memory, while others expire',
    list: allocations({ expiresBefore: START + 1_000_000 }),
  },
  { name: 'networks', why: 'from memory, of all namespaces', list: networks({}) },
  { name: 'networks of a namespace', why: 'from memory, of one', list: networks({ namespace: 'lab' }) },
  { name: 'networks within', why: 'a part of the tree', list: networks({ within: '10.0.0.0/9' }) },
  { name: 'networks around an address', why: 'one path', list: networks({ contains: '10.0.0.1' }) },
  { name: 'networks of a parent', why: 'children come and go', list: networks({ parentId: 'net-1' }) },
  { name: 'networks by tag', why: 'by index', list: networks({ tag: 'web' }) },
  { name: 'networks by words', why: 'a network has several words that begin so', list: networks({ q: 'w' }) },
  { name: 'audit rows', why: 'the cursor goes back, new rows come in front', list: audit({}) },
  {
    name: 'audit rows of an action',
    why: 'by blocks of log indexes',
    list: audit({ action: 'ip_allocated' }),
  },
  { name: 'audit rows of a user', why: 'by blocks of log indexes', list: audit({ user: 'system' }) },
  { name: 'audit rows of a network', why: 'by index', list: audit({ resource: 'net-1' }) },
  { name: 'audit rows of a request', why: 'by index', list: audit({ requestId: 'req-1' }) },
  { name: 'audit rows of an address', why: 'several allocations, merged', list: audit({ ip: '10.0.0.2' }) },
  {
    name: 'audit rows of some time',
    why: 'times are found in the log',
    list: audit({ since: START + 3_000, until: START + 40_000 }),
  },
]

const HOSTNAMES = ['a', 'a-a-a', 'web-a', 'b', 'x.a.example', null]
const TAGS = [['web'], ['db', 'web'], [], ['other']]
const WORDS = ['', 'a web', 'wide world', 'a']

/** Writes whose numbers choose among what there is. None of them changes a text that a list looks for, or an expiry. */
interface Write {
  readonly kind: number
  readonly choice: number
}

const write: fc.Arbitrary<Write> = fc.record({ kind: fc.noBias(fc.nat(19)), choice: fc.noBias(fc.nat(999)) })

class Writer {
  readonly ipam: Harness
  #count = 0
  #allocations: string[] = []
  #networks: { id: string; cidr: string }[] = []

  constructor(ipam: Harness) {
    this.ipam = ipam
    this.#createNetwork('10.0.0.0/16', 'default')
    this.#createNetwork('10.1.0.0/16', 'default')
    this.#createNetwork('10.0.0.0/16', 'lab')
    this.#createNetwork('10.3.0.0/16', 'default')
    this.#createNetwork('10.3.0.0/16', 'lab')
  }

  async take({ kind, choice }: Write): Promise<void> {
    const { ipam } = this
    ipam.time += choice % 3 === 0 ? 1_000 : 0
    const of = <T>(values: readonly T[]): T => values[choice % values.length] as T
    const allocation = of(this.#allocations)
    if (kind < 8 || allocation === undefined) this.#allocate(choice)
    else if (kind < 11) ipam.apply({ type: 'releaseAllocation', id: allocation, ifChangedIndex: null })
    else if (kind < 12) ipam.apply({ type: 'expireAllocations', limit: 2 })
    else if (kind < 13) {
      const changes = { mac: '02:00:00:00:00:01' }
      ipam.apply({ type: 'updateAllocation', id: allocation, changes, ifChangedIndex: null })
    } else if (kind < 16) {
      const cidr = of([
        '10.0.64.0/18',
        '10.0.64.0/20',
        '10.0.128.0/20',
        '10.2.0.0/16',
        '9.0.0.0/8',
        '11.0.0.0/8',
      ])
      this.#createNetwork(cidr, of(['default', 'lab', 'default', 'zoo']))
    } else if (kind < 17) {
      ipam.apply({ type: 'deleteNetwork', id: of(this.#networks)?.id ?? '', ifChangedIndex: null })
    } else if (kind < 18) {
      const { id } = of(this.#networks) ?? { id: '' }
      ipam.apply({ type: 'updateNetwork', id, changes: { cooldownMs: 5 }, ifChangedIndex: null })
    } else if (kind < 19) await ipam.machine.flush()
    else ipam.apply({ type: 'pruneAudit', before: ipam.time - 30_000, limit: 3 })
  }

  #createNetwork(cidr: string, namespace: string): void {
    const id = `net-${++this.#count}`
    const tags = TAGS[this.#count % TAGS.length] ?? []
    const description = WORDS[this.#count % WORDS.length] ?? ''
    const { ipam } = this
    const settings = { ...SETTINGS, namespace, description, tags }
    const outcome = ipam.apply({ ...settings, type: 'createNetwork', id, cidr })
    if (outcome.ok) this.#networks.push({ id, cidr })
  }

  #allocate(choice: number): void {
    const name = `alloc-${++this.#count}`
    const network = { id: `net-${1 + (choice % 5)}` }
    const outcome = this.ipam.apply({
      ...ALLOCATION_DEFAULTS,
      type: 'allocateAddresses',
      ...{ token: tokenOf(name), network },
      count: choice % 7 === 0 ? 3 : 1,
      hostname: HOSTNAMES[choice % HOSTNAMES.length] ?? null,
      tags: TAGS[(choice >> 2) % TAGS.length] ?? [],
      description: WORDS[(choice >> 4) % WORDS.length] ?? '',
      ttlMs: choice % 5 < 2 ? 2_000 * (1 + (choice % 20)) : null,
    })
    if (outcome.ok) this.#allocations.push(name)
  }
}

const SETTINGS = {
  gateway: null,
  reserved: [],
  cooldownMs: 0,
  strategy: 'lowest' as const,
  metadata: {},
}

async function everyRow(list: List, ipam: Harness): Promise<readonly string[]> {
  const { rows, nextCursor } = await list(ipam, page())
  expect(nextCursor).toBeNull()
  return rows
}

describe('pages, while others write between them', () => {
  test.each(LISTS)('$name: each row that is there throughout comes once ($why)', async ({ list }) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(write, { minLength: 10, maxLength: 50, size: 'max' }),
        fc.array(fc.array(write, { maxLength: 5 }), { maxLength: 20, size: 'max' }),
        fc.integer({ min: 1, max: 5 }),
        async (before, between, limit) => {
          const writer = new Writer(await Harness.open())
          const { ipam } = writer
          for (const next of before) await writer.take(next)

          const seen: string[] = []
          const first = await everyRow(list, ipam)
          let throughout = new Set(first)
          const ever = new Set(first)
          let cursor: string | null = null
          for (let pages = 0; pages === 0 || cursor !== null; pages++) {
            const now = await everyRow(list, ipam)
            throughout = new Set(now.filter((row) => throughout.has(row)))
            for (const row of now) ever.add(row)
            const { rows, nextCursor, total }: Page<string> = await list(ipam, page(limit, cursor))
            expect(rows.length).toBeLessThanOrEqual(limit)
            if (total !== null) expect(total).toBe(now.length)
            seen.push(...rows)
            cursor = nextCursor
            for (const next of between[pages] ?? []) await writer.take(next)
          }

          expect(new Set(seen).size, 'a row came twice').toBe(seen.length)
          expect(seen.filter((row) => !ever.has(row))).toEqual([])
          const lasting = first.filter((row) => throughout.has(row))
          expect(seen.filter((row) => throughout.has(row))).toEqual(lasting)
        },
      ),
      { numRuns: 8 },
    )
  })

  test.each(LISTS)(
    '$name: rows left out come before the page, and the pages are the list',
    async ({ list }) => {
      const writer = new Writer(await Harness.open())
      for (let i = 0; i < 60; i++) await writer.take({ kind: i % 19, choice: (i * 37) % 1_000 })
      const { ipam } = writer
      const all = await everyRow(list, ipam)

      for (const offset of [0, 1, 3, all.length, all.length + 1]) {
        const { rows, total, nextCursor } = await list(ipam, { limit: 3, cursor: null, offset })

        expect(rows).toEqual(all.slice(offset, offset + 3))
        expect(nextCursor === null).toBe(offset + 3 >= all.length)
        if (total !== null) expect(total).toBe(all.length)
      }
    },
  )
})

/** Filters that only leave rows out: what one of them has given out, the others could have. */
const ALIKE = [
  ['allocations', 'allocations of a namespace'],
  ['allocations by host name', 'allocations by host name and tag'],
  ['allocations by host name, ended ones too', 'allocations of a namespace by host name'],
  ['allocations by words', 'allocations of a network by words'],
  ['audit rows', 'audit rows of some time'],
]

describe('cursors', () => {
  test('one of a list in another order is refused', async () => {
    const writer = new Writer(await Harness.open())
    for (let i = 0; i < 120; i++) await writer.take({ kind: i % 16, choice: (i * 37) % 1_000 })
    const cursors = new Map<string, string>()
    for (const { name, list } of LISTS) {
      const { nextCursor } = await list(writer.ipam, page(1))
      if (nextCursor !== null) cursors.set(name, nextCursor)
    }

    const accepting: string[] = []
    for (const [name, cursor] of cursors) {
      const alike = ALIKE.find((names) => names.includes(name)) ?? [name]
      for (const other of LISTS.filter((candidate) => !alike.includes(candidate.name))) {
        await other.list(writer.ipam, page(1, cursor)).then(
          () => accepting.push(`${other.name} goes on behind ${name}`),
          (error: unknown) => expect(error).toBeInstanceOf(InvalidCursorError),
        )
      }
    }

    expect(cursors.size).toBeGreaterThan(20)
    expect(accepting).toEqual([])
  })

  test.each([
    { cursor: '', why: 'no text at all' },
    { cursor: 'not a cursor', why: 'no base64url' },
    { cursor: 'YWxsb2NhdGlvbnMgYw', why: 'a list, and no place' },
    { cursor: 'YWxsb2NhdGlvbnMgYwo', why: 'an empty place' },
    { cursor: 'YWxsb2NhdGlvbnMgYwoxMgoz', why: 'two places' },
    { cursor: 'YWxsb2NhdGlvbnMgYwoxMgo=', why: 'base64 with padding' },
  ])('$cursor is refused ($why), and leaves nothing open', async ({ cursor }) => {
    const storage = new MemoryStorage()
    const database = await storage.open()
    const ipam = await Harness.open(storage)
    const takeSnapshot = database.snapshot.bind(database)
    const open = new Set<unknown>()
    database.snapshot = (options) => {
      const snapshot = takeSnapshot(options)
      const close = snapshot.close.bind(snapshot)
      open.add(snapshot)
      snapshot.close = async () => {
        open.delete(snapshot)
        await close()
      }
      return snapshot
    }

    await expect(listAllocations(ipam.machine, {}, page(1, cursor))).rejects.toThrow(InvalidCursorError)
    await expect(listNetworks(ipam.machine, {}, page(1, cursor))).rejects.toThrow(InvalidCursorError)
    await expect(listAudit(ipam.machine, {}, page(1, cursor))).rejects.toThrow(InvalidCursorError)

    expect(open.size).toBe(0)
  })

  test.each([
    'zz',
    '000000000000010000',
    '-'.repeat(18),
    'f'.repeat(18),
    '0'.repeat(18),
    `${'0'.repeat(18)} `,
  ])(
    'one whose place was made up, %j, is refused or leads to the rows behind it, and no further',
    async (place) => {
      const ipam = await Harness.open()
      ipam.createNetwork('net', '10.0.0.0/24')
      ipam.allocate('one', 'net')
      const filter = { user: 'alice', action: 'ip_allocated' } as const
      for (const afterIndex of [null, 1]) {
        const name = `${afterIndex === null ? 'audit' : 'audit-events'}     alice ip_allocated`
        const cursor = Buffer.from(`${name}\n${place}`, 'latin1').toString('base64url')
        const answer = listAudit(ipam.machine, { ...filter, afterIndex }, page(1, cursor))

        await answer.then(
          ({ rows }) => expect(rows.length).toBeLessThan(2),
          (error: unknown) => expect(error).toBeInstanceOf(InvalidCursorError),
        )
      }
    },
  )
})
