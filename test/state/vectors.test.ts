/** What the product promises about addresses, case by case, each with its reason. */
import { describe, expect, test } from 'vitest'
import type { AllocationRequest, Command, NetworkSettings } from '../../src/ipam/command.ts'
import { ALLOCATION_DEFAULTS, NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'
import type { Allocation, NetworkStats, PlacedNetwork } from '../../src/ipam/records.ts'
import { APPLIED_KEY } from '../../src/state/key-space.ts'
import {
  ALICE,
  accepted,
  EVERY_STATUS,
  Harness,
  listAllocations,
  listAudit,
  listNetworks,
  nameOf,
  openMachine,
  page,
  refusal,
  START,
  tokenOf,
} from './harness.ts'
import { MemoryStorage } from './memory-storage.ts'
import { rowsOf } from './state-keys.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const STAMP = { keyDigest: 'k'.repeat(22), fingerprint: 'f'.repeat(22) }

async function networkOf(
  cidr: string,
  settings: Partial<NetworkSettings> = {},
): Promise<{ ipam: Harness; id: string }> {
  const ipam = await Harness.open()
  ipam.createNetwork('net', cidr, settings)
  return { ipam, id: 'net' }
}

async function statsOf(ipam: Harness, id = 'net'): Promise<NetworkStats> {
  const stats = await ipam.machine.query({ type: 'networkStats', id })
  if (stats === null) throw new Error(`no network ${id}`)
  return stats
}

function carve(parentId: string, prefixLength: number, ids: readonly string[]): Command {
  return { type: 'carveNetworks', parentId, prefixLength, ids, description: '', tags: [], metadata: {} }
}

function request(name: string, options: Partial<AllocationRequest> = {}): AllocationRequest {
  return { ...ALLOCATION_DEFAULTS, token: tokenOf(name), network: { id: 'net' }, ...options }
}

function createCommand(id: string, cidr: string, namespace = 'default'): Command {
  return { ...NETWORK_DEFAULTS, type: 'createNetwork', id, cidr, namespace }
}

/** A network `net`, and what is done in it. */
interface Case {
  /** A sentence, which `check` shows to be true. */
  readonly name: string
  readonly why: string
  readonly cidr: string
  readonly cooldownMs: number
  readonly check: (ipam: Harness, restart: () => Promise<Harness>) => Promise<void> | void
}

const CASES: readonly Case[] = [
  {
    name: 'five /30 do not fit into a /28, and none is made; four do',
    why: 'who asks for five cannot use a part of them, and would have to find and delete it',
    cidr: '10.0.0.0/28',
    cooldownMs: 0,
    check: async (ipam) => {
      const refused = refusal(ipam.apply(carve('net', 30, ['a', 'b', 'c', 'd', 'e'])))

      expect(refused.reason).toBe('no_free_block')
      expect((await listNetworks(ipam.machine)).rows.map(({ id }) => id)).toEqual(['net'])
      const carved = accepted<PlacedNetwork[]>(ipam.apply(carve('net', 30, ['a', 'b', 'c', 'd'])))
      expect(carved.map(({ cidr, parentId }) => [cidr, parentId])).toEqual([
        ['10.0.0.0/30', 'net'],
        ['10.0.0.4/30', 'net'],
        ['10.0.0.8/30', 'net'],
        ['10.0.0.12/30', 'net'],
      ])
    },
  },
  {
    name: 'a child over addresses that its parent has allocated is refused, and they are named',
    why: 'the child would hand them out again; and whoever wants it must know what to release',
    cidr: '10.0.0.0/24',
    cooldownMs: 0,
    check: (ipam) => {
      ipam.allocate('a', 'net', { count: 3 })
      ipam.allocate('b', 'net', { ip: '10.0.0.9' })

      const refused = refusal(ipam.apply(createCommand('child', '10.0.0.0/28')))

      expect(refused.reason).toBe('addresses_in_use')
      expect(refused.message).toContain('10.0.0.1-10.0.0.3, 10.0.0.9')
    },
  },
  {
    name: 'a released id releases nothing of the next holder of its address',
    why: 'a client that repeats its release late would take the address from somebody else',
    cidr: '10.0.0.0/24',
    cooldownMs: 0,
    check: async (ipam) => {
      ipam.allocate('a', 'net')
      ipam.release('a')
      expect(ipam.allocate('b', 'net').ip).toBe('10.0.0.1')

      const again = ipam.release('a')

      expect(again.status).toBe('released')
      expect(await statsOf(ipam)).toMatchObject({ allocated: 1n })
      expect(await ipam.machine.query({ type: 'allocation', id: ipam.idOf('b') })).toMatchObject({
        status: 'allocated',
      })
    },
  },
  {
    name: 'a second release changes nothing, and leaves no second row in the audit log',
    why: 'what is repeated after a lost answer is no mistake, and no change',
    cidr: '10.0.0.0/24',
    cooldownMs: 0,
    check: async (ipam) => {
      ipam.allocate('a', 'net')

      const [first, second] = [ipam.release('a'), ipam.release('a')]

      expect(second).toEqual(first)
      expect((await ipam.audit()).filter(({ action }) => action === 'ip_released')).toHaveLength(1)
    },
  },
  {
    name: 'a range is released as a whole',
    why: 'it is one allocation, with one id',
    cidr: '10.0.0.0/24',
    cooldownMs: 0,
    check: async (ipam) => {
      ipam.allocate('a', 'net', { count: 10 })

      ipam.release('a')

      expect(await statsOf(ipam)).toMatchObject({ allocated: 0n, available: 254n })
    },
  },
  {
    name: 'renewing counts anew from now, and what has ended cannot be renewed',
    why: 'an expired address may be handed out at any moment, whether or not anybody has come to end its allocation',
    cidr: '10.0.0.0/24',
    cooldownMs: 0,
    check: (ipam) => {
      ipam.allocate('a', 'net', { ttlMs: HOUR_MS })
      ipam.time += 30 * MINUTE_MS
      const renew = { type: 'renewAllocation', id: 'a', ttlMs: HOUR_MS, ifChangedIndex: null } as const

      expect(accepted<Allocation>(ipam.apply(renew)).expiresAt).toBe(START + 90 * MINUTE_MS)
      ipam.time = START + 90 * MINUTE_MS
      // Due, and nobody has come to end it yet.
      expect(refusal(ipam.apply(renew)).reason).toBe('allocation_ended')
      expect(ipam.expire()).toBe(1)
      expect(refusal(ipam.apply(renew)).message).toContain('has expired')
    },
  },
  {
    name: 'a released address rests for its cool-down, through restarts, and then is given again',
    why: 'caches go on sending to whoever had it, and a restart does not change that',
    cidr: '10.0.0.0/30',
    cooldownMs: HOUR_MS,
    check: async (before, restart) => {
      before.allocate('a', 'net')
      before.release('a')
      expect(before.allocate('b', 'net').ip).toBe('10.0.0.2')
      const ipam = await restart()
      const ask = (): Command => ({ type: 'allocateAddresses', ...request('c') })

      expect(await statsOf(ipam)).toMatchObject({ allocated: 1n, cooling: 1n, available: 0n })
      expect(refusal(ipam.apply(ask()))).toMatchObject({
        reason: 'network_exhausted',
        message: expect.stringContaining('1 cooling down'),
      })
      expect(
        refusal(ipam.apply({ type: 'allocateAddresses', ...request('d', { ip: '10.0.0.1' }) })).reason,
      ).toBe('address_cooling')
      expect(ipam.machine.nextExpiry).toBe(START + HOUR_MS)
      ipam.time = START + HOUR_MS
      expect(accepted<Allocation>(ipam.apply(ask())).ip).toBe('10.0.0.1')
      expect(await statsOf(ipam)).toMatchObject({ allocated: 2n, cooling: 0n })
    },
  },
  {
    name: 'a batch that fails in the middle allocates nothing, and names the item',
    why: 'the items before it would belong to nobody who knows of them',
    cidr: '10.0.0.0/24',
    cooldownMs: 0,
    check: async (ipam) => {
      ipam.allocate('a', 'net', { ip: '10.0.0.9' })
      const before = await rowsOf(ipam.machine)
      const items = [request('b'), request('c', { ip: '10.0.0.9' }), request('d')]

      const refused = refusal(ipam.apply({ type: 'allocateBatch', items }, ALICE, null, STAMP))

      expect(refused).toMatchObject({ reason: 'batch_refused', details: [{ field: 'items[1]' }] })
      expect((await listAllocations(ipam.machine, { statuses: EVERY_STATUS })).total).toBe(1)
      expect(await statsOf(ipam)).toMatchObject({ allocated: 1n })
      const after = await rowsOf(ipam.machine)
      const changed = [...after.keys()].filter((key) => after.get(key) !== before.get(key))
      expect([...before.keys()].filter((key) => !after.has(key))).toEqual([])
      // How far the log is applied, and the answer under the idempotency key.
      expect(changed.map((key) => (key === APPLIED_KEY ? key : key.charAt(0)))).toEqual([APPLIED_KEY, 'i'])
    },
  },
  {
    name: 'an idempotency key that was used for another request is refused',
    why: 'the answer to the first would be taken for one to the second, which never was carried out',
    cidr: '10.0.0.0/24',
    cooldownMs: 0,
    check: async (ipam) => {
      ipam.apply({ type: 'allocateAddresses', ...request('a') }, ALICE, null, STAMP)
      const stamp = { ...STAMP, fingerprint: 'g'.repeat(22) }

      const other = ipam.apply({ type: 'allocateAddresses', ...request('b') }, ALICE, null, stamp)

      expect(refusal(other).reason).toBe('idempotency_key_reused')
      expect(await statsOf(ipam)).toMatchObject({ allocated: 1n })
    },
  },
]

describe('a client that repeats, collides or comes late', () => {
  test.each(CASES)('$name: $why', async ({ cidr, cooldownMs, check }) => {
    const storage = new MemoryStorage()
    const ipam = await Harness.open(storage)
    ipam.createNetwork('net', cidr, { cooldownMs })
    const restart = async (): Promise<Harness> => {
      await ipam.machine.close()
      return new Harness(await openMachine(storage))
    }

    await check(ipam, restart)
  })
})

describe('how many addresses a network has for hosts', () => {
  test.each([
    { cidr: '10.0.0.0/24', total: 254n, first: '10.0.0.1', why: 'all but network and broadcast address' },
    { cidr: '10.0.0.0/30', total: 2n, first: '10.0.0.1', why: 'the same where little is left' },
    {
      cidr: '10.0.0.0/31',
      total: 2n,
      first: '10.0.0.0',
      why: 'a point-to-point link has no broadcast (RFC 3021)',
    },
    { cidr: '10.0.0.7/32', total: 1n, first: '10.0.0.7', why: 'a host is a host' },
    {
      cidr: '2001:db8::/64',
      total: 2n ** 64n - 1n,
      first: '2001:db8::1',
      why: 'all but the subnet-router anycast address',
    },
    { cidr: '2001:db8::/127', total: 2n, first: '2001:db8::', why: 'a point-to-point link (RFC 6164)' },
    { cidr: '2001:db8::5/128', total: 1n, first: '2001:db8::5', why: 'a host is a host' },
    { cidr: '0.0.0.0/0', total: 2n ** 32n - 2n, first: '0.0.0.1', why: 'all of IPv4' },
    { cidr: '::/0', total: 2n ** 128n - 1n, first: '::1', why: 'all of IPv6, exactly' },
    {
      cidr: '::ffff:10.0.0.0/120',
      total: 255n,
      first: '::ffff:10.0.0.1',
      why: 'what is written as IPv6 stays IPv6',
    },
  ])('$cidr: $total, for $why', async ({ cidr, total, first }) => {
    const { ipam } = await networkOf(cidr)

    expect(await statsOf(ipam)).toMatchObject({ total, available: total, firstAvailable: first })
    expect(ipam.allocate('a', 'net').ip).toBe(first)
  })
})

describe('carving', () => {
  test('takes the smallest free block that holds it, not the lowest', async () => {
    const { ipam } = await networkOf('10.0.0.0/24')
    // Free: 10.0.0.0/25, and 10.0.0.192/26.
    ipam.createNetwork('b', '10.0.0.128/26')

    const [carved] = accepted<PlacedNetwork[]>(ipam.apply(carve('net', 26, ['c'])))

    expect(carved?.cidr).toBe('10.0.0.192/26')
  })

  test('the refusal names the largest free blocks', async () => {
    const { ipam } = await networkOf('10.0.0.0/24')
    for (const [id, cidr] of [
      ['b', '10.0.0.64/26'],
      ['c', '10.0.0.192/26'],
    ] as const)
      ipam.createNetwork(id, cidr)

    const { message } = refusal(ipam.apply(carve('net', 25, ['d'])))

    expect(message).toContain('the largest free blocks are 10.0.0.0/26, 10.0.0.128/26')
  })

  test.each([
    { prefixLength: 24, why: 'the network itself' },
    { prefixLength: 8, why: 'larger than the network' },
    { prefixLength: 33, why: 'longer than an address' },
  ])('/$prefixLength of a /24 is refused: $why', async ({ prefixLength }) => {
    const { ipam } = await networkOf('10.0.0.0/24')

    const refused = refusal(ipam.apply(carve('net', prefixLength, ['a'])))

    expect(refused).toMatchObject({ reason: 'invalid_value', details: [{ field: 'prefix_length' }] })
  })
})

describe('nesting', () => {
  test('a parent does not hand out what belongs to a child', async () => {
    const { ipam } = await networkOf('10.0.0.0/28')
    ipam.createNetwork('child', '10.0.0.0/29')

    expect(ipam.allocate('a', 'net').ip).toBe('10.0.0.8')
    expect(
      refusal(ipam.apply({ type: 'allocateAddresses', ...request('b', { ip: '10.0.0.2' }) })).reason,
    ).toBe('address_taken')
    expect(ipam.allocate('c', 'child').ip).toBe('10.0.0.1')
    expect(await statsOf(ipam)).toMatchObject({ total: 14n, allocated: 1n, delegated: 7n, available: 6n })
  })

  test('a network between a parent and its children becomes their parent, and gives them back when it goes', async () => {
    const { ipam } = await networkOf('10.0.0.0/16')
    ipam.createNetwork('leaf', '10.0.1.0/24')
    ipam.createNetwork('middle', '10.0.0.0/20')
    const parents = async (): Promise<unknown> => {
      const { rows } = await listNetworks(ipam.machine)
      return Object.fromEntries(rows.map(({ id, parentId }) => [id, parentId]))
    }

    expect(await parents()).toEqual({ net: null, middle: 'net', leaf: 'middle' })
    accepted(ipam.apply({ type: 'deleteNetwork', id: 'middle', ifChangedIndex: null }))
    expect(await parents()).toEqual({ net: null, leaf: 'net' })
    expect(await statsOf(ipam)).toMatchObject({ delegated: 256n })
  })

  test('the same CIDR may be in two namespaces, and not twice in one', async () => {
    const { ipam } = await networkOf('10.0.0.0/24')

    const twin = refusal(ipam.apply(createCommand('twin', '10.0.0.0/24')))

    expect(twin).toMatchObject({
      reason: 'network_exists',
      message: expect.stringContaining('its id is net'),
    })
    expect(ipam.apply(createCommand('other', '10.0.0.0/24', 'blue')).ok).toBe(true)
    expect([ipam.allocate('a', 'net').ip, ipam.allocate('b', 'other').ip]).toEqual(['10.0.0.1', '10.0.0.1'])
  })
})

describe('what is never handed out', () => {
  test('gateway and reserved addresses, to whoever asks', async () => {
    const { ipam } = await networkOf('10.0.0.0/28', {
      gateway: '10.0.0.1',
      reserved: ['10.0.0.2-10.0.0.3', '10.0.0.8/30'],
    })

    const given = Array.from({ length: 7 }, (_, i) => ipam.allocate(`a${i}`, 'net').ip)

    expect(given.map((ip) => Number(ip.split('.')[3]))).toEqual([4, 5, 6, 7, 12, 13, 14])
    expect(refusal(ipam.apply({ type: 'allocateAddresses', ...request('b') })).reason).toBe(
      'network_exhausted',
    )
    for (const ip of ['10.0.0.1', '10.0.0.3', '10.0.0.9']) {
      const refused = refusal(ipam.apply({ type: 'allocateAddresses', ...request('c', { ip }) }))
      expect(refused.reason).toBe('address_reserved')
    }
    expect(await statsOf(ipam)).toMatchObject({ total: 14n, allocated: 7n, reserved: 7n, available: 0n })
  })

  test('network and broadcast address', async () => {
    const { ipam } = await networkOf('10.0.0.0/24')

    for (const ip of ['10.0.0.0', '10.0.0.255']) {
      const refused = refusal(ipam.apply({ type: 'allocateAddresses', ...request('a', { ip }) }))
      expect(refused.reason).toBe('address_not_usable')
    }
  })

  test('an address that is reserved while somebody has it is kept until it is released, and not given again', async () => {
    const { ipam } = await networkOf('10.0.0.0/29')
    ipam.allocate('a', 'net')
    const changes = { reserved: ['10.0.0.1'] }
    accepted(ipam.apply({ type: 'updateNetwork', id: 'net', changes, ifChangedIndex: null }))

    ipam.release('a')

    expect(ipam.allocate('b', 'net').ip).toBe('10.0.0.2')
  })

  test.each([
    { settings: { gateway: '10.0.1.1' }, field: 'gateway', why: 'it is in another network' },
    {
      settings: { reserved: ['10.0.0.1', '10.0.0.200-10.0.1.3'] },
      field: 'reserved[1]',
      why: 'half of it is outside',
    },
    { settings: { gateway: '2001:db8::1' }, field: 'gateway', why: 'it is of another family' },
  ])('$field outside the network is refused: $why', async ({ settings, field }) => {
    const ipam = await Harness.open()
    const command = {
      ...NETWORK_DEFAULTS,
      ...settings,
      type: 'createNetwork',
      id: 'net',
      cidr: '10.0.0.0/24',
    } as const

    expect(refusal(ipam.apply(command))).toMatchObject({ reason: 'invalid_value', details: [{ field }] })
  })
})

describe('choosing', () => {
  test('next goes on after the last address given, and starts again at the end', async () => {
    const { ipam } = await networkOf('10.0.0.0/29', { strategy: 'next' })
    const take = (id: string): string => ipam.allocate(id, 'net').ip

    expect([take('a'), take('b'), take('c')]).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3'])
    ipam.release('a')
    expect([take('d'), take('e'), take('f'), take('g')]).toEqual([
      '10.0.0.4',
      '10.0.0.5',
      '10.0.0.6',
      '10.0.0.1',
    ])
  })

  test('random is the same on every node, and not the lowest', async () => {
    const [one, other] = [
      await networkOf('10.0.0.0/8', { strategy: 'random' }),
      await networkOf('10.0.0.0/8', { strategy: 'random' }),
    ]
    const take = (ipam: Harness): string[] =>
      Array.from({ length: 20 }, (_, i) => ipam.allocate(`a${i}`, 'net').ip)

    const addresses = take(one.ipam)

    expect(take(other.ipam)).toEqual(addresses)
    expect(new Set(addresses.map((ip) => ip.split('.')[1])).size).toBeGreaterThan(10)
  })

  test('a preferred address is given if it is free, and another one if not', async () => {
    const { ipam } = await networkOf('10.0.0.0/24')

    expect(ipam.allocate('a', 'net', { preferredIp: '10.0.0.77' }).ip).toBe('10.0.0.77')
    expect(ipam.allocate('b', 'net', { preferredIp: '10.0.0.77' }).ip).toBe('10.0.0.1')
  })

  test('an aligned run starts at a multiple of the alignment', async () => {
    const { ipam } = await networkOf('10.0.0.0/24')
    ipam.allocate('a', 'net', { ip: '10.0.0.17' })

    expect(ipam.allocate('b', 'net', { count: 16, alignment: 16 })).toMatchObject({
      ip: '10.0.0.32',
      endIp: '10.0.0.47',
    })
  })
})

describe('a batch', () => {
  test('is one entry of the log', async () => {
    const { ipam } = await networkOf('10.0.0.0/24')
    const index = ipam.machine.appliedIndex

    const items = Array.from({ length: 100 }, (_, i) => request(`a${i}`))
    const allocations = accepted<Allocation[]>(ipam.apply({ type: 'allocateBatch', items }))

    expect(ipam.machine.appliedIndex).toBe(index + 1)
    expect(new Set(allocations.map(({ ip }) => ip)).size).toBe(100)
  })
})

describe('a write with an idempotency key', () => {
  const allocate = (id: string): Command => ({ type: 'allocateAddresses', ...request(id) })

  test('is carried out once, and answers the same to each copy', async () => {
    const { ipam } = await networkOf('10.0.0.0/24')

    const first = ipam.apply(allocate('a'), ALICE, null, STAMP)
    const second = ipam.apply(allocate('b'), ALICE, null, STAMP)

    expect(first).toMatchObject({ ok: true, isReplay: false, value: { id: ipam.idOf('a') } })
    expect(second).toEqual({ ...first, isReplay: true })
    expect(await statsOf(ipam)).toMatchObject({ allocated: 1n })
  })

  test('keeps a refusal as its answer', async () => {
    const { ipam } = await networkOf('10.0.0.1/32')
    ipam.allocate('a', 'net')
    const first = ipam.apply(allocate('b'), ALICE, null, STAMP)
    ipam.release('a')

    expect(ipam.apply(allocate('c'), ALICE, null, STAMP)).toEqual({ ...first, isReplay: true })
  })

  test('is remembered through a restart, and forgotten after a day', async () => {
    const storage = new MemoryStorage()
    const before = await Harness.open(storage)
    before.createNetwork('net', '10.0.0.0/24')
    before.apply(allocate('a'), ALICE, null, STAMP)
    await before.machine.close()
    const ipam = new Harness(await openMachine(storage))

    expect(ipam.apply(allocate('b'), ALICE, null, STAMP)).toMatchObject({
      isReplay: true,
      value: { id: ipam.idOf('a') },
    })
    ipam.time += 25 * HOUR_MS
    // Another key comes by, and takes with it what is too old.
    ipam.apply(allocate('c'), ALICE, null, { ...STAMP, keyDigest: 'm'.repeat(22) })
    expect(ipam.apply(allocate('d'), ALICE, null, STAMP)).toMatchObject({
      isReplay: false,
      value: { id: ipam.idOf('d') },
    })
  })
})

describe('the audit log', () => {
  test('forgets what is old enough, oldest first, in steps', async () => {
    const { ipam } = await networkOf('10.0.0.0/24')
    for (let i = 0; i < 5; i++) ipam.allocate(`a${i}`, 'net')
    ipam.time += HOUR_MS
    ipam.allocate('b', 'net')
    const prune = { type: 'pruneAudit', before: START + MINUTE_MS, limit: 4 } as const

    const first = accepted(ipam.apply(prune))
    const second = accepted(ipam.apply(prune))

    expect([first, second]).toEqual([
      { pruned: 4, isDone: false },
      { pruned: 2, isDone: true },
    ])
    expect((await ipam.audit()).map(({ action, resource }) => [action, nameOf({ id: resource })])).toEqual([
      ['ip_allocated', 'b'],
      ['audit_pruned', 'audit'],
    ])
    const ofResource = await listAudit(ipam.machine, { resource: ipam.idOf('a1') }, page(10))
    expect(ofResource.rows).toEqual([])
  })
})
