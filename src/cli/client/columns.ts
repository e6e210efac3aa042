/** How the records of the API are shown to people. */
import type { AllocationBody, AuditBody, NetworkBody } from './bodies.ts'
import { type Color, type Column, column } from './table.ts'

/** An empty cell would let the next column be taken for it. */
const NONE = '-'

export const NETWORK_COLUMNS: readonly Column<NetworkBody>[] = [
  column('CIDR', ({ cidr }) => cidr),
  column('NAMESPACE', ({ namespace }) => namespace),
  column('ID', ({ id }) => id),
  column('TAGS', ({ tags }) => formatTags(tags)),
  column('DESCRIPTION', ({ description }) => description),
]

export const ALLOCATION_COLUMNS: readonly Column<AllocationBody>[] = [
  column('ADDRESS', formatAddresses),
  column('HOSTNAME', ({ hostname }) => hostname ?? NONE),
  column('STATUS', ({ status }) => status, { color: statusColor }),
  column('EXPIRES', ({ expires_at }) => expires_at ?? 'never'),
  column('ID', ({ id }) => id),
  column('NETWORK', ({ network_id }) => network_id),
  column('TAGS', ({ tags }) => formatTags(tags)),
  column('DESCRIPTION', ({ description }) => description),
]

export const HISTORY_COLUMNS: readonly Column<AllocationBody>[] = [
  column('FROM', ({ allocated_at }) => allocated_at),
  column('TO', ({ released_at, status }) => released_at ?? (status === 'allocated' ? 'now' : NONE)),
  column('STATUS', ({ status }) => status, { color: statusColor }),
  column('HOSTNAME', ({ hostname }) => hostname ?? NONE),
  column('ID', ({ id }) => id),
]

export const AUDIT_COLUMNS: readonly Column<AuditBody>[] = [
  column('TIME', ({ timestamp }) => timestamp),
  column('ACTION', ({ action }) => action),
  column('RESOURCE', ({ resource }) => resource),
  column('USER', ({ user }) => user),
  column('DETAILS', ({ details }) => details),
]

function statusColor(status: string): Color | null {
  return status === 'allocated' ? 'green' : 'dim'
}

/** "10.0.0.5", or a range. */
function formatAddresses({ ip, end_ip: last }: AllocationBody): string {
  return last === null ? ip : `${ip}-${last}`
}

type Fields = readonly (readonly [name: string, text: string])[]

/** @param etag As the header has it; null where it came without. */
export function networkFields(network: NetworkBody, etag: string | null = null): Fields {
  return [
    ['cidr', network.cidr],
    ['id', network.id],
    ['namespace', network.namespace],
    ['parent', network.parent_id ?? NONE],
    ['description', network.description || NONE],
    ['tags', formatTags(network.tags)],
    ['gateway', network.gateway ?? NONE],
    ['reserved', network.reserved.join(', ') || NONE],
    ['cooldown', `${network.cooldown_seconds} s`],
    ['strategy', network.strategy],
    ['metadata', formatMetadata(network.metadata)],
    ['created', network.created_at],
    ['updated', network.updated_at],
    ...etagField(etag),
  ]
}

/** @param etag As the header has it; null where it came without. */
export function allocationFields(allocation: AllocationBody, etag: string | null = null): Fields {
  return [
    ['address', formatAddresses(allocation)],
    ['id', allocation.id],
    ['network', allocation.network_id],
    ['status', allocation.status],
    ['hostname', allocation.hostname ?? NONE],
    ['description', allocation.description || NONE],
    ['tags', formatTags(allocation.tags)],
    ['mac', allocation.mac ?? NONE],
    ['metadata', formatMetadata(allocation.metadata)],
    ['allocated', allocation.allocated_at],
    ['expires', allocation.expires_at ?? 'never'],
    ...(allocation.released_at === null ? [] : [['released', allocation.released_at] as const]),
    ...etagField(etag),
  ]
}

function etagField(etag: string | null): Fields {
  return etag === null ? [] : [['etag', etag.replaceAll('"', '')]]
}

function formatTags(tags: readonly string[]): string {
  return tags.join(',') || NONE
}

function formatMetadata(metadata: Readonly<Record<string, string>>): string {
  return (
    Object.entries(metadata)
      .map(([key, value]) => `${key}=${value}`)
      .join(', ') || NONE
  )
}
