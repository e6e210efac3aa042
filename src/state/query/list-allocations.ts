import { parseAddress } from '../../ipam/address.ts'
import type { AllocationFilter, Page, PageRequest } from '../../ipam/query.ts'
import type { Allocation } from '../../ipam/records.ts'
import { ALLOCATIONS, allocationKey } from '../key-space.ts'
import type { NetworkState, NetworkTable, NetworkTree } from '../network-table.ts'
import { decodeAllocation, decodeNumberedAllocation } from '../record-codec.ts'
import type { View } from '../view.ts'
import { firstTerm, type Search, type SearchMemory, searchedWord, searchFor } from './allocation-searches.ts'
import {
  candidatesByNetwork,
  isActiveOnly,
  isEveryStatus,
  isOfAll,
  type Owners,
  rowsOfAll,
} from './by-network.ts'
import { type Candidate, type Candidates, IndexCandidates } from './candidates.ts'
import { holderCandidates, holderQuestion } from './holders.ts'
import {
  LOOKED_THROUGH_LATE_MAX,
  LOOKED_THROUGH_MAX,
  LookedThrough,
  LookedThroughLate,
} from './looked-through.ts'
import { hasPart, matchesAllocation } from './matches.ts'
import { decodeCursor, takePage } from './page.ts'
import type { Part } from './part.ts'

/** What lists need of memory. */
export interface AllocationMemory extends SearchMemory {
  readonly networks: NetworkTable
  /** Allocations of deleted networks. */
  readonly orphans: number
}

const NOTHING: Page<Allocation> = { rows: [], nextCursor: null, total: 0 }

/** Takes what it needs of memory before it returns a promise. @param part Only what lies inside; null: all. */
export function listAllocations(
  view: View,
  memory: AllocationMemory,
  { filter, page }: { readonly filter: AllocationFilter; readonly page: PageRequest },
  part: Part | null = null,
): Promise<Page<Allocation>> {
  const { networks } = memory
  const { networkId, namespace } = filter
  const network = networkId === null ? null : networks.get(networkId)
  if (networkId !== null && network === null) return Promise.resolve(NOTHING)
  if (network !== null && namespace !== null && network.namespace !== namespace)
    return Promise.resolve(NOTHING)
  if (network !== null && part?.has(network.id) === false) return Promise.resolve(NOTHING)
  const owners = { network, isOwn: network === null ? ownBy(namespace, part) : null }
  const tree = network !== null || namespace === null ? null : networks.tree(namespace)
  const word = searchedWord(filter)
  const listing = {
    total: totalOf(memory, { owners, filter }),
    keyOf: ({ position }: Candidate) => allocationKey(position),
    decode: decodeAllocation,
    accepts: (allocation: Allocation, { key }: Candidate): boolean => {
      const isThere = tree === null || isIn(tree, allocation)
      const isInside = part === null || part.has(allocation.networkId)
      return isThere && isInside && matchesAllocation(allocation, filter) && standsFor(allocation, key, word)
    },
  }
  const choosing = candidatesFor(view, memory, { owners, filter, page, part })
  return (async () => takePage(view, { ...listing, candidates: await choosing }, page))()
}

/** Null: there is no need to ask. */
function ownBy(namespace: string | null, part: Part | null): Owners['isOwn'] {
  if (namespace === null && part === null) return null
  return (network: NetworkState): boolean => {
    if (namespace !== null && network.namespace !== namespace) return false
    return part === null || part.has(network.id)
  }
}

interface Choice {
  readonly part: Part | null
  readonly owners: Owners
  readonly filter: AllocationFilter
  readonly page: PageRequest
}

/** The filter that leaves the fewest is asked for by its index; the others are checked on each record. */
function candidatesFor(
  view: View,
  memory: AllocationMemory,
  { part, owners, filter, page: { cursor } }: Choice,
): Candidates | Promise<Candidates> {
  const { networks } = memory
  const { ip, statuses, namespace } = filter
  if (ip !== null) {
    const name = `allocations ip ${ip} ${namespace ?? ''}`
    const after = decodeCursor(cursor, name)
    const own = owners.network?.namespace ?? namespace
    const question = holderQuestion(networks, { address: parseAddress(ip), namespace: own, part })
    return holderCandidates(view, question, {
      name,
      after,
      isReverse: false,
      isActiveOnly: isActiveOnly(statuses),
    })
  }
  const search = searchFor(view, memory, { filter, cursor })
  if (search !== null) return searched(view, networks, { search, owners, filter, cursor })
  if (isOfAll(owners) && isEveryStatus(statuses)) {
    const name = 'allocations a'
    const after = decodeCursor(cursor, name)
    return new IndexCandidates(view, { name, ranges: [ALLOCATIONS], placeOffset: 1, after })
  }
  return candidatesByNetwork(view, networks, { owners, statuses, cursor })
}

/** By its index, unless those who are asked for have so little that each of it can be looked at, or that it is worth it. */
function searched(
  view: View,
  networks: NetworkTable,
  {
    search,
    owners,
    filter,
    cursor,
  }: Pick<Choice, 'owners' | 'filter'> & {
    readonly search: Search
    readonly cursor: PageRequest['cursor']
  },
): Candidates {
  const rows = isOfAll(owners) ? Number.POSITIVE_INFINITY : rowsOfAll(networks, owners, filter.statuses)
  if (rows > LOOKED_THROUGH_LATE_MAX) return search.open()
  // First: nothing is open where the cursor is refused.
  const after = decodeCursor(cursor, search.name)
  const all = candidatesByNetwork(view, networks, { owners, statuses: filter.statuses, cursor: null })
  const through = new LookedThrough(view, all, {
    name: search.name,
    keyOf: allocationKey,
    placeOf: (row, position) => {
      const { allocation, ordinal } = decodeNumberedAllocation(row)
      return matchesAllocation(allocation, filter) ? search.placeOf({ allocation, ordinal, position }) : null
    },
    after,
  })
  return rows > LOOKED_THROUGH_MAX ? new LookedThroughLate(search.open(), through, rows) : through
}

/** A record that is found in several ways is listed where it is found first: by its host name, or else by its first word. */
function standsFor(allocation: Allocation, key: string, word: string | null): boolean {
  if (word === null) return true
  if (key === '') return hasPart(allocation, word)
  return !hasPart(allocation, word) && key.startsWith(`${firstTerm(allocation, word)} `, 2)
}

/** Whether its network is one of these. */
function isIn(tree: NetworkTree, { ip, networkId }: Allocation): boolean {
  return tree.chainOfAddress(parseAddress(ip)).some(({ value }) => value.id === networkId)
}

/** Known without counting, where memory counts. */
function totalOf(
  { networks, orphans }: AllocationMemory,
  { owners, filter }: { readonly owners: Owners; readonly filter: AllocationFilter },
): number | null {
  const { ip, hostname, mac, tag, expiresBefore, q, statuses } = filter
  if ([ip, hostname, mac, tag, expiresBefore, q].some((value) => value !== null)) return null
  const isAll = isEveryStatus(statuses)
  if (!isAll && !isActiveOnly(statuses)) return null
  return rowsOfAll(networks, owners, statuses) + (isAll && isOfAll(owners) ? orphans : 0)
}
