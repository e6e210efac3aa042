/** Whoever looks for something finds all of it, each once, and nothing else, whatever has become of it since. */
import { describe, expect, test } from 'vitest'
import type { AllocationRequest } from '../../src/ipam/command.ts'
import { ALLOCATION_DEFAULTS } from '../../src/ipam/defaults.ts'
import type { AllocationFilter } from '../../src/ipam/query.ts'
import {
  accepted,
  EVERY_STATUS,
  Harness,
  listAllocations,
  listNetworks,
  nameOf,
  START,
  tokenOf,
} from './harness.ts'
import { keysOf } from './state-keys.ts'

async function idsOf(ipam: Harness, filter: Partial<AllocationFilter>): Promise<string[]> {
  return (await listAllocations(ipam.machine, filter)).rows.map(nameOf)
}

async function openNetwork(): Promise<Harness> {
  const ipam = await Harness.open()
  ipam.createNetwork('net', '10.0.0.0/16')
  return ipam
}

function allocateMany(ipam: Harness, count: number, options: Partial<AllocationRequest>): string[] {
  const ids = Array.from({ length: count }, (_, i) => `a${i}`)
  const items = ids.map((id) => ({
    ...ALLOCATION_DEFAULTS,
    network: { id: 'net' },
    ...options,
    token: tokenOf(id),
  }))
  accepted(ipam.apply({ type: 'allocateBatch', items }))
  return ids
}

function change(ipam: Harness, id: string, changes: object): void {
  accepted(ipam.apply({ type: 'updateAllocation', id, changes, ifChangedIndex: null }))
}

describe('allocations', () => {
  test('an address finds who had it in a namespace that has no network any more', async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('net-lab', '10.8.0.0/24', { namespace: 'lab' })
    ipam.createNetwork('net-lab-2', '10.8.0.0/24', { namespace: 'lab-2' })
    for (const [id, network] of [
      ['one', 'net-lab'],
      ['two', 'net-lab-2'],
    ] as const) {
      ipam.allocate(id, network)
      ipam.release(id)
      accepted(ipam.apply({ type: 'deleteNetwork', id: network, ifChangedIndex: null }))
    }

    expect(await idsOf(ipam, { ip: '10.8.0.1', statuses: EVERY_STATUS })).toEqual(['one', 'two'])
    expect(await idsOf(ipam, { ip: '10.8.0.1' })).toEqual([])
  })

  const found: { why: string; filter: Partial<AllocationFilter>; ids: string[] }[] = [
    { why: 'a part of the host name', filter: { hostname: 'b.ex' }, ids: ['web'] },
    { why: 'in any case', filter: { hostname: 'WEB.' }, ids: ['web'] },
    {
      why: 'a whole tag, though another begins as it does',
      filter: { tag: `${'x'.repeat(40)}-1` },
      ids: ['web'],
    },
    { why: 'the other tag', filter: { tag: `${'x'.repeat(40)}-2` }, ids: ['db'] },
    { why: 'no part of a tag', filter: { tag: 'x' }, ids: [] },
    { why: 'the first address of a range', filter: { ip: '10.0.0.5' }, ids: ['range'] },
    { why: 'one in the middle of it', filter: { ip: '10.0.0.7' }, ids: ['range'] },
    { why: 'the last address of it', filter: { ip: '10.0.0.11' }, ids: ['range'] },
    { why: 'the address behind it', filter: { ip: '10.0.0.12' }, ids: [] },
    {
      why: 'an address that a range had',
      filter: { ip: '10.0.0.39', statuses: ['released'] },
      ids: ['past'],
    },
    { why: 'a namespace', filter: { namespace: 'lab' }, ids: ['other'] },
    { why: 'a namespace and a host name', filter: { namespace: 'default', hostname: 'web' }, ids: ['web'] },
    { why: 'released ones', filter: { networkId: 'net', statuses: ['released'] }, ids: ['gone', 'past'] },
    { why: 'expired ones', filter: { networkId: 'net', statuses: ['expired'] }, ids: ['over'] },
    { why: 'ended ones by name', filter: { hostname: 'x', statuses: ['expired'] }, ids: ['over'] },
    {
      why: 'a time, among those of a name',
      filter: { hostname: 'db', expiresBefore: START + 9_000 },
      ids: ['db'],
    },
    { why: 'a time that is too early', filter: { hostname: 'db', expiresBefore: START + 8_000 }, ids: [] },
    {
      why: 'a name, of which most never expire',
      filter: { hostname: 'e', expiresBefore: START + 9_000 },
      ids: [],
    },
  ]

  test.each(found)('are found by $why', async ({ filter, ids }) => {
    const ipam = await openNetwork()
    ipam.createNetwork('lab', '10.0.0.0/16', { namespace: 'lab' })
    ipam.allocate('web', 'net', { ip: '10.0.0.1', hostname: 'web.example', tags: [`${'x'.repeat(40)}-1`] })
    ipam.allocate('db', 'net', { hostname: 'db', tags: [`${'x'.repeat(40)}-2`], ttlMs: 8_000 })
    ipam.allocate('range', 'net', { ip: '10.0.0.5', count: 7 })
    ipam.allocate('over', 'net', { hostname: 'x', ttlMs: 5 })
    ipam.allocate('gone', 'net', { hostname: 'x' })
    ipam.allocate('other', 'lab', { ip: '10.0.255.1', hostname: 'web' })
    ipam.release('gone')
    ipam.allocate('past', 'net', { ip: '10.0.0.33', count: 7 })
    ipam.release('past')
    ipam.time += 5
    ipam.expire()

    expect(await idsOf(ipam, filter)).toEqual(ids)
  })

  test('that have ended are listed once among all, by whatever they are looked for', async () => {
    const ipam = await openNetwork()
    ipam.allocate('a', 'net', {
      hostname: 'web',
      tags: ['prod'],
      mac: '02:00:00:00:00:01',
      description: 'web',
    })
    ipam.release('a')

    const filters = [
      { hostname: 'we' },
      { tag: 'prod' },
      { mac: '02:00:00:00:00:01' },
      { q: 'web' },
      { ip: '10.0.0.1' },
    ]
    for (const filter of filters) {
      expect([filter, await idsOf(ipam, { ...filter, statuses: EVERY_STATUS })]).toEqual([filter, ['a']])
      expect([filter, await idsOf(ipam, filter)]).toEqual([filter, []])
    }
  })

  test('are in the indexes by what they are, and by nothing that they were', async () => {
    const [changed, fresh] = [await openNetwork(), await openNetwork()]
    const now = { hostname: 'db.web', tags: ['b'], description: 'new', mac: null, metadata: { owner: 'ada' } }
    changed.allocate('a', 'net', {
      hostname: 'web',
      tags: ['a'],
      description: 'old',
      mac: '02:00:00:00:00:01',
    })
    fresh.allocate('a', 'net', now)

    change(changed, 'a', now)
    const asActive = [await keysOf(changed.machine, 'x'), await keysOf(fresh.machine, 'x')]
    for (const ipam of [changed, fresh]) ipam.release('a')
    const asEnded = [await keysOf(changed.machine, 'x'), await keysOf(fresh.machine, 'x')]

    expect(asActive[0]).toEqual(asActive[1])
    expect(asEnded[0]).toEqual(asEnded[1])
    expect(asEnded[0]?.every((key) => key.startsWith('xe'))).toBe(true)
  })

  test('are all found where there are more than are read at once, of several kinds of term', async () => {
    const ipam = await openNetwork()
    const ids = allocateMany(ipam, 600, { hostname: 'host', description: 'hosts' })
    for (const id of ids.filter((_, i) => i % 2 === 0)) ipam.release(id)

    for (const filter of [{ hostname: 'host' }, { q: 'host' }]) {
      const listed = await idsOf(ipam, { ...filter, statuses: EVERY_STATUS })
      expect(listed.toSorted()).toEqual(ids.toSorted())
    }
  })

  test('are all found that had an address in one namespace or another, in the order of allocation', async () => {
    const ipam = await openNetwork()
    ipam.createNetwork('lab', '10.0.0.0/16', { namespace: 'lab' })
    const ids = Array.from({ length: 160 }, (_, i) => `a${i}`)
    for (const [i, id] of ids.entries()) {
      ipam.allocate(id, i % 2 === 0 ? 'net' : 'lab')
      ipam.release(id)
    }

    expect(await idsOf(ipam, { ip: '10.0.0.1', statuses: EVERY_STATUS })).toEqual(ids)
  })

  test('are counted, also those of networks that are gone', async () => {
    const ipam = await openNetwork()
    ipam.createNetwork('gone', '10.1.0.0/24')
    for (const [id, network] of [
      ['a', 'gone'],
      ['b', 'gone'],
      ['c', 'net'],
    ] as const)
      ipam.allocate(id, network)
    for (const id of ['a', 'b']) ipam.release(id)
    accepted(ipam.apply({ type: 'deleteNetwork', id: 'gone', ifChangedIndex: null }))

    const all = { statuses: EVERY_STATUS }
    const { rows, total } = await listAllocations(ipam.machine, all, { limit: 1, cursor: null, offset: 1 })

    expect([rows.map(nameOf), total]).toEqual([['b'], 3])
  })
})

describe('networks', () => {
  test('are found by tags and words of their own namespace', async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('net', '10.0.0.0/16', { tags: ['core'], description: 'Office' })
    ipam.createNetwork('lab', '10.0.0.0/16', { tags: ['core'], description: 'Office', namespace: 'lab' })

    for (const filter of [{ tag: 'core' }, { q: 'off' }, { q: '10.0' }]) {
      const { rows } = await listNetworks(ipam.machine, { ...filter, namespace: 'lab' })
      expect(rows.map(({ id }) => id)).toEqual(['lab'])
    }
  })

  test('are in the index by what they are, and not at all once they are gone', async () => {
    const [changed, fresh] = [await Harness.open(), await Harness.open()]
    const now = { tags: ['b'], description: 'new', metadata: { owner: 'ada' } }
    changed.createNetwork('net', '10.0.0.0/16', { tags: ['a'], description: 'old' })
    fresh.createNetwork('net', '10.0.0.0/16', now)

    accepted(changed.apply({ type: 'updateNetwork', id: 'net', changes: now, ifChangedIndex: null }))
    const keys = await keysOf(changed.machine, 'y')
    accepted(changed.apply({ type: 'deleteNetwork', id: 'net', ifChangedIndex: null }))

    expect(keys).toEqual(await keysOf(fresh.machine, 'y'))
    expect(await keysOf(changed.machine, 'y')).toEqual([])
    expect((await listNetworks(changed.machine, { q: 'new' })).rows).toEqual([])
  })
})
