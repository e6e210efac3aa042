import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressBits, formatAddress, parseAddress } from '../../src/ipam/address.ts'
import type { AllocationRequest, Command, ImportItem } from '../../src/ipam/command.ts'
import { ALLOCATION_DEFAULTS, NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'
import type { IdempotencyStamp } from '../../src/ipam/idempotency.ts'
import type { Outcome } from '../../src/ipam/outcome.ts'
import { comparePrefixes, contains, formatPrefix, lastAddress, parsePrefix } from '../../src/ipam/prefix.ts'
import type { AllocationFilter, NetworkFilter } from '../../src/ipam/query.ts'
import type { Allocation, Network } from '../../src/ipam/records.ts'
import { Slices } from '../../src/state/slices.ts'
import { decodeRows } from '../../src/state/snapshot.ts'
import type { IpamStateMachine } from '../../src/state/state-machine.ts'
import {
  ALICE,
  EVERY_STATUS,
  Harness,
  imageOf,
  listAllocations,
  listAudit,
  listNetworks,
  ManualClock,
  metaAt,
  nameOf,
  openMachine,
  START,
  streamOf,
  tokenIn,
  tokenOf,
} from './harness.ts'
import { MemoryStorage } from './memory-storage.ts'
import {
  allocationOf,
  type Expected,
  isActive,
  Model,
  type ModelAllocation,
  type ModelNetwork,
  reservedIn,
} from './model.ts'

/** Some lie inside others, four deep; the last of both families are there, and networks without edges. */
const CIDRS = [
  '10.0.0.0/26',
  '10.0.0.0/27',
  '10.0.0.32/28',
  '10.0.0.32/29',
  '10.0.0.36/30',
  '10.0.0.36/31',
  '10.0.0.38/32',
  '2001:db8::/123',
  '2001:db8::10/125',
  '2001:db8::10/127',
  '255.255.255.248/29',
  'ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffc/126',
]
const NAMESPACES = ['default', 'default', 'default', 'lab']
const HOSTNAMES = [null, 'web-1.example', 'web-2.example', 'db.web.example', 'WEB', 'a-a-a', 'x']
const DESCRIPTIONS = ['', 'Web server', 'main db, rack 7', 'webz weba']
const LONG = 'a-long-tag-of-more-than-32-characters'
const TAGS = [[], ['web'], ['web', 'prod'], ['Rack 7'], ['db:main'], [`${LONG}-1`], [`${LONG}-2`, 'ünï']]
const MACS = [null, '02:00:00:00:00:01', '02:00:00:00:00:11']
const METADATA = [{}, { owner: 'web team' }, { owner: 'db', rack: '7' }]
const METADATA_CHANGES = [undefined, { owner: null }, { owner: 'ops', zone: 'weba' }]
const WORDS = ['web', 'WEB', 'a', 'rack 7', 'web a', 'ex', 'ünï', 'main', 'nothing', '10.0.0', `${LONG}-1`]
const ANY_TAG = ['web', 'prod', 'Rack 7', 'db:main', 'Rack', `${LONG}-1`, `${LONG}-2`, 'ünï']
const PAUSES_MS = [0, 0, 0, 0, 1, 1, 1_000, 1_000, 1_000, 30_000, 25 * 60 * 60 * 1_000]
const STRATEGIES = ['lowest', 'lowest', 'next', 'next', 'random'] as const

/** Numbers that choose among what is possible in the state that they meet. */
interface Step {
  readonly kind: number
  readonly pauseMs: number
  readonly numbers: readonly number[]
  /** Of the idempotency key and the request; null: none. */
  readonly key: { readonly digest: number; readonly fingerprint: number } | null
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.noBias(fc.nat(99)),
  pauseMs: fc.constantFrom(...PAUSES_MS),
  numbers: fc.array(fc.noBias(fc.nat(999)), { minLength: 16, maxLength: 16 }),
  key: fc.oneof(
    { weight: 4, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.record({ digest: fc.nat(4), fingerprint: fc.nat(1) }) },
  ),
})

/** Draws one number after the other. */
class Choices {
  readonly #numbers: readonly number[]
  #drawn = 0

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers
  }

  number(below: number): number {
    const drawn = this.#numbers[this.#drawn++ % this.#numbers.length] ?? 0
    // Another number when all have been drawn once.
    return (drawn + 7 * Math.floor(this.#drawn / this.#numbers.length)) % below
  }

  of<T>(values: readonly T[]): T {
    return values[this.number(values.length)] as T
  }

  /** One time of `times`. */
  seldom(times: number): boolean {
    return this.number(times) === times - 1
  }
}

function commandOf(
  { kind: wanted, numbers }: Step,
  model: Model,
  { time, id }: { time: number; id: string },
): Command {
  const choices = new Choices(numbers)
  // Without networks, little else can happen.
  const kind = model.networks.length < 2 ? wanted % 24 : wanted
  const anyNetwork = (): string => choices.of(model.networks)?.id ?? 'net-none'
  const anyAllocation = (): ModelAllocation | undefined => {
    const some = choices.seldom(4) ? model.allocations : model.allocations.filter(isActive)
    return choices.of(some.length === 0 ? model.allocations : some)
  }
  /** Now and then one with the place of the allocation, and not its token. */
  const idOf = (allocation: ModelAllocation | undefined): string => {
    if (allocation === undefined) return 'alloc-none'
    return choices.seldom(15)
      ? allocation.id.replace(tokenIn(allocation.id), tokenOf('forged'))
      : allocation.id
  }
  const ifChangedIndex = (record: { changedIndex: number } | null | undefined): number | null =>
    choices.seldom(4) ? Math.max(1, (record?.changedIndex ?? 1) - choices.number(2)) : null

  if (kind < 18) return { type: 'createNetwork', ...networkOf(choices, id, model) }
  if (kind < 24) {
    const network = model.network(anyNetwork())
    const own = network === null ? networkOf(choices, id, model) : { ...settingsOf(choices, network.cidr) }
    const metadata = choices.of(METADATA_CHANGES)
    const { gateway, reserved, cooldownMs, strategy, description, tags } = own
    const some = choices.of([
      { gateway, reserved },
      { cooldownMs },
      { strategy },
      { description, tags },
      { reserved, ...(metadata === undefined ? {} : { metadata }) },
    ])
    return {
      type: 'updateNetwork',
      id: network?.id ?? 'net-none',
      changes: some,
      ifChangedIndex: ifChangedIndex(network),
    }
  }
  if (kind < 30) {
    const network = model.network(anyNetwork())
    return {
      type: 'deleteNetwork',
      id: network?.id ?? 'net-none',
      ifChangedIndex: ifChangedIndex(network),
    }
  }
  if (kind < 36) {
    const parentId = anyNetwork()
    const cidr = model.network(parentId)?.cidr ?? '10.0.0.0/24'
    const prefixLength = parsePrefix(cidr).length + choices.number(5)
    const ids = Array.from({ length: 1 + choices.number(3) }, (_, i) => `net-${id}-${i}`)
    if (choices.seldom(8)) ids.push(anyNetwork())
    const description = choices.of(DESCRIPTIONS)
    return {
      type: 'carveNetworks',
      ...{ parentId, ids, prefixLength, description },
      tags: choices.of(TAGS),
      metadata: choices.of(METADATA),
    }
  }
  if (kind < 56)
    return { type: 'allocateAddresses', ...requestOf(choices, id, model, { time, isAlone: true }) }
  if (kind < 62) {
    const count = 1 + choices.number(4)
    const items = Array.from({ length: count }, (_, i) => {
      return requestOf(choices, `${id}-${i}`, model, { time, isAlone: false })
    })
    return { type: 'allocateBatch', items }
  }
  if (kind < 68) {
    const allocation = anyAllocation()
    const metadata = choices.of(METADATA_CHANGES)
    const changes = choices.of([
      { hostname: choices.of(HOSTNAMES) },
      { description: choices.of(DESCRIPTIONS), tags: choices.of(TAGS) },
      { mac: choices.of(MACS), ...(metadata === undefined ? {} : { metadata }) },
    ])
    return {
      type: 'updateAllocation',
      id: idOf(allocation),
      changes,
      ifChangedIndex: ifChangedIndex(allocation),
    }
  }
  if (kind < 73) {
    const allocation = anyAllocation()
    return {
      type: 'renewAllocation',
      id: idOf(allocation),
      ttlMs: choices.of([null, 500, 20_000]),
      ifChangedIndex: ifChangedIndex(allocation),
    }
  }
  if (kind < 85) {
    const allocation = anyAllocation()
    return {
      type: 'releaseAllocation',
      id: idOf(allocation),
      ifChangedIndex: ifChangedIndex(allocation),
    }
  }
  if (kind < 91) return { type: 'expireAllocations', limit: choices.of([1, 2, 1_000]) }
  if (kind < 93) return { type: 'pruneAudit', before: time - choices.of([0, 20_000, -5]), limit: 10_000 }
  const items = Array.from({ length: 1 + choices.number(4) }, (_, i): ImportItem => {
    if (choices.seldom(3)) return { kind: 'network', ...networkOf(choices, `${id}-${i}`, model) }
    const known = choices.of(model.allocations.filter(isActive))
    const request = requestOf(choices, `${id}-${i}`, model, { time, isAlone: false })
    // What exists already, as it is or nearly.
    if (known === undefined || !choices.seldom(2)) return { kind: 'allocation', ...request }
    const count = Number(known.last - known.first) + 1 + choices.of([0, 0, 1])
    const hostname = choices.seldom(4) ? 'other' : known.hostname
    return { kind: 'allocation', ...request, network: { id: known.networkId }, ip: known.ip, count, hostname }
  })
  return {
    type: 'importItems',
    items,
    isAtomic: choices.of([false, true]),
    skipsExisting: choices.of([true, false]),
  }
}

function networkOf(choices: Choices, id: string, model: Model) {
  const cidr = choices.of(CIDRS)
  const namespace = choices.of(NAMESPACES)
  const used = choices.seldom(12) ? choices.of(model.networks)?.id : undefined
  return { ...settingsOf(choices, cidr), id: used ?? `net-${id}`, cidr, namespace }
}

function settingsOf(choices: Choices, cidr: string) {
  const { gateway, reserved } = choices.seldom(3) ? reservationsOf(choices, cidr) : NETWORK_DEFAULTS
  return {
    gateway,
    reserved,
    description: choices.of(DESCRIPTIONS),
    tags: choices.of(TAGS),
    cooldownMs: choices.of([0, 0, 1_500, 40_000]),
    strategy: choices.of(STRATEGIES),
    metadata: choices.of(METADATA),
  }
}

function reservationsOf(choices: Choices, cidr: string): Pick<Network, 'gateway' | 'reserved'> {
  const prefix = parsePrefix(cidr)
  const end = formatAddress({ family: prefix.family, value: lastAddress(prefix) })
  const low = addressIn(choices, cidr)
  const place = parseAddress(low).value
  const range = lastAddress(prefix) - place > 2n ? `${low}-${addressAfter(low, 2n)}` : end
  return {
    gateway: choices.of([null, low, end]),
    reserved: choices.of([[], [range], [end, low], [formatPrefix({ ...prefix, length: prefix.length })]]),
  }
}

/** Mostly one of the network's, now and then one right before or after them. */
function addressIn(choices: Choices, cidr: string): string {
  const prefix = parsePrefix(cidr)
  const { family, first } = prefix
  const size = Number(lastAddress(prefix) - first) + 1
  if (choices.seldom(20) && first > 0n) return formatAddress({ family, value: first - 1n })
  return formatAddress({ family, value: first + BigInt(choices.number(size)) })
}

function addressAfter(ip: string, steps: bigint): string {
  const { family, value } = parseAddress(ip)
  return formatAddress({ family, value: value + steps })
}

function requestOf(
  choices: Choices,
  id: string,
  model: Model,
  { time, isAlone }: { time: number; isAlone: boolean },
): AllocationRequest {
  const network = choices.of(model.networks)
  const cidr = network?.cidr ?? '10.0.0.0/26'
  // What chance decides inside of a batch, the model cannot be told.
  const isNamed = choices.seldom(4) || (!isAlone && network?.strategy === 'random')
  const otherFamily = choices.seldom(15) ? choices.of(['10.0.0.1', '2001:db8::1']) : null
  // Addresses with a past: taken now, or had by others before.
  const known = choices.seldom(2) ? choices.of(model.allocations) : undefined
  const ip = isNamed ? (otherFamily ?? known?.ip ?? addressIn(choices, cidr)) : null
  const namespace = network?.namespace ?? 'default'
  const networkId = network?.id ?? 'net-none'
  const refs = [{ id: networkId }, { id: networkId }, { cidr, namespace }]
  return {
    ...ALLOCATION_DEFAULTS,
    token: tokenOf(choices.seldom(12) ? 'again' : `alloc-${id}`),
    network: ip === null ? choices.of(refs) : choices.of([...refs, { namespace }]),
    count: choices.of([1, 1, 1, 2, 3, 4]),
    ip,
    preferredIp: ip === null && choices.seldom(4) ? (otherFamily ?? addressIn(choices, cidr)) : null,
    alignment: ip === null ? choices.of([1, 1, 1, 2, 4]) : 1,
    hostname: choices.of(HOSTNAMES),
    description: choices.of(DESCRIPTIONS),
    tags: choices.of(TAGS),
    mac: choices.of(MACS),
    metadata: choices.of(METADATA),
    ...choices.of([
      { ttlMs: null, expiresAt: null },
      { ttlMs: null, expiresAt: null },
      { ttlMs: 1_000, expiresAt: null },
      { ttlMs: 25_000, expiresAt: null },
      { ttlMs: null, expiresAt: time + choices.of([0, 1, 5_000, 5_000]) },
    ]),
  }
}

/** Messages are for people: all else is the same. */
function withoutMessages(outcome: Outcome): Expected {
  if (outcome.ok) return { ok: true, value: withoutFailureMessages(outcome.value) }
  const { reason, details } = outcome.refusal
  const [detail] = details
  const isOfPart = reason === 'batch_refused' && detail !== undefined
  return { ok: false, reason, ...(isOfPart ? { field: detail.field } : {}) } as Expected
}

function withoutFailureMessages(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || !('failures' in value)) return value
  const failures = (value.failures as { item: number; reason: string }[]).map(({ item, reason }) => ({
    item,
    reason,
  }))
  return { ...value, failures }
}

/** A machine, the model, and what one step does to both. */
class Pair {
  readonly ipam: Harness
  readonly storage: MemoryStorage
  readonly model = new Model()
  /** Opened on the way from what this one had: each has to do what this one does. */
  readonly followers: IpamStateMachine[] = []
  readonly #answers = new Map<string, Outcome>()

  private constructor(ipam: Harness, storage: MemoryStorage) {
    this.ipam = ipam
    this.storage = storage
  }

  static async open(): Promise<Pair> {
    const storage = new MemoryStorage()
    return new Pair(await Harness.open(storage), storage)
  }

  async take(next: Step, number: number): Promise<void> {
    const { ipam, model } = this
    ipam.time += next.pauseMs
    const at = { index: ipam.machine.appliedIndex + 1, time: ipam.time }
    const command = commandOf(next, model, { time: ipam.time, id: String(number) })
    const stamp = next.key === null ? null : stampOf(next.key)
    const isWatched = stamp === null && number % 3 === 0
    const before = isWatched ? await rowsOf(ipam.machine) : null
    const tried =
      command.type === 'importItems' && ipam.machine.appliedTime === ipam.time
        ? await ipam.machine.query({ type: 'tryImport', command, scope: null })
        : null

    const outcome = ipam.apply(command, ALICE, null, stamp)

    const expected = model.apply(command, { at, context: ALICE, stamp, given: outcome })
    expect([command, withoutMessages(outcome)]).toEqual([command, expected])
    this.#checkReplay(stamp, outcome)
    if (before !== null && !outcome.ok) expect(await rowsOf(ipam.machine)).toEqual(before)
    if (tried !== null && stamp === null) expect({ isReplay: false, ...tried }).toEqual(outcome)
    const entry = ipam.log.at(-1)
    for (const follower of this.followers) expect(entry && follower.apply(entry)).toEqual(outcome)
  }

  /** One restarts with what is on disk, the other begins with a snapshot. */
  async addFollowers(): Promise<void> {
    const { machine } = this.ipam
    await machine.flush()
    this.followers.push(await openMachine(await this.storage.copy()))
    const restored = await openMachine(new MemoryStorage())
    const { appliedIndex, chunks } = await imageOf(machine)
    if (appliedIndex > 0) {
      await restored.restore(metaAt(appliedIndex), streamOf(chunks))
      this.followers.push(restored)
    }
  }

  #checkReplay(stamp: IdempotencyStamp | null, outcome: Outcome): void {
    if (stamp === null) return
    const name = `${stamp.keyDigest} ${stamp.fingerprint}`
    if (outcome.isReplay) expect({ ...outcome, isReplay: false }).toEqual(this.#answers.get(name))
    else this.#answers.set(name, outcome)
  }
}

function stampOf({ digest, fingerprint }: { digest: number; fingerprint: number }): IdempotencyStamp {
  return { keyDigest: `${digest}`.repeat(64), fingerprint: `${fingerprint}`.repeat(64) }
}

/** All but how far they go. */
async function rowsOf(machine: IpamStateMachine): Promise<[string, string][]> {
  const { chunks } = await imageOf(machine)
  const rows: [string, string][] = []
  for await (const batch of decodeRows(streamOf(chunks), new Slices(new ManualClock()))) {
    for (const [key, row] of batch) if (key !== '!applied') rows.push([key, row.toString('hex')])
  }
  return rows
}

const ALLOCATION_FILTERS: Partial<AllocationFilter>[] = [
  {},
  { namespace: 'lab' },
  { namespace: 'default' },
  { namespace: 'nowhere' },
  { namespace: 'lab', hostname: 'web' },
  { namespace: 'default', tag: 'web' },
  { namespace: 'default', mac: '02:00:00:00:00:01' },
  { namespace: 'default', q: 'web' },
  { namespace: 'lab', expiresBefore: START + 26_000 },
  { hostname: 'web' },
  { hostname: 'A' },
  { hostname: 'a', tag: 'web' },
  { hostname: 'web', q: 'ex' },
  { mac: '02:00:00:00:00:01' },
  { mac: '02:00:00:00:00:11', hostname: 'e' },
  { expiresBefore: START + 26_000 },
  { expiresBefore: START + 26_000, tag: 'web' },
  { ip: '10.0.0.34' },
  { ip: '10.0.0.37', namespace: 'default' },
  { ip: '2001:db8::11' },
  ...ANY_TAG.map((tag) => ({ tag })),
  ...WORDS.map((q) => ({ q })),
]

const NETWORK_FILTERS: Partial<NetworkFilter>[] = [
  {},
  { namespace: 'lab' },
  { cidr: '10.0.0.32/28' },
  { contains: '10.0.0.37' },
  { contains: '2001:db8::11', namespace: 'default' },
  { within: '10.0.0.32/28' },
  { within: '10.0.0.0/8', namespace: 'lab' },
  { within: '10.0.0.0/27', tag: 'web' },
  ...ANY_TAG.map((tag) => ({ tag })),
  ...WORDS.map((q) => ({ q })),
]

/** What does not come from rows. */
async function expectSameMemory(machine: IpamStateMachine, model: Model): Promise<void> {
  expect(machine.nextExpiry).toBe(model.nextExpiry())
  for (const network of model.networks) await expectSameNetwork(machine, model, network)
  expect((await listNetworks(machine)).rows).toEqual(networksIn(model, {}))
}

const SOME_STATUSES = [['allocated'], ['released'], ['expired', 'released']] as const

async function expectAlike(machine: IpamStateMachine, model: Model): Promise<void> {
  expectNoSharedAddress(model)
  await expectSameMemory(machine, model)
  for (const filter of NETWORK_FILTERS) {
    const { rows, total } = await listNetworks(machine, filter)
    // What words have found is in the order of these words.
    const found = filter.q === undefined ? rows : rows.toSorted(byCreation(model))
    expect([filter, found]).toEqual([filter, networksIn(model, filter)])
    expect(total).toBe(rows.length)
  }
  const { appliedIndex } = machine
  for (const [place, filter] of ALLOCATION_FILTERS.entries()) {
    await expectSameAllocations(machine, model, { ...filter, statuses: EVERY_STATUS })
    const statuses = SOME_STATUSES[(appliedIndex + place) % SOME_STATUSES.length] ?? EVERY_STATUS
    await expectSameAllocations(machine, model, { ...filter, statuses })
  }
  for (const ip of ['10.0.0.1', '10.0.0.34', '10.0.0.37', '10.0.0.38', '2001:db8::10', '255.255.255.255']) {
    await expectSameAddress(machine, model, ip)
  }
  await expectSameAudit(machine, model)
}

function byCreation({ networks }: Model) {
  const order = networks.map(({ id }) => id)
  return (a: Network, b: Network): number => order.indexOf(a.id) - order.indexOf(b.id)
}

function expectNoSharedAddress({ allocations }: Model): void {
  const holders = new Map<string, string>()
  for (const { id, namespace, ip, first, last } of allocations.filter(isActive)) {
    for (let value = first; value <= last; value++) {
      const address = `${namespace} ${parseAddress(ip).family} ${value}`
      expect(holders.get(address), `${id} has ${address}, too`).toBeUndefined()
      holders.set(address, id)
    }
  }
}

async function expectSameNetwork(
  machine: IpamStateMachine,
  model: Model,
  network: ModelNetwork,
): Promise<void> {
  const { id, cidr } = network
  const { family, length } = parsePrefix(cidr)
  expect(await machine.query({ type: 'network', id })).toEqual(model.placed(network))
  expect(await machine.query({ type: 'networkStats', id })).toEqual(model.stats(network))
  const children = model.networks.filter((other) => model.placed(other).parentId === id)
  const listed = await listNetworks(machine, { parentId: id })
  expect(listed.rows.map((row) => row.id).sort()).toEqual(children.map((child) => child.id).sort())

  const free = model.freeAddresses(network)
  const from = network.strategy === 'next' && network.next !== null ? network.next : 0n
  const upcoming = [...free.filter((value) => value >= from), ...free.filter((value) => value < from)]
  const addresses = await machine.query({ type: 'availableAddresses', id, count: 5 })
  expect([id, addresses]).toEqual([id, upcoming.slice(0, 5).map((value) => formatAddress({ family, value }))])
  const blocks = await machine.query({ type: 'availableNetworks', id, prefixLength: null, count: 100 })
  expect(blocks).toEqual(model.freeBlocks(network).map(formatPrefix))
  const prefixLength = Math.min(length + 2, addressBits(family))
  const fit = model.bestFit(network, prefixLength)
  const carved = await machine.query({ type: 'availableNetworks', id, prefixLength, count: 1 })
  expect(carved).toEqual(fit === null || prefixLength === length ? [] : [formatPrefix(fit)])
  for (const statuses of [EVERY_STATUS, ['allocated']] as const) {
    await expectSameAllocations(machine, model, { networkId: id, statuses })
  }
  await expectSameAllocations(machine, model, { networkId: id, hostname: 'web', statuses: EVERY_STATUS })
  await expectSameAllocations(machine, model, { networkId: id, namespace: 'lab', statuses: EVERY_STATUS })
}

/** By network, in their order, and address; in the order of creation where an index of something else is asked for, or for everything of all networks. */
function inListOrder(
  model: Model,
  allocations: readonly ModelAllocation[],
  { networkId, namespace, ip, mac, tag, statuses = ['allocated'] }: Partial<AllocationFilter>,
): readonly ModelAllocation[] {
  const isOfAll = (networkId ?? null) === null && (namespace ?? null) === null
  const isOfIndex = [ip, mac, tag].some((value) => value !== undefined && value !== null)
  if (isOfIndex || (isOfAll && statuses.length === EVERY_STATUS.length)) return allocations
  const placeOf = ({ networkId: id }: ModelAllocation): number => model.everCreated.indexOf(id)
  return allocations.toSorted((a, b) => {
    return placeOf(a) - placeOf(b) || (a.first === b.first ? 0 : a.first < b.first ? -1 : 1)
  })
}

async function expectSameAllocations(
  machine: IpamStateMachine,
  model: Model,
  filter: Partial<AllocationFilter>,
): Promise<void> {
  const { rows, total, nextCursor } = await listAllocations(machine, filter)
  const wanted = model.allocations.filter((allocation) => isWanted(model, allocation, filter))
  const ids = inListOrder(model, wanted, filter).map(({ id }) => id)
  const found = rows.map(({ id }) => id)
  // With a search, the order is that of what was found.
  const isOrdered =
    filter.hostname === undefined && filter.q === undefined && filter.expiresBefore === undefined
  expect([filter, isOrdered ? found : found.toSorted()]).toEqual([filter, isOrdered ? ids : ids.toSorted()])
  for (const row of rows) expect(row).toEqual(recordNamed(model, row.id))
  expect([total, nextCursor]).toEqual([rows.length, null])
  // Behind an offset it comes from what memory counts, or what comes behind the page is looked at.
  const later = await listAllocations(machine, filter, { limit: 2, cursor: null, offset: 1 })
  expect([filter, later.total]).toEqual([filter, ids.length])
}

function recordNamed(model: Model, id: string): Allocation | null {
  const allocation = model.allocation(id)
  return allocation === null ? null : allocationOf(allocation)
}

function isWanted(model: Model, allocation: ModelAllocation, filter: Partial<AllocationFilter>): boolean {
  const { networkId, namespace, statuses = [], ip, hostname, mac, tag, expiresBefore, q } = filter
  const network = model.network(allocation.networkId)
  if (networkId !== undefined && allocation.networkId !== networkId) return false
  if (namespace !== undefined && network?.namespace !== namespace) return false
  // Addresses are looked for in the namespaces that there are.
  if (ip !== undefined && !model.networks.some((other) => other.namespace === allocation.namespace))
    return false
  if (!statuses.includes(allocation.status)) return false
  if (typeof ip === 'string' && !hasAddress(allocation, ip)) return false
  const name = allocation.hostname?.toLowerCase() ?? ''
  if (typeof hostname === 'string' && !name.includes(hostname.toLowerCase())) return false
  if (typeof mac === 'string' && allocation.mac !== mac) return false
  if (typeof tag === 'string' && !allocation.tags.includes(tag)) return false
  if (typeof expiresBefore === 'number' && !(Number(allocation.expiresAt ?? Number.NaN) < expiresBefore)) {
    return false
  }
  const asked = q?.toLowerCase().split(' ') ?? []
  return asked.every((word) => name.includes(word) || beginsWord(allocation, [], word))
}

function hasAddress({ ip, first, last }: ModelAllocation, wanted: string): boolean {
  const { family, value } = parseAddress(wanted)
  return parseAddress(ip).family === family && first <= value && value <= last
}

function beginsWord(
  { description, tags, metadata }: Pick<Network, 'description' | 'tags' | 'metadata'>,
  others: readonly string[],
  start: string,
): boolean {
  const texts = [...others, description, ...tags, ...Object.values(metadata)]
  return texts.some((text) =>
    text
      .toLowerCase()
      .split(/[ ,]+/)
      .some((word) => word.startsWith(start)),
  )
}

/** By namespace and address; those of a search in the order in which they were made. */
function networksIn(model: Model, filter: Partial<NetworkFilter>) {
  const { namespace, cidr, contains: inside, within, tag, q } = filter
  const found = model.networks.filter((network) => {
    const prefix = parsePrefix(network.cidr)
    if (namespace && network.namespace !== namespace) return false
    if (cidr && network.cidr !== cidr) return false
    if (inside && !model.chain(network.namespace, parseAddress(inside)).includes(network)) return false
    if (within && !contains(parsePrefix(within), prefix)) return false
    if (tag && !network.tags.includes(tag)) return false
    const words = q?.toLowerCase().split(' ') ?? []
    return words.every((word) => beginsWord(network, [network.cidr], word))
  })
  const isSearch = (tag || q) && !within
  if (!isSearch) {
    found.sort((a, b) => {
      if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1
      return comparePrefixes(parsePrefix(a.cidr), parsePrefix(b.cidr))
    })
  }
  return found.map((network) => model.placed(network))
}

async function expectSameAddress(machine: IpamStateMachine, model: Model, ip: string): Promise<void> {
  const address = parseAddress(ip)
  for (const namespace of ['default', 'lab']) {
    const had = model.allocations
      .filter((other) => other.namespace === namespace && hasAddress(other, ip))
      .toReversed()
    const chain = model.chain(namespace, address)
    const network = chain.at(-1)
    const own = network && model.addresses(network).find(({ value }) => value === address.value)
    const claim = own?.claim === 'free' ? 'available' : own?.claim
    const state = own === undefined ? 'unmanaged' : own.isUsable ? claim : 'not_usable'
    const isOn = ({ first, last }: { first: bigint; last: bigint }): boolean =>
      first <= address.value && address.value <= last
    const until = model.coolings.find((other) => other.networkId === network?.id && isOn(other))?.until
    const reserving = network?.reserved.find((text) => {
      return reservedIn({ cidr: network.cidr, gateway: null, reserved: [text] }).some(isOn)
    })
    const reservedBy = network?.gateway === ip ? 'gateway' : (reserving ?? null)
    for (const at of [null, START + 10_000]) {
      const answer = await machine.query({ type: 'address', question: { namespace, ip, at } })
      const holder = had.find((other) =>
        at === null
          ? isActive(other)
          : other.allocatedAt <= at && (other.releasedAt === null || at < other.releasedAt),
      )
      expect([ip, at, answer.state]).toEqual([ip, at, state])
      expect([ip, answer.coolingUntil]).toEqual([ip, state === 'cooling' ? until : null])
      expect([ip, answer.reservedBy]).toEqual([ip, reservedBy])
      expect(answer.networks).toEqual(chain.map((around) => model.placed(around)))
      expect(answer.history.map(({ id }) => id)).toEqual(had.map(({ id }) => id))
      expect(answer.allocation).toEqual(holder === undefined ? null : allocationOf(holder))
    }
  }
}

async function expectSameAudit(machine: IpamStateMachine, { audit }: Model): Promise<void> {
  const resource = audit.at(0)?.resource ?? 'none'
  for (const filter of [
    {},
    { action: 'ip_released' },
    { user: 'system' },
    { resource },
    { requestId: 'req-1' },
  ] as const) {
    const { rows } = await listAudit(machine, filter)
    const wanted = audit.filter((row) =>
      Object.entries(filter).every(([name, value]) => row[name as keyof typeof row] === value),
    )
    expect([filter, rows.map(({ details: _, ...row }) => row)]).toEqual([filter, wanted])
  }
}

describe('the state machine does what a slow model says', () => {
  test('any commands give the same outcomes and answers, on each machine that has the log, the disk or a snapshot', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }),
        fc.nat(60),
        async (steps, cut) => {
          const pair = await Pair.open()
          const { ipam, model } = pair

          for (const [number, next] of steps.entries()) {
            if (number === cut) await pair.addFollowers()
            await pair.take(next, number)
            if (number % 20 === 19) await expectAlike(ipam.machine, model)
          }

          await expectAlike(ipam.machine, model)
          const again = await openMachine(new MemoryStorage())
          for (const entry of ipam.log) again.apply(entry)
          for (const other of [again, ...pair.followers]) {
            expect(other.stateHash).toBe(ipam.machine.stateHash)
            expect(await other.stateDigest()).toBe(await ipam.machine.stateDigest())
          }
          for (const other of pair.followers) await expectSameMemory(other, model)
        },
      ),
      { numRuns: 10 },
    )
  }, 120_000)
})

/** What the model has found, or did not. */
describe('examples', () => {
  test('the history of an address is newest first, whatever the sizes of the ranges that had it', async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('net-1', '10.0.0.0/24')
    for (const [i, count] of [1, 4, 2, 1, 2].entries()) {
      ipam.time += 1_000
      ipam.allocate(`alloc-${i}`, 'net-1', { ip: '10.0.0.4', count })
      ipam.release(`alloc-${i}`)
    }

    const question = { namespace: 'default', ip: '10.0.0.4', at: null }
    const { history } = await ipam.machine.query({ type: 'address', question })

    expect(history.map(nameOf)).toEqual([4, 3, 2, 1, 0].map((i) => `alloc-${i}`))
  })

  test('a host name with two places for the wanted part is listed once, also with a tag', async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('net-1', '10.0.0.0/24')
    ipam.allocate('alloc-1', 'net-1', { hostname: 'web-web', tags: ['prod'] })

    const { rows } = await listAllocations(ipam.machine, { hostname: 'web', tag: 'prod' })

    expect(rows.map(nameOf)).toEqual(['alloc-1'])
  })

  test.each([
    { prefixLength: 64, why: 'IPv4 has 32 bits' },
    { prefixLength: 24, why: 'the network itself is no child' },
    { prefixLength: 8, why: 'a larger network is no child' },
  ])('no /$prefixLength is previewed in a /24: $why', async ({ prefixLength }) => {
    const ipam = await Harness.open()
    ipam.createNetwork('net-1', '10.0.0.0/24')

    const answer = await ipam.machine.query({
      type: 'availableNetworks',
      id: 'net-1',
      prefixLength,
      count: 1,
    })

    expect(answer).toEqual([])
  })

  test('addresses that chance gives within one millisecond do not follow one another', async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('net-1', '10.0.0.0/8', { strategy: 'random' })

    const given = Array.from({ length: 20 }, (_, i) => ipam.allocate(`alloc-${i}`, 'net-1'))

    const values = given.map(({ ip }) => parseAddress(ip).value)
    expect(values.filter((value) => values.includes(value + 1n))).toEqual([])
  })
})
