import { AddressSyntaxError, addressBits, formatAddress, parseAddress } from './address.ts'
import type { Applying } from './apply.ts'
import { parseCanonical } from './apply-network.ts'
import { addressesOf, SYSTEM_USER } from './audit.ts'
import { chooseAddresses } from './choose-addresses.ts'
import type {
  AllocateBatch,
  AllocationRequest,
  ExpireAllocations,
  NetworkRef,
  ReleaseAllocation,
  RenewAllocation,
  UpdateAllocation,
} from './command.ts'
import { differing } from './differences.ts'
import { withChanges } from './metadata.ts'
import type { Outcome } from './outcome.ts'
import { type Prefix, prefixOf } from './prefix.ts'
import type { AddressRange } from './range.ts'
import type { Allocation, AllocationStatus } from './records.ts'
import {
  accept,
  refuse,
  refuseChanged,
  refuseMissingAllocation,
  refuseMissingNetwork,
  refuseValue,
} from './refuse.ts'
import type { ManagedNetwork, Store } from './store.ts'

/** Audit rows of one entry are told apart by four hex digits. */
const EXPIRATIONS_PER_ENTRY_MAX = 10_000
export const BATCH_ITEMS_MAX = 1_000
/** Freed before an allocation looks for an address, where they would be by the next expiry entry anyway. */
const COOLINGS_ENDED_FIRST = 64

export function allocateAddresses(request: AllocationRequest, applying: Applying): Outcome {
  return allocate(request, applying, 0)
}

export function allocateBatch({ items }: AllocateBatch, applying: Applying): Outcome {
  if (items.length > BATCH_ITEMS_MAX) {
    return refuseValue('items', `a batch has at most ${BATCH_ITEMS_MAX} items, not ${items.length}`)
  }
  const allocations: Allocation[] = []
  for (const [place, item] of items.entries()) {
    const outcome = allocate(item, applying, place)
    if (!outcome.ok) {
      const { message } = outcome.refusal
      const field = `items[${place}]`
      return refuse('batch_refused', `${field}: ${message}; nothing was allocated`, [{ field, message }])
    }
    allocations.push(outcome.value as Allocation)
  }
  return accept(allocations)
}

/** @param place Of the request in its entry. */
export function allocate(request: AllocationRequest, applying: Applying, place: number): Outcome {
  const { store, context, at } = applying
  const { hostname } = request
  const network = resolveNetwork(store, request)
  if (network === null) return refuseMissingNetwork(describe(request))
  if (request.expiresAt !== null && request.expiresAt <= at.time) {
    const time = new Date(request.expiresAt).toISOString()
    return refuseValue('expires_at', `${time} is over`)
  }
  if (network.space.coolingCount > 0n) store.endCoolings({ time: at.time, limit: COOLINGS_ENDED_FIRST })
  const range = chooseAddresses(network, request, () => seedAt(at, place))
  if (!('first' in range)) return range

  const id = store.nextAllocationId(request.token)
  const allocation = recordOf(request, { id, network, range, at })
  store.createAllocation(allocation, range)
  if (network.strategy === 'next') store.setNextAddress(network.id, range.last + 1n)
  store.appendAudit({
    timestamp: at.time,
    action: 'ip_allocated',
    resource: id,
    details: `Allocated ${addressesOf(allocation)}${hostname === null ? '' : ` to ${hostname}`}`,
    user: context.user,
    requestId: context.requestId,
    before: null,
    after: allocation,
  })
  return accept(allocation)
}

function recordOf(
  request: AllocationRequest,
  {
    id,
    network,
    range,
    at,
  }: {
    readonly id: string
    readonly network: ManagedNetwork
    readonly range: AddressRange
    readonly at: Applying['at']
  },
): Allocation {
  const { count, hostname, description, tags, mac, metadata, ttlMs, expiresAt } = request
  const { family } = network.prefix
  return {
    id,
    networkId: network.id,
    ip: formatAddress({ family, value: range.first }),
    endIp: count === 1 ? null : formatAddress({ family, value: range.last }),
    hostname,
    description,
    tags,
    mac,
    metadata,
    status: 'allocated',
    allocatedAt: at.time,
    expiresAt: ttlMs === null ? expiresAt : at.time + ttlMs,
    releasedAt: null,
    changedIndex: at.index,
  }
}

export function updateAllocation(
  { id, changes, ifChangedIndex }: UpdateAllocation,
  applying: Applying,
): Outcome {
  const { store, context, at } = applying
  const before = store.allocation(id)
  if (before === null) return refuseMissingAllocation(id)
  const changed = refuseChanged(before, ifChangedIndex)
  if (changed !== null) return changed
  const metadata = withChanges(before.metadata, changes.metadata)
  const asked: Allocation = { ...before, ...changes, metadata }
  const fields = differing(Object.keys(changes), before, asked)
  if (fields.length === 0) return accept(before)
  const after: Allocation = { ...asked, changedIndex: at.index }
  store.updateAllocation(before, after)
  store.appendAudit({
    timestamp: at.time,
    action: 'ip_updated',
    resource: id,
    details: `Updated ${addressesOf(before)}: ${fields.join(', ')}`,
    user: context.user,
    requestId: context.requestId,
    before,
    after,
  })
  return accept(after)
}

export function renewAllocation({ id, ttlMs, ifChangedIndex }: RenewAllocation, applying: Applying): Outcome {
  const { store, context, at } = applying
  const before = store.allocation(id)
  if (before === null) return refuseMissingAllocation(id)
  const changed = refuseChanged(before, ifChangedIndex)
  if (changed !== null) return changed
  if (before.status !== 'allocated' || (before.expiresAt !== null && before.expiresAt <= at.time)) {
    const ended = before.status === 'released' ? 'was released' : 'has expired'
    const message = `Allocation ${id} ${ended}, and somebody else may have ${addressesOf(before)} by now: allocate it anew, with "ip" to have the same`
    return refuse('allocation_ended', message)
  }
  const expiresAt = ttlMs === null ? null : at.time + ttlMs
  const after: Allocation = { ...before, expiresAt, changedIndex: at.index }
  store.updateAllocation(before, after)
  const until = expiresAt === null ? 'for good' : `until ${new Date(expiresAt).toISOString()}`
  store.appendAudit({
    timestamp: at.time,
    action: 'ip_renewed',
    resource: id,
    details: `Renewed ${addressesOf(before)} ${until}`,
    user: context.user,
    requestId: context.requestId,
    before,
    after,
  })
  return accept(after)
}

export function releaseAllocation({ id, ifChangedIndex }: ReleaseAllocation, applying: Applying): Outcome {
  const { store, context, at } = applying
  const before = store.allocation(id)
  if (before === null) return refuseMissingAllocation(id)
  if (before.status !== 'allocated') return accept(before)
  const changed = refuseChanged(before, ifChangedIndex)
  if (changed !== null) return changed

  const after = end(before, 'released', applying)
  store.appendAudit({
    timestamp: at.time,
    action: 'ip_released',
    resource: id,
    details: `Released ${addressesOf(before)}${before.hostname === null ? '' : ` from ${before.hostname}`}`,
    user: context.user,
    requestId: context.requestId,
    before,
    after,
  })
  return accept(after)
}

export function expireAllocations(command: ExpireAllocations, applying: Applying): Outcome {
  const { store, at } = applying
  const limit = Math.min(command.limit, EXPIRATIONS_PER_ENTRY_MAX)
  const due = store.dueAllocations({ time: at.time, limit })
  for (const before of due) {
    const after = end(before, 'expired', applying)
    store.appendAudit({
      timestamp: at.time,
      action: 'ip_expired',
      resource: before.id,
      details: `Expired ${addressesOf(before)}${before.hostname === null ? '' : ` of ${before.hostname}`}`,
      user: SYSTEM_USER,
      requestId: null,
      before,
      after,
    })
  }
  const rest = limit - due.length
  const cooled = rest === 0 ? 0 : store.endCoolings({ time: at.time, limit: rest })
  return accept({ expired: due.length, cooled })
}

function end(before: Allocation, status: AllocationStatus, { store, at }: Applying): Allocation {
  const after: Allocation = { ...before, status, releasedAt: at.time, changedIndex: at.index }
  const cooldownMs = store.network(before.networkId)?.cooldownMs ?? 0
  store.endAllocation(before, after, cooldownMs === 0 ? null : at.time + cooldownMs)
  return after
}

/** Null if there is none. */
export function resolveNetwork(store: Store, { network: ref, ip }: AllocationRequest): ManagedNetwork | null {
  if ('id' in ref) return store.network(ref.id)
  const prefix = 'cidr' in ref ? parseCanonical(ref.cidr) : hostPrefix(ip)
  if (prefix === null) return null
  const exact = store.networkAt(ref.namespace, prefix)
  return 'cidr' in ref ? exact : (exact ?? store.parentOf(ref.namespace, prefix))
}

function hostPrefix(ip: string | null): Prefix | null {
  if (ip === null) return null
  try {
    const address = parseAddress(ip)
    return prefixOf(address, addressBits(address.family))
  } catch (error) {
    if (error instanceof AddressSyntaxError) return null
    throw error
  }
}

function describe({
  network: ref,
  ip,
}: {
  readonly network: NetworkRef
  readonly ip: string | null
}): string {
  if ('id' in ref) return `the id ${ref.id}`
  return 'cidr' in ref
    ? `the CIDR ${ref.cidr} in namespace ${ref.namespace}`
    : `${ip} inside, in namespace ${ref.namespace}`
}

/** 64 bits, another for every request of every entry. */
function seedAt({ index, time }: Applying['at'], place: number): bigint {
  // Places are below 2^16, and an odd factor spreads the time over all bits.
  return BigInt.asUintN(64, (BigInt(index) << 16n) ^ BigInt(place) ^ (BigInt(time) * 0x9e37_79b9_7f4a_7c15n))
}
