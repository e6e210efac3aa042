/** What each command does. Deterministic: the same command on the same state at the same log position gives the same. */
import { unreachable } from '../../raft/assert.ts'
import { AddressSyntaxError, formatAddress } from './address.ts'
import { addressesOf, SYSTEM_USER } from './audit.ts'
import type {
  AllocateAddresses,
  Command,
  CommandContext,
  CreateNetwork,
  DeleteNetwork,
  ExpireAllocations,
  Outcome,
  RefusalReason,
  ReleaseAllocation,
} from './command.ts'
import type { CommandEnvelope } from './command-codec.ts'
import { formatPrefix, type Prefix, parsePrefix } from './prefix.ts'
import type { Allocation, AllocationStatus, Network } from './records.ts'
import { applyOnce, openSession } from './session.ts'
import type { ManagedNetwork, Store } from './store.ts'

/** Audit rows of one entry are told apart by four hex digits. */
const EXPIRATIONS_PER_ENTRY_MAX = 10_000

/** Where the command stands in the log; `time` is ms since 1970, never less than that of an earlier entry. */
export interface LogPosition {
  readonly index: number
  readonly time: number
}

/** What an entry of the log does: the command, unless an earlier entry was a copy of it. */
export function applyEnvelope(
  store: Store,
  { command, context, session }: CommandEnvelope,
  at: LogPosition,
): Outcome {
  if (session === null) return apply(store, command, context, at)
  const { time } = at
  return applyOnce(store.sessions, session, { time, apply: () => apply(store, command, context, at) })
}

/** Changes nothing when it refuses. */
function apply(store: Store, command: Command, context: CommandContext, at: LogPosition): Outcome {
  switch (command.type) {
    case 'createNetwork':
      return createNetwork(store, command, context, at)
    case 'deleteNetwork':
      return deleteNetwork(store, command, context, at)
    case 'allocateAddresses':
      return allocateAddresses(store, command, context, at)
    case 'releaseAllocation':
      return releaseAllocation(store, command, context, at)
    case 'expireAllocations':
      return expireAllocations(store, command, at)
    case 'openSession':
      return openSession(store.sessions, at)
    default:
      return unreachable(command)
  }
}

/** For entries that this version cannot read. */
export function refuseUnsupported(message: string): Outcome {
  return refuse('unsupported_command', message)
}

function createNetwork(
  store: Store,
  { id, cidr, description, tags }: CreateNetwork,
  { user, requestId }: CommandContext,
  { index, time }: LogPosition,
): Outcome {
  const prefix = parseCanonical(cidr)
  if (prefix === null) return refuseUnsupported(`${cidr} is not a canonical CIDR`)
  if (store.network(id) !== null) return refuse('id_in_use', `Id ${id} belongs to another network`)
  const other = store.networkOverlapping(prefix)
  if (other !== null) return refuseOverlap(prefix, other)

  const network: Network = {
    id,
    cidr,
    description,
    tags,
    createdAt: time,
    updatedAt: time,
    changedIndex: index,
  }
  store.createNetwork(network, prefix)
  store.appendAudit({
    timestamp: time,
    action: 'network_created',
    resource: id,
    details: `Created network ${cidr}`,
    user,
    requestId,
    before: null,
    after: network,
  })
  return { ok: true, value: network }
}

function deleteNetwork(
  store: Store,
  { id }: DeleteNetwork,
  { user, requestId }: CommandContext,
  { time }: LogPosition,
): Outcome {
  const network = store.network(id)
  const record = store.networkRecord(id)
  if (network === null || record === null) return refuseMissingNetwork(id)
  if (network.activeAllocations > 0) {
    const count = network.activeAllocations
    const allocations = count === 1 ? '1 active allocation' : `${count} active allocations`
    const it = count === 1 ? 'it' : 'them'
    return refuse(
      'network_has_allocations',
      `Network ${record.cidr} (${id}) has ${allocations}: release ${it} first`,
    )
  }
  store.deleteNetwork(id)
  store.appendAudit({
    timestamp: time,
    action: 'network_deleted',
    resource: id,
    details: `Deleted network ${record.cidr}`,
    user,
    requestId,
    before: record,
    after: null,
  })
  return { ok: true, value: null }
}

function allocateAddresses(
  store: Store,
  { id, networkId, count, hostname, description, ttlMs }: AllocateAddresses,
  { user, requestId }: CommandContext,
  { index, time }: LogPosition,
): Outcome {
  const network = store.network(networkId)
  if (network === null) return refuseMissingNetwork(networkId)
  if (store.hasAllocation(id)) return refuse('id_in_use', `Id ${id} belongs to another allocation`)
  const first = network.space.lowestRun(BigInt(count))
  if (first === null) return refuseExhausted(network, count)

  const last = first + BigInt(count) - 1n
  const { family } = network.prefix
  const allocation: Allocation = {
    id,
    networkId,
    ip: formatAddress({ family, value: first }),
    endIp: count === 1 ? null : formatAddress({ family, value: last }),
    hostname,
    description,
    status: 'allocated',
    allocatedAt: time,
    expiresAt: ttlMs === null ? null : time + ttlMs,
    releasedAt: null,
    changedIndex: index,
  }
  store.createAllocation(allocation, { first, last })
  store.appendAudit({
    timestamp: time,
    action: 'ip_allocated',
    resource: id,
    details: `Allocated ${addressesOf(allocation)}${hostname === null ? '' : ` to ${hostname}`}`,
    user,
    requestId,
    before: null,
    after: allocation,
  })
  return { ok: true, value: allocation }
}

function releaseAllocation(
  store: Store,
  { id }: ReleaseAllocation,
  { user, requestId }: CommandContext,
  at: LogPosition,
): Outcome {
  const before = store.allocation(id)
  if (before === null) {
    return refuse('allocation_not_found', `Allocation not found: no allocation has the id ${id}`)
  }
  if (before.status !== 'allocated') return { ok: true, value: before }

  const after = ended(before, 'released', at)
  store.endAllocation(after)
  store.appendAudit({
    timestamp: at.time,
    action: 'ip_released',
    resource: id,
    details: `Released ${addressesOf(before)}${before.hostname === null ? '' : ` from ${before.hostname}`}`,
    user,
    requestId,
    before,
    after,
  })
  return { ok: true, value: after }
}

function expireAllocations(store: Store, command: ExpireAllocations, at: LogPosition): Outcome {
  const limit = Math.min(command.limit, EXPIRATIONS_PER_ENTRY_MAX)
  const due = store.dueAllocations({ time: at.time, limit })
  for (const before of due) {
    const after = ended(before, 'expired', at)
    store.endAllocation(after)
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
  return { ok: true, value: { expired: due.length } }
}

function ended(allocation: Allocation, status: AllocationStatus, { index, time }: LogPosition): Allocation {
  return { ...allocation, status, releasedAt: time, changedIndex: index }
}

/** Null also for text that is a prefix, but not the one way to write it: keys and answers would disagree. */
function parseCanonical(cidr: string): Prefix | null {
  try {
    const prefix = parsePrefix(cidr)
    return formatPrefix(prefix) === cidr ? prefix : null
  } catch (error) {
    if (error instanceof AddressSyntaxError) return null
    throw error
  }
}

function refuseMissingNetwork(id: string): Outcome {
  return refuse('network_not_found', `Network not found: no network has the id ${id}`)
}

function refuseOverlap(prefix: Prefix, other: ManagedNetwork): Outcome {
  const cidr = formatPrefix(prefix)
  const otherCidr = formatPrefix(other.prefix)
  return cidr === otherCidr
    ? refuse('network_exists', `Network ${cidr} exists already: its id is ${other.id}`)
    : refuse('network_overlaps', `Network ${cidr} overlaps ${otherCidr} (${other.id})`)
}

function refuseExhausted({ id, prefix, space }: ManagedNetwork, count: number): Outcome {
  const asked = count === 1 ? 'no free address' : `no ${count} contiguous free addresses`
  const free =
    space.freeCount === 0n
      ? 'all are allocated'
      : `${space.freeCount} free, the longest contiguous run has ${space.largestRunSize()}`
  return refuse('network_exhausted', `Network ${formatPrefix(prefix)} (${id}) has ${asked}: ${free}`)
}

function refuse(reason: RefusalReason, message: string): Outcome {
  return { ok: false, refusal: { reason, message } }
}
