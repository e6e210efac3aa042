/** Who has an address, and who ever had it. */
import { type Address, addressBits } from '../../ipam/address.ts'
import { prefixOf } from '../../ipam/prefix.ts'
import { CorruptStateError } from '../errors.ts'
import type { Position } from '../key-encoding.ts'
import { addressRangeKey } from '../key-space.ts'
import type { NetworkState, NetworkTable } from '../network-table.ts'
import { decodeAddressRange } from '../row-codec.ts'
import type { View } from '../view.ts'
import { type Candidates, MemoryCandidates, MergedCandidates } from './candidates.ts'
import { coverCandidates, coveredNamespaces } from './covers.ts'
import type { Part } from './part.ts'

/** The networks around an address, from the largest to the smallest. */
function chainOf(networks: NetworkTable, namespace: string, address: Address): NetworkState[] {
  const host = prefixOf(address, addressBits(address.family))
  return networks
    .tree(namespace)
    .chainOf(host)
    .map(({ value }) => value)
}

/** Where the active allocation lies that has an address, of which the network says that some has it. */
async function holderOf(view: View, { position, prefix }: NetworkState, value: bigint): Promise<Position> {
  const start = addressRangeKey(position, prefix.family, 0n)
  const end = addressRangeKey(position, prefix.family, value)
  const [row] = await view.take({ gte: start, lt: `${end}\0`, isReverse: true, limit: 1 })
  const range = row === undefined ? null : decodeAddressRange(row[1])
  if (range === null || range.last < value) throw new CorruptStateError(`nothing says who has what ${end} is`)
  return range.position
}

/** Whose holders are asked for: of memory, so it is taken before anything is waited for. */
export interface HolderQuestion {
  readonly address: Address
  /** The networks around it, by namespace. */
  readonly chains: ReadonlyMap<string, readonly NetworkState[]>
  /** Of those, the ones with an active allocation that has it: at most one in a namespace. */
  readonly owners: readonly NetworkState[]
  /** In namespaces, too, that had networks and have none any more. */
  readonly isEverywhere: boolean
}

/** @param asked.namespace Null: all. @param asked.part Only what lies inside; null: all. */
export function holderQuestion(
  networks: NetworkTable,
  {
    address,
    namespace,
    part = null,
  }: { readonly address: Address; readonly namespace: string | null; readonly part?: Part | null },
): HolderQuestion {
  const namespaces = namespace === null ? [...networks.trees.keys()] : [namespace]
  const all = namespaces.map((name) => [name, chainOf(networks, name, address)] as const)
  const chains = part === null ? all : chainsInside(all, part)
  const one = { first: address.value, last: address.value }
  const owners = chains.flatMap(([, chain]) => chain.filter(({ space }) => space.hasAllocationIn(one)))
  return { address, chains: new Map(chains), owners, isEverywhere: namespace === null && part === null }
}

/** Where none of the networks is inside, nobody inside has or had the address. */
function chainsInside(
  chains: readonly (readonly [string, readonly NetworkState[]])[],
  part: Part,
): (readonly [string, readonly NetworkState[]])[] {
  return chains
    .map(([name, chain]) => [name, chain.filter(({ id }) => part.has(id))] as const)
    .filter(([, chain]) => chain.length > 0)
}

/** The allocations that have or had an address, in the order in which they were made. */
export async function holderCandidates(
  view: View,
  { address, chains, owners, isEverywhere }: HolderQuestion,
  options: {
    readonly name: string
    /** Only what stands after this place. */
    readonly after: string | null
    readonly isReverse: boolean
    /** Not those that had it: there may be any number. */
    readonly isActiveOnly?: boolean
  },
): Promise<Candidates> {
  const { name, after, isReverse, isActiveOnly = false } = options
  const isAhead = (place: string): boolean => after === null || (isReverse ? place < after : place > after)
  const holders = await Promise.all(owners.map((owner) => holderOf(view, owner, address.value)))
  const active = holders
    .filter(isAhead)
    .map((position) => ({ position, place: position, key: '' }))
    .toSorted((a, b) => (a.place < b.place !== isReverse ? -1 : 1))
  const having = new MemoryCandidates(name, active)
  if (isActiveOnly) return having
  const namespaces = isEverywhere ? await coveredNamespaces(view) : [...chains.keys()]
  const ended = coverCandidates(view, { ...options, address, namespaces })
  return new MergedCandidates(name, [ended, having], { isReverse })
}
