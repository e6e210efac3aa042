import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Entry } from '../../raft/types.ts'
import { formatAddress, parseAddress } from '../../src/ipam/address.ts'
import type { Command, NetworkRef } from '../../src/ipam/command.ts'
import { NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'
import type { Outcome } from '../../src/ipam/outcome.ts'
import { contains, formatPrefix, parsePrefix } from '../../src/ipam/prefix.ts'
import { usableRange } from '../../src/ipam/range.ts'
import type { Allocation } from '../../src/ipam/records.ts'
import type { SessionStamp } from '../../src/ipam/session.ts'
import type { IpamStateMachine } from '../../src/state/state-machine.ts'
import {
  ALICE,
  accepted,
  allocateCommand,
  EVERY_STATUS,
  Harness,
  imageOf,
  listAllocations,
  listAudit,
  listNetworks,
  metaAt,
  openMachine,
  streamOf,
  tokenOf,
} from './harness.ts'
import { MemoryStorage } from './memory-storage.ts'

/** Some lie inside others, also two deep. */
const CIDRS = [
  '10.0.0.0/28',
  '10.0.0.32/31',
  '2001:db8::/124',
  '2001:db8::1:0/127',
  '10.0.0.0/27',
  '10.0.0.4/30',
  '10.0.0.48/32',
]

/** The slow, obvious version: a map from address to the id that holds it. */
class Model {
  readonly networks = new Map<string, string>()
  readonly holders = new Map<string, string>()
  readonly allocations = new Map<
    string,
    { networkId: string; addresses: string[]; expiresAt: number | null }
  >()
  /** By network: released since or not. */
  readonly lastAllocated = new Map<string, string>()
  audited = 0

  apply(command: Command, { time, index }: { time: number; index: number }): string {
    switch (command.type) {
      case 'createNetwork': {
        if (this.networks.has(command.id)) return 'id_in_use'
        if ([...this.networks.values()].includes(command.cidr)) return 'network_exists'
        const parent = this.parentOf(command.cidr)
        const inParent = parent === null ? new Set() : new Set(this.heldIn(parent))
        if (allAddresses(command.cidr).some((address) => inParent.has(address))) return 'addresses_in_use'
        this.networks.set(command.id, command.cidr)
        break
      }
      case 'deleteNetwork': {
        if (!this.networks.has(command.id)) return 'network_not_found'
        if (this.activeIn(command.id).length > 0) return 'network_has_allocations'
        this.networks.delete(command.id)
        this.lastAllocated.delete(command.id)
        break
      }
      case 'allocateAddresses': {
        const networkId = idIn(command.network)
        const cidr = this.networks.get(networkId)
        if (cidr === undefined) return 'network_not_found'
        const addresses = this.#lowestRun(cidr, command.count)
        if (addresses === null) return 'network_exhausted'
        this.lastAllocated.set(networkId, addresses.at(-1) ?? '')
        const { token, ttlMs } = command
        const id = `alloc-${token}${index.toString(36)}`
        for (const address of addresses) this.holders.set(address, id)
        const expiresAt = ttlMs === null ? null : time + ttlMs
        this.allocations.set(id, { networkId, addresses, expiresAt })
        break
      }
      case 'releaseAllocation': {
        if (!this.allocations.has(command.id)) return 'allocation_not_found'
        if (!this.#end(command.id)) return 'ok'
        break
      }
      case 'expireAllocations': {
        const due = [...this.allocations].filter(([id, { expiresAt }]) => {
          return this.isActive(id) && expiresAt !== null && expiresAt <= time
        })
        due.sort(([, a], [, b]) => Number(a.expiresAt) - Number(b.expiresAt))
        for (const [id] of due.slice(0, command.limit)) {
          this.#end(id)
          this.audited += 1
        }
        return 'ok'
      }
    }
    this.audited += 1
    return 'ok'
  }

  isActive(id: string): boolean {
    return this.allocations.get(id)?.addresses.some((address) => this.holders.get(address) === id) ?? false
  }

  activeIn(networkId: string): string[] {
    const ids = [...this.allocations].filter(([, allocation]) => allocation.networkId === networkId)
    return ids.map(([id]) => id).filter((id) => this.isActive(id))
  }

  /** Addresses of active allocations, in their order. */
  heldIn(networkId: string): string[] {
    return this.activeIn(networkId).flatMap((id) => this.allocations.get(id)?.addresses ?? [])
  }

  /** Of active allocations. */
  readonly byAddress = (a: string, b: string): number => {
    const [one, other] = [a, b].map((id) => parseAddress(this.allocations.get(id)?.addresses[0] ?? '').value)
    return one === other ? 0 : (one ?? 0n) < (other ?? 0n) ? -1 : 1
  }

  /** The smallest network around the prefix. */
  parentOf(cidr: string): string | null {
    const around = [...this.networks].filter(([, other]) => isInside(cidr, other))
    around.sort(([, a], [, b]) => parsePrefix(b).length - parsePrefix(a).length)
    return around[0]?.[0] ?? null
  }

  /** Addresses of networks inside this one. */
  delegatedIn(cidr: string): Set<string> {
    const inside = [...this.networks.values()].filter((other) => isInside(other, cidr))
    return new Set(inside.flatMap(allAddresses))
  }

  nextExpiry(): number | null {
    const times = [...this.allocations]
      .filter(([id]) => this.isActive(id))
      .flatMap(([, { expiresAt }]) => expiresAt ?? [])
    return times.length === 0 ? null : Math.min(...times)
  }

  #end(id: string): boolean {
    if (!this.isActive(id)) return false
    for (const address of this.allocations.get(id)?.addresses ?? []) this.holders.delete(address)
    return true
  }

  #lowestRun(cidr: string, count: number): string[] | null {
    const usable = usableAddresses(cidr)
    const delegated = this.delegatedIn(cidr)
    for (let i = 0; i + count <= usable.length; i++) {
      const run = usable.slice(i, i + count)
      if (run.every((address) => !this.holders.has(address) && !delegated.has(address))) return run
    }
    return null
  }
}

function usableAddresses(cidr: string): string[] {
  const prefix = parsePrefix(cidr)
  const { first, last } = usableRange(prefix)
  const addresses: string[] = []
  for (let value = first; value <= last; value++)
    addresses.push(formatAddress({ family: prefix.family, value }))
  return addresses
}

function isInside(inner: string, outer: string): boolean {
  return inner !== outer && contains(parsePrefix(outer), parsePrefix(inner))
}

function idIn(network: NetworkRef): string {
  if (!('id' in network)) throw new Error('these commands name networks by id')
  return network.id
}

function allAddresses(cidr: string): string[] {
  const { family, first, length } = parsePrefix(cidr)
  const size = 2 ** ((family === 4 ? 32 : 128) - length)
  return Array.from({ length: size }, (_, i) => formatAddress({ family, value: first + BigInt(i) }))
}

const networkId = fc.constantFrom('net-a', 'net-b', 'net-c')
const allocationName = fc.nat(30).map((n) => `alloc-${n}`)
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .record({ id: networkId, cidr: fc.constantFrom(...CIDRS) })
      .map((fields): Command => ({ ...NETWORK_DEFAULTS, type: 'createNetwork', ...fields })),
  },
  {
    weight: 2,
    arbitrary: networkId.map((id): Command => ({ type: 'deleteNetwork', id, ifChangedIndex: null })),
  },
  {
    weight: 8,
    arbitrary: fc
      .tuple(
        allocationName,
        networkId,
        fc.record({
          count: fc.integer({ min: 1, max: 4 }),
          ttlMs: fc.option(fc.integer({ min: 1, max: 20 })),
        }),
      )
      .map((parts) => allocateCommand(...parts)),
  },
  {
    weight: 5,
    arbitrary: allocationName.map((id): Command => ({ type: 'releaseAllocation', id, ifChangedIndex: null })),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('expireAllocations' as const),
      limit: fc.integer({ min: 1, max: 3 }),
    }),
  },
)

/** Writes through one session, and copies of those writes that are not below its floor. */
class Gateway {
  readonly #sessionId: number
  readonly #sent: { command: Command; stamp: SessionStamp; outcome: Outcome }[] = []
  /** Of the newest allocation of each name. */
  readonly #ids = new Map<string, string>()

  constructor(sessionId: number) {
    this.#sessionId = sessionId
  }

  /** A release says the name of an allocation, before it is known which id that has. */
  withId(command: Command): Command {
    if (command.type !== 'releaseAllocation') return command
    return { ...command, id: this.#ids.get(tokenOf(command.id)) ?? command.id }
  }

  write(ipam: Harness, named: Command): Outcome {
    const command = this.withId(named)
    const sequence = this.#sent.length + 1
    const stamp = { sessionId: this.#sessionId, sequence, floor: Math.max(1, sequence - 8) }
    const outcome = ipam.apply(command, ALICE, stamp)
    this.#sent.push({ command, stamp, outcome })
    if (outcome.ok && command.type === 'allocateAddresses') {
      this.#ids.set(command.token, accepted<Allocation>(outcome).id)
    }
    return outcome
  }

  /** @param back 1 for the last write, up to 9; 0 for none. */
  copy(ipam: Harness, back: number): void {
    const sent = back === 0 ? undefined : this.#sent.at(-back)
    if (sent !== undefined) expect(ipam.apply(sent.command, ALICE, sent.stamp)).toEqual(sent.outcome)
  }
}

const back = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(9) })

/** What happens between two commands. */
const pause = fc.constantFrom('nothing', 'nothing', 'nothing', 'list', 'flush', 'reopen')

describe('random commands', () => {
  test('give what the slow, obvious version gives, also after every restart, and once if copied', async () => {
    const steps = fc.array(fc.tuple(command, fc.nat(5), back, pause), { maxLength: 80, size: 'max' })
    await fc.assert(
      fc.asyncProperty(steps, async (steps) => {
        const storage = new MemoryStorage()
        let ipam = await Harness.open(storage)
        const model = new Model()
        const gateway = new Gateway(ipam.openSession())
        for (const [command, elapsedMs, back, pause] of steps) {
          const time = ipam.time + elapsedMs
          ipam.time = time
          const sent = gateway.withId(command)
          const outcome = gateway.write(ipam, command)
          const expected = model.apply(sent, { time, index: ipam.machine.appliedIndex })
          expect(outcome.ok ? 'ok' : outcome.refusal.reason).toBe(expected)

          gateway.copy(ipam, back)
          if (pause === 'list') await listNetworks(ipam.machine)
          if (pause === 'flush') await ipam.machine.flush()
          if (pause !== 'reopen') continue
          await ipam.machine.close()
          ipam = await Harness.open(storage)
          ipam.time = time
          gateway.copy(ipam, back)
        }
        await expectSame(ipam.machine, model)
        await ipam.machine.close()
        await expectSame((await Harness.open(storage)).machine, model)
      }),
      { numRuns: 80 },
    )
  })

  test('give the same digest where half came as a snapshot', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(command, back), { minLength: 1, maxLength: 60, size: 'max' }),
        fc.nat(60),
        async (commands, cut) => {
          const source = await Harness.open()
          const gateway = new Gateway(source.openSession())
          let image = await imageOf(source.machine)
          for (const [i, [command, back]] of commands.entries()) {
            source.time += 3
            gateway.write(source, command)
            gateway.copy(source, back)
            if (i === cut) image = await imageOf(source.machine)
          }

          const target = await openMachine(new MemoryStorage())
          await target.restore(metaAt(image.appliedIndex), streamOf(image.chunks))
          for (const entry of source.log.slice(image.appliedIndex)) target.apply(entry)

          expect(await target.stateDigest()).toBe(await source.machine.stateDigest())
        },
      ),
      { numRuns: 60 },
    )
  })

  test('give the same digest where the power failed after any flush', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(command, back, fc.boolean()), { maxLength: 40, size: 'max' }),
        async (steps) => {
          const storage = new MemoryStorage()
          const source = await Harness.open(storage)
          const gateway = new Gateway(source.openSession())
          const disks: MemoryStorage[] = [await storage.copy()]
          for (const [command, back, isFlushed] of steps) {
            source.time += 3
            gateway.write(source, command)
            gateway.copy(source, back)
            if (!isFlushed) continue
            await source.machine.flush()
            disks.push(await storage.copy())
          }
          const digest = await source.machine.stateDigest()

          for (const disk of disks) expect(await replay(disk, source.log)).toBe(digest)
        },
      ),
      { numRuns: 40 },
    )
  })
})

async function replay(disk: MemoryStorage, log: readonly Entry[]): Promise<string> {
  const machine = await openMachine(disk)
  expect(machine.durableIndex).toBe(machine.appliedIndex)
  for (const entry of log.slice(machine.durableIndex)) machine.apply(entry)
  return machine.stateDigest()
}

async function expectSame(machine: IpamStateMachine, model: Model): Promise<void> {
  const active = await listAllocations(machine)
  const held = active.rows.flatMap((row) => addressesOf(row).map((address) => [address, row.id] as const))
  // No duplicate: as many addresses as entries, each with the holder that the model has.
  expect(new Map(held).size).toBe(held.length)
  expect(new Map(held)).toEqual(model.holders)
  expect(machine.nextExpiry).toBe(model.nextExpiry())
  expect((await listAudit(machine)).rows).toHaveLength(model.audited)

  const everything = await listAllocations(machine, { statuses: EVERY_STATUS })
  expect(everything.rows.map(({ id }) => id)).toEqual([...model.allocations.keys()])
  for (const { id, status } of everything.rows) expect(status === 'allocated').toBe(model.isActive(id))

  const { rows: networks } = await listNetworks(machine)
  expect(networks.map(({ id, cidr }) => [id, cidr])).toEqual([...model.networks].sort(byAddress))
  for (const { id, cidr, parentId } of networks) expect([id, parentId]).toEqual([id, model.parentOf(cidr)])
  for (const { id, cidr } of networks) {
    const usable = usableAddresses(cidr)
    const held = model.heldIn(id)
    const delegated = model.delegatedIn(cidr)
    const isFree = (address: string): boolean => !model.holders.has(address) && !delegated.has(address)
    const free = usable.filter(isFree)
    const ids = model.activeIn(id)
    expect(await machine.query({ type: 'networkStats', id })).toEqual({
      networkId: id,
      total: BigInt(usable.length),
      allocated: BigInt(held.length),
      available: BigInt(free.length),
      reserved: 0n,
      cooling: 0n,
      delegated: BigInt(usable.filter((address) => delegated.has(address)).length),
      size: BigInt(allAddresses(cidr).length),
      firstAvailable: free[0] ?? null,
      lastAllocated: model.lastAllocated.get(id) ?? null,
      largestFreeBlock: largestBlock(cidr, isFree),
    })
    const ofNetwork = await listAllocations(machine, { networkId: id })
    expect(ofNetwork.rows.map((row) => row.id)).toEqual(ids.toSorted(model.byAddress))
  }
}

/** IPv4 first, then by address, the larger network first. */
function byAddress([, a]: readonly [string, string], [, b]: readonly [string, string]): number {
  const [one, other] = [parsePrefix(a), parsePrefix(b)]
  if (one.family !== other.family) return one.family - other.family
  return one.first === other.first ? one.length - other.length : one.first < other.first ? -1 : 1
}

/** The lowest of the largest aligned blocks that have nothing but free addresses. */
function largestBlock(cidr: string, isFree: (address: string) => boolean): string | null {
  const { family, first, length } = parsePrefix(cidr)
  const bits = family === 4 ? 32 : 128
  for (let inner = length; inner <= bits; inner++) {
    const size = 1n << BigInt(bits - inner)
    for (let block = first; block < first + (1n << BigInt(bits - length)); block += size) {
      const candidate = formatPrefix({ family, first: block, length: inner })
      if (allAddresses(candidate).every(isFree)) return candidate
    }
  }
  return null
}

function addressesOf({ ip, endIp }: Allocation): string[] {
  const { family, value: first } = parseAddress(ip)
  const last = endIp === null ? first : parseAddress(endIp).value
  const addresses: string[] = []
  for (let value = first; value <= last; value++) addresses.push(formatAddress({ family, value }))
  return addresses
}
