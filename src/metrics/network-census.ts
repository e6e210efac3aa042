/** Counts the networks of this node's state: all of them for the totals, the fullest ones one by one. */
import { formatPrefix } from '../ipam/prefix.ts'
import type { NetworkState, NetworkTree } from '../state/network-table.ts'
import { First } from './first.ts'

/** Networks looked at before others have their turn: at some microseconds each. */
const SLICE_NETWORKS = 200

export interface NetworkCount {
  readonly id: string
  readonly cidr: string
  readonly namespace: string
  readonly allocations: number
  /** Of usable addresses; those of an IPv6 network may be more than a number holds exactly. */
  readonly usable: number
  readonly allocated: number
  readonly available: number
  /** Allocated, or a child network's, of the usable ones: 0 to 1. */
  readonly utilization: number
}

export interface Census {
  readonly allocations: number
  readonly allocated: { readonly ipv4: number; readonly ipv6: number }
  /** At most as many as were asked for. */
  readonly fullest: readonly NetworkCount[]
}

interface Candidate {
  readonly network: NetworkState
  readonly utilization: number
  readonly allocated: number
}

/** @param breathe Lets others have their turn. */
export async function takeCensus(
  trees: ReadonlyMap<string, NetworkTree>,
  { fullestMax, breathe }: { fullestMax: number; breathe: () => Promise<void> },
): Promise<Census> {
  const fullest = new First<Candidate>(fullestMax, fullestFirst)
  const allocated = { ipv4: 0, ipv6: 0 }
  let allocations = 0
  let looked = 0
  for (const tree of trees.values()) {
    for (const { value: network } of tree.entries()) {
      const candidate = candidateOf(network)
      allocations += network.activeAllocations
      allocated[network.prefix.family === 4 ? 'ipv4' : 'ipv6'] += candidate.allocated
      fullest.add(candidate)
      looked += 1
      if (looked % SLICE_NETWORKS === 0) await breathe()
    }
  }
  return { allocations, allocated, fullest: fullest.take().map(({ network }) => countOf(network)) }
}

/** Of two that are as full as each other, the one with more in it. */
function fullestFirst(a: Candidate, b: Candidate): number {
  if (a.utilization !== b.utilization) return b.utilization - a.utilization
  if (a.allocated !== b.allocated) return b.allocated - a.allocated
  return a.network.id < b.network.id ? -1 : 1
}

function candidateOf(network: NetworkState): Candidate {
  const { space } = network
  const allocated = Number(space.allocatedCount)
  const taken = allocated + Number(space.delegatedCount)
  const usable = Number(space.totalCount)
  return { network, allocated, utilization: usable === 0 ? 0 : taken / usable }
}

function countOf(network: NetworkState): NetworkCount {
  const { id, prefix, namespace, activeAllocations, space } = network
  const { utilization, allocated } = candidateOf(network)
  return {
    id,
    cidr: formatPrefix(prefix),
    namespace,
    allocations: activeAllocations,
    usable: Number(space.totalCount),
    allocated,
    available: Number(space.availableCount),
    utilization,
  }
}
