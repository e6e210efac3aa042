/** The slow, obvious version of the replicated state: arrays of records, and every question goes through all of them. */
import { isDeepStrictEqual } from 'node:util'
import { type Address, addressBits, formatAddress, parseAddress } from '../../src/ipam/address.ts'
import type {
  AllocationRequest,
  CarveNetworks,
  Command,
  CommandContext,
  CreateNetwork,
  ImportItem,
  ImportItems,
  MetadataChanges,
  NetworkRef,
  UpdateAllocation,
  UpdateNetwork,
} from '../../src/ipam/command.ts'
import { NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'
import type { IdempotencyStamp } from '../../src/ipam/idempotency.ts'
import type { Outcome, RefusalReason } from '../../src/ipam/outcome.ts'
import { contains, formatPrefix, lastAddress, type Prefix, parsePrefix } from '../../src/ipam/prefix.ts'
import { usableRange } from '../../src/ipam/range.ts'
import type {
  Allocation,
  AllocationStatus,
  AuditEntry,
  Metadata,
  Network,
  NetworkStats,
  PlacedNetwork,
  SeenIndex,
} from '../../src/ipam/records.ts'

export type Expected =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reason: RefusalReason; readonly field?: string }

export interface ModelNetwork extends Network {
  /** Where strategy `next` goes on. */
  readonly next: bigint | null
}

export interface ModelAllocation extends Allocation {
  readonly namespace: string
  readonly first: bigint
  readonly last: bigint
}

interface Cooling {
  readonly networkId: string
  readonly first: bigint
  readonly last: bigint
  readonly until: number
  /** Of its allocation among all. */
  readonly order: number
}

interface Answer extends IdempotencyStamp {
  readonly expected: Expected
  readonly time: number
}

export type Claim = 'allocated' | 'delegated' | 'cooling' | 'reserved' | 'free'

interface ModelAddress {
  readonly value: bigint
  readonly claim: Claim
  readonly isUsable: boolean
}

interface At {
  readonly index: number
  readonly time: number
}

const REASONS = {
  allocated: 'address_taken',
  delegated: 'address_taken',
  cooling: 'address_cooling',
  reserved: 'address_reserved',
} as const

const DAY_MS = 24 * 60 * 60 * 1_000

export class Model {
  networks: readonly ModelNetwork[] = []
  /** Ids of all that there have ever been, in the order in which they were made. */
  everCreated: readonly string[] = []
  /** In the order of creation, ended ones too. */
  allocations: readonly ModelAllocation[] = []
  coolings: readonly Cooling[] = []
  audit: readonly Omit<AuditEntry, 'details'>[] = []
  answers: readonly Answer[] = []
  #at: At = { index: 0, time: 0 }
  #context: CommandContext = { user: '', requestId: null }
  /** What strategy `random` has chosen. */
  #given: Outcome | null = null

  /** @param given Only looked at for what chance decides. */
  apply(
    command: Command,
    options: { at: At; context: CommandContext; stamp: IdempotencyStamp | null; given: Outcome },
  ): Expected {
    const { at, context, stamp, given } = options
    this.#at = at
    this.#context = context
    this.#given = given
    if (stamp === null) return this.#attempt(() => this.#change(command))
    const kept = this.answers.find(({ keyDigest }) => keyDigest === stamp.keyDigest)
    if (kept !== undefined) {
      return kept.fingerprint === stamp.fingerprint ? kept.expected : refuse('idempotency_key_reused')
    }
    const expected = this.#attempt(() => this.#change(command))
    const tooOld = this.answers.filter(({ time }) => time + DAY_MS <= at.time).length
    this.answers = [...this.answers.slice(Math.min(tooOld, 8)), { ...stamp, expected, time: at.time }]
    return expected
  }

  network(id: string): ModelNetwork | null {
    return this.networks.find((network) => network.id === id) ?? null
  }

  allocation(id: string): ModelAllocation | null {
    return this.allocations.find((allocation) => allocation.id === id) ?? null
  }

  placed({ next: _, ...network }: ModelNetwork): PlacedNetwork {
    return { ...network, parentId: this.around(network.namespace, parsePrefix(network.cidr))[0]?.id ?? null }
  }

  /** Networks around the prefix that are not it, the smallest first. */
  around(namespace: string, prefix: Prefix): ModelNetwork[] {
    return this.networks
      .filter((other) => other.namespace === namespace)
      .filter(({ cidr }) => cidr !== formatPrefix(prefix) && contains(parsePrefix(cidr), prefix))
      .toSorted((a, b) => parsePrefix(b.cidr).length - parsePrefix(a.cidr).length)
  }

  addresses(network: ModelNetwork): ModelAddress[] {
    const prefix = parsePrefix(network.cidr)
    const usable = usableRange(prefix)
    const claims: [Claim, { first: bigint; last: bigint }[]][] = [
      ['allocated', this.allocations.filter((other) => other.networkId === network.id && isActive(other))],
      [
        'delegated',
        this.networks
          .filter((other) => other.namespace === network.namespace && other.id !== network.id)
          .map((other) => parsePrefix(other.cidr))
          .filter((other) => contains(prefix, other))
          .map((other) => ({ first: other.first, last: lastAddress(other) })),
      ],
      ['cooling', this.coolings.filter((other) => other.networkId === network.id)],
      ['reserved', reservedIn(network)],
    ]
    const addresses: ModelAddress[] = []
    for (let value = prefix.first; value <= lastAddress(prefix); value++) {
      const claim = claims.find(([, ranges]) =>
        ranges.some(({ first, last }) => first <= value && value <= last),
      )
      const isUsable = usable.first <= value && value <= usable.last
      addresses.push({ value, claim: claim?.[0] ?? 'free', isUsable })
    }
    return addresses
  }

  /** Free for hosts, ascending. */
  freeAddresses(network: ModelNetwork): bigint[] {
    return this.addresses(network)
      .filter(({ claim, isUsable }) => claim === 'free' && isUsable)
      .map(({ value }) => value)
  }

  /** Prefixes whose addresses are all free and which lie in no larger one, ascending. */
  freeBlocks(network: ModelNetwork): Prefix[] {
    const { family, first, length } = parsePrefix(network.cidr)
    const addresses = this.addresses(network)
    const free = new Set(addresses.filter(({ claim }) => claim === 'free').map(({ value }) => value))
    const isFree = (prefix: Prefix): boolean => {
      for (let value = prefix.first; value <= lastAddress(prefix); value++) if (!free.has(value)) return false
      return true
    }
    const blocks: Prefix[] = []
    for (let size = length; size <= addressBits(family); size++) {
      const step = 1n << BigInt(addressBits(family) - size)
      for (let start = first; start < first + BigInt(addresses.length); start += step) {
        const block: Prefix = { family, first: start, length: size }
        if (isFree(block) && !blocks.some((larger) => contains(larger, block))) blocks.push(block)
      }
    }
    return blocks.toSorted((a, b) => (a.first < b.first ? -1 : 1))
  }

  /** The smallest that holds it, of equals the lowest, cut to its start. */
  bestFit(network: ModelNetwork, length: number): Prefix | null {
    const fitting = this.freeBlocks(network).filter((block) => block.length <= length)
    const [best] = fitting.toSorted((a, b) => b.length - a.length)
    return best === undefined ? null : { ...best, length }
  }

  stats(network: ModelNetwork): NetworkStats {
    const prefix = parsePrefix(network.cidr)
    const addresses = this.addresses(network)
    const usable = addresses.filter(({ isUsable }) => isUsable)
    const count = (wanted: Claim): bigint => BigInt(usable.filter(({ claim }) => claim === wanted).length)
    const [free] = this.freeAddresses(network)
    const newest = this.allocations.findLast((other) => other.networkId === network.id)
    const [largest] = this.freeBlocks(network).toSorted((a, b) => a.length - b.length)
    return {
      networkId: network.id,
      total: BigInt(usable.length),
      allocated: count('allocated'),
      available: count('free'),
      reserved: count('reserved'),
      cooling: count('cooling'),
      delegated: count('delegated'),
      size: BigInt(addresses.length),
      firstAvailable: free === undefined ? null : formatAddress({ family: prefix.family, value: free }),
      lastAllocated: newest === undefined ? null : (newest.endIp ?? newest.ip),
      largestFreeBlock: largest === undefined ? null : formatPrefix(largest),
    }
  }

  nextExpiry(): number | null {
    const expiries = this.allocations.filter(isActive).flatMap(({ expiresAt }) => expiresAt ?? [])
    const times = [...expiries, ...this.coolings.map(({ until }) => until)]
    return times.length === 0 ? null : Math.min(...times)
  }

  /** What a refused change did is undone: records are never changed, only replaced. */
  #attempt(change: () => Expected): Expected {
    const { networks, everCreated, allocations, coolings, audit } = this
    const expected = change()
    if (!expected.ok) Object.assign(this, { networks, everCreated, allocations, coolings, audit })
    return expected
  }

  #change(command: Command): Expected {
    switch (command.type) {
      case 'createNetwork':
        return this.#createNetwork(command)
      case 'updateNetwork':
        return this.#updateNetwork(command)
      case 'deleteNetwork': {
        const network = this.network(command.id)
        if (network === null) return refuse('network_not_found')
        if (isStale(network, command)) return refuse('precondition_failed')
        const isInUse = this.allocations.some((other) => other.networkId === network.id && isActive(other))
        if (isInUse) return refuse('network_has_allocations')
        this.networks = this.networks.filter((other) => other !== network)
        this.#audit('network_deleted', recordOf(network), null)
        return accept(null)
      }
      case 'carveNetworks':
        return this.#carve(command)
      case 'allocateAddresses':
        return this.#allocate(command)
      case 'allocateBatch': {
        const made: unknown[] = []
        for (const [place, request] of command.items.entries()) {
          const expected = this.#allocate(request)
          if (!expected.ok) return { ...refuse('batch_refused'), field: `items[${place}]` }
          made.push(expected.value)
        }
        return accept(made)
      }
      case 'updateAllocation':
        return this.#updateAllocation(command)
      case 'renewAllocation': {
        const before = this.allocation(command.id)
        if (before === null) return refuse('allocation_not_found')
        if (isStale(before, command)) return refuse('precondition_failed')
        const isOver = before.expiresAt !== null && before.expiresAt <= this.#at.time
        if (!isActive(before) || isOver) return refuse('allocation_ended')
        const expiresAt = command.ttlMs === null ? null : this.#at.time + command.ttlMs
        return this.#replaceAllocation('ip_renewed', before, { ...before, expiresAt })
      }
      case 'releaseAllocation': {
        const before = this.allocation(command.id)
        if (before === null) return refuse('allocation_not_found')
        if (!isActive(before)) return accept(allocationOf(before))
        if (isStale(before, command)) return refuse('precondition_failed')
        return this.#end(before, 'released')
      }
      case 'expireAllocations': {
        const due = this.allocations
          .filter((other) => isActive(other) && other.expiresAt !== null && other.expiresAt <= this.#at.time)
          .toSorted((a, b) => (a.expiresAt ?? 0) - (b.expiresAt ?? 0))
          .slice(0, command.limit)
        this.#context = { user: 'system', requestId: null }
        for (const before of due) this.#end(before, 'expired')
        return accept({ expired: due.length, cooled: this.#endCoolings(command.limit - due.length) })
      }
      case 'pruneAudit': {
        const before = Math.min(command.before, this.#at.time)
        const kept = this.audit.filter(({ timestamp }) => timestamp >= before)
        const pruned = this.audit.length - kept.length
        this.audit = kept
        this.#context = { user: 'system', requestId: null }
        if (pruned > 0) this.#audit('audit_pruned', null, null)
        return accept({ pruned, isDone: true })
      }
      case 'importItems':
        return this.#import(command)
      default:
        throw new Error(`not modelled: ${command.type}`)
    }
  }

  #createNetwork(command: Omit<CreateNetwork, 'type'>): Expected {
    const { index, time } = this.#at
    const prefix = parsePrefix(command.cidr)
    if (this.network(command.id) !== null) return refuse('id_in_use')
    if (!isInside(command)) return refuse('invalid_value')
    const isTwin = this.networks.some(
      ({ namespace, cidr }) => namespace === command.namespace && cidr === command.cidr,
    )
    if (isTwin) return refuse('network_exists')
    const [parent] = this.around(command.namespace, prefix)
    const inUse =
      parent === undefined ? [] : this.addresses(parent).filter(({ value }) => isIn(prefix, value))
    if (inUse.some(({ claim }) => claim === 'allocated' || claim === 'cooling'))
      return refuse('addresses_in_use')

    const { id, cidr, namespace, description, tags, gateway, reserved, cooldownMs, strategy, metadata } =
      command
    const settings = { description, tags, gateway, reserved, cooldownMs, strategy, metadata }
    const times = { createdAt: time, updatedAt: time, changedIndex: index }
    const network: ModelNetwork = { id, cidr, namespace, ...settings, ...times, next: null }
    this.networks = [...this.networks, network]
    this.everCreated = [...this.everCreated, network.id]
    this.#audit('network_created', null, recordOf(network))
    return accept(this.placed(network))
  }

  #updateNetwork(command: UpdateNetwork): Expected {
    const before = this.network(command.id)
    if (before === null) return refuse('network_not_found')
    if (isStale(before, command)) return refuse('precondition_failed')
    const { metadata, ...changes } = command.changes
    const asked = { ...before, ...changes, metadata: changed(before.metadata, metadata) }
    if (isDeepStrictEqual(asked, before)) return accept(this.placed(before))
    const after: ModelNetwork = { ...asked, updatedAt: this.#at.time, changedIndex: this.#at.index }
    if (!isInside(after)) return refuse('invalid_value')
    this.networks = this.networks.map((other) => (other === before ? after : other))
    this.#audit('network_updated', recordOf(before), recordOf(after))
    return accept(this.placed(after))
  }

  #carve({ parentId, ids, prefixLength, description, tags, metadata }: CarveNetworks): Expected {
    const parent = this.network(parentId)
    if (parent === null) return refuse('network_not_found')
    const { family, length } = parsePrefix(parent.cidr)
    if (prefixLength <= length || prefixLength > addressBits(family)) return refuse('invalid_value')
    const carved: unknown[] = []
    for (const id of ids) {
      const block = this.bestFit(parent, prefixLength)
      if (block === null) return refuse('no_free_block')
      const { namespace } = parent
      const settings = { ...NETWORK_DEFAULTS, namespace, description, tags, metadata }
      const expected = this.#createNetwork({ ...settings, id, cidr: formatPrefix(block) })
      if (!expected.ok) return expected
      carved.push(expected.value)
    }
    return accept(carved)
  }

  #allocate(request: AllocationRequest): Expected {
    const { index, time } = this.#at
    const network = this.#resolve(request.network, request.ip)
    if (network === null) return refuse('network_not_found')
    if (request.expiresAt !== null && request.expiresAt <= time) return refuse('invalid_value')
    if (this.coolings.some(({ networkId }) => networkId === network.id)) this.#endCoolings(64)
    const first = this.#choose(network, request)
    if (typeof first !== 'bigint') return first

    const last = first + BigInt(request.count) - 1n
    const { family } = parsePrefix(network.cidr)
    const { token, hostname, description, tags, mac, metadata, ttlMs } = request
    const sequence = this.#rowsOf(index)
    const allocation: ModelAllocation = {
      id: `alloc-${token}${index.toString(36)}${sequence === 0 ? '' : `_${sequence.toString(36)}`}`,
      networkId: network.id,
      ip: formatAddress({ family, value: first }),
      endIp: request.count === 1 ? null : formatAddress({ family, value: last }),
      ...{ hostname, description, tags, mac, metadata },
      status: 'allocated',
      allocatedAt: time,
      expiresAt: ttlMs === null ? request.expiresAt : time + ttlMs,
      releasedAt: null,
      changedIndex: index,
      namespace: network.namespace,
      first,
      last,
    }
    this.allocations = [...this.allocations, allocation]
    if (network.strategy === 'next') {
      this.networks = this.networks.map((other) =>
        other === network ? { ...other, next: last + 1n } : other,
      )
    }
    this.#audit('ip_allocated', null, allocationOf(allocation))
    return accept(allocationOf(allocation))
  }

  #resolve(ref: NetworkRef, ip: string | null): ModelNetwork | null {
    if ('id' in ref) return this.network(ref.id)
    const inNamespace = this.networks.filter(({ namespace }) => namespace === ref.namespace)
    if ('cidr' in ref) return inNamespace.find(({ cidr }) => cidr === ref.cidr) ?? null
    if (ip === null) return null
    return this.chain(ref.namespace, parseAddress(ip)).at(-1) ?? null
  }

  /** Networks that have the address, the smallest last. */
  chain(namespace: string, { family, value }: Address): ModelNetwork[] {
    return this.networks
      .filter((other) => other.namespace === namespace && parsePrefix(other.cidr).family === family)
      .filter(({ cidr }) => isIn(parsePrefix(cidr), value))
      .toSorted((a, b) => parsePrefix(a.cidr).length - parsePrefix(b.cidr).length)
  }

  #choose(
    network: ModelNetwork,
    { count, ip, preferredIp, alignment }: AllocationRequest,
  ): bigint | Expected {
    const { family } = parsePrefix(network.cidr)
    const addresses = this.addresses(network)
    const named = parseAddress(ip ?? preferredIp ?? network.cidr.split('/')[0] ?? '')
    if (named.family !== family) return refuse('invalid_value')
    const wanted = consecutive(named.value, count).map((value) =>
      addresses.find((own) => own.value === value),
    )
    if (ip !== null) {
      if (wanted.includes(undefined)) return refuse('address_not_in_network')
      if (wanted.some((address) => address?.isUsable === false)) return refuse('address_not_usable')
      for (const claim of ['allocated', 'delegated', 'cooling', 'reserved'] as const) {
        if (wanted.some((address) => address?.claim === claim)) return refuse(REASONS[claim])
      }
      return named.value
    }
    const isFree = wanted.every((address) => address?.claim === 'free' && address.isUsable)
    if (preferredIp !== null && isFree) return named.value
    return this.#search(network, { count, alignment }) ?? refuse('network_exhausted')
  }

  #search(network: ModelNetwork, { count, alignment }: { count: number; alignment: number }): bigint | null {
    const free = this.freeAddresses(network)
    const starts = free
      .filter((start) => start % BigInt(alignment) === 0n)
      .filter((start) => consecutive(start, count).every((value) => free.includes(value)))
    if (network.strategy === 'random' && starts.length > 0) {
      const chosen =
        this.#given?.ok === true ? parseAddress((this.#given.value as Allocation).ip).value : null
      if (chosen === null || !starts.includes(chosen)) throw new Error(`${chosen} is not one of ${starts}`)
      return chosen
    }
    const { next } = network
    const later = network.strategy === 'next' && next !== null ? starts.filter((start) => start >= next) : []
    return later[0] ?? starts[0] ?? null
  }

  #updateAllocation(command: UpdateAllocation): Expected {
    const before = this.allocation(command.id)
    if (before === null) return refuse('allocation_not_found')
    if (isStale(before, command)) return refuse('precondition_failed')
    const { metadata, ...changes } = command.changes
    const after = { ...before, ...changes, metadata: changed(before.metadata, metadata) }
    if (isDeepStrictEqual(after, before)) return accept(allocationOf(before))
    return this.#replaceAllocation('ip_updated', before, after)
  }

  #end(before: ModelAllocation, status: AllocationStatus): Expected {
    const { id, networkId, first, last } = before
    const cooldownMs = this.network(networkId)?.cooldownMs ?? 0
    if (cooldownMs > 0) {
      const order = this.allocations.findIndex((other) => other.id === id)
      const until = this.#at.time + cooldownMs
      this.coolings = [...this.coolings, { networkId, first, last, until, order }]
    }
    const action = status === 'released' ? 'ip_released' : 'ip_expired'
    return this.#replaceAllocation(action, before, { ...before, status, releasedAt: this.#at.time })
  }

  #replaceAllocation(
    action: AuditEntry['action'],
    before: ModelAllocation,
    changes: ModelAllocation,
  ): Expected {
    const after = { ...changes, changedIndex: this.#at.index }
    this.allocations = this.allocations.map((other) => (other.id === after.id ? after : other))
    this.#audit(action, allocationOf(before), allocationOf(after))
    return accept(allocationOf(after))
  }

  #endCoolings(limit: number): number {
    const over = this.coolings
      .filter(({ until }) => until <= this.#at.time)
      .toSorted((a, b) => a.until - b.until || a.order - b.order)
      .slice(0, limit)
    this.coolings = this.coolings.filter((other) => !over.includes(other))
    return over.length
  }

  #import({ items, isAtomic, skipsExisting }: ImportItems): Expected {
    let [created, skipped] = [0, 0]
    const failures: { item: number; reason: RefusalReason }[] = []
    for (const [place, item] of items.entries()) {
      const expected = this.#attempt(() =>
        item.kind === 'network' ? this.#createNetwork(item) : this.#allocate(item),
      )
      if (expected.ok) created += 1
      else if (skipsExisting && this.#exists(item, expected.reason)) skipped += 1
      else failures.push({ item: place, reason: expected.reason })
    }
    if (isAtomic && failures.length > 0) {
      return { ...refuse('batch_refused'), field: `items[${failures[0]?.item}]` }
    }
    return accept({ created, skipped, failures })
  }

  #exists(item: ImportItem, reason: RefusalReason): boolean {
    if (item.kind === 'network') return reason === 'network_exists'
    const network = this.#resolve(item.network, item.ip)
    return this.allocations.some(
      (other) =>
        reason === 'address_taken' &&
        other.networkId === network?.id &&
        isActive(other) &&
        other.ip === item.ip &&
        other.hostname === item.hostname &&
        other.last - other.first + 1n === BigInt(item.count),
    )
  }

  /** Audit rows so far. */
  #rowsOf(index: number): number {
    return this.audit.filter((row) => row.index === index).length
  }

  #audit(
    action: AuditEntry['action'],
    before: Network | Allocation | null,
    after: Network | Allocation | null,
  ): void {
    const { index, time } = this.#at
    const sequence = this.#rowsOf(index)
    const resource = (after ?? before)?.id ?? 'audit'
    const row = { index, sequence, timestamp: time, action, resource, ...this.#context, before, after }
    this.audit = [...this.audit, row]
  }
}

export function isActive({ status }: Pick<Allocation, 'status'>): boolean {
  return status === 'allocated'
}

export function allocationOf({ namespace: _, first: __, last: ___, ...record }: ModelAllocation): Allocation {
  return record
}

function recordOf({ next: _, ...record }: ModelNetwork): Network {
  return record
}

function accept(value: unknown): Expected {
  return { ok: true, value }
}

function refuse(reason: RefusalReason): Extract<Expected, { ok: false }> {
  return { ok: false, reason }
}

function isIn(prefix: Prefix, value: bigint): boolean {
  return prefix.first <= value && value <= lastAddress(prefix)
}

function isStale(record: { changedIndex: number }, command: { ifChangedIndex: SeenIndex }): boolean {
  return command.ifChangedIndex !== null && ![command.ifChangedIndex].flat().includes(record.changedIndex)
}

function consecutive(first: bigint, count: number): bigint[] {
  return Array.from({ length: count }, (_, i) => first + BigInt(i))
}

function changed(before: Metadata, changes: MetadataChanges = {}): Metadata {
  const after = Object.entries({ ...before, ...changes }).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(after.flatMap(([name, value]) => (value === null ? [] : [[name, value]])))
}

type Guarded = Pick<Network, 'cidr' | 'gateway' | 'reserved'>

/** All of what is reserved; of other families or outside, too. */
export function reservedIn({ gateway, reserved }: Guarded): (Address & { first: bigint; last: bigint })[] {
  return [...(gateway === null ? [] : [gateway]), ...reserved].map((text) => {
    if (text.includes('/')) {
      const prefix = parsePrefix(text)
      return { ...prefix, value: prefix.first, last: lastAddress(prefix) }
    }
    const [start = '', end = start] = text.split('-')
    const { family, value } = parseAddress(start)
    return { family, value, first: value, last: parseAddress(end).value }
  })
}

function isInside(network: Guarded): boolean {
  const prefix = parsePrefix(network.cidr)
  return reservedIn(network).every(
    ({ family, first, last }) => family === prefix.family && isIn(prefix, first) && isIn(prefix, last),
  )
}
