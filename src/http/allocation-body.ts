/** Allocations as the API shows them, and as it takes them. */
import { z } from 'zod'
import { parseAddress } from '../ipam/address.ts'
import type { AllocationChanges, AllocationRequest, NetworkRef } from '../ipam/command.ts'
import { ALLOCATION_DEFAULTS, DEFAULT_NAMESPACE } from '../ipam/defaults.ts'
import { sortedMetadata } from '../ipam/metadata.ts'
import type { Allocation } from '../ipam/records.ts'
import { show } from '../show.ts'
import { formatTime } from './answer.ts'
import {
  cidr,
  description,
  descriptionText,
  hostname,
  id,
  mac,
  metadata,
  metadataChanges,
  namespaceName,
  optionalIp,
  tagList,
  tags,
  wholeNumber,
} from './fields.ts'
import { invalidRequest } from './problem.ts'
import type * as shapes from './shapes.ts'

const HOUR_MS = 3_600_000
/** 100 years; what should last longer has no expiry. */
const TTL_HOURS_MAX = 876_000
const ALIGNMENT_MAX = 2 ** 52

export const AllocateBody = z.strictObject({
  network_id: id.nullish().meta({ description: 'The network; or name it by cidr, or by an ip inside it.' }),
  cidr: cidr.nullish().meta({ description: 'Of the network, instead of network_id.' }),
  namespace: namespaceName.nullish(),
  count: wholeNumber({ min: 1, max: Number.MAX_SAFE_INTEGER })
    .nullish()
    .transform((count) => count ?? ALLOCATION_DEFAULTS.count)
    .meta({ description: 'How many addresses: one contiguous range. 1 if left out.' }),
  ip: optionalIp.meta({ description: 'This address, or none.' }),
  preferred_ip: optionalIp.meta({ description: 'This address if it is free, else the next.' }),
  alignment: wholeNumber({ min: 1, max: ALIGNMENT_MAX })
    .refine((value) => Number.isInteger(Math.log2(value)), {
      error: (issue) => `must be a power of two, such as 16, not ${show(issue.input)}`,
    })
    .nullish()
    .transform((alignment) => alignment ?? ALLOCATION_DEFAULTS.alignment)
    .meta({ description: 'A power of two: the first address is a multiple of it.' }),
  hostname,
  description,
  tags,
  mac: mac.nullish().transform((value) => value ?? null),
  metadata: metadata.nullish().transform((value) => value ?? {}),
  ttl_hours: ttl({ unitMs: HOUR_MS }),
  ttl_seconds: ttl({ unitMs: 1_000 }),
})

type AllocateInput = z.output<typeof AllocateBody>

/**
 * @param path What stands before the fields in a message: "items[3]." in a batch.
 * @throws {ProblemError}
 */
export function allocationRequest(token: string, body: AllocateInput, path = ''): AllocationRequest {
  const { count, ip, preferred_ip: preferredIp, alignment, hostname, description, tags, mac } = body
  if (ip !== null && preferredIp !== null) throw clash(path, 'preferred_ip', 'ip')
  if (ip !== null && alignment !== 1) throw clash(path, 'alignment', 'ip')
  if (preferredIp !== null && parseAddress(preferredIp).value % BigInt(alignment) !== 0n) {
    const message = `${preferredIp} is no multiple of the alignment ${alignment}; leave one out`
    throw invalidRequest([{ field: `${path}preferred_ip`, message }])
  }
  return {
    token,
    network: networkRef(body, path),
    count,
    ip,
    preferredIp,
    alignment,
    hostname,
    description,
    tags,
    mac,
    metadata: sortedMetadata(Object.entries(body.metadata)),
    ttlMs: ttlMs(body, path) ?? null,
    expiresAt: null,
  }
}

function networkRef({ network_id: networkId, cidr, namespace, ip }: AllocateInput, path: string): NetworkRef {
  if (typeof networkId === 'string') {
    if (typeof cidr === 'string') throw clash(path, 'cidr', 'network_id')
    if (typeof namespace === 'string') throw clash(path, 'namespace', 'network_id')
    return { id: networkId }
  }
  const space = namespace ?? DEFAULT_NAMESPACE
  if (typeof cidr === 'string') return { cidr, namespace: space }
  if (ip !== null) return { namespace: space }
  const message = 'is required: the id of a network; or its cidr, or an ip inside it'
  throw invalidRequest([{ field: `${path}network_id`, message }])
}

function clash(path: string, field: string, other: string) {
  return invalidRequest([{ field: path + field, message: `does not go with ${other}; leave one out` }])
}

/** What is left out stays; null is the same as at the allocation. */
export const UpdateAllocationBody = z.strictObject({
  hostname: hostname.optional(),
  description: descriptionText.nullable().optional(),
  tags: tagList.nullable().optional(),
  mac: mac.nullable().optional(),
  metadata: metadataChanges.optional(),
})

/** @param named The keys that the body has: a default fills in what it has not. */
export function allocationChanges(
  body: z.output<typeof UpdateAllocationBody>,
  named: ReadonlySet<string>,
): AllocationChanges {
  const changes: { -readonly [Key in keyof AllocationChanges]: AllocationChanges[Key] } = {}
  if (named.has('hostname')) changes.hostname = body.hostname ?? null
  if (named.has('description')) changes.description = body.description ?? ''
  if (named.has('tags')) changes.tags = body.tags ?? []
  if (named.has('mac')) changes.mac = body.mac ?? null
  if (body.metadata !== undefined) changes.metadata = body.metadata
  return changes
}

export const RenewBody = z.strictObject({
  ttl_hours: ttl({ unitMs: HOUR_MS }),
  ttl_seconds: ttl({ unitMs: 1_000 }),
})

/** Null: until released. @throws {ProblemError} */
export function renewedTtlMs(body: z.output<typeof RenewBody>): number | null {
  const renewed = ttlMs(body, '')
  if (renewed !== undefined) return renewed
  const message = 'is required, or ttl_seconds; null for no expiry'
  throw invalidRequest([{ field: 'ttl_hours', message }])
}

/** Rounded to milliseconds, so at least half of one. Undefined if it is left out. */
function ttl({ unitMs }: { unitMs: number }) {
  const max = (TTL_HOURS_MAX * HOUR_MS) / unitMs
  const error = (issue: { input?: unknown }) =>
    `must be a number above 0 and up to ${max} (100 years), not ${show(issue.input)}; null for no expiry`
  return z
    .number({ error })
    .max(max, { error })
    .refine((value) => Math.round(value * unitMs) >= 1, { error })
    .nullish()
    .meta({ description: 'How long it lasts; fractions count. Null or left out: until it is ended.' })
}

type Ttl = {
  readonly ttl_hours?: number | null | undefined
  readonly ttl_seconds?: number | null | undefined
}

/** Undefined if neither is given. */
export function ttlMs(
  { ttl_hours: hours, ttl_seconds: seconds }: Ttl,
  path: string,
): number | null | undefined {
  if (typeof hours === 'number' && typeof seconds === 'number') throw clash(path, 'ttl_seconds', 'ttl_hours')
  if (typeof hours === 'number') return Math.round(hours * HOUR_MS)
  if (typeof seconds === 'number') return Math.round(seconds * 1_000)
  return hours === null || seconds === null ? null : undefined
}

export function allocationBody(allocation: Allocation): shapes.Allocation {
  const { id, networkId, ip, endIp, hostname, description, status, tags, mac, metadata } = allocation
  return {
    id,
    network_id: networkId,
    ip,
    end_ip: endIp,
    hostname,
    description,
    status,
    allocated_at: formatTime(allocation.allocatedAt),
    expires_at: allocation.expiresAt === null ? null : formatTime(allocation.expiresAt),
    released_at: allocation.releasedAt === null ? null : formatTime(allocation.releasedAt),
    tags,
    mac,
    metadata,
  }
}
