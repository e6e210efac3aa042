/** The fields of each command, in the order in which they lie in a log entry. A change of any is a new schema version. */
import { ACCESS_FIELDS, scopeOf } from './access-fields.ts'
import { isToken } from './allocation-id.ts'
import { CLUSTER_FIELDS } from './cluster-fields.ts'
import type {
  AllocationChanges,
  AllocationRequest,
  Command,
  CreateNetwork,
  ImportItem,
  NetworkChanges,
  NetworkRef,
  ScopedCommand,
  WithinScope,
} from './command.ts'
import {
  allOf,
  isCount,
  isCountOrNull,
  isDurationOrNull,
  isId,
  isIds,
  isSpan,
  isText,
  isTextOrNull,
  isTexts,
  wellFormed,
} from './field-values.ts'
import type { Metadata, Strategy } from './records.ts'

const STRATEGIES: readonly Strategy[] = ['lowest', 'next', 'random']

interface CommandFields<C extends Command> {
  /** On the wire and on disk: never used again for another command. */
  readonly number: number
  encode(command: C): unknown[]
  /** Null for what does not fit. */
  decode(fields: readonly unknown[]): C | null
}

type FieldsOf = { readonly [Type in Command['type']]: CommandFields<Extract<Command, { type: Type }>> }

export const COMMAND_FIELDS: FieldsOf = {
  createNetwork: {
    number: 1,
    encode: encodeNetwork,
    decode: (fields) => {
      const network = decodeNetwork(fields)
      return network && { type: 'createNetwork', ...network }
    },
  },
  deleteNetwork: {
    number: 2,
    encode: ({ id, ifChangedIndex }) => [id, ifChangedIndex],
    decode: (fields) => {
      const [id, ifChangedIndex] = fields
      if (fields.length !== 2 || !isId(id) || !isCountOrNull(ifChangedIndex)) return null
      return { type: 'deleteNetwork', id, ifChangedIndex }
    },
  },
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
      if (fields.length !== 2 || !isId(id) || !isCountOrNull(ifChangedIndex)) return null
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
  openSession: {
    number: 6,
    encode: () => [],
    decode: (fields) => (fields.length === 0 ? { type: 'openSession' } : null),
  },
  updateNetwork: {
    number: 7,
    encode: ({ id, changes, ifChangedIndex }) => [id, changesToFields(changes), ifChangedIndex],
    decode: (fields) => {
      const [id, changed, ifChangedIndex] = fields
      const changes = networkChangesOf(changed)
      if (fields.length !== 3 || !isId(id) || changes === null || !isCountOrNull(ifChangedIndex)) return null
      return { type: 'updateNetwork', id, changes, ifChangedIndex }
    },
  },
  carveNetworks: {
    number: 8,
    encode: ({ parentId, ids, prefixLength, description, tags, metadata }) => {
      const texts = [wellFormed(description), tags.map(wellFormed), pairsOf(metadata)]
      return [parentId, ids, prefixLength, ...texts]
    },
    decode: (fields) => {
      const [parentId, ids, prefixLength, description, tags, pairs] = fields
      const metadata = metadataOf(pairs)
      if (fields.length !== 6 || !isId(parentId) || !isIds(ids) || !isCount(prefixLength)) return null
      if (!isText(description) || !isTexts(tags) || metadata === null) return null
      return { type: 'carveNetworks', parentId, ids, prefixLength, description, tags, metadata }
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
      if (fields.length !== 3 || !isId(id) || changes === null || !isCountOrNull(ifChangedIndex)) return null
      return { type: 'updateAllocation', id, changes, ifChangedIndex }
    },
  },
  renewAllocation: {
    number: 11,
    encode: ({ id, ttlMs, ifChangedIndex }) => [id, ttlMs, ifChangedIndex],
    decode: (fields) => {
      const [id, ttlMs, ifChangedIndex] = fields
      if (fields.length !== 3 || !isId(id) || !isDurationOrNull(ttlMs) || !isCountOrNull(ifChangedIndex)) {
        return null
      }
      return { type: 'renewAllocation', id, ttlMs, ifChangedIndex }
    },
  },
  pruneAudit: {
    number: 12,
    encode: ({ before, limit }) => [before, limit],
    decode: (fields) => {
      const [before, limit] = fields
      return fields.length === 2 && isCount(before) && isCount(limit)
        ? { type: 'pruneAudit', before, limit }
        : null
    },
  },
  importItems: {
    number: 13,
    encode: ({ items, isAtomic, skipsExisting }) => [isAtomic, skipsExisting, ...items.map(encodeItem)],
    decode: ([isAtomic, skipsExisting, ...rows]) => {
      const items = allOf(rows, decodeItem)
      if (items === null || typeof isAtomic !== 'boolean' || typeof skipsExisting !== 'boolean') return null
      return { type: 'importItems', items, isAtomic, skipsExisting }
    },
  },
  ...ACCESS_FIELDS,
  ...CLUSTER_FIELDS,
  withinScope: {
    number: 20,
    encode: ({ scope, command }) => {
      const { number, encode } = COMMAND_FIELDS[command.type]
      return [[scope.networks, scope.tags.map(wellFormed)], number, encode(command as never)]
    },
    decode: decodeWithinScope,
  },
}

const BY_NUMBER = new Map<unknown, CommandFields<Command>>(
  Object.values(COMMAND_FIELDS).map((fields) => [fields.number, fields as CommandFields<Command>]),
)

/** Undefined for a number that means nothing to this version. */
export function commandNumbered(number: unknown): CommandFields<Command> | undefined {
  return BY_NUMBER.get(number)
}

// Scopes.

const SCOPED: Record<ScopedCommand['type'], true> = {
  createNetwork: true,
  updateNetwork: true,
  deleteNetwork: true,
  carveNetworks: true,
  allocateAddresses: true,
  allocateBatch: true,
  updateAllocation: true,
  renewAllocation: true,
  releaseAllocation: true,
  importItems: true,
}

function decodeWithinScope(fields: readonly unknown[]): WithinScope | null {
  const [scopeFields, number, inner] = fields
  const scope = scopeOf(scopeFields)
  if (fields.length !== 3 || scope === undefined || !Array.isArray(inner)) return null
  const command = commandNumbered(number)?.decode(inner) ?? null
  if (command === null || !Object.hasOwn(SCOPED, command.type)) return null
  return { type: 'withinScope', scope, command: command as ScopedCommand }
}

// Networks.

type NetworkFields = Omit<CreateNetwork, 'type'>

function encodeNetwork(network: NetworkFields): unknown[] {
  const { id, cidr, namespace, description, tags, gateway, reserved, cooldownMs, strategy, metadata } =
    network
  return [
    id,
    cidr,
    namespace,
    wellFormed(description),
    tags.map(wellFormed),
    gateway,
    reserved,
    cooldownMs,
    STRATEGIES.indexOf(strategy),
    pairsOf(metadata),
  ]
}

function decodeNetwork(fields: readonly unknown[]): NetworkFields | null {
  const [id, cidr, namespace, description, tags, gateway, reserved, cooldownMs, place, pairs] = fields
  const strategy = STRATEGIES[place as number]
  const metadata = metadataOf(pairs)
  if (fields.length !== 10 || !isId(id) || !isText(cidr) || !isId(namespace) || !isText(description))
    return null
  if (!isTexts(tags) || !isTextOrNull(gateway) || !isTexts(reserved) || !isSpan(cooldownMs)) return null
  if (strategy === undefined || metadata === null) return null
  return { id, cidr, namespace, description, tags, gateway, reserved, cooldownMs, strategy, metadata }
}

// Allocations.

function encodeRequest(request: AllocationRequest): unknown[] {
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

function decodeRequest(value: unknown): AllocationRequest | null {
  if (!Array.isArray(value) || value.length !== 13) return null
  const [token, ref, count, ip, preferredIp, alignment, hostname, description, tags, mac, ...rest] =
    value as unknown[]
  const [pairs, ttlMs, expiresAt] = rest
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

// Imports.

function encodeItem(item: ImportItem): unknown[] {
  return item.kind === 'network' ? [0, encodeNetwork(item)] : [1, encodeRequest(item)]
}

function decodeItem(value: unknown): ImportItem | null {
  if (!Array.isArray(value) || value.length !== 2) return null
  const [kind, fields] = value as unknown[]
  if (kind === 0 && Array.isArray(fields)) {
    const network = decodeNetwork(fields)
    return network && { kind: 'network', ...network }
  }
  const request = kind === 1 ? decodeRequest(fields) : null
  return request && { kind: 'allocation', ...request }
}

// Changes: pairs of a field's name and its new value, in any order.

function changesToFields(changes: NetworkChanges | AllocationChanges): unknown[] {
  return Object.entries(changes).map(([name, value]) => [name, encodeChange(value)])
}

function encodeChange(value: unknown): unknown {
  if (typeof value === 'string') return wellFormed(value)
  if (Array.isArray(value)) return value.map((text: string) => wellFormed(text))
  if (typeof value !== 'object' || value === null) return value
  return pairsOf(value as Record<string, string | null>)
}

type Checks = Readonly<Record<string, (value: unknown) => unknown>>

/** Each returns the value, or undefined if it is none. */
const NETWORK_CHECKS = {
  description: checked(isText),
  tags: checked(isTexts),
  gateway: checked(isTextOrNull),
  reserved: checked(isTexts),
  cooldownMs: checked(isSpan),
  strategy: checked((value): value is Strategy => STRATEGIES.includes(value as Strategy)),
  metadata: metadataChangesOf,
} satisfies Record<keyof NetworkChanges, unknown>

const ALLOCATION_CHECKS = {
  hostname: checked(isTextOrNull),
  description: checked(isText),
  tags: checked(isTexts),
  mac: checked(isTextOrNull),
  metadata: metadataChangesOf,
} satisfies Record<keyof AllocationChanges, unknown>

function networkChangesOf(value: unknown): NetworkChanges | null {
  return changesOf(value, NETWORK_CHECKS) as NetworkChanges | null
}

function allocationChangesOf(value: unknown): AllocationChanges | null {
  return changesOf(value, ALLOCATION_CHECKS) as AllocationChanges | null
}

function changesOf(value: unknown, checks: Checks): object | null {
  const entries = allOf(value, (pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) return null
    const [name, field] = pair as unknown[]
    const check = typeof name === 'string' && Object.hasOwn(checks, name) ? checks[name] : undefined
    const checkedValue = check?.(field)
    return checkedValue === undefined ? null : ([name as string, checkedValue] as const)
  })
  return entries && Object.fromEntries(entries)
}

function checked<T>(is: (value: unknown) => value is T): (value: unknown) => T | undefined {
  return (value) => (is(value) ? value : undefined)
}

function metadataChangesOf(value: unknown): Record<string, string | null> | undefined {
  const pairs = allOf(value, (pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) return null
    const [key, text] = pair as unknown[]
    return isText(key) && isTextOrNull(text) ? ([key, text] as const) : null
  })
  return pairs === null ? undefined : recordOfPairs(pairs)
}

function pairsOf(metadata: Readonly<Record<string, string | null>>): unknown[] {
  return Object.entries(metadata).map(([key, text]) => [wellFormed(key), text && wellFormed(text)])
}

function metadataOf(value: unknown): Metadata | null {
  const changes = metadataChangesOf(value)
  if (changes === undefined || Object.values(changes).includes(null)) return null
  return changes as Metadata
}

/** Not by assignment: `__proto__` is a key like any other. */
function recordOfPairs<T>(pairs: readonly (readonly [string, T])[]): Record<string, T> {
  return Object.fromEntries(pairs)
}
