/** The fields of commands about allocations, in the order in which they lie in a log entry. */
import { isToken } from './allocation-id.ts'
import type {
  AllocateAddresses,
  AllocateBatch,
  AllocationChanges,
  AllocationRequest,
  ExpireAllocations,
  NetworkRef,
  ReleaseAllocation,
  RenewAllocation,
  UpdateAllocation,
} from './command.ts'
import {
  allOf,
  isCount,
  isCountOrNull,
  isDurationOrNull,
  isId,
  isSeenIndex,
  isText,
  isTextOrNull,
  isTexts,
  wellFormed,
} from './field-values.ts'
import type { FieldsOf } from './fields-of.ts'
import { changesOf, changesToFields, checked, metadataChangesOf, metadataOf, pairsOf } from './pair-fields.ts'

type AllocationCommand =
  | AllocateAddresses
  | AllocateBatch
  | UpdateAllocation
  | RenewAllocation
  | ReleaseAllocation
  | ExpireAllocations

const ALLOCATION_CHECKS = {
  hostname: checked(isTextOrNull),
  description: checked(isText),
  tags: checked(isTexts),
  mac: checked(isTextOrNull),
  metadata: metadataChangesOf,
} satisfies Record<keyof AllocationChanges, unknown>

export const ALLOCATION_FIELDS: FieldsOf<AllocationCommand> = {
  allocateAddresses: {
    number: 3,
    encode: encodeRequest,
    decode: (fields) => {
      const request = decodeRequest(fields)
      return request && { type: 'allocateAddresses', ...request }
    },
  },
  releaseAllocation: {
    number: 4,
    encode: ({ id, ifChangedIndex }) => [id, ifChangedIndex],
    decode: (fields) => {
      const [id, ifChangedIndex] = fields
      if (fields.length !== 2 || !isId(id) || !isSeenIndex(ifChangedIndex)) return null
      return { type: 'releaseAllocation', id, ifChangedIndex }
    },
  },
  expireAllocations: {
    number: 5,
    encode: ({ limit }) => [limit],
    decode: (fields) => {
      const [limit] = fields
      return fields.length === 1 && isCount(limit) ? { type: 'expireAllocations', limit } : null
    },
  },
  allocateBatch: {
    number: 9,
    encode: ({ items }) => items.map(encodeRequest),
    decode: (fields) => {
      const items = allOf(fields, decodeRequest)
      return items === null || items.length === 0 ? null : { type: 'allocateBatch', items }
    },
  },
  updateAllocation: {
    number: 10,
    encode: ({ id, changes, ifChangedIndex }) => [id, changesToFields(changes), ifChangedIndex],
    decode: (fields) => {
      const [id, changed, ifChangedIndex] = fields
      const changes = allocationChangesOf(changed)
      if (fields.length !== 3 || !isId(id) || changes === null || !isSeenIndex(ifChangedIndex)) return null
      return { type: 'updateAllocation', id, changes, ifChangedIndex }
    },
  },
  renewAllocation: {
    number: 11,
    encode: ({ id, ttlMs, ifChangedIndex }) => [id, ttlMs, ifChangedIndex],
    decode: (fields) => {
      const [id, ttlMs, ifChangedIndex] = fields
      if (fields.length !== 3 || !isId(id) || !isDurationOrNull(ttlMs) || !isSeenIndex(ifChangedIndex)) {
        return null
      }
      return { type: 'renewAllocation', id, ttlMs, ifChangedIndex }
    },
  },
}

export function encodeRequest(request: AllocationRequest): unknown[] {
  const { token, network, count, ip, preferredIp, alignment, hostname, description, tags, mac } = request
  return [
    token,
    refFields(network),
    count,
    ip,
    preferredIp,
    alignment,
    hostname && wellFormed(hostname),
    wellFormed(description),
    tags.map(wellFormed),
    mac,
    pairsOf(request.metadata),
    request.ttlMs,
    request.expiresAt,
  ]
}

export function decodeRequest(value: unknown): AllocationRequest | null {
  if (!Array.isArray(value) || value.length !== 13) return null
  // Without a rest: the array of it would be made for three fields, with every entry.
  const [
    token,
    ref,
    count,
    ip,
    preferredIp,
    alignment,
    hostname,
    description,
    tags,
    mac,
    pairs,
    ttlMs,
    expiresAt,
  ] = value as unknown[]
  const network = refOf(ref)
  const metadata = metadataOf(pairs)
  if (
    !isToken(token) ||
    network === null ||
    !isCount(count) ||
    !isTextOrNull(ip) ||
    !isTextOrNull(preferredIp)
  )
    return null
  if (
    !isCount(alignment) ||
    !Number.isInteger(Math.log2(alignment)) ||
    !isTextOrNull(hostname) ||
    !isText(description) ||
    !isTexts(tags)
  )
    return null
  if (!isTextOrNull(mac) || metadata === null || !isDurationOrNull(ttlMs) || !isCountOrNull(expiresAt))
    return null
  return {
    token,
    network,
    count,
    ip,
    preferredIp,
    alignment,
    hostname,
    description,
    tags,
    mac,
    metadata,
    ttlMs,
    expiresAt,
  }
}

function refFields(ref: NetworkRef): unknown[] {
  if ('id' in ref) return [ref.id]
  return 'cidr' in ref ? [ref.namespace, ref.cidr] : [ref.namespace, null]
}

function refOf(value: unknown): NetworkRef | null {
  if (!Array.isArray(value)) return null
  const [name, cidr] = value as unknown[]
  if (!isId(name)) return null
  if (value.length === 1) return { id: name }
  if (value.length !== 2) return null
  if (cidr === null) return { namespace: name }
  return isText(cidr) ? { cidr, namespace: name } : null
}

function allocationChangesOf(value: unknown): AllocationChanges | null {
  return changesOf(value, ALLOCATION_CHECKS) as AllocationChanges | null
}
