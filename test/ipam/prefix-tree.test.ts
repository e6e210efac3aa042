import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AssertionError } from '../../raft/assert.ts'
import { addressBits, type Family, parseAddress } from '../../src/ipam/address.ts'
import {
  comparePrefixes,
  contains,
  formatPrefix,
  type Prefix,
  parsePrefix,
  prefixOf,
} from '../../src/ipam/prefix.ts'
import { deleteEntry, insertEntry, type PrefixNode } from '../../src/ipam/prefix-tree/prefix-node.ts'
import { type PrefixEntry, PrefixTree } from '../../src/ipam/prefix-tree.ts'

/** The slow, obvious version: an array in order. */
class ListTree {
  readonly all: readonly PrefixEntry<number>[]

  constructor(all: readonly PrefixEntry<number>[] = []) {
    this.all = all
  }

  set(prefix: Prefix, value: number): ListTree {
    const sorted = [...this.delete(prefix).all, { prefix, value }].toSorted(inOrder)
    return new ListTree(sorted)
  }

  delete(prefix: Prefix): ListTree {
    return new ListTree(this.all.filter((entry) => comparePrefixes(entry.prefix, prefix) !== 0))
  }

  chainOf(prefix: Prefix): PrefixEntry<number>[] {
    return this.all.filter((entry) => contains(entry.prefix, prefix))
  }

  parentOf(prefix: Prefix): PrefixEntry<number> | null {
    return this.chainOf(prefix).findLast((entry) => isInside(prefix, entry.prefix)) ?? null
  }

  within(prefix: Prefix): PrefixEntry<number>[] {
    return this.all.filter((entry) => contains(prefix, entry.prefix))
  }

  childrenOf(prefix: Prefix): PrefixEntry<number>[] {
    const inside = this.all.filter((entry) => isInside(entry.prefix, prefix))
    return inside.filter((entry) => !inside.some((other) => isInside(entry.prefix, other.prefix)))
  }
}

function inOrder(a: PrefixEntry<number>, b: PrefixEntry<number>): number {
  return comparePrefixes(a.prefix, b.prefix)
}

function isInside(inner: Prefix, outer: Prefix): boolean {
  return inner.length > outer.length && contains(outer, inner)
}

/** Of one to three bits at either end of the address, so that they nest, touch and share their first address. */
function prefixes(family: Family): fc.Arbitrary<Prefix> {
  const bits = addressBits(family)
  const length = fc.oneof(fc.integer({ min: bits - 3, max: bits }), fc.nat({ max: 3 }), fc.nat({ max: bits }))
  return fc
    .tuple(fc.bigInt({ min: 0n, max: 7n }), fc.bigInt({ min: 0n, max: 7n }), length)
    .map(([top, bottom, length]) => prefixOf({ family, value: (top << BigInt(bits - 3)) | bottom }, length))
}

const prefix = fc.oneof(prefixes(4), prefixes(6))

interface Change {
  readonly prefix: Prefix
  readonly deletes: boolean
}

/** Of few prefixes, so that they come and go several times. */
const changes: fc.Arbitrary<Change[]> = fc
  .array(prefix, { minLength: 1, maxLength: 30 })
  .chain((pool) =>
    fc.array(fc.record({ prefix: fc.constantFrom(...pool), deletes: fc.boolean() }), { maxLength: 100 }),
  )

interface Version {
  readonly tree: PrefixTree<number>
  readonly list: ListTree
}

const FIRST: Version = { tree: PrefixTree.empty(), list: new ListTree() }

function nextVersion({ tree, list }: Version, { prefix, deletes }: Change, value: number): Version {
  return deletes
    ? { tree: tree.delete(prefix), list: list.delete(prefix) }
    : { tree: tree.set(prefix, value), list: list.set(prefix, value) }
}

function expectSameAt({ tree, list }: Version, prefix: Prefix): void {
  const inside = list.within(prefix)
  const chain = list.chainOf(prefix)
  const children = list.childrenOf(prefix)
  expect(tree.get(prefix)).toBe(chain.find((entry) => entry.prefix.length === prefix.length)?.value ?? null)
  expect(tree.chainOf(prefix)).toEqual(chain)
  expect(tree.parentOf(prefix)).toEqual(list.parentOf(prefix))
  expect([...tree.childrenOf(prefix)]).toEqual(children)
  expect(tree.hasChildren(prefix)).toBe(children.length > 0)
  expect([...tree.within(prefix)]).toEqual(inside)
  expect(tree.countWithin(prefix)).toBe(inside.length)
}

describe('a tree of prefixes', () => {
  test('answers as a list does, whatever was set and deleted', () => {
    fc.assert(
      fc.property(changes, fc.array(prefix, { minLength: 1, maxLength: 10 }), (changes, asked) => {
        const version = changes.reduce(nextVersion, FIRST)

        expect([...version.tree.entries()]).toEqual(version.list.all)
        expect(version.tree.size).toBe(version.list.all.length)
        for (const prefix of asked) expectSameAt(version, prefix)
        for (const { prefix } of version.list.all) expectSameAt(version, prefix)
      }),
    )
  })

  test('goes on after any cursor with what sorts after it', () => {
    fc.assert(
      fc.property(changes, prefix, prefix, (changes, outer, after) => {
        const { tree, list } = changes.reduce(nextVersion, FIRST)
        const isAfter = (entry: PrefixEntry<number>) => comparePrefixes(entry.prefix, after) > 0

        expect([...tree.entries(after)]).toEqual(list.all.filter(isAfter))
        expect([...tree.within(outer, after)]).toEqual(list.within(outer).filter(isAfter))
        expect([...tree.childrenOf(outer, after)]).toEqual(list.childrenOf(outer).filter(isAfter))
      }),
    )
  })

  test('an old version stays as it was, also for a reader in the middle of it', () => {
    fc.assert(
      fc.property(changes, prefix, (changes, asked) => {
        const readers: { version: Version; seen: PrefixEntry<number>[]; rest: Iterable<unknown> }[] = []
        let version = FIRST
        for (const [i, change] of changes.entries()) {
          version = nextVersion(version, change, i)
          const rest = version.tree.entries()
          const first = rest.next()
          readers.push({ version, seen: first.done === true ? [] : [first.value], rest })
        }

        for (const { version, seen, rest } of readers) {
          expect([...seen, ...rest]).toEqual(version.list.all)
          expect([...version.tree.entries()]).toEqual(version.list.all)
          expectSameAt(version, asked)
        }
      }),
      { numRuns: 50 },
    )
  })

  test('is made of the same nodes whatever its history: a deletion leaves nothing behind', () => {
    const family4 = fc.array(prefixes(4), { maxLength: 30 })
    fc.assert(
      fc.property(family4, family4, (kept, deleted) => {
        const isKept = (prefix: Prefix) => kept.some((other) => comparePrefixes(other, prefix) === 0)
        const insert = (node: PrefixNode<null> | null, prefix: Prefix) =>
          insertEntry(node, { prefix, value: null })
        const all = [...deleted, ...kept].reduce<PrefixNode<null> | null>(insert, null)

        const after = deleted.filter((prefix) => !isKept(prefix)).reduce(deleteEntry, all)

        expect(after).toEqual(kept.toReversed().reduce<PrefixNode<null> | null>(insert, null))
      }),
    )
  })
})

function treeOf(...cidrs: string[]): PrefixTree<string> {
  return cidrs.reduce((tree, cidr) => tree.set(parsePrefix(cidr), cidr), PrefixTree.empty<string>())
}

function textOf(entries: Iterable<PrefixEntry<string>>): string {
  return [...entries].map(({ prefix }) => formatPrefix(prefix)).join(' ')
}

describe('nested networks', () => {
  const V4 = ['0.0.0.0/0', '10.0.0.0/8', '10.0.0.0/24', '10.0.0.0/32', '10.0.0.255/32', '10.0.1.0/24']
  const V6 = ['::/0', '::/128', '2001:db8::/32', '2001:db8::/48', '2001:db8::1/128']
  const TOP = ['128.0.0.0/1', '255.255.255.254/31', '255.255.255.255/32', 'ffff::/16']
  const all = treeOf(...TOP, ...V6.toReversed(), ...V4)

  test.each([
    {
      of: '0.0.0.0/0',
      children: '10.0.0.0/8 128.0.0.0/1',
      why: 'the whole family, and nothing of the other',
    },
    {
      of: '::/0',
      children: '::/128 2001:db8::/32 ffff::/16',
      why: 'the same first address, 128 bits longer',
    },
    { of: '10.0.0.0/8', children: '10.0.0.0/24 10.0.1.0/24', why: 'siblings that touch' },
    { of: '10.0.0.0/24', children: '10.0.0.0/32 10.0.0.255/32', why: 'its first and its last address' },
    { of: '10.0.0.0/32', children: '', why: 'a single address' },
    {
      of: '10.0.0.0/23',
      children: '10.0.0.0/24 10.0.1.0/24',
      why: 'not in the tree, but a place where it forks',
    },
    { of: '10.0.0.0/20', children: '10.0.0.0/24 10.0.1.0/24', why: 'not in the tree, and no fork' },
    { of: '0.0.0.0/4', children: '10.0.0.0/8', why: 'not in the tree, around one' },
    { of: '10.0.2.0/24', children: '', why: 'next to what is there' },
    { of: '128.0.0.0/1', children: '255.255.255.254/31', why: 'the end of all addresses' },
    { of: '255.255.255.254/31', children: '255.255.255.255/32', why: 'the upper of two' },
    { of: '2001:db8::/48', children: '2001:db8::1/128', why: 'a host in a network' },
    { of: '2001:db8::1/128', children: '', why: 'a single address' },
  ])('in $of lie directly: $children ($why)', ({ of, children }) => {
    const prefix = parsePrefix(of)

    expect(textOf(all.childrenOf(prefix))).toBe(children)
    expect(all.hasChildren(prefix)).toBe(children !== '')
  })

  test.each([
    {
      of: '10.0.0.0/32',
      chain: '0.0.0.0/0 10.0.0.0/8 10.0.0.0/24 10.0.0.0/32',
      why: 'all of one first address',
    },
    { of: '10.0.0.128/25', chain: '0.0.0.0/0 10.0.0.0/8 10.0.0.0/24', why: 'not in the tree' },
    { of: '10.0.0.0/23', chain: '0.0.0.0/0 10.0.0.0/8', why: 'around two of them' },
    { of: '0.0.0.0/0', chain: '0.0.0.0/0', why: 'the root' },
    { of: '11.0.0.0/8', chain: '0.0.0.0/0', why: 'next to what is there' },
    {
      of: '255.255.255.255/32',
      chain: '0.0.0.0/0 128.0.0.0/1 255.255.255.254/31 255.255.255.255/32',
      why: 'last',
    },
    { of: '::ffff:10.0.0.0/128', chain: '::/0', why: 'IPv4-mapped is IPv6' },
    { of: '2001:db8::1/128', chain: '::/0 2001:db8::/32 2001:db8::/48 2001:db8::1/128', why: 'IPv6' },
  ])('around $of lie $chain ($why)', ({ of, chain }) => {
    const prefix = parsePrefix(of)

    expect(textOf(all.chainOf(prefix))).toBe(chain)

    const above = chain.split(' ').filter((cidr) => cidr !== of)
    expect(all.parentOf(prefix)?.value ?? null).toBe(above.at(-1) ?? null)
  })

  test('an address has the chain of the prefix that holds nothing else', () => {
    expect(textOf(all.chainOfAddress(parseAddress('10.0.0.255')))).toBe(
      '0.0.0.0/0 10.0.0.0/8 10.0.0.0/24 10.0.0.255/32',
    )
    expect(textOf(all.chainOfAddress(parseAddress('2001:db8::2')))).toBe('::/0 2001:db8::/32 2001:db8::/48')
    expect(treeOf('10.0.0.0/8').chainOfAddress(parseAddress('11.0.0.0'))).toEqual([])
  })

  test('all are listed by family, first address and length', () => {
    expect(textOf(all.entries())).toBe([...V4, ...TOP.slice(0, 3), ...V6, ...TOP.slice(3)].join(' '))
  })

  test.each([
    { of: '10.0.0.0/8', after: '10.0.0.0/24', next: '10.0.1.0/24', why: 'a child' },
    { of: '10.0.0.0/8', after: '10.0.0.255/32', next: '10.0.1.0/24', why: 'inside a child, which is over' },
    { of: '10.0.0.0/8', after: '10.0.0.0/23', next: '10.0.0.0/24 10.0.1.0/24', why: 'gone, was around them' },
    { of: '10.0.0.0/8', after: '10.0.0.0/25', next: '10.0.1.0/24', why: 'gone, was inside a child' },
    { of: '10.0.0.0/8', after: '10.0.1.0/24', next: '', why: 'the last child' },
    { of: '10.0.0.0/8', after: '10.0.0.0/8', next: '10.0.0.0/24 10.0.1.0/24', why: 'the network itself' },
    { of: '10.0.0.0/8', after: '0.0.0.0/0', next: '10.0.0.0/24 10.0.1.0/24', why: 'around the network' },
    { of: '10.0.0.0/8', after: '11.0.0.0/8', next: '', why: 'behind the network' },
    { of: '10.0.0.0/8', after: '::/0', next: '', why: 'IPv6 comes after IPv4' },
    {
      of: '::/0',
      after: '255.255.255.255/32',
      next: '::/128 2001:db8::/32 ffff::/16',
      why: 'IPv4 comes before',
    },
    {
      of: '::/0',
      after: '::/128',
      next: '2001:db8::/32 ffff::/16',
      why: 'the same first address as the network',
    },
  ])('the children of $of after $after are $next ($why)', ({ of, after, next }) => {
    expect(textOf(all.childrenOf(parsePrefix(of), parsePrefix(after)))).toBe(next)
  })

  test.each([
    { before: ['10.0.0.0/8', '10.1.0.0/24'], set: '10.1.0.0/16', why: 'between a network and the one in it' },
    { before: ['10.0.0.0/8', '10.0.0.0/24'], set: '10.0.0.0/16', why: 'all of one first address' },
    {
      before: ['10.1.0.0/16', '10.2.0.0/16', '11.0.0.0/8'],
      set: '10.0.0.0/8',
      why: 'around two of three roots',
    },
    { before: ['10.0.0.0/16', '10.128.0.0/16'], set: '10.0.0.0/8', why: 'where the tree forks already' },
    { before: ['10.0.0.0/16', '10.1.0.0/16'], set: '10.0.0.0/8', why: 'above a fork' },
    { before: ['10.0.0.0/8', '11.0.0.0/8'], set: '0.0.0.0/0', why: 'around everything' },
    { before: ['0.0.0.0/0'], set: '255.255.255.255/32', why: 'the longest in the shortest' },
    { before: ['10.0.0.0/32'], set: '10.0.0.1/32', why: 'siblings of one address' },
    { before: ['::/128', '::/0'], set: '::/127', why: 'IPv6, all of one first address' },
    { before: ['::1/128', '::/0'], set: '::/127', why: 'IPv6, around the upper of two' },
    { before: [], set: '::/0', why: 'the first' },
  ])('$set takes its place, and leaves it as it was: $why', ({ before, set }) => {
    const older = treeOf(...before)
    const sorted = textOf(older.entries())
    const prefix = parsePrefix(set)

    const newer = older.set(prefix, set)
    const without = newer.delete(prefix)

    const inside = before.map(parsePrefix).filter((other) => contains(prefix, other))
    expect(textOf(newer.within(prefix)).split(' ')).toEqual([
      set,
      ...inside.toSorted(comparePrefixes).map(formatPrefix),
    ])
    for (const other of inside) expect(newer.chainOf(other).map(({ value }) => value)).toContain(set)
    expect([older.size, newer.size, without.size]).toEqual([before.length, before.length + 1, before.length])
    expect([textOf(older.entries()), textOf(without.entries())]).toEqual([sorted, sorted])
  })

  test('the children of a deleted network become those of its parent', () => {
    const cidrs = ['10.0.0.0/8', '10.1.0.0/16', '10.1.1.0/24', '10.1.2.0/24', '10.2.0.0/16']

    const after = treeOf(...cidrs).delete(parsePrefix('10.1.0.0/16'))

    expect(textOf(after.childrenOf(parsePrefix('10.0.0.0/8')))).toBe('10.1.1.0/24 10.1.2.0/24 10.2.0.0/16')
    expect(after.parentOf(parsePrefix('10.1.1.0/24'))?.value).toBe('10.0.0.0/8')
    expect(after.get(parsePrefix('10.1.0.0/16'))).toBeNull()
  })

  test('setting a prefix again replaces its value and nothing else', () => {
    const after = all.set(parsePrefix('10.0.0.0/8'), 'another')

    expect(after.get(parsePrefix('10.0.0.0/8'))).toBe('another')
    expect(after.size).toBe(all.size)
    expect(textOf(after.entries())).toBe(textOf(all.entries()))
    expect(all.get(parsePrefix('10.0.0.0/8'))).toBe('10.0.0.0/8')
  })

  test('deleting what is not there changes nothing', () => {
    for (const cidr of ['10.0.0.0/23', '10.0.0.0/9', '12.0.0.0/8', '0.0.0.0/1', '::1/128']) {
      expect(all.delete(parsePrefix(cidr))).toBe(all)
    }
    expect(all.get(parsePrefix('10.0.0.0/23'))).toBeNull()
  })

  test.each<Prefix & { why: string }>([
    { family: 4, first: 1n, length: 24, why: 'host bits' },
    { family: 4, first: 0n, length: 33, why: 'too long' },
    { family: 6, first: 0n, length: -1, why: 'too short' },
    { family: 4, first: 0n, length: 1.5, why: 'no whole number' },
    { family: 4, first: 1n << 32n, length: 32, why: 'beyond the last address' },
    { family: 6, first: -2n, length: 127, why: 'below the first address' },
  ])('what is no prefix is a bug of the caller: $why', ({ why: _, ...prefix }) => {
    expect(() => all.set(prefix, '')).toThrow(AssertionError)
  })
})

describe('a large tree', () => {
  const NETWORKS = 65_536
  const PARENT = parsePrefix('10.0.0.0/8')
  let looks = 0

  /** Counts how often anybody looks where it lies. */
  function watched(index: number): Prefix {
    const first = PARENT.first + BigInt(index << 8)
    return {
      length: 24,
      get family() {
        looks++
        return 4 as const
      },
      get first() {
        looks++
        return first
      },
    }
  }

  function build(): PrefixTree<number> {
    let tree = PrefixTree.empty<number>().set(PARENT, -1)
    for (let i = 0; i < NETWORKS; i++) tree = tree.set(watched(i), i)
    return tree
  }

  test('is asked, read from anywhere and changed without a look at more than a path', () => {
    const tree = build()
    const PATH_LOOKS_MAX = 100

    for (const index of [0, 1, 32_767, 32_768, 65_534]) {
      const at = prefixOf({ family: 4, value: PARENT.first + BigInt(index << 8) }, 24)
      const asked: { ask: () => unknown; answer: unknown }[] = [
        { ask: () => tree.childrenOf(PARENT, at).next().value?.value, answer: index + 1 },
        { ask: () => tree.within(PARENT, at).next().value?.value, answer: index + 1 },
        { ask: () => tree.entries(at).next().value?.value, answer: index + 1 },
        { ask: () => tree.entries(parsePrefix('::/0')).next().done, answer: true },
        { ask: () => tree.chainOf(at).map(({ value }) => value), answer: [-1, index] },
        { ask: () => tree.parentOf(at)?.value, answer: -1 },
        { ask: () => tree.get(at), answer: index },
        { ask: () => tree.hasChildren(PARENT), answer: true },
        { ask: () => tree.countWithin(PARENT), answer: NETWORKS + 1 },
        { ask: () => tree.delete(at).set(at, 7).size, answer: NETWORKS + 1 },
      ]
      for (const { ask, answer } of asked) {
        looks = 0
        expect(ask()).toEqual(answer)
        expect(looks).toBeLessThan(PATH_LOOKS_MAX)
      }
    }
  })

  test('keeps most of itself when it changes', () => {
    const entries = Array.from({ length: 4_096 }, (_, i) => ({
      prefix: prefixOf({ family: 4, value: BigInt(i) << 20n }, 12),
      value: i,
    }))
    const before = entries.reduce<PrefixNode<number> | null>(insertEntry, null)
    const known = new Set(nodesOf(before))
    const host = parsePrefix('10.1.2.3/32')

    const inserted = insertEntry(before, { prefix: host, value: -1 })
    const deleted = deleteEntry(inserted, host)

    // The path of 13 nodes, and the new one.
    expect(nodesOf(inserted).filter((node) => !known.has(node))).toHaveLength(14)
    expect(nodesOf(deleted).filter((node) => !known.has(node))).toHaveLength(13)
  })
})

function nodesOf(node: PrefixNode<number> | null): PrefixNode<number>[] {
  return node === null ? [] : [node, ...nodesOf(node.low), ...nodesOf(node.high)]
}
