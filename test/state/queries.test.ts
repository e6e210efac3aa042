import { describe, expect, test } from 'vitest'
import { ALLOCATION_DEFAULTS, NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'
import { InvalidCursorError, type Page } from '../../src/ipam/query.ts'
import type { Allocation } from '../../src/ipam/records.ts'
import {
  accepted,
  EVERY_STATUS,
  Harness,
  listAllocations,
  listNetworks,
  nameOf,
  page,
  START,
  tokenOf,
} from './harness.ts'

describe('lists', () => {
  test.each([
    { networkId: null, statuses: ['allocated'] as const },
    { networkId: null, statuses: EVERY_STATUS },
    { networkId: 'net-1', statuses: ['allocated'] as const },
    { networkId: 'net-1', statuses: EVERY_STATUS },
  ])('pages of %o neither skip nor repeat while others write', async (filter) => {
    const ipam = await Harness.open()
    ipam.createNetwork('net-1', '10.0.0.0/16')
    ipam.createNetwork('net-2', '10.1.0.0/16')
    for (let i = 0; i < 60; i++) ipam.allocate(`old-${i}`, i % 3 === 0 ? 'net-2' : 'net-1')

    const seen: string[] = []
    let cursor: string | null = null
    for (let pages = 0; pages === 0 || cursor !== null; pages++) {
      const answer: Page<Allocation> = await listAllocations(ipam.machine, filter, page(7, cursor))
      seen.push(...answer.rows.map(nameOf))
      cursor = answer.nextCursor
      // Ten are released, spread over what is still to come and what was seen; new ones appear.
      if (pages < 10) {
        ipam.release(`old-${(pages * 17) % 60}`)
        ipam.allocate(`new-${pages}`, 'net-1')
        if (pages % 2 === 0) await ipam.machine.flush()
      }
    }

    expect(new Set(seen).size).toBe(seen.length)
    const released = new Set(Array.from({ length: 10 }, (_, pages) => `old-${(pages * 17) % 60}`))
    const all = Array.from({ length: 60 }, (_, i) => i)
    const [ofFirst, ofSecond] = [all.filter((i) => i % 3 !== 0), all.filter((i) => i % 3 === 0)]
    // The list of everything that ever was is in the order of creation, the others go by network and address.
    const isByCreation = filter.networkId === null && filter.statuses.includes('released')
    const byNetwork = filter.networkId === null ? [...ofFirst, ...ofSecond] : ofFirst
    const lasting = (isByCreation ? all : byNetwork)
      .map((i) => `old-${i}`)
      .filter((id) => filter.statuses.includes('released') || !released.has(id))
    expect(seen.filter((id) => lasting.includes(id))).toEqual(lasting)
  })

  test('a page is of the index at which it was asked for', async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('net-1', '10.0.0.0/24')
    for (let i = 0; i < 5; i++) ipam.allocate(`alloc-${i}`, 'net-1')

    const active = listAllocations(ipam.machine, { networkId: 'net-1' })
    const everything = listAllocations(ipam.machine, { networkId: 'net-1', statuses: EVERY_STATUS })
    const stats = ipam.machine.query({ type: 'networkStats', id: 'net-1' })
    const networks = listNetworks(ipam.machine)
    const audit = ipam.audit(2)
    for (let i = 0; i < 5; i++) ipam.release(`alloc-${i}`)
    ipam.apply({ type: 'deleteNetwork', id: 'net-1', ifChangedIndex: null })
    await ipam.machine.flush()

    expect((await active).rows.map(nameOf)).toEqual([0, 1, 2, 3, 4].map((i) => `alloc-${i}`))
    expect((await everything).rows.every(({ status }) => status === 'allocated')).toBe(true)
    expect(await stats).toMatchObject({
      allocated: 5n,
      firstAvailable: '10.0.0.6',
      lastAllocated: '10.0.0.5',
    })
    expect((await networks).rows).toHaveLength(1)
    expect((await audit).map(({ resource }) => nameOf({ id: resource }))).toEqual(['alloc-3', 'alloc-4'])
  })

  test('a page that ends the list has no cursor, also when it is full', async () => {
    const ipam = await Harness.open()
    for (const i of [0, 1, 2, 3]) ipam.createNetwork(`net-${i}`, `10.${i}.0.0/16`)
    const pageAt = (cursor: string | null) => listNetworks(ipam.machine, {}, page(2, cursor))

    const first = await pageAt(null)
    const second = await pageAt(first.nextCursor)

    expect([...first.rows, ...second.rows].map(({ id }) => id)).toEqual(['net-0', 'net-1', 'net-2', 'net-3'])
    expect(second.nextCursor).toBeNull()
  })

  test('a cursor that this list has not given out is refused', async () => {
    const ipam = await Harness.open()
    for (const i of [0, 1]) ipam.createNetwork(`net-${i}`, `10.${i}.0.0/16`)
    const { nextCursor } = await listNetworks(ipam.machine, {}, page(1))
    if (nextCursor === null) throw new Error('no cursor')

    for (const cursor of ['', '!', 'bm9uc2Vuc2U', `${nextCursor}=`, nextCursor.toUpperCase()]) {
      const asked = listNetworks(ipam.machine, {}, page(1, cursor))
      await expect(asked).rejects.toThrow(InvalidCursorError)
    }
    const other = listAllocations(ipam.machine, { statuses: EVERY_STATUS }, page(1, nextCursor))
    await expect(other).rejects.toThrow(InvalidCursorError)
  })

  test('a page that had to look at much goes on with its cursor, also among what expires', async () => {
    const ipam = await Harness.open()
    for (const i of [1, 2]) ipam.createNetwork(`net-${i}`, `10.${i}.0.0/16`)
    const request = { ...ALLOCATION_DEFAULTS, network: { id: 'net-1' }, ttlMs: 1_000 }
    for (let batch = 0; batch < 22; batch++) {
      const items = Array.from({ length: 1_000 }, (_, i) => ({
        ...request,
        token: tokenOf(`a-${batch}-${i}`),
      }))
      accepted(ipam.apply({ type: 'allocateBatch', items }))
    }
    ipam.allocate('last', 'net-2', { ttlMs: 2_000, description: 'printer' })
    const filter = { q: 'printer', expiresBefore: START + 3_000 }

    const first = await listAllocations(ipam.machine, filter, page(10))
    const second = await listAllocations(ipam.machine, filter, page(10, first.nextCursor))

    expect(first.rows).toEqual([])
    expect([second.rows.map(nameOf), second.nextCursor]).toEqual([['last'], null])
  })

  test('a network has no allocations in another namespace than its own', async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('net-1', '10.0.0.0/24')
    ipam.allocate('a', 'net-1')

    for (const [namespace, ids] of [
      ['default', ['a']],
      ['lab', []],
    ] as const) {
      const { rows, total } = await listAllocations(ipam.machine, { networkId: 'net-1', namespace })
      expect([rows.map(nameOf), total]).toEqual([ids, ids.length])
    }
  })

  test('an unknown network has no allocations', async () => {
    const ipam = await Harness.open()

    expect(await listAllocations(ipam.machine, { networkId: 'net-1', statuses: EVERY_STATUS })).toEqual({
      rows: [],
      nextCursor: null,
      total: 0,
    })
  })
})

describe('statistics', () => {
  test.each([
    { cidr: '10.0.0.0/24', total: 254n, first: '10.0.0.1' },
    { cidr: '10.0.0.0/31', total: 2n, first: '10.0.0.0' },
    { cidr: '10.0.0.0/32', total: 1n, first: '10.0.0.0' },
    { cidr: '2001:db8::/127', total: 2n, first: '2001:db8::' },
    { cidr: '2001:db8::/128', total: 1n, first: '2001:db8::' },
    { cidr: '2001:db8::/64', total: 2n ** 64n - 1n, first: '2001:db8::1' },
    { cidr: '0.0.0.0/0', total: 2n ** 32n - 2n, first: '0.0.0.1' },
  ])('$cidr has $total usable addresses, from $first', async ({ cidr, total, first }) => {
    const ipam = await Harness.open()
    ipam.createNetwork('net-1', cidr)
    const empty = await ipam.machine.query({ type: 'networkStats', id: 'net-1' })
    const { ip } = ipam.allocate('alloc-1', 'net-1')
    const one = await ipam.machine.query({ type: 'networkStats', id: 'net-1' })

    expect(empty).toMatchObject({
      total,
      allocated: 0n,
      available: total,
      firstAvailable: first,
      lastAllocated: null,
    })
    expect(one).toMatchObject({ total, allocated: 1n, available: total - 1n, lastAllocated: ip })
    expect(one?.firstAvailable === null).toBe(total === 1n)
  })

  test('the last allocated address is the one handed out last, whether somebody still has it or not', async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('net-1', '10.0.0.0/24')
    ipam.allocate('a', 'net-1', { count: 5 })
    ipam.allocate('b', 'net-1')
    ipam.release('a')
    ipam.allocate('c', 'net-1', { count: 2 })
    const last = async () => (await ipam.machine.query({ type: 'networkStats', id: 'net-1' }))?.lastAllocated

    expect(await last()).toBe('10.0.0.2')
    ipam.release('b')
    expect(await last()).toBe('10.0.0.2')
    ipam.release('c')
    expect(await last()).toBe('10.0.0.2')
  })
})

describe('results', () => {
  test('an outcome reads back as it was encoded', async () => {
    const ipam = await Harness.open()
    const { machine } = ipam
    const outcomes = [
      ipam.apply({
        ...NETWORK_DEFAULTS,
        type: 'createNetwork',
        id: 'net-1',
        cidr: '10.0.0.0/24',
        description: 'x',
        tags: ['a'],
      }),
      {
        ok: true,
        isReplay: false,
        value: ipam.allocate('a', 'net-1', { count: 2, hostname: 'web', ttlMs: 5 }),
      },
      ipam.apply({ type: 'releaseAllocation', id: 'a', ifChangedIndex: null }),
      ipam.apply({ type: 'expireAllocations', limit: 5 }),
      ipam.apply({ type: 'deleteNetwork', id: 'net-1', ifChangedIndex: null }),
      ipam.apply({ type: 'deleteNetwork', id: 'net-1', ifChangedIndex: null }),
    ]

    for (const outcome of outcomes) {
      expect(machine.decodeResult(machine.encodeResult(outcome))).toEqual(outcome)
    }
  })
})
