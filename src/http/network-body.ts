/** Networks as the API shows them, and as it takes them. */
import { z } from 'zod'
import type { NetworkChanges, NetworkSettings } from '../ipam/command.ts'
import { NETWORK_DEFAULTS } from '../ipam/defaults.ts'
import { COOLDOWN_SECONDS_MAX } from '../ipam/limits.ts'
import { sortedMetadata } from '../ipam/metadata.ts'
import type { NetworkStats, PlacedNetwork } from '../ipam/records.ts'
import { formatCount, formatTime } from './answer.ts'
import {
  cidr,
  description,
  descriptionText,
  metadata,
  metadataChanges,
  namespaceName,
  optionalIp,
  reserved,
  strategy,
  tagList,
  tags,
  wholeNumber,
} from './fields.ts'
import type * as shapes from './shapes.ts'

const cooldownSeconds = wholeNumber({ min: 0, max: COOLDOWN_SECONDS_MAX }).meta({
  description: 'How long an address rests after its release before it is handed out again.',
})

export const CreateNetworkBody = z.strictObject({
  cidr,
  namespace: namespaceName.nullish(),
  description,
  tags,
  gateway: optionalIp.meta({ description: 'Never handed out.' }),
  reserved: reserved.nullish(),
  cooldown_seconds: cooldownSeconds.nullish(),
  strategy: strategy.nullish(),
  metadata: metadata.nullish(),
})

export function networkSettings(
  body: z.output<typeof CreateNetworkBody>,
): NetworkSettings & { readonly cidr: string; readonly namespace: string } {
  return {
    cidr: body.cidr,
    namespace: body.namespace ?? NETWORK_DEFAULTS.namespace,
    description: body.description,
    tags: body.tags,
    gateway: body.gateway,
    reserved: body.reserved ?? [],
    cooldownMs: (body.cooldown_seconds ?? 0) * 1_000,
    strategy: body.strategy ?? NETWORK_DEFAULTS.strategy,
    metadata: sortedMetadata(Object.entries(body.metadata ?? {})),
  }
}

/** What is left out stays; null is the same as at the creation. */
export const UpdateNetworkBody = z.strictObject({
  description: descriptionText.nullable().optional(),
  tags: tagList.nullable().optional(),
  gateway: optionalIp.optional(),
  reserved: reserved.nullable().optional(),
  cooldown_seconds: cooldownSeconds.nullable().optional(),
  strategy: strategy.nullable().optional(),
  metadata: metadataChanges.optional(),
})

/** @param named The keys that the body has: a default fills in what it has not. */
export function networkChanges(
  body: z.output<typeof UpdateNetworkBody>,
  named: ReadonlySet<string>,
): NetworkChanges {
  const changes: { -readonly [Key in keyof NetworkChanges]: NetworkChanges[Key] } = {}
  if (named.has('description')) changes.description = body.description ?? ''
  if (named.has('tags')) changes.tags = body.tags ?? []
  if (named.has('gateway')) changes.gateway = body.gateway ?? null
  if (named.has('reserved')) changes.reserved = body.reserved ?? []
  if (named.has('cooldown_seconds')) changes.cooldownMs = (body.cooldown_seconds ?? 0) * 1_000
  if (named.has('strategy')) changes.strategy = body.strategy ?? NETWORK_DEFAULTS.strategy
  if (body.metadata !== undefined) changes.metadata = body.metadata
  return changes
}

export function networkBody(network: PlacedNetwork): shapes.Network {
  const { id, cidr, description, tags, createdAt, namespace, parentId, gateway, reserved } = network
  return {
    id,
    cidr,
    description,
    tags,
    created_at: formatTime(createdAt),
    namespace,
    parent_id: parentId,
    gateway,
    reserved,
    cooldown_seconds: network.cooldownMs / 1_000,
    strategy: network.strategy,
    updated_at: formatTime(network.updatedAt),
    metadata: network.metadata,
  }
}

export function statsBody(stats: NetworkStats): shapes.NetworkStats {
  return {
    network_id: stats.networkId,
    total_ips: formatCount(stats.total),
    allocated_ips: formatCount(stats.allocated),
    available_ips: formatCount(stats.available),
    utilization_percent: percent(stats.allocated + stats.delegated, stats.total),
    first_available: stats.firstAvailable,
    last_allocated: stats.lastAllocated,
    reserved_ips: formatCount(stats.reserved),
    cooling_ips: formatCount(stats.cooling),
    delegated_ips: formatCount(stats.delegated),
    largest_free_block: stats.largestFreeBlock,
    size: formatCount(stats.size),
  }
}

/** To one decimal, exact for any size: 45 of 254 is 17.7. */
function percent(part: bigint, whole: bigint): number {
  if (whole === 0n) return 0
  return Number((part * 2_000n + whole) / (whole * 2n)) / 10
}
