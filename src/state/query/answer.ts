/** Which part of the state answers which question. */
import { unreachable } from '../../../raft/assert.ts'
import { tryCommand } from '../../ipam/apply.ts'
import { SYSTEM_USER } from '../../ipam/audit.ts'
import type { ImportReport } from '../../ipam/command.ts'
import type { Query, QueryResults } from '../../ipam/query.ts'
import type { PlacedNetwork } from '../../ipam/records.ts'
import { ORPHANS_KEY } from '../key-space.ts'
import type { NetworkState } from '../network-table.ts'
import type { Overlay } from '../overlay.ts'
import { decodeNumber } from '../row-codec.ts'
import type { RowStore, StateMemory } from '../row-store.ts'
import type { StateDatabase } from '../storage.ts'
import type { View } from '../view.ts'
import { lookUpAddress } from './address.ts'
import { listAllocations } from './list-allocations.ts'
import { listAudit } from './list-audit.ts'
import { listNetworks } from './list-networks.ts'
import { availableAddresses, availableNetworks, networkStats } from './stats.ts'
import { answerWithinScope } from './within-scope.ts'

/** The state as it is now. */
export interface Asked {
  readonly memory: StateMemory
  readonly store: RowStore
  readonly overlay: Overlay
  readonly database: StateDatabase
  /** Calls `ask` at once with a view of now, and closes the view when it is done. */
  read<T>(ask: (view: View) => Promise<T>): Promise<T>
}

type Answer = QueryResults[Query['type']]

/** Looks at memory, and takes its view, before it returns. */
export function answer(query: Query, asked: Asked): Promise<Answer> | Answer {
  const { memory, store } = asked
  const { networks } = memory
  switch (query.type) {
    case 'network':
      return placedNetwork(asked, query.id)
    case 'allocation':
      return store.allocation(query.id)
    case 'networks':
      return asked.read((view) => listNetworks(view, networks, query))
    case 'allocations': {
      const orphans = orphansOf(asked)
      return asked.read((view) => listAllocations(view, { ...memory, orphans }, query))
    }
    case 'audit':
      return asked.read((view) => listAudit(view, networks, query))
    case 'address':
      return asked.read((view) => lookUpAddress(view, networks, query.question))
    case 'networkStats':
      return ofNetwork(asked, query.id, networkStats)
    case 'availableAddresses':
      return ofNetwork(asked, query.id, (network) => availableAddresses(network, query.count))
    case 'availableNetworks':
      return ofNetwork(asked, query.id, (network) => availableNetworks(network, query))
    case 'users':
      return [...memory.access.users.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
    case 'user':
      return memory.access.user(query.name)
    case 'keys':
      return [...memory.access.keys.values()].toSorted((a, b) => a.changedIndex - b.changedIndex)
    case 'key':
      return memory.access.key(query.id)
    case 'withinScope':
      return answerWithinScope(query, asked, (inner) => answer(inner, asked))
    case 'tryImport':
      return tryImport(asked, query)
    default:
      return unreachable(query)
  }
}

function placedNetwork({ memory, store }: Asked, id: string): PlacedNetwork | null {
  const network = memory.networks.get(id)
  const record = store.networkRecord(id)
  if (network === null || record === null) return null
  return { ...record, parentId: memory.networks.parentOf(network.namespace, network.prefix)?.id ?? null }
}

function ofNetwork<T>({ memory }: Asked, id: string, ask: (network: NetworkState) => T): T | null {
  const network = memory.networks.get(id)
  return network === null ? null : ask(network)
}

function orphansOf({ overlay, database }: Asked): number {
  const row = overlay.get(ORPHANS_KEY) ?? database.getSync(ORPHANS_KEY)
  return row === undefined || row === null ? 0 : decodeNumber(row)
}

/** Carried out on the state as it is, and taken back, all in one turn. */
function tryImport(
  { store, overlay }: Asked,
  { command, scope }: Extract<Query, { type: 'tryImport' }>,
): QueryResults['tryImport'] {
  const { index, time } = overlay.point
  store.beginEntry(index + 1)
  const context = { user: SYSTEM_USER, requestId: null }
  const tried = scope === null ? command : ({ type: 'withinScope', scope, command } as const)
  const outcome = tryCommand(tried, { store, context, at: { index: index + 1, time } })
  store.endEntry()
  return outcome.ok ? { ok: true, value: outcome.value as ImportReport } : outcome
}
