/**
 * What a question reads, counted and not timed: a page of a state with 20,000 allocations takes about as many rows as one of a state
 * with 1,000, on every machine. A list that looks through what it does not show fails here.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import type { Scope } from '../../src/ipam/access.ts'
import type { CommandContext } from '../../src/ipam/command.ts'
import type {
  AllocationFilter,
  AuditFilter,
  NetworkFilter,
  NetworkQuery,
  Page,
} from '../../src/ipam/query.ts'
import { AUDIT_BLOCK_INDEXES } from '../../src/state/audit-keys.ts'
import { type Ask, type CountedState, openCounted, readsOf } from './counted-state.ts'
import {
  accepted,
  allocateCommand,
  EVERY_STATUS,
  type Harness,
  listAllocations,
  listAudit,
  listNetworks,
  page,
  START,
} from './harness.ts'
import { NO_ALLOCATION_FILTER, NO_NETWORK_FILTER } from './no-filter.ts'

const FEW = 1_000
const MANY = 20_000
/** How many times as much a list may read of many allocations as of few. */
const GROWTH_MAX = 2
const PAGE_ROWS = 100
/** Of each kind that the questions are about: more than a page, and as many among few as among many. */
const SOUGHT = 150
const BUILD_MS_MAX = 120_000

const HOUR_MS = 3_600_000
const BOB: CommandContext = { user: 'bob', requestId: 'ticket-7' }
const MAC = '02:00:00:00:00:07'
const TENANTS = [
  ['ta', 1],
  ['tb', 2],
  ['tc', 3],
] as const
const TENANT = 'tenant'
/** What is sought, and nothing of the others. */
const SCOPE: Scope = { networks: ['sought', 'parent'], tags: [TENANT] }
/** Has had `SOUGHT` holders, one after the other. */
const WANTED_IP = '10.1.200.1'

/** What is sought lies in the middle, in the order of everything that is listed: whoever scans comes by half of the others. */
async function build(count: number): Promise<CountedState> {
  const state = await openCounted()
  const { ipam } = state
  addOthers(ipam, 'a', { allocations: count / 2, second: 2 })
  // So that the blocks of the audit log begin at the same rows of what is sought: an entry that is refused has none.
  while (ipam.machine.appliedIndex % AUDIT_BLOCK_INDEXES > 0) {
    ipam.apply({ type: 'deleteNetwork', id: 'none', ifChangedIndex: null })
  }
  addSought(ipam)
  addOthers(ipam, 'z', { allocations: count / 2, second: 0 })
  await ipam.machine.flush()
  return state
}

/** @param name One letter. @param options.second Of their addresses: that of what is sought is 1. */
function addOthers(
  ipam: Harness,
  name: string,
  { allocations, second }: { readonly allocations: number; readonly second: number },
): void {
  ipam.time += HOUR_MS
  ipam.createNetwork(name, `10.${second}.0.0/16`)
  for (let i = 0; i < allocations; i++) {
    const mac = `02:00:00:${name === 'a' ? '0a' : '0f'}:${hexByte(i >> 8)}:${hexByte(i & 255)}`
    const texts = {
      hostname: `${name}-${i}.example`,
      tags: [`${name}-${i}`, 'common'],
      description: 'marble',
    }
    ipam.allocate(`${name}-${i}`, name, { ...texts, mac, ttlMs: 1_000 * HOUR_MS })
    if (i % 20 > 0) continue
    const cidr = `100.${64 + second}.${(i / 20) >> 5}.${((i / 20) & 31) * 8}/29`
    ipam.createNetwork(`${name}-${i}`, cidr, { namespace: `${name}-space`, tags: [name] })
    ipam.createNetwork(`${name}-own-${i}`, cidr, { tags: [name] })
  }
}

function addSought(ipam: Harness): void {
  ipam.time += HOUR_MS
  ipam.createNetwork('sought', '10.1.0.0/16')
  ipam.createNetwork('parent', '100.65.0.0/16')
  ipam.createNetwork('space', '0.0.0.0/0', { namespace: 'm-space' })
  for (let i = 0; i < SOUGHT; i++) {
    const texts = { hostname: `turbine-${i}.example`, tags: ['rack-7'], description: 'granite' }
    const command = allocateCommand(`m-${i}`, 'sought', { ...texts, mac: MAC, ttlMs: HOUR_MS })
    accepted(ipam.apply(command, BOB))
    ipam.createNetwork(`child-${i}`, `100.65.${i}.0/24`, { tags: ['site-7'], description: 'granite' })
    ipam.createNetwork(`m-space-${i}`, `10.${i}.0.0/16`, { namespace: 'm-space' })
  }
  addTenants(ipam)
  for (let i = 0; i < SOUGHT; i++) {
    ipam.allocate(`e-${i}`, 'sought', { ip: WANTED_IP })
    ipam.release(`e-${i}`)
    const changes = { description: `granite ${i}` }
    const update = { type: 'updateAllocation', id: 'm-0', changes, ifChangedIndex: null } as const
    accepted(ipam.apply(update))
  }
  ipam.allocate('e-now', 'sought', { ip: WANTED_IP })
}

/** A network of each of several namespaces in turn, and in each of them two allocations, one of which has ended. */
function addTenants(ipam: Harness): void {
  for (let i = 0; i < SOUGHT; i++) {
    for (const [tenant, second] of TENANTS) {
      const id = `${tenant}-${i}`
      ipam.createNetwork(id, `10.${second}.${i}.0/24`, { namespace: tenant, tags: [TENANT] })
      ipam.allocate(`e-${id}`, id)
      ipam.release(`e-${id}`)
      const texts = { hostname: `${id}.example`, tags: ['common'], description: 'marble' }
      ipam.allocate(id, id, { ...texts, ttlMs: 2_000 * HOUR_MS })
    }
  }
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, '0')
}

let few: CountedState
let many: CountedState

beforeAll(async () => {
  few = await build(FEW)
  many = await build(MANY)
}, BUILD_MS_MAX)

interface Question {
  readonly name: string
  readonly why: string
  /** In the answer, of few and of many. */
  readonly rows: number
  readonly list: (ipam: Harness) => Promise<Pick<Page<unknown>, 'rows'>>
}

const asked = page(PAGE_ROWS)

function allocations(filter: Partial<AllocationFilter>): Question['list'] {
  return ({ machine }) => listAllocations(machine, filter, asked)
}

function networks(filter: Partial<NetworkFilter>): Question['list'] {
  return ({ machine }) => listNetworks(machine, filter, asked)
}

function audit(filter: Partial<AuditFilter>): Question['list'] {
  return ({ machine }) => listAudit(machine, filter, asked)
}

function within(query: NetworkQuery): Question['list'] {
  return async ({ machine }) => {
    return (await machine.query({ type: 'withinScope', scope: SCOPE, query })) as Page<unknown>
  }
}

function allocationsWithin(filter: Partial<AllocationFilter>): Question['list'] {
  return within({ type: 'allocations', filter: { ...NO_ALLOCATION_FILTER, ...filter }, page: asked })
}

function networksWithin(filter: Partial<NetworkFilter>): Question['list'] {
  return within({ type: 'networks', filter: { ...NO_NETWORK_FILTER, ...filter }, page: asked })
}

/** The second page, which starts where the first one ends. */
async function goOn({ machine }: Harness): Promise<Page<unknown>> {
  const { nextCursor } = await listAllocations(machine, { networkId: 'z' }, page(1))
  return listAllocations(machine, { networkId: 'z' }, page(PAGE_ROWS, nextCursor))
}

const ALLOCATIONS: readonly Question[] = [
  { name: 'all active allocations', why: 'a page ends where it is full', rows: 100, list: allocations({}) },
  {
    name: 'all allocations',
    why: 'so does one with those that have ended',
    rows: 100,
    list: allocations({ statuses: EVERY_STATUS }),
  },
  { name: 'what comes after a cursor', why: 'a cursor says where it goes on', rows: 100, list: goOn },
  {
    name: 'allocations of a network',
    why: 'its address ranges lie side by side',
    rows: 100,
    list: allocations({ networkId: 'sought' }),
  },
  {
    name: 'ended allocations of a network',
    why: 'they have a list of their own',
    rows: 100,
    list: allocations({ networkId: 'sought', statuses: ['released'] }),
  },
  {
    name: 'released allocations',
    why: 'so have those of all networks',
    rows: 100,
    list: allocations({ statuses: ['released'] }),
  },
  {
    name: 'allocations of a namespace',
    why: 'those of its networks lie one behind the other, with few of others between',
    rows: 100,
    list: allocations({ namespace: 'tb' }),
  },
  {
    name: 'allocations of the namespace that has most',
    why: 'nearly all of its networks lie side by side',
    rows: 100,
    list: allocations({ namespace: 'default' }),
  },
  {
    name: 'allocations of a namespace, ended ones too',
    why: 'each of its networks is asked',
    rows: 100,
    list: allocations({ namespace: 'tb', statuses: EVERY_STATUS }),
  },
  ...[
    { hostname: 'example' },
    { tag: 'common' },
    { q: 'marble' },
    { expiresBefore: START + 3_000 * HOUR_MS },
  ].map((filter) => ({
    name: `allocations of a namespace by ${Object.keys(filter)}`,
    why: 'what many have in other networks, few have in these, and each of them is looked at',
    rows: 100,
    list: allocations({ ...filter, namespace: 'tb' }),
  })),
  {
    name: 'allocations by host name',
    why: 'bits of trigrams say which blocks to look into',
    rows: 100,
    list: allocations({ hostname: 'turbine' }),
  },
  {
    name: 'allocations by a host name that nobody has',
    why: 'no block has its trigrams',
    rows: 0,
    list: allocations({ hostname: 'zeppelin' }),
  },
  { name: 'allocations by tag', why: 'a tag is a term', rows: 100, list: allocations({ tag: 'rack-7' }) },
  { name: 'allocations by MAC', why: 'a MAC is a term', rows: 100, list: allocations({ mac: MAC }) },
  {
    name: 'allocations by word',
    why: 'a word of any text is a term, and no host name has it',
    rows: 100,
    list: allocations({ q: 'granite' }),
  },
  {
    name: 'allocations by address',
    why: 'the range before an address is the one that it can be in',
    rows: 1,
    list: allocations({ ip: '10.1.0.9' }),
  },
  {
    name: 'ended allocations by address',
    why: 'each lies at the aligned blocks that it is made of',
    rows: 100,
    list: allocations({ ip: WANTED_IP, statuses: EVERY_STATUS }),
  },
  {
    name: 'allocations that expire soon',
    why: 'memory has them in the order of expiry',
    rows: 100,
    list: allocations({ expiresBefore: START + 100 * HOUR_MS }),
  },
  {
    name: 'allocations by tag and network',
    why: 'what narrows a list further is looked at on each record',
    rows: 100,
    list: allocations({ tag: 'rack-7', networkId: 'sought' }),
  },
  {
    name: 'the history of an address',
    why: 'it is that of the list by address, newest first',
    rows: 100,
    list: async ({ machine }) => {
      const question = { namespace: 'default', ip: WANTED_IP, at: null }
      return { rows: (await machine.query({ type: 'address', question })).history }
    },
  },
]

const AUDIT: readonly Question[] = [
  { name: 'the newest audit rows', why: 'the log is read from its end', rows: 100, list: audit({}) },
  {
    name: 'audit rows by action',
    why: 'it is known which blocks of the log have the action',
    rows: 100,
    list: audit({ action: 'ip_released' }),
  },
  {
    name: 'audit rows by user',
    why: 'it is known which blocks of the log have the user',
    rows: 100,
    list: audit({ user: 'bob' }),
  },
  {
    name: 'audit rows by user and action',
    why: 'only blocks that have both are looked into',
    rows: 100,
    list: audit({ user: 'alice', action: 'ip_released' }),
  },
  {
    name: 'audit rows of an allocation by action',
    why: 'neither its other rows nor those of others are looked at in other blocks',
    rows: 100,
    list: (ipam) => listAudit(ipam.machine, { resource: ipam.idOf('m-0'), action: 'ip_updated' }, asked),
  },
  {
    name: 'audit rows of an address by user and action',
    why: 'they are those of its newest hundred holders, one of whom still has it',
    rows: 99,
    list: audit({ ip: WANTED_IP, user: 'alice', action: 'ip_released' }),
  },
  {
    name: 'audit rows of an allocation',
    why: 'changes lie in an index of resources, and creations where the id says',
    rows: 100,
    list: (ipam) => listAudit(ipam.machine, { resource: ipam.idOf('m-0') }, asked),
  },
  {
    name: 'audit rows of a request',
    why: 'an id that a client chose is a key',
    rows: 100,
    list: audit({ requestId: 'ticket-7' }),
  },
  {
    name: 'audit rows of an address',
    why: 'they are those of its holders',
    rows: 100,
    list: audit({ ip: WANTED_IP }),
  },
  {
    name: 'audit rows of a time',
    why: 'times rise with the log, and are found like words in a dictionary',
    rows: 100,
    list: audit({ since: START + 2 * HOUR_MS, until: START + 3 * HOUR_MS }),
  },
  {
    name: 'audit rows after an index',
    why: 'who follows reads what comes next',
    rows: 100,
    list: audit({ afterIndex: FEW / 2 }),
  },
]

const NETWORKS: readonly Question[] = [
  { name: 'all networks', why: 'a page ends where it is full', rows: 100, list: networks({}) },
  {
    name: 'networks of a namespace',
    why: 'each has a tree of its own',
    rows: 100,
    list: networks({ namespace: 'm-space' }),
  },
  { name: 'networks by tag', why: 'a tag is a term', rows: 100, list: networks({ tag: 'site-7' }) },
  { name: 'networks by word', why: 'a word is a term', rows: 100, list: networks({ q: 'granite' }) },
  {
    name: 'children of a network',
    why: 'the tree knows where they are',
    rows: 100,
    list: networks({ parentId: 'parent' }),
  },
  {
    name: 'networks within a prefix',
    why: 'they lie side by side in the tree',
    rows: 100,
    list: networks({ within: '100.65.0.0/16' }),
  },
  {
    name: 'networks around an address',
    why: 'they are one path through the tree',
    rows: 2,
    list: networks({ namespace: 'default', contains: '100.65.7.1' }),
  },
  {
    name: 'networks by CIDR',
    why: 'the tree is ordered by it',
    rows: 1,
    list: networks({ namespace: 'default', cidr: '100.65.7.0/24' }),
  },
]

const WITHIN_SCOPE: readonly Question[] = [
  ...[
    {},
    { statuses: EVERY_STATUS },
    { namespace: 'tb' },
    { networkId: 'sought' },
    ...[
      { hostname: 'example' },
      { tag: 'common' },
      { q: 'marble' },
      { expiresBefore: START + 3_000 * HOUR_MS },
    ].flatMap((filter) => [filter, { ...filter, namespace: 'tb' }]),
    { hostname: 'turbine', statuses: EVERY_STATUS },
    { ip: WANTED_IP, statuses: EVERY_STATUS },
  ].map((filter) => ({
    name: `allocations of a part by ${Object.keys(filter).join(' and ') || 'nothing'}`,
    why: 'no list reads what is outside',
    rows: 100,
    list: allocationsWithin(filter),
  })),
  ...[{}, { namespace: 'tb' }, { within: '100.65.0.0/16' }, { tag: TENANT }, { q: 'granite' }].map(
    (filter) => ({
      name: `networks of a part by ${Object.keys(filter).join(' and ') || 'nothing'}`,
      why: 'memory knows what is inside',
      rows: 100,
      list: networksWithin(filter),
    }),
  ),
  {
    name: 'networks of a part by a tag that only others have',
    why: 'each of the few inside is looked at',
    rows: 0,
    list: networksWithin({ tag: 'z' }),
  },
]

describe(`a page of ${MANY} allocations takes about as many reads as of ${FEW}`, () => {
  test.each([...ALLOCATIONS, ...AUDIT, ...NETWORKS, ...WITHIN_SCOPE])(
    '$name: $why',
    async ({ rows, list }) => {
      const [ofFew, least] = await readsOf(few, list)
      const [ofMany, reads] = await readsOf(many, list)

      expect([ofFew.rows.length, ofMany.rows.length]).toEqual([rows, rows])
      expect(least, 'reads are not counted').toBeGreaterThanOrEqual(rows)
      expect(reads, `${least} reads of few`).toBeLessThanOrEqual(GROWTH_MAX * least)
    },
  )
})

interface Look {
  readonly name: string
  readonly why: string
  readonly reads: number
  readonly ask: Ask<unknown>
}

/** Of each list of allocations: how many those of deleted networks are. */
const LIST_READS = 1

/** What memory answers, and what is one look. */
const LOOKS: readonly Look[] = [
  {
    name: 'statistics of a network',
    why: 'memory counts with each change',
    reads: 0,
    ask: ({ machine }) => machine.query({ type: 'networkStats', id: 'a' }),
  },
  {
    name: 'the next free addresses',
    why: 'memory has the free runs',
    reads: 0,
    ask: ({ machine }) => machine.query({ type: 'availableAddresses', id: 'a', count: 10 }),
  },
  {
    name: 'the next free blocks',
    why: 'memory has the sizes of the free blocks',
    reads: 0,
    ask: ({ machine }) => machine.query({ type: 'availableNetworks', id: 'a', prefixLength: 28, count: 10 }),
  },
  {
    name: 'an allocation by id',
    why: 'the id says where its row lies',
    reads: 1,
    ask: (ipam) => ipam.machine.query({ type: 'allocation', id: ipam.idOf('m-7') }),
  },
  {
    name: 'who has an address that many have had',
    why: 'memory knows in which network, the range before the address who, and nobody asks who had it',
    reads: LIST_READS + 2,
    ask: ({ machine }) => listAllocations(machine, { ip: WANTED_IP }, asked),
  },
  {
    name: 'who has an address that is free',
    why: 'memory knows that nobody has it',
    reads: LIST_READS,
    ask: ({ machine }) => listAllocations(machine, { ip: '10.1.200.2' }, asked),
  },
]

describe('rows that are read do not depend on how many there are', () => {
  test.each(LOOKS)('$name takes $reads: $why', async ({ reads, ask }) => {
    const answers = [await readsOf(few, ask), await readsOf(many, ask)]

    for (const [answer] of answers) expect(answer).not.toBeNull()
    expect(answers.map(([, count]) => count)).toEqual([reads, reads])
  })

  test('an allocation takes as many of many as of few: its address is chosen in memory', async () => {
    const take: Ask<unknown> = (ipam) => ipam.allocate('late', 'a', { hostname: 'late.example' })

    const [[, least], [, reads]] = [await readsOf(few, take), await readsOf(many, take)]

    expect(reads).toBe(least)
  })
})
