/** The networks that a key with a scope is for, as they are now. */
import type { Scope } from '../../ipam/access.ts'
import { comparePrefixes, contains, type Prefix } from '../../ipam/prefix.ts'
import type { NetworkState, NetworkTable } from '../network-table.ts'

export class Part {
  readonly #networks = new Map<string, NetworkState>()
  readonly #roots = new Map<string, Prefix[]>()

  /** Costs as much as there are networks inside. */
  constructor(networks: NetworkTable, scope: Scope) {
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
      for (const { value } of networks.tree(namespace).within(prefix)) this.#networks.set(value.id, value)
    }
  }

  get size(): number {
    return this.#networks.size
  }

  has(id: string): boolean {
    return this.#networks.has(id)
  }

  /** In no order that means anything. */
  get networks(): Iterable<NetworkState> {
    return this.#networks.values()
  }

  /** All that is inside lies in one of these, and nothing else does: ascending, none in another one. */
  rootsIn(namespace: string): readonly Prefix[] {
    return this.#roots.get(namespace) ?? []
  }
}
