import { type Address, addressBits, parseAddress } from '../../ipam/address.ts'
import { contains, type Prefix, parsePrefix, parsePrefixKey, prefixKey, prefixOf } from '../../ipam/prefix.ts'
import { InvalidCursorError, type NetworkFilter, type Page, type PageRequest } from '../../ipam/query.ts'
import type { Network, PlacedNetwork } from '../../ipam/records.ts'
import { POSITION_CHARS, type Position } from '../key-encoding.ts'
import { networkKey, networkTermKey, networkTerms as termRange } from '../key-space.ts'
import type { NetworkState, NetworkTable, NetworkTree } from '../network-table.ts'
import { decodeNetwork } from '../record-codec.ts'
import { networkTerms, tagTerm, wordTerm } from '../text-index.ts'
import type { View } from '../view.ts'
import { type Candidate, type Candidates, IndexCandidates, MemoryCandidates } from './candidates.ts'
import { LOOKED_THROUGH_MAX, LookedThrough } from './looked-through.ts'
import { matchesNetwork, searchWords } from './matches.ts'
import { decodeCursor, takePage } from './page.ts'
import type { Part } from './part.ts'

type Trees = NetworkTable['trees']

/** Takes what it needs of memory before it returns a promise. @param part Only what lies inside; null: all. */
export function listNetworks(
  view: View,
  networks: NetworkTable,
  { filter, page }: { readonly filter: NetworkFilter; readonly page: PageRequest },
  part: Part | null = null,
): Promise<Page<PlacedNetwork>> {
  const { trees } = networks
  const listing = {
    total: totalOf(trees, filter, part),
    candidates: candidatesFor(view, networks, { filter, page, part }),
    keyOf: ({ position }: Candidate) => networkKey(position),
    decode: (row: Buffer): PlacedNetwork => {
      const network = decodeNetwork(row)
      const parent = trees.get(network.namespace)?.parentOf(parsePrefix(network.cidr))
      return { ...network, parentId: parent?.value.id ?? null }
    },
    accepts: (network: PlacedNetwork, candidate: Candidate): boolean => {
      return (
        matchesNetwork(network, filter) && isInPlace(network, filter) && standsFor(network, filter, candidate)
      )
    },
  }
  return takePage(view, listing, page)
}

interface Asked {
  readonly filter: NetworkFilter
  readonly page: PageRequest
  readonly part: Part | null
}

function candidatesFor(view: View, networks: NetworkTable, asked: Asked): Candidates {
  const { filter, part } = asked
  const { cursor } = asked.page
  const { namespace, cidr, contains: inside, within, parentId } = filter
  if (cidr === null && inside === null && parentId === null && within === null) {
    const term = searchedTerm(filter)
    if (term !== null) return searched(view, term, asked)
  }
  const name = `networks ${[namespace, cidr, inside, within, parentId].map((value) => value ?? '').join(' ')}`
  const after = decodeCursor(cursor, name)
  const trees = namespace === null ? [...networks.trees] : [[namespace, networks.tree(namespace)] as const]
  return new MemoryCandidates(
    name,
    inMemory(trees, { filter, after, parent: parentId === null ? null : networks.get(parentId), part }),
  )
}

function searchedTerm({ tag, q }: NetworkFilter): string | null {
  if (tag !== null) return tagTerm(tag)
  return q === null ? null : wordTerm(driver(q))
}

/** Of a part with few networks each of them is looked at. Where there are more, the index says of each whether it is one of them. */
function searched(view: View, term: string, { filter, page: { cursor }, part }: Asked): Candidates {
  const name = `networks y${term}`
  const after = decodeCursor(cursor, name)
  const index = { name, ranges: [termRange(term)], placeOffset: 1, after }
  if (part === null) return new IndexCandidates(view, index)
  if (part.size > LOOKED_THROUGH_MAX) {
    const isOthers = (place: string): boolean => !part.hasAt(place.slice(-POSITION_CHARS) as Position)
    return new IndexCandidates(view, { ...index, isOthers })
  }
  const all = new MemoryCandidates(
    name,
    Array.from(part.networks(), ({ position }) => ({ position, place: '', key: '' })),
  )
  return new LookedThrough(view, all, {
    name,
    keyOf: networkKey,
    placeOf: (row, position) => {
      const network = decodeNetwork(row)
      return matchesNetwork(network, filter) ? placeAtTerm(network, { filter, position }) : null
    },
    after,
  })
}

/** Of one that is sought. */
function placeAtTerm(
  network: Network,
  { filter: { tag, q }, position }: { readonly filter: NetworkFilter; readonly position: Position },
): Omit<Candidate, 'position'> {
  const term = tag === null ? firstTerm(network, q ?? '') : tagTerm(tag).trimEnd()
  const key = networkTermKey(term, position)
  return { place: key.slice(1), key }
}

function* inMemory(
  trees: readonly (readonly [string, NetworkTree])[],
  {
    filter,
    after,
    parent,
    part,
  }: { filter: NetworkFilter; after: string | null; parent: NetworkState | null; part: Part | null },
): Generator<Candidate> {
  const start = after === null ? null : parsePlace(after)
  for (const [namespace, tree] of trees) {
    if (start !== null && namespace < start.namespace) continue
    if (filter.parentId !== null && parent?.namespace !== namespace) continue
    const past = namespace === start?.namespace ? start.prefix : null
    const roots = part?.rootsIn(namespace) ?? null
    for (const { prefix, value } of entriesOf(tree, { filter, parent, past, roots })) {
      if (part?.has(value.id) === false) continue
      const place = `${namespace} ${prefixKey(prefix)}`
      if (after === null || place > after) yield { position: value.position, place, key: '' }
    }
  }
}

/** @throws {InvalidCursorError} */
function parsePlace(place: string): { namespace: string; prefix: Prefix } {
  const [namespace, key] = place.split(' ')
  const prefix = key === undefined ? null : parsePrefixKey(key)
  if (namespace === undefined || prefix === null) throw new InvalidCursorError('the cursor is damaged')
  return { namespace, prefix }
}

function* entriesOf(
  tree: NetworkTree,
  {
    filter,
    parent,
    past,
    roots,
  }: {
    filter: NetworkFilter
    parent: NetworkState | null
    past: Prefix | null
    /** Nothing else is asked for; null: all. */
    roots: readonly Prefix[] | null
  },
): Generator<{ readonly prefix: Prefix; readonly value: NetworkState }> {
  const { cidr, contains: inside, within } = filter
  if (cidr !== null) {
    const prefix = parsePrefix(cidr)
    const value = tree.get(prefix)
    if (value !== null) yield { prefix, value }
  } else if (inside !== null) yield* tree.chainOf(hostPrefix(parseAddress(inside)))
  else if (parent !== null) yield* tree.childrenOf(parent.prefix)
  else if (within === null && roots === null) yield* tree.entries(past)
  else for (const area of areasOf(within, roots)) yield* tree.within(area, past)
}

/** What lies in both, as disjoint prefixes, ascending. One of the two is not null. */
function areasOf(within: string | null, roots: readonly Prefix[] | null): readonly Prefix[] {
  if (within === null) return roots ?? []
  const outer = parsePrefix(within)
  if (roots === null || roots.some((root) => contains(root, outer))) return [outer]
  return roots.filter((root) => contains(outer, root))
}

/** The filters that memory answers, for those that did not choose the candidates. */
function isInPlace({ cidr, parentId }: PlacedNetwork, filter: NetworkFilter): boolean {
  const prefix = parsePrefix(cidr)
  if (filter.parentId !== null && parentId !== filter.parentId) return false
  if (filter.within !== null && !contains(parsePrefix(filter.within), prefix)) return false
  return filter.contains === null || contains(prefix, hostPrefix(parseAddress(filter.contains)))
}

/** A record that several of its words find is listed at the first of them. */
function standsFor(network: PlacedNetwork, { q }: NetworkFilter, { key }: Candidate): boolean {
  if (q === null || !key.startsWith('yw')) return true
  return key.startsWith(`y${firstTerm(network, q)} `)
}

/** Of those that start as the word that is searched for. */
function firstTerm(network: Network, q: string): string {
  const start = wordTerm(driver(q))
  const [first = ''] = [...networkTerms(network)].filter((term) => term.startsWith(start)).sort()
  return first
}

function driver(q: string): string {
  return searchWords(q).reduce((longest, word) => (word.length > longest.length ? word : longest), '')
}

function totalOf(trees: Trees, filter: NetworkFilter, part: Part | null): number | null {
  const { namespace, within, ...others } = filter
  if (Object.values(others).some((value) => value !== null)) return null
  let total = 0
  for (const [name, tree] of trees) {
    if (namespace !== null && name !== namespace) continue
    const roots = part?.rootsIn(name) ?? null
    if (within === null && roots === null) total += tree.size
    else for (const area of areasOf(within, roots)) total += tree.countWithin(area)
  }
  return total
}

function hostPrefix(address: Address): Prefix {
  return prefixOf(address, addressBits(address.family))
}
