/** The fields of commands about networks, in the order in which they lie in a log entry. */
import type { CarveNetworks, CreateNetwork, DeleteNetwork, NetworkChanges, UpdateNetwork } from './command.ts'
import {
  isCount,
  isId,
  isIds,
  isSeenIndex,
  isSpan,
  isText,
  isTextOrNull,
  isTexts,
  wellFormed,
} from './field-values.ts'
import type { FieldsOf } from './fields-of.ts'
import { changesOf, changesToFields, checked, metadataChangesOf, metadataOf, pairsOf } from './pair-fields.ts'
import type { Strategy } from './records.ts'

type NetworkCommand = CreateNetwork | UpdateNetwork | DeleteNetwork | CarveNetworks

const STRATEGIES: readonly Strategy[] = ['lowest', 'next', 'random']

const NETWORK_CHECKS = {
  description: checked(isText),
  tags: checked(isTexts),
  gateway: checked(isTextOrNull),
  reserved: checked(isTexts),
  cooldownMs: checked(isSpan),
  strategy: checked((value): value is Strategy => STRATEGIES.includes(value as Strategy)),
  metadata: metadataChangesOf,
} satisfies Record<keyof NetworkChanges, unknown>

export const NETWORK_FIELDS: FieldsOf<NetworkCommand> = {
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
      if (fields.length !== 2 || !isId(id) || !isSeenIndex(ifChangedIndex)) return null
      return { type: 'deleteNetwork', id, ifChangedIndex }
    },
  },
  updateNetwork: {
    number: 7,
    encode: ({ id, changes, ifChangedIndex }) => [id, changesToFields(changes), ifChangedIndex],
    decode: (fields) => {
      const [id, changed, ifChangedIndex] = fields
      const changes = networkChangesOf(changed)
      if (fields.length !== 3 || !isId(id) || changes === null || !isSeenIndex(ifChangedIndex)) return null
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
}

type NetworkFields = Omit<CreateNetwork, 'type'>

export function encodeNetwork(network: NetworkFields): unknown[] {
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

export function decodeNetwork(fields: readonly unknown[]): NetworkFields | null {
  const [id, cidr, namespace, description, tags, gateway, reserved, cooldownMs, place, pairs] = fields
  const strategy = STRATEGIES[place as number]
  const metadata = metadataOf(pairs)
  if (fields.length !== 10 || !isId(id) || !isText(cidr) || !isId(namespace) || !isText(description))
    return null
  if (!isTexts(tags) || !isTextOrNull(gateway) || !isTexts(reserved) || !isSpan(cooldownMs)) return null
  if (strategy === undefined || metadata === null) return null
  return { id, cidr, namespace, description, tags, gateway, reserved, cooldownMs, strategy, metadata }
}

function networkChangesOf(value: unknown): NetworkChanges | null {
  return changesOf(value, NETWORK_CHECKS) as NetworkChanges | null
}
