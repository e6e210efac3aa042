/** The fields of each command, in the order in which they lie in a log entry. A change of any is a new schema version. */
import { ACCESS_FIELDS, scopeOf } from './access-fields.ts'
import { ALLOCATION_FIELDS, decodeRequest, encodeRequest } from './allocation-fields.ts'
import { CLUSTER_FIELDS } from './cluster-fields.ts'
import type { Command, ImportItem, ScopedCommand, WithinScope } from './command.ts'
import { allOf, isCount, wellFormed } from './field-values.ts'
import type { CommandFields, FieldsOf } from './fields-of.ts'
import { decodeNetwork, encodeNetwork, NETWORK_FIELDS } from './network-fields.ts'

export const COMMAND_FIELDS: FieldsOf<Command> = {
  ...NETWORK_FIELDS,
  ...ALLOCATION_FIELDS,
  ...ACCESS_FIELDS,
  ...CLUSTER_FIELDS,
  openSession: {
    number: 6,
    encode: () => [],
    decode: (fields) => (fields.length === 0 ? { type: 'openSession' } : null),
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
