/** The nodes of a tree of prefixes of one family, and the changes to it: what is returned is new, nothing is altered. */
import { addressBits } from '../address.ts'
import { contains, lastAddress, type Prefix, prefixOf } from '../prefix.ts'

export interface PrefixEntry<V> {
  readonly prefix: Prefix
  readonly value: V
}

/** The root of what lies in `prefix`; null stands for nothing. Shared by all versions that have it. */
export interface PrefixNode<V> {
  readonly prefix: Prefix
  /** Where the upper half begins; of a single address, which has no halves, that address. */
  readonly middle: bigint
  /** The last address of `prefix`. */
  readonly last: bigint
  /** Null where two branches part at a prefix that nobody has set: such a node has both children. */
  readonly entry: PrefixEntry<V> | null
  /** What lies in the lower half. */
  readonly low: PrefixNode<V> | null
  /** What lies in the upper half. */
  readonly high: PrefixNode<V> | null
  /** Entries at this node and below, at least one. */
  readonly count: number
}

/** What of a node is not settled by its prefix. */
type Content<V> = Pick<PrefixNode<V>, 'entry' | 'low' | 'high'>

/** Adds the entry, or puts it in the place of the one with its prefix. */
export function insertEntry<V>(node: PrefixNode<V> | null, entry: PrefixEntry<V>): PrefixNode<V> {
  const { prefix } = entry
  if (node === null) return nodeAt(prefix, { entry, low: null, high: null })
  if (!encloses(node, prefix)) return insertAbove(node, entry)

  const { low, high } = node
  if (node.prefix.length === prefix.length) return withContent(node, { entry, low, high })
  return isInLowerHalf(node, prefix)
    ? withContent(node, { entry: node.entry, low: insertEntry(low, entry), high })
    : withContent(node, { entry: node.entry, low, high: insertEntry(high, entry) })
}

/** The same node if there is no entry with that prefix. */
export function deleteEntry<V>(node: PrefixNode<V> | null, prefix: Prefix): PrefixNode<V> | null {
  if (node === null || !encloses(node, prefix)) return node

  const { entry } = node
  if (node.prefix.length === prefix.length) {
    return entry === null ? node : contract(node, { entry: null, low: node.low, high: node.high })
  }
  const isLow = isInLowerHalf(node, prefix)
  const low = isLow ? deleteEntry(node.low, prefix) : node.low
  const high = isLow ? node.high : deleteEntry(node.high, prefix)
  return low === node.low && high === node.high ? node : contract(node, { entry, low, high })
}

/** The node below which lies all that is inside `prefix`; its own prefix may be longer. */
export function nodeWithin<V>(root: PrefixNode<V> | null, prefix: Prefix): PrefixNode<V> | null {
  let node = root
  // A wrong turn is not noticed on the way: whatever it leads to lies outside of `prefix`.
  while (node !== null && node.prefix.length < prefix.length) node = childTowards(node, prefix)
  return node !== null && contains(prefix, node.prefix) ? node : null
}

/** The child to which `prefix`, which is longer than the node's, belongs. */
export function childTowards<V>(node: PrefixNode<V>, prefix: Prefix): PrefixNode<V> | null {
  return isInLowerHalf(node, prefix) ? node.low : node.high
}

/** As `contains`, but by comparison alone: shifts of bigints allocate. */
export function encloses<V>({ prefix: outer, last }: PrefixNode<V>, { first, length }: Prefix): boolean {
  return outer.length <= length && outer.first <= first && first <= last
}

function isInLowerHalf<V>(node: PrefixNode<V>, prefix: Prefix): boolean {
  return prefix.first < node.middle
}

/** @param node Does not contain the entry's prefix. */
function insertAbove<V>(node: PrefixNode<V>, entry: PrefixEntry<V>): PrefixNode<V> {
  if (contains(entry.prefix, node.prefix)) return parentOfOne(node, entry)
  const added = nodeAt(entry.prefix, { entry, low: null, high: null })
  const [low, high] = node.prefix.first < added.prefix.first ? [node, added] : [added, node]
  return nodeAt(commonPrefix(low.prefix, high.prefix), { entry: null, low, high })
}

function parentOfOne<V>(node: PrefixNode<V>, entry: PrefixEntry<V>): PrefixNode<V> {
  const parent = nodeAt(entry.prefix, { entry, low: null, high: null })
  return isInLowerHalf(parent, node.prefix)
    ? withContent(parent, { entry, low: node, high: null })
    : withContent(parent, { entry, low: null, high: node })
}

/** The node with that content, unless it would be an empty one with less than two children. */
function contract<V>(node: PrefixNode<V>, content: Content<V>): PrefixNode<V> | null {
  const { entry, low, high } = content
  if (entry === null && (low === null || high === null)) return low ?? high
  return withContent(node, content)
}

function nodeAt<V>(prefix: Prefix, content: Content<V>): PrefixNode<V> {
  const last = lastAddress(prefix)
  return withContent({ prefix, middle: (prefix.first + last + 1n) >> 1n, last }, content)
}

function withContent<V>(
  { prefix, middle, last }: Pick<PrefixNode<V>, 'prefix' | 'middle' | 'last'>,
  { entry, low, high }: Content<V>,
): PrefixNode<V> {
  const count = (entry === null ? 0 : 1) + (low?.count ?? 0) + (high?.count ?? 0)
  return { prefix, middle, last, entry, low, high, count }
}

/** The longest prefix that contains both, of which neither contains the other. */
function commonPrefix(a: Prefix, b: Prefix): Prefix {
  const differingBits = (a.first ^ b.first).toString(2).length
  return prefixOf({ family: a.family, value: a.first }, addressBits(a.family) - differingBits)
}
