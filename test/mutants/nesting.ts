import { type Mutant, testFile } from './mutant.ts'

const PREFIX_TREE = testFile('test/ipam/prefix-tree.test.ts')
const CHOICES = testFile('test/state/choices.test.ts')
const COOL_DOWN = testFile('test/state/cool-down.test.ts')

const TREE = 'src/ipam/prefix-tree.ts'
const NODE = 'src/ipam/prefix-tree/prefix-node.ts'

/** Networks in networks, and whose their addresses are. */
export const NESTING: readonly Mutant[] = [
  {
    name: 'a network is its own parent',
    source: 'api.md (nesting)',
    file: TREE,
    find: `entry.prefix.length < prefix.length) ?? null`,
    replace: `entry.prefix.length <= prefix.length) ?? null`,
    caughtBy: PREFIX_TREE,
  },
  {
    name: 'the children of a network are all that lie in it',
    source: 'api.md (nesting)',
    file: TREE,
    find: `if (entry === null || isDeep) ahead.push`,
    replace: `ahead.push`,
    caughtBy: PREFIX_TREE,
  },
  {
    name: 'a network that is deleted takes those inside it with it',
    source: 'api.md (nesting)',
    file: NODE,
    find: `contract(node, { entry: null, low: node.low, high: node.high })`,
    replace: `contract(node, { entry: null, low: null, high: null })`,
    caughtBy: PREFIX_TREE,
  },
  {
    name: 'each network that comes and goes leaves a node in memory',
    source: 'src/state/README.md (memory grows with what there is)',
    file: NODE,
    find: `if (entry === null && (low === null || high === null)) return low ?? high`,
    replace: `if (entry === null && low === null && high === null) return null`,
    caughtBy: PREFIX_TREE,
  },
  {
    name: 'a page of networks begins with the one at which the page before ended',
    source: 'api.md (a cursor neither skips nor repeats)',
    file: TREE,
    find: `comparePrefixes(entry.prefix, after) > 0`,
    replace: `comparePrefixes(entry.prefix, after) >= 0`,
    caughtBy: PREFIX_TREE,
  },
  {
    name: 'a page of networks leaves out those inside the last one of the page before',
    source: 'api.md (a cursor neither skips nor repeats)',
    file: TREE,
    find: `? last < first : prefix`,
    replace: `? prefix.first < first : prefix`,
    caughtBy: PREFIX_TREE,
  },
  {
    name: 'whoever lists networks sees changes that come after the index of the list',
    source: 'promise 5; api.md (paging)',
    file: NODE,
    find: `? withContent(node, { entry: node.entry, low: insertEntry(low, entry), high })`,
    replace: `? Object.assign(node, withContent(node, { entry: node.entry, low: insertEntry(low, entry), high }))`,
    caughtBy: PREFIX_TREE,
  },
  {
    name: 'a network that begins where the upper half of another begins lies in the lower one',
    source: 'api.md (nesting)',
    file: NODE,
    find: `return prefix.first < node.middle`,
    replace: `return prefix.first <= node.middle`,
    caughtBy: PREFIX_TREE,
  },
  {
    name: 'the number of networks counts places where the tree forks',
    source: 'api.md (X-Total-Count)',
    file: NODE,
    find: `(entry === null ? 0 : 1) + (low`,
    replace: `1 + (low`,
    caughtBy: PREFIX_TREE,
  },
  {
    name: 'a network that comes around others hands out their addresses',
    source: 'promise 1; api.md (nesting)',
    file: 'src/state/network-rows.ts',
    find: `    const delegated = this.#childRanges(network.namespace, prefix)
`,
    replace: `    const delegated: AddressRange[] = []
`,
    caughtBy: CHOICES,
  },
  {
    name: 'a network that goes from around others leaves their addresses to its parent',
    source: 'promise 1; api.md (nesting)',
    file: 'src/state/network-rows.ts',
    find: `    this.#delegate(network, this.#childRanges(namespace, prefix))
`,
    replace: `    this.#delegate(network, [])
`,
    caughtBy: CHOICES,
  },
  {
    name: 'a network takes addresses of its parent that rest after their release',
    source: 'api.md (cool-down)',
    file: 'src/ipam/apply-network.ts',
    find: `  if (!parent.space.hasCoolingIn(range)) return null
`,
    replace: `  if (parent !== null) return null
`,
    caughtBy: COOL_DOWN,
  },
  {
    name: 'a network has its parent in another namespace',
    source: 'api.md (a namespace is its own address space)',
    file: 'src/state/network-table.ts',
    find: `return this.tree(namespace).parentOf(prefix)?.value ?? null`,
    replace: `return (this.tree(namespace).parentOf(prefix) ?? this.tree('default').parentOf(prefix))?.value ?? null`,
    caughtBy: CHOICES,
  },
]
