/** The networks that a key with a scope is for. */
import type { Scope } from '../../ipam/access.ts'
import { comparePrefixes, contains, type Prefix } from '../../ipam/prefix.ts'
import type { Position } from '../key-encoding.ts'
import type { NetworkState, NetworkTable } from '../network-table.ts'

/** What it is asked while others write, is as of then: a network that was deleted meanwhile is in no part. */
export class Part {
  readonly #table: NetworkTable
  readonly #roots = new Map<string, Prefix[]>()

  /** Costs as much as the scope names networks, however many lie inside. */
  constructor(networks: NetworkTable, scope: Scope) {
    this.#table = networks
    const listed = scope.networks.flatMap((id) => networks.get(id) ?? [])
    const tagged = scope.tags.flatMap((tag) => [...networks.tagged(tag)])
    const named = [...new Set([...listed, ...tagged])]
    for (const { namespace, prefix } of named.sort((a, b) => comparePrefixes(a.prefix, b.prefix))) {
      const roots = this.#roots.get(namespace) ?? []
      // What lies in another one comes after it, and before all that lies elsewhere.
      const last = roots.at(-1)
      if (last !== undefined && contains(last, prefix)) continue
      roots.push(prefix)
      this.#roots.set(namespace, roots)
    }
  }

  /** How many networks. */
  get size(): number {
    let size = 0
    for (const [namespace, roots] of this.#roots) {
      for (const root of roots) size += this.#table.tree(namespace).countWithin(root)
    }
    return size
  }

  has(id: string): boolean {
    return this.#isInside(this.#table.get(id))
  }

  hasAt(position: Position): boolean {
    return this.#isInside(this.#table.at(position))
  }

  /** In no order that means anything. */
  *networks(): Generator<NetworkState> {
    for (const [namespace, roots] of this.#roots) {
      for (const root of roots) for (const { value } of this.#table.tree(namespace).within(root)) yield value
    }
  }

  /** All that is inside lies in one of these, and nothing else does: ascending, none in another one. */
  rootsIn(namespace: string): readonly Prefix[] {
    return this.#roots.get(namespace) ?? []
  }

  #isInside(network: NetworkState | null): boolean {
    if (network === null) return false
    const { namespace, prefix } = network
    const roots = this.rootsIn(namespace)
    let [low, high] = [0, roots.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (comparePrefixes(roots[middle] as Prefix, prefix) <= 0) low = middle + 1
      else high = middle
    }
    const nearest = roots[low - 1]
    return nearest !== undefined && contains(nearest, prefix)
  }
}
