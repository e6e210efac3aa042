/** Who has an address, and who ever had it. */
import { type Address, addressBits } from '../../ipam/address.ts'
import { prefixOf } from '../../ipam/prefix.ts'
import { addressRangeKey, type Position } from '../key-space.ts'
import type { NetworkState, NetworkTable } from '../network-table.ts'
import { decodeAddressRange } from '../row-codec.ts'
import type { View } from '../view.ts'
import { type Candidates, MemoryCandidates, MergedCandidates } from './candidates.ts'
import { coverCandidates, coveredNamespaces } from './covers.ts'

/** The networks around an address, from the largest to the smallest. */
function chainOf(networks: NetworkTable, namespace: string, address: Address): NetworkState[] {
  const host = prefixOf(address, addressBits(address.family))
  return networks
    .tree(namespace)
    .chainOf(host)
    .map(({ value }) => value)
}

/**
 * Where the active allocation lies that has the address; null if none has.
 *
 * @param chain As `chainOf` gives it.
 */
async function holderOf(view: View, chain: readonly NetworkState[], value: bigint): Promise<Position | null> {
  for (const { position, prefix } of chain.toReversed()) {
    const start = addressRangeKey(position, prefix.family, 0n)
    const end = addressRangeKey(position, prefix.family, value)
    const [row] = await view.take({ gte: start, lt: `${end}\0`, isReverse: true, limit: 1 })
    if (row === undefined) continue
    const range = decodeAddressRange(row[1])
    if (range.last >= value) return range.position
  }
  return null
}

/** Whose holders are asked for: of memory, so it is taken before anything is waited for. */
export interface HolderQuestion {
  readonly address: Address
  /** The networks around it, by namespace. */
  readonly chains: ReadonlyMap<string, readonly NetworkState[]>
  /** In namespaces, too, that had networks and have none any more. */
  readonly isEverywhere: boolean
}

/** @param namespace Null: all. */
export function holderQuestion(
  networks: NetworkTable,
  { address, namespace }: { readonly address: Address; readonly namespace: string | null },
): HolderQuestion {
  const namespaces = namespace === null ? [...networks.trees.keys()] : [namespace]
  const chains = namespaces.map((name) => [name, chainOf(networks, name, address)] as const)
  return { address, chains: new Map(chains), isEverywhere: namespace === null }
}

/** The allocations that have or had an address, in the order in which they were made. */
export async function holderCandidates(
  view: View,
  { address, chains, isEverywhere }: HolderQuestion,
  options: {
    readonly name: string
    /** Only what stands after this place. */
    readonly after: string | null
    readonly isReverse: boolean
  },
): Promise<Candidates> {
  const { name, after, isReverse } = options
  const isAhead = (place: string): boolean => after === null || (isReverse ? place < after : place > after)
  const holders = await Promise.all([...chains.values()].map((chain) => holderOf(view, chain, address.value)))
  const active = holders
    .filter((position) => position !== null)
    .filter(isAhead)
    .map((position) => ({ position, place: position, key: '' }))
    .toSorted((a, b) => (a.place < b.place !== isReverse ? -1 : 1))
  const namespaces = isEverywhere ? await coveredNamespaces(view) : [...chains.keys()]
  const ended = coverCandidates(view, { ...options, address, namespaces })
  return new MergedCandidates(name, [ended, new MemoryCandidates(name, active)], { isReverse })
}
