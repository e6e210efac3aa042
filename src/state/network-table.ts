/** The networks in memory: by id, by where their records lie, by tag, and by address. */
import { assert } from '../../raft/assert.ts'
import type { AddressSpace } from '../ipam/address-space.ts'
import type { Prefix } from '../ipam/prefix.ts'
import { PrefixTree } from '../ipam/prefix-tree.ts'
import type { Network, Strategy } from '../ipam/records.ts'
import type { ManagedNetwork } from '../ipam/store.ts'
import type { Position } from './key-encoding.ts'

/** What stays in memory of a network. */
export interface NetworkState extends ManagedNetwork {
  /** Where its record lies. */
  readonly position: Position
  readonly space: AddressSpace
  /** `NetworkTable.retag` changes them. */
  tags: readonly string[]
  strategy: Strategy
  cooldownMs: number
  /** Where strategy `next` goes on. */
  nextAddress: bigint | null
  /** The one handed out last, released since or not; of a range its last. */
  lastAddress: bigint | null
  activeAllocations: number
  /** Ended ones, too. */
  allocations: number
}

/** A namespace's networks at one moment: later changes make new trees. */
export type NetworkTree = PrefixTree<NetworkState>

export function networkState(
  { id, namespace, tags, strategy, cooldownMs }: Network,
  place: { readonly position: Position; readonly prefix: Prefix; readonly space: AddressSpace },
): NetworkState {
  const counters = { activeAllocations: 0, allocations: 0, nextAddress: null, lastAddress: null }
  return { id, namespace, tags, strategy, cooldownMs, ...place, ...counters }
}

export class NetworkTable {
  readonly #byId = new Map<string, NetworkState>()
  readonly #byPosition = new Map<Position, NetworkState>()
  readonly #inOrder: NetworkState[] = []
  readonly #byTag = new Map<string, Set<NetworkState>>()
  /** In the order of their names. */
  #trees: ReadonlyMap<string, NetworkTree> = new Map()

  get size(): number {
    return this.#byId.size
  }

  /** In no order that means anything. */
  all(): IterableIterator<NetworkState> {
    return this.#byPosition.values()
  }

  get(id: string): NetworkState | null {
    return this.#byId.get(id) ?? null
  }

  at(position: Position): NetworkState | null {
    return this.#byPosition.get(position) ?? null
  }

  /** By position, which is the order in which they were made. Changes with the table: take what you need of it at once. */
  get inOrder(): readonly NetworkState[] {
    return this.#inOrder
  }

  /** In no order that means anything. Changes with the table. */
  tagged(tag: string): Iterable<NetworkState> {
    return this.#byTag.get(tag) ?? []
  }

  /** How many of them have lower positions. */
  rankOf(position: Position): number {
    let low = 0
    let high = this.#inOrder.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#inOrder[middle] as NetworkState).position < position) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Never changes: a reader keeps what it was given. In the order of their names. */
  get trees(): ReadonlyMap<string, NetworkTree> {
    return this.#trees
  }

  tree(namespace: string): NetworkTree {
    return this.#trees.get(namespace) ?? EMPTY_TREE
  }

  parentOf(namespace: string, prefix: Prefix): NetworkState | null {
    return this.tree(namespace).parentOf(prefix)?.value ?? null
  }

  *childrenOf({ namespace, prefix }: Pick<ManagedNetwork, 'namespace' | 'prefix'>): Generator<NetworkState> {
    for (const { value } of this.tree(namespace).childrenOf(prefix)) yield value
  }

  add(network: NetworkState): void {
    const { id, position, namespace, prefix } = network
    assert(this.tree(namespace).get(prefix) === null, 'a second network at the prefix of {}', id)
    this.#byId.set(id, network)
    this.#byPosition.set(position, network)
    // The newest is the last, unless a deletion is taken back.
    this.#inOrder.splice(this.rankOf(position), 0, network)
    this.#addTags(network)
    this.#replace(namespace, this.tree(namespace).set(prefix, network))
  }

  delete(network: NetworkState): void {
    const { id, position, namespace, prefix } = network
    assert(this.#byPosition.delete(position), 'no network {}', id)
    this.#byId.delete(id)
    this.#inOrder.splice(this.rankOf(position), 1)
    this.#dropTags(network)
    this.#replace(namespace, this.tree(namespace).delete(prefix))
  }

  retag(network: NetworkState, tags: readonly string[]): void {
    this.#dropTags(network)
    network.tags = tags
    this.#addTags(network)
  }

  #addTags(network: NetworkState): void {
    for (const tag of network.tags) {
      const tagged = this.#byTag.get(tag)
      if (tagged === undefined) this.#byTag.set(tag, new Set([network]))
      else tagged.add(network)
    }
  }

  #dropTags(network: NetworkState): void {
    for (const tag of network.tags) {
      const tagged = this.#byTag.get(tag)
      tagged?.delete(network)
      if (tagged?.size === 0) this.#byTag.delete(tag)
    }
  }

  #replace(namespace: string, tree: NetworkTree): void {
    if (this.#trees.has(namespace) && tree.size > 0) {
      this.#trees = new Map(this.#trees).set(namespace, tree)
      return
    }
    const others = [...this.#trees].filter(([name]) => name !== namespace)
    const all = tree.size === 0 ? others : [...others, [namespace, tree] as const]
    this.#trees = new Map(all.toSorted(([a], [b]) => (a < b ? -1 : 1)))
  }
}

const EMPTY_TREE: NetworkTree = PrefixTree.empty()
