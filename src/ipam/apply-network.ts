import { AddressSyntaxError, addressBits } from './address.ts'
import type { Applying } from './apply.ts'
import { formatRange, nameOf } from './choose-addresses.ts'
import type { CarveNetworks, CreateNetwork, DeleteNetwork, UpdateNetwork } from './command.ts'
import { DEFAULT_NAMESPACE, NETWORK_DEFAULTS } from './defaults.ts'
import { differing } from './differences.ts'
import { withChanges } from './metadata.ts'
import type { Outcome } from './outcome.ts'
import { formatPrefix, type Prefix, parsePrefix } from './prefix.ts'
import { rangeOf } from './range.ts'
import type { Network, PlacedNetwork } from './records.ts'
import {
  accept,
  refuse,
  refuseChanged,
  refuseMissingNetwork,
  refuseUnsupported,
  refuseValue,
} from './refuse.ts'
import { reservedRanges } from './reserved.ts'
import type { ManagedNetwork, Store } from './store.ts'

const CARVED_PER_ENTRY_MAX = 256
/** A message that names more is no help. */
const NAMED_MAX = 4
/** Looked at to find the largest of them for a message. */
const BLOCKS_SEEN_MAX = 10_000

export function createNetwork(command: Omit<CreateNetwork, 'type'>, applying: Applying): Outcome {
  const { store, context, at } = applying
  const { id, cidr, namespace } = command
  const prefix = parseCanonical(cidr)
  if (prefix === null) return refuseUnsupported(`${cidr} is not a canonical CIDR`)
  if (store.network(id) !== null) return refuse('id_in_use', `Id ${id} belongs to another network`)
  const invalid = refuseOutside(prefix, command)
  if (invalid !== null) return invalid
  const twin = store.networkAt(namespace, prefix)
  if (twin !== null) return refuseTwin(twin)
  const parent = store.parentOf(namespace, prefix)
  const occupied = parent === null ? null : refuseOccupied(parent, prefix)
  if (occupied !== null) return occupied

  const { description, tags, gateway, reserved, cooldownMs, strategy, metadata } = command
  const times = { createdAt: at.time, updatedAt: at.time, changedIndex: at.index }
  const settings = { description, tags, gateway, reserved, cooldownMs, strategy, metadata }
  const network: Network = { id, cidr, namespace, ...settings, ...times }
  store.createNetwork(network, prefix)
  store.appendAudit({
    timestamp: at.time,
    action: 'network_created',
    resource: id,
    details: `Created network ${cidr}${placeOf(network)}`,
    user: context.user,
    requestId: context.requestId,
    before: null,
    after: network,
  })
  return accept(placed(store, network, prefix))
}

export function updateNetwork({ id, changes, ifChangedIndex }: UpdateNetwork, applying: Applying): Outcome {
  const { store, context, at } = applying
  const network = store.network(id)
  const before = store.networkRecord(id)
  if (network === null || before === null) return refuseMissingNetwork(`the id ${id}`)
  const changed = refuseChanged(before, ifChangedIndex)
  if (changed !== null) return changed

  const metadata = withChanges(before.metadata, changes.metadata)
  const asked: Network = { ...before, ...changes, metadata }
  const fields = differing(Object.keys(changes), before, asked)
  if (fields.length === 0) return accept(placed(store, before, network.prefix))
  const after: Network = { ...asked, updatedAt: at.time, changedIndex: at.index }
  const invalid = refuseOutside(network.prefix, after)
  if (invalid !== null) return invalid
  store.updateNetwork(after)
  store.appendAudit({
    timestamp: at.time,
    action: 'network_updated',
    resource: id,
    details: `Updated network ${before.cidr}${placeOf(before)}: ${fields.join(', ')}`,
    user: context.user,
    requestId: context.requestId,
    before,
    after,
  })
  return accept(placed(store, after, network.prefix))
}

export function deleteNetwork({ id, ifChangedIndex }: DeleteNetwork, applying: Applying): Outcome {
  const { store, context, at } = applying
  const network = store.network(id)
  const record = store.networkRecord(id)
  if (network === null || record === null) return refuseMissingNetwork(`the id ${id}`)
  const changed = refuseChanged(record, ifChangedIndex)
  if (changed !== null) return changed
  if (network.activeAllocations > 0) {
    const count = network.activeAllocations
    const allocations = count === 1 ? '1 active allocation' : `${count} active allocations`
    const it = count === 1 ? 'it' : 'them'
    return refuse(
      'network_has_allocations',
      `Network ${nameOf(network)} has ${allocations}: release ${it} first`,
    )
  }
  store.deleteNetwork(id)
  store.appendAudit({
    timestamp: at.time,
    action: 'network_deleted',
    resource: id,
    details: `Deleted network ${record.cidr}${placeOf(record)}`,
    user: context.user,
    requestId: context.requestId,
    before: record,
    after: null,
  })
  return accept(null)
}

export function carveNetworks(command: CarveNetworks, applying: Applying): Outcome {
  const { parentId, ids, prefixLength, description, tags, metadata } = command
  const parent = applying.store.network(parentId)
  if (parent === null) return refuseMissingNetwork(`the id ${parentId}`)
  if (ids.length > CARVED_PER_ENTRY_MAX) {
    return refuseValue(
      'count',
      `at most ${CARVED_PER_ENTRY_MAX} networks are carved at once, not ${ids.length}`,
    )
  }
  const { family, length } = parent.prefix
  const bits = addressBits(family)
  if (prefixLength <= length || prefixLength > bits) {
    const message =
      length === bits
        ? `${nameOf(parent)} is a single address, and has no room for a child`
        : `a child of ${nameOf(parent)} has a prefix length from ${length + 1} to ${bits}, not ${prefixLength}`
    return refuseValue('prefix_length', message)
  }
  const carved: PlacedNetwork[] = []
  for (const id of ids) {
    const block = parent.space.bestBlock(bits - prefixLength)
    if (block === null) return refuseNoBlock(parent, { prefixLength, count: ids.length, made: carved.length })
    const cidr = formatPrefix({ family, first: block.first, length: prefixLength })
    const { namespace } = parent
    const outcome = createNetwork(
      { ...NETWORK_DEFAULTS, id, cidr, namespace, description, tags, metadata },
      applying,
    )
    if (!outcome.ok) return outcome
    carved.push(outcome.value as PlacedNetwork)
  }
  return accept(carved)
}

function refuseNoBlock(
  parent: ManagedNetwork,
  {
    prefixLength,
    count,
    made,
  }: { readonly prefixLength: number; readonly count: number; readonly made: number },
): Outcome {
  const asked = count === 1 ? `no free /${prefixLength}` : `no ${count} free /${prefixLength}, only ${made}`
  // What was carved so far is taken back; without it the message would name what the client cannot have.
  const largest = made === 0 ? largestBlocks(parent) : []
  const rest = largest.length === 0 ? '' : `; the largest free blocks are ${largest.join(', ')}`
  return refuse(
    'no_free_block',
    `Network ${nameOf(parent)} has ${asked}${made === 0 && rest === '' ? ': nothing is free' : rest}`,
  )
}

function largestBlocks({ space, prefix: { family } }: ManagedNetwork): string[] {
  const largest = space.largestBlock()
  if (largest === null) return []
  const names: string[] = []
  let seen = 0
  for (const { first, bits } of space.freeBlocks(largest.first)) {
    if (bits === largest.bits) names.push(formatPrefix({ family, first, length: addressBits(family) - bits }))
    seen += 1
    if (names.length === NAMED_MAX || seen === BLOCKS_SEEN_MAX) break
  }
  return names
}

function placed(store: Store, network: Network, prefix: Prefix): PlacedNetwork {
  return { ...network, parentId: store.parentOf(network.namespace, prefix)?.id ?? null }
}

/** Null also for text that is a prefix, but not the one way to write it: keys and answers would disagree. */
export function parseCanonical(cidr: string): Prefix | null {
  try {
    const prefix = parsePrefix(cidr)
    return formatPrefix(prefix) === cidr ? prefix : null
  } catch (error) {
    if (error instanceof AddressSyntaxError) return null
    throw error
  }
}

/** Null if gateway and reserved ranges lie inside the network. */
function refuseOutside(
  prefix: Prefix,
  { gateway, reserved }: { readonly gateway: string | null; readonly reserved: readonly string[] },
): Outcome | null {
  const fields = [
    ...(gateway === null ? [] : [{ field: 'gateway', text: gateway }]),
    ...reserved.map((text, i) => ({ field: `reserved[${i}]`, text })),
  ]
  for (const { field, text } of fields) {
    try {
      reservedRanges(prefix, { gateway: null, reserved: [text] })
    } catch (error) {
      if (error instanceof AddressSyntaxError) return refuseValue(field, error.message)
      throw error
    }
  }
  return null
}

function refuseTwin(twin: ManagedNetwork): Outcome {
  const cidr = formatPrefix(twin.prefix)
  const where = twin.namespace === DEFAULT_NAMESPACE ? '' : ` in namespace ${twin.namespace}`
  return refuse('network_exists', `Network ${cidr} exists already${where}: its id is ${twin.id}`)
}

/** Null if the parent has given none of these addresses away itself. */
function refuseOccupied(parent: ManagedNetwork, prefix: Prefix): Outcome | null {
  const range = rangeOf(prefix)
  const cidr = formatPrefix(prefix)
  if (parent.space.hasAllocationIn(range)) {
    const named = firstFew(parent.space.allocatedIn(range), (run) => formatRange(parent, run))
    const message = `Network ${cidr} would take addresses that ${nameOf(parent)} has allocated: ${named}; release them first`
    return refuse('addresses_in_use', message)
  }
  if (!parent.space.hasCoolingIn(range)) return null
  const message = `Network ${cidr} would take addresses of ${nameOf(parent)} that were released a short while ago and cool down; try again later`
  return refuse('addresses_in_use', message)
}

function firstFew<T>(values: Iterable<T>, format: (value: T) => string): string {
  const named: string[] = []
  for (const value of values) {
    if (named.length === NAMED_MAX) return `${named.join(', ')}, …`
    named.push(format(value))
  }
  return named.join(', ')
}

function placeOf({ namespace }: Pick<Network, 'namespace'>): string {
  return namespace === DEFAULT_NAMESPACE ? '' : ` in ${namespace}`
}
