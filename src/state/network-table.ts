import { FreeSpace } from '../ipam/free-space.ts'
import { lastAddress, type Prefix } from '../ipam/prefix.ts'
import { usableRange } from '../ipam/range.ts'
import type { ManagedNetwork } from '../ipam/store.ts'
import type { Position } from './key-space.ts'

/** What stays in memory of a network. */
export interface NetworkState extends ManagedNetwork {
  /** Where its record lies. */
  readonly position: Position
  activeAllocations: number
}

export function emptyNetwork(id: string, position: Position, prefix: Prefix): NetworkState {
  return { id, position, prefix, space: new FreeSpace(usableRange(prefix)), activeAllocations: 0 }
}

/** All networks, by id and by address. No two share an address. */
export class NetworkTable {
  readonly #byId: Map<string, NetworkState>
  /** Ascending by family and first address. */
  readonly #byAddress: NetworkState[]

  constructor(networks: readonly NetworkState[]) {
    this.#byId = new Map(networks.map((network) => [network.id, network]))
    this.#byAddress = networks.toSorted((a, b) => compare(a.prefix, b.prefix))
  }

  get size(): number {
    return this.#byId.size
  }

  get(id: string): NetworkState | null {
    return this.#byId.get(id) ?? null
  }

  add(network: NetworkState): void {
    this.#byId.set(network.id, network)
    this.#byAddress.splice(this.#firstNotBefore(network.prefix), 0, network)
  }

  delete(network: NetworkState): void {
    this.#byId.delete(network.id)
    this.#byAddress.splice(this.#firstNotBefore(network.prefix), 1)
  }

  /** The lowest one that shares an address with `prefix`. */
  overlapping(prefix: Prefix): NetworkState | null {
    const place = this.#firstNotBefore(prefix)
    // Networks are disjoint, so of those that start below only the nearest can reach into `prefix`.
    const below = this.#byAddress[place - 1]
    if (below?.prefix.family === prefix.family && lastAddress(below.prefix) >= prefix.first) return below
    const above = this.#byAddress[place]
    if (above?.prefix.family === prefix.family && above.prefix.first <= lastAddress(prefix)) return above
    return null
  }

  #firstNotBefore(prefix: Prefix): number {
    let low = 0
    let high = this.#byAddress.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compare((this.#byAddress[middle] as NetworkState).prefix, prefix) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

function compare(a: Prefix, b: Prefix): number {
  if (a.family !== b.family) return a.family - b.family
  return a.first < b.first ? -1 : a.first > b.first ? 1 : 0
}
