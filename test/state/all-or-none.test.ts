/** What is refused has not been: neither in the rows, nor in memory, nor after a restart. */
import { describe, expect, test } from 'vitest'
import type { AllocationRequest, Command } from '../../src/ipam/command.ts'
import { ALLOCATION_DEFAULTS, NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'
import type { IpamStateMachine } from '../../src/state/state-machine.ts'
import {
  EVERY_STATUS,
  Harness,
  listAllocations,
  listNetworks,
  openMachine,
  refusal,
  START,
  tokenOf,
} from './harness.ts'
import { MemoryStorage } from './memory-storage.ts'

const MINUTE_MS = 60_000

/** What does not come from rows: each is asked for so that only memory can answer. */
async function memoryOf(machine: IpamStateMachine): Promise<unknown> {
  const { rows } = await listNetworks(machine)
  const networks = rows.map(async ({ id }) => {
    const later = { limit: 1, cursor: null, offset: 1 }
    const all = await listAllocations(machine, { networkId: id, statuses: EVERY_STATUS }, later)
    const active = await listAllocations(machine, { networkId: id }, later)
    return {
      id,
      stats: await machine.query({ type: 'networkStats', id }),
      upcoming: await machine.query({ type: 'availableAddresses', id, count: 3 }),
      totals: [all.total, active.total],
    }
  })
  return { nextExpiry: machine.nextExpiry, networks: await Promise.all(networks) }
}

function request(name: string, options: Partial<AllocationRequest> = {}): AllocationRequest {
  return { ...ALLOCATION_DEFAULTS, token: tokenOf(name), network: { id: 'net' }, ...options }
}

/** In `net`, 10.0.0.1 and 10.0.0.3 are taken, and 10.0.0.2 has rested long enough, though nobody has ended that. */
async function prepare(storage: MemoryStorage): Promise<Harness> {
  const ipam = await Harness.open(storage)
  ipam.createNetwork('net', '10.0.0.0/28', { strategy: 'next', cooldownMs: MINUTE_MS })
  ipam.createNetwork('pool', '10.1.0.0/28')
  ipam.allocate('old', 'net', { ttlMs: 60 * MINUTE_MS })
  ipam.allocate('gone', 'net')
  ipam.allocate('third', 'net')
  ipam.release('gone')
  ipam.time += 2 * MINUTE_MS
  return ipam
}

const TAKEN = request('c', { ip: '10.0.0.1' })

const REFUSED: { why: string; command: Command }[] = [
  {
    why: 'a batch whose last item is taken',
    command: {
      type: 'allocateBatch',
      items: [request('a', { ttlMs: MINUTE_MS }), request('b', { count: 2 }), TAKEN],
    },
  },
  {
    why: 'one allocation, which had looked for rests that are over',
    command: { type: 'allocateAddresses', ...TAKEN },
  },
  {
    why: 'more networks than there is room for',
    command: {
      type: 'carveNetworks',
      parentId: 'pool',
      ids: ['a', 'b', 'c', 'd', 'e'],
      prefixLength: 30,
      description: '',
      tags: [],
      metadata: {},
    },
  },
  {
    why: 'an atomic import with a wrong row',
    command: {
      type: 'importItems',
      isAtomic: true,
      skipsExisting: false,
      items: [
        { kind: 'network', ...NETWORK_DEFAULTS, id: 'a', cidr: '10.1.0.8/29' },
        { kind: 'allocation', ...request('b', { network: { id: 'a' }, ttlMs: MINUTE_MS }) },
        { kind: 'allocation', ...TAKEN },
      ],
    },
  },
]

describe('a command that is refused', () => {
  test.each(REFUSED)('leaves all as it was, also for a node that restarts: $why', async ({ command }) => {
    const storage = new MemoryStorage()
    const ipam = await prepare(storage)
    const before = await memoryOf(ipam.machine)

    refusal(ipam.apply(command))

    expect(await memoryOf(ipam.machine)).toEqual(before)
    await ipam.machine.flush()
    expect(await memoryOf(await openMachine(await storage.copy()))).toEqual(before)
  })

  test.each(REFUSED)('does not matter for what comes after it: $why', async ({ command }) => {
    const [ipam, other] = [await prepare(new MemoryStorage()), await prepare(new MemoryStorage())]

    ipam.apply(command)
    // Another refusal, so that both logs are as long.
    other.apply({ type: 'deleteNetwork', id: 'none', ifChangedIndex: null })

    for (const id of ['x', 'y', 'z']) expect(ipam.allocate(id, 'net')).toEqual(other.allocate(id, 'net'))
    expect(ipam.createNetwork('half', '10.1.0.0/29')).toEqual(other.createNetwork('half', '10.1.0.0/29'))
    ipam.time = other.time = START + 120 * MINUTE_MS
    expect(ipam.expire()).toBe(other.expire())
    expect(await ipam.audit()).toEqual(await other.audit())
    expect(await memoryOf(ipam.machine)).toEqual(await memoryOf(other.machine))
  })
})
