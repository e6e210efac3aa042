import { assert } from '../../raft/assert.ts'
import { type Address, addressBits, type Family } from './address.ts'
import { comparePrefixes, type Prefix, prefixOf } from './prefix.ts'
import {
  childTowards,
  deleteEntry,
  encloses,
  insertEntry,
  nodeWithin,
  type PrefixEntry,
  type PrefixNode,
} from './prefix-tree/prefix-node.ts'

export type { PrefixEntry } from './prefix-tree/prefix-node.ts'

type Roots<V> = Readonly<Record<Family, PrefixNode<V> | null>>

/**
 * Networks in networks: a value for each of a set of prefixes, which may nest but not repeat.
 *
 * Immutable: `set` and `delete` return another version, which shares with this one all but the path to the change.
 * Whoever keeps a version sees it as it was, also in the middle of an iteration. A Patricia tree for each family, so at
 * most 33 nodes deep (IPv6: 129), whatever its size. All that is asked takes O(depth), iteration O(depth) to start.
 *
 * A prefix that is asked about need not be in the tree.
 */
export class PrefixTree<V> {
  readonly #roots: Roots<V>

  private constructor(roots: Roots<V>) {
    this.#roots = roots
  }

  static empty<V>(): PrefixTree<V> {
    return new PrefixTree<V>({ 4: null, 6: null })
  }

  /** Of both families. */
  get size(): number {
    return (this.#roots[4]?.count ?? 0) + (this.#roots[6]?.count ?? 0)
  }

  get(prefix: Prefix): V | null {
    const node = nodeWithin(this.#roots[prefix.family], prefix)
    return node?.prefix.length === prefix.length ? (node.entry?.value ?? null) : null
  }

  /** Replaces the value that the prefix may have had. */
  set(prefix: Prefix, value: V): PrefixTree<V> {
    checkPrefix(prefix)
    const root = insertEntry(this.#roots[prefix.family], { prefix, value })
    return new PrefixTree({ ...this.#roots, [prefix.family]: root })
  }

  /** This version itself if the prefix is not in it. What is nested in the prefix stays. */
  delete(prefix: Prefix): PrefixTree<V> {
    const before = this.#roots[prefix.family]
    const root = deleteEntry(before, prefix)
    return root === before ? this : new PrefixTree({ ...this.#roots, [prefix.family]: root })
  }

  /** The longest that contains `prefix` and is not `prefix`. */
  parentOf(prefix: Prefix): PrefixEntry<V> | null {
    return this.chainOf(prefix).findLast((entry) => entry.prefix.length < prefix.length) ?? null
  }

  /** All that contain `prefix`, itself included: from the outermost to the innermost. */
  chainOf(prefix: Prefix): PrefixEntry<V>[] {
    const entries: PrefixEntry<V>[] = []
    let node = this.#roots[prefix.family]
    while (node !== null && encloses(node, prefix)) {
      if (node.entry !== null) entries.push(node.entry)
      node = childTowards(node, prefix)
    }
    return entries
  }

  /** All that contain the address: from the outermost to the innermost. */
  chainOfAddress(address: Address): PrefixEntry<V>[] {
    return this.chainOf(prefixOf(address, addressBits(address.family)))
  }

  /**
   * Those inside `prefix`, itself not included, with no other between; ascending by address.
   *
   * @param after Only what sorts after it: the cursor of a list, which need not be in the tree (any more).
   */
  childrenOf(prefix: Prefix, after: Prefix | null = null): Generator<PrefixEntry<V>> {
    const node = nodeWithin(this.#roots[prefix.family], prefix)
    const starts = node?.prefix.length === prefix.length ? [node.low, node.high] : [node]
    return walk(starts, { after, isDeep: false })
  }

  hasChildren(prefix: Prefix): boolean {
    const node = nodeWithin(this.#roots[prefix.family], prefix)
    if (node === null) return false
    return node.prefix.length > prefix.length || node.entry === null || node.count > 1
  }

  /** Number of entries inside `prefix`, itself included. */
  countWithin(prefix: Prefix): number {
    return nodeWithin(this.#roots[prefix.family], prefix)?.count ?? 0
  }

  /** All inside `prefix`, itself included, in the order of `entries`. @param after As of `childrenOf`. */
  within(prefix: Prefix, after: Prefix | null = null): Generator<PrefixEntry<V>> {
    return walk([nodeWithin(this.#roots[prefix.family], prefix)], { after, isDeep: true })
  }

  /** All, by family, first address, length: each right before those in it. @param after As of `childrenOf`. */
  entries(after: Prefix | null = null): Generator<PrefixEntry<V>> {
    return walk([this.#roots[4], this.#roots[6]], { after, isDeep: true })
  }
}

/**
 * The entries of these nodes, ascending.
 *
 * @param options.isDeep Also those inside other ones.
 */
function* walk<V>(
  nodes: (PrefixNode<V> | null)[],
  { after, isDeep }: { after: Prefix | null; isDeep: boolean },
): Generator<PrefixEntry<V>> {
  // The next one is on top. Only nodes around `after` are entered in vain, so to start takes O(depth).
  const ahead = nodes.toReversed()
  for (let node = ahead.pop(); node !== undefined; node = ahead.pop()) {
    if (node === null || (after !== null && endsBefore(node, after))) continue
    const { entry, low, high } = node
    if (entry !== null && (after === null || comparePrefixes(entry.prefix, after) > 0)) yield entry
    if (entry === null || isDeep) ahead.push(high, low)
  }
}

/** Then so does all that is below the node. */
function endsBefore<V>({ prefix, last }: PrefixNode<V>, { family, first }: Prefix): boolean {
  return prefix.family === family ? last < first : prefix.family < family
}

/** One with host bits would lie where no look-up goes. */
function checkPrefix({ family, first, length }: Prefix): void {
  const bits = addressBits(family)
  const isAddress = first >= 0n && first < 1n << BigInt(bits)
  const isLength = Number.isInteger(length) && length >= 0 && length <= bits
  const isPrefix = isAddress && isLength && prefixOf({ family, value: first }, length).first === first
  assert(isPrefix, 'not a prefix: {}/{} of family {}', first, length, family)
}
