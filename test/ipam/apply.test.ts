import { beforeEach, describe, expect, test } from 'vitest'
import type { CreateNetwork } from '../../src/ipam/command.ts'
import { NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'
import { allocateCommand, Harness, refusal, START } from '../state/harness.ts'

function createCommand(id: string, cidr: string): CreateNetwork {
  return { ...NETWORK_DEFAULTS, type: 'createNetwork', id, cidr }
}

let ipam: Harness
beforeEach(async () => {
  ipam = await Harness.open()
})

describe('networks', () => {
  test('a created network is on record, with the log time and index of its entry', async () => {
    const outcome = ipam.apply({
      ...NETWORK_DEFAULTS,
      type: 'createNetwork',
      id: 'net-1',
      cidr: '10.0.0.0/24',
      description: 'Office',
      tags: ['prod'],
    })

    const network = {
      id: 'net-1',
      cidr: '10.0.0.0/24',
      namespace: 'default',
      description: 'Office',
      tags: ['prod'],
      gateway: null,
      reserved: [],
      cooldownMs: 0,
      strategy: 'lowest',
      metadata: {},
      createdAt: START,
      updatedAt: START,
      changedIndex: 1,
      parentId: null,
    }
    expect(outcome).toEqual({ ok: true, value: network, isReplay: false })
    expect(await ipam.machine.query({ type: 'network', id: 'net-1' })).toEqual(network)
  })

  test('the same prefix twice in one namespace is refused, and the refusal names the one that exists', () => {
    ipam.createNetwork('net-1', '10.1.0.0/16')

    const refused = refusal(ipam.apply(createCommand('net-2', '10.1.0.0/16')))

    expect(refused.reason).toBe('network_exists')
    expect(refused.message).toContain('net-1')
    expect(refused.message).toContain('10.1.0.0/16')
  })

  test('another namespace is another address space', () => {
    ipam.createNetwork('net-1', '10.1.0.0/16')

    expect(ipam.createNetwork('net-2', '10.1.0.0/16', { namespace: 'lab' }).parentId).toBeNull()
  })

  test.each([
    { why: 'one inside', cidr: '10.1.2.0/24', parents: { 'net-1': null, 'net-2': 'net-1' } },
    { why: 'one around', cidr: '10.0.0.0/8', parents: { 'net-1': 'net-2', 'net-2': null } },
    { why: 'its last address', cidr: '10.1.255.255/32', parents: { 'net-1': null, 'net-2': 'net-1' } },
    { why: 'all of IPv4', cidr: '0.0.0.0/0', parents: { 'net-1': 'net-2', 'net-2': null } },
    { why: 'the prefix before it', cidr: '10.0.0.0/16', parents: { 'net-1': null, 'net-2': null } },
    { why: 'the prefix after it', cidr: '10.2.0.0/16', parents: { 'net-1': null, 'net-2': null } },
    { why: 'all of IPv6', cidr: '::/0', parents: { 'net-1': null, 'net-2': null } },
    { why: 'the same number in IPv6', cidr: '::a01:0/112', parents: { 'net-1': null, 'net-2': null } },
  ])('$why ($cidr) is created beside 10.1.0.0/16, each with its parent', async ({ cidr, parents }) => {
    ipam.createNetwork('net-1', '10.1.0.0/16')

    const { parentId } = ipam.createNetwork('net-2', cidr)

    expect(parentId).toBe(parents['net-2'])
    for (const [id, parent] of Object.entries(parents)) {
      expect(await ipam.machine.query({ type: 'network', id })).toMatchObject({ parentId: parent })
    }
  })

  test('a network over addresses that its parent has allocated is refused, and the refusal names them', () => {
    ipam.createNetwork('net-1', '10.1.0.0/16')
    for (const id of ['a', 'b', 'c']) ipam.allocate(id, 'net-1')
    ipam.release('b')

    const refused = refusal(ipam.apply(createCommand('net-2', '10.1.0.0/24')))

    expect(refused).toEqual({
      reason: 'addresses_in_use',
      message:
        'Network 10.1.0.0/24 would take addresses that 10.1.0.0/16 (net-1) has allocated: 10.1.0.1, 10.1.0.3; release them first',
      details: [],
    })
  })

  test('a deleted network leaves its children and its addresses to its parent', async () => {
    ipam.createNetwork('net-1', '10.1.0.0/29')
    ipam.createNetwork('net-2', '10.1.0.0/30')
    ipam.createNetwork('net-3', '10.1.0.2/31')
    expect(ipam.allocate('a', 'net-1').ip).toBe('10.1.0.4')

    ipam.apply({ type: 'deleteNetwork', id: 'net-2', ifChangedIndex: null })

    expect(await ipam.machine.query({ type: 'network', id: 'net-3' })).toMatchObject({ parentId: 'net-1' })
    expect(['b', 'c'].map((id) => ipam.allocate(id, 'net-1').ip)).toEqual(['10.1.0.1', '10.1.0.5'])
  })

  test.each(['10.0.0.1/24', '10.0.0.0', '2001:DB8::/32', 'x'])(
    '%s is no canonical CIDR: refused, never thrown',
    (cidr) => {
      const outcome = ipam.apply(createCommand('net-1', cidr))

      expect(refusal(outcome).reason).toBe('unsupported_command')
    },
  )

  test('an id is never given to two networks', () => {
    ipam.createNetwork('net-1', '10.1.0.0/16')

    const outcome = ipam.apply(createCommand('net-1', '10.2.0.0/16'))

    expect(refusal(outcome).reason).toBe('id_in_use')
  })

  test('a network with active allocations is not deleted, and the refusal says how many there are', async () => {
    ipam.createNetwork('net-1', '10.0.0.0/24')
    ipam.allocate('alloc-1', 'net-1', { count: 5 })
    ipam.allocate('alloc-2', 'net-1')

    const refused = refusal(ipam.apply({ type: 'deleteNetwork', id: 'net-1', ifChangedIndex: null }))

    expect(refused).toEqual({
      reason: 'network_has_allocations',
      message: 'Network 10.0.0.0/24 (net-1) has 2 active allocations: release them first',
      details: [],
    })
    expect(await ipam.machine.query({ type: 'network', id: 'net-1' })).not.toBeNull()
  })

  test('a network without active allocations is deleted; what was allocated in it stays on record', async () => {
    ipam.createNetwork('net-1', '10.0.0.0/24')
    ipam.allocate('alloc-1', 'net-1')
    ipam.release('alloc-1')

    expect(ipam.apply({ type: 'deleteNetwork', id: 'net-1', ifChangedIndex: null })).toEqual({
      ok: true,
      value: null,
      isReplay: false,
    })

    expect(await ipam.machine.query({ type: 'network', id: 'net-1' })).toBeNull()
    expect(await ipam.machine.query({ type: 'networkStats', id: 'net-1' })).toBeNull()
    expect(await ipam.machine.query({ type: 'allocation', id: ipam.idOf('alloc-1') })).toMatchObject({
      status: 'released',
    })
    expect(refusal(ipam.apply({ type: 'deleteNetwork', id: 'net-1', ifChangedIndex: null })).reason).toBe(
      'network_not_found',
    )
    expect(ipam.createNetwork('net-2', '10.0.0.0/24').id).toBe('net-2')
    expect(ipam.allocate('alloc-2', 'net-2').ip).toBe('10.0.0.1')
  })
})

describe('allocations', () => {
  test('the lowest free addresses are given, and a released one is given again', () => {
    ipam.createNetwork('net-1', '10.0.0.0/29')

    const ips = ['a', 'b', 'c'].map((id) => ipam.allocate(id, 'net-1').ip)
    ipam.release('b')

    expect(ips).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3'])
    expect(ipam.allocate('d', 'net-1').ip).toBe('10.0.0.2')
    expect(ipam.allocate('e', 'net-1').ip).toBe('10.0.0.4')
  })

  test('several addresses are contiguous, one record, and skip gaps that are too small', () => {
    ipam.createNetwork('net-1', '10.0.0.0/28')
    ipam.allocate('a', 'net-1')
    ipam.allocate('b', 'net-1')
    ipam.release('a')

    expect(ipam.allocate('c', 'net-1', { count: 3 })).toMatchObject({ ip: '10.0.0.3', endIp: '10.0.0.5' })
    expect(ipam.allocate('d', 'net-1')).toMatchObject({ ip: '10.0.0.1', endIp: null })
  })

  test('an allocation has the log time, and its time to live counts from there', () => {
    ipam.createNetwork('net-1', '2001:db8::/64')
    ipam.time += 5

    const allocation = ipam.allocate('alloc-1', 'net-1', { hostname: 'web-1', ttlMs: 1000 })

    expect(allocation).toEqual({
      id: ipam.idOf('alloc-1'),
      networkId: 'net-1',
      ip: '2001:db8::1',
      endIp: null,
      hostname: 'web-1',
      description: '',
      tags: [],
      mac: null,
      metadata: {},
      status: 'allocated',
      allocatedAt: START + 5,
      expiresAt: START + 1005,
      releasedAt: null,
      changedIndex: 2,
    })
  })

  test.each([
    {
      why: 'nothing is free',
      count: 1,
      message: 'Network 10.0.0.0/30 (net-1) has no free address: all are in use',
    },
    {
      why: 'more than the free run',
      count: 9,
      message: 'Network 10.0.0.0/30 (net-1) has no 9 contiguous free addresses: 1 free, in runs of at most 1',
    },
  ])('a network where $why is exhausted, and the refusal says so', ({ count, message }) => {
    ipam.createNetwork('net-1', '10.0.0.0/30')
    ipam.allocate('a', 'net-1', { count: count === 1 ? 2 : 1 })

    const outcome = ipam.apply(allocateCommand('b', 'net-1', { count }))

    expect(refusal(outcome)).toEqual({ reason: 'network_exhausted', message, details: [] })
  })

  test('an unknown network is refused', () => {
    expect(refusal(ipam.apply(allocateCommand('a', 'net-1'))).reason).toBe('network_not_found')
  })

  test('releasing twice changes nothing the second time', async () => {
    ipam.createNetwork('net-1', '10.0.0.0/30')
    ipam.allocate('a', 'net-1')
    ipam.time += 10
    const released = ipam.release('a')
    const { ip } = ipam.allocate('b', 'net-1')
    const rows = (await ipam.audit()).length
    ipam.time += 10

    expect(ipam.release('a')).toEqual(released)

    expect(released).toMatchObject({ status: 'released', releasedAt: START + 10, changedIndex: 3 })
    expect(await ipam.audit()).toHaveLength(rows)
    // Whoever holds the address now keeps it.
    expect(ip).toBe('10.0.0.1')
    expect(await ipam.machine.query({ type: 'allocation', id: ipam.idOf('b') })).toMatchObject({
      status: 'allocated',
    })
    expect(refusal(ipam.apply({ type: 'releaseAllocation', id: 'c', ifChangedIndex: null })).reason).toBe(
      'allocation_not_found',
    )
  })
})

describe('expiry', () => {
  test('what is due by the log time expires, oldest expiry first, at most `limit`', async () => {
    ipam.createNetwork('net-1', '10.0.0.0/24')
    for (const [id, ttlMs] of Object.entries({ late: 300, soon: 100, tied1: 200, tied2: 200, never: null })) {
      ipam.allocate(id, 'net-1', { ttlMs })
    }
    expect(ipam.machine.nextExpiry).toBe(START + 100)

    ipam.time = START + 99
    expect(ipam.expire()).toBe(0)
    ipam.time = START + 200
    expect(ipam.expire(2)).toBe(2)
    expect(ipam.machine.nextExpiry).toBe(START + 200)
    expect(ipam.expire()).toBe(1)
    expect(ipam.expire()).toBe(0)
    expect(ipam.machine.nextExpiry).toBe(START + 300)

    const expired = (await ipam.audit()).filter(({ action }) => action === 'ip_expired')
    expect(expired.map(({ resource, index, sequence }) => ({ resource, index, sequence }))).toEqual([
      { resource: ipam.idOf('soon'), index: 8, sequence: 0 },
      { resource: ipam.idOf('tied1'), index: 8, sequence: 1 },
      { resource: ipam.idOf('tied2'), index: 9, sequence: 0 },
    ])
    const soon = await ipam.machine.query({ type: 'allocation', id: ipam.idOf('soon') })
    expect(soon).toMatchObject({ status: 'expired', releasedAt: START + 200, changedIndex: 8 })
  })

  test('an expired address is free again, and releasing the expired allocation leaves it as it is', () => {
    ipam.createNetwork('net-1', '10.0.0.0/32')
    ipam.allocate('a', 'net-1', { ttlMs: 1 })
    ipam.time += 1
    ipam.expire()

    expect(ipam.allocate('b', 'net-1').ip).toBe('10.0.0.0')
    expect(ipam.release('a').status).toBe('expired')
  })

  test('a released allocation does not expire', () => {
    ipam.createNetwork('net-1', '10.0.0.0/24')
    ipam.allocate('a', 'net-1', { ttlMs: 1 })
    ipam.release('a')
    ipam.time += 10

    expect(ipam.machine.nextExpiry).toBeNull()
    expect(ipam.expire()).toBe(0)
  })
})

describe('audit', () => {
  test('every change leaves one row, with who, when, which request, before and after', async () => {
    // Where it lies among the others is no part of the record.
    const { parentId: _, ...network } = ipam.createNetwork('net-1', '192.168.1.0/24')
    const one = ipam.allocate('alloc-1', 'net-1', { hostname: 'web-server-01', ttlMs: 10 })
    const range = ipam.allocate('alloc-2', 'net-1', { count: 3 })
    const released = ipam.release('alloc-2')
    ipam.time += 10
    ipam.expire()
    const expired = await ipam.machine.query({ type: 'allocation', id: ipam.idOf('alloc-1') })
    ipam.apply({ type: 'deleteNetwork', id: 'net-1', ifChangedIndex: null }, { user: 'bob', requestId: null })

    const alice = { sequence: 0, timestamp: START, user: 'alice', requestId: 'req-1' }
    expect(await ipam.audit()).toEqual([
      {
        ...alice,
        index: 1,
        action: 'network_created',
        resource: 'net-1',
        details: 'Created network 192.168.1.0/24',
        before: null,
        after: network,
      },
      {
        ...alice,
        index: 2,
        action: 'ip_allocated',
        resource: ipam.idOf('alloc-1'),
        details: 'Allocated 192.168.1.1 to web-server-01',
        before: null,
        after: one,
      },
      {
        ...alice,
        index: 3,
        action: 'ip_allocated',
        resource: ipam.idOf('alloc-2'),
        details: 'Allocated 192.168.1.2-192.168.1.4',
        before: null,
        after: range,
      },
      {
        ...alice,
        index: 4,
        action: 'ip_released',
        resource: ipam.idOf('alloc-2'),
        details: 'Released 192.168.1.2-192.168.1.4',
        before: range,
        after: released,
      },
      {
        index: 5,
        sequence: 0,
        timestamp: START + 10,
        action: 'ip_expired',
        resource: ipam.idOf('alloc-1'),
        details: 'Expired 192.168.1.1 of web-server-01',
        user: 'system',
        requestId: null,
        before: one,
        after: expired,
      },
      {
        index: 6,
        sequence: 0,
        timestamp: START + 10,
        action: 'network_deleted',
        resource: 'net-1',
        details: 'Deleted network 192.168.1.0/24',
        user: 'bob',
        requestId: null,
        before: network,
        after: null,
      },
    ])
  })

  test('a refused command leaves no row', async () => {
    ipam.apply({ type: 'deleteNetwork', id: 'net-1', ifChangedIndex: null })
    ipam.apply({ type: 'releaseAllocation', id: 'alloc-1', ifChangedIndex: null })

    expect(await ipam.audit()).toEqual([])
  })

  test('the newest rows are given, in ascending time', async () => {
    for (const i of [0, 1, 2, 3]) ipam.createNetwork(`net-${i}`, `10.${i}.0.0/16`)

    expect((await ipam.audit(2)).map(({ resource }) => resource)).toEqual(['net-2', 'net-3'])
  })
})

describe('entries that this version does not know', () => {
  test.each([
    { why: 'no bytes', payload: '' },
    { why: 'another schema version', payload: '0292aa' },
    { why: 'no MessagePack', payload: '01c1' },
  ])('$why: refused, and the next entry is applied', ({ payload }) => {
    const outcome = ipam.machine.apply(ipam.append('command', Buffer.from(payload, 'hex')))

    expect(outcome).toMatchObject({ ok: false, refusal: { reason: 'unsupported_command' } })
    expect(ipam.createNetwork('net-1', '10.0.0.0/24').changedIndex).toBe(2)
  })

  test('a no-op only advances the applied index', async () => {
    expect(ipam.machine.apply(ipam.append('noop', new Uint8Array()))).toBeNull()

    expect(ipam.machine.appliedIndex).toBe(1)
    await ipam.machine.flush()
    expect(ipam.machine.durableIndex).toBe(1)
  })
})
