import { type Address, addressBits, parseAddress } from '../../ipam/address.ts'
import { contains, type Prefix, parsePrefix, parsePrefixKey, prefixKey, prefixOf } from '../../ipam/prefix.ts'
import { InvalidCursorError, type NetworkFilter, type Page, type PageRequest } from '../../ipam/query.ts'
import type { PlacedNetwork } from '../../ipam/records.ts'
import { networkKey, networkTerms as termRange } from '../key-space.ts'
import type { NetworkState, NetworkTable, NetworkTree } from '../network-table.ts'
import { decodeNetwork } from '../record-codec.ts'
import { networkTerms, tagTerm, wordTerm } from '../text-index.ts'
import type { View } from '../view.ts'
import { type Candidate, type Candidates, IndexCandidates, MemoryCandidates } from './candidates.ts'
import { matchesNetwork, searchWords } from './matches.ts'
import { decodeCursor, takePage } from './page.ts'

type Trees = NetworkTable['trees']

/** Takes what it needs of memory before it returns a promise. */
export function listNetworks(
  view: View,
  networks: NetworkTable,
  { filter, page }: { readonly filter: NetworkFilter; readonly page: PageRequest },
): Promise<Page<PlacedNetwork>> {
  const { trees } = networks
  const listing = {
    total: totalOf(trees, filter),
    candidates: candidatesFor(view, networks, filter, page),
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

function candidatesFor(
  view: View,
  networks: NetworkTable,
  filter: NetworkFilter,
  { cursor }: PageRequest,
): Candidates {
  const { namespace, cidr, contains: inside, within, parentId, tag, q } = filter
  if (cidr === null && inside === null && parentId === null && within === null) {
    const term = tag !== null ? tagTerm(tag) : q === null ? null : wordTerm(driver(q))
    if (term !== null) {
      const name = `networks y${term}`
      const after = decodeCursor(cursor, name)
      return new IndexCandidates(view, { name, ranges: [termRange(term)], placeOffset: 1, after })
    }
  }
  const name = `networks ${[namespace, cidr, inside, within, parentId].map((value) => value ?? '').join(' ')}`
  const after = decodeCursor(cursor, name)
  const trees = namespace === null ? [...networks.trees] : [[namespace, networks.tree(namespace)] as const]
  return new MemoryCandidates(
    name,
    inMemory(trees, { filter, after, parent: parentId === null ? null : networks.get(parentId) }),
  )
}

function* inMemory(
  trees: readonly (readonly [string, NetworkTree])[],
  { filter, after, parent }: { filter: NetworkFilter; after: string | null; parent: NetworkState | null },
): Generator<Candidate> {
  const start = after === null ? null : parsePlace(after)
  for (const [namespace, tree] of trees) {
    if (start !== null && namespace < start.namespace) continue
    if (filter.parentId !== null && parent?.namespace !== namespace) continue
    const past = namespace === start?.namespace ? start.prefix : null
    for (const { prefix, value } of entriesOf(tree, { filter, parent, past })) {
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
  { filter, parent, past }: { filter: NetworkFilter; parent: NetworkState | null; past: Prefix | null },
): Generator<{ readonly prefix: Prefix; readonly value: NetworkState }> {
  const { cidr, contains: inside, within } = filter
  if (cidr !== null) {
    const prefix = parsePrefix(cidr)
    const value = tree.get(prefix)
    if (value !== null) yield { prefix, value }
  } else if (inside !== null) yield* tree.chainOf(hostPrefix(parseAddress(inside)))
  else if (parent !== null) yield* tree.childrenOf(parent.prefix)
  else if (within !== null) yield* tree.within(parsePrefix(within), past)
  else yield* tree.entries(past)
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
  const start = wordTerm(driver(q))
  const found = [...networkTerms(network)].filter((term) => term.startsWith(start)).sort()
  return key.startsWith(`y${found[0]} `)
}

function driver(q: string): string {
  return searchWords(q).reduce((longest, word) => (word.length > longest.length ? word : longest), '')
}

function totalOf(trees: Trees, filter: NetworkFilter): number | null {
  const { namespace, within, ...others } = filter
  if (Object.values(others).some((value) => value !== null)) return null
  const chosen = namespace === null ? [...trees.values()] : [trees.get(namespace)]
  const prefix = within === null ? null : parsePrefix(within)
  return chosen.reduce((sum, tree) => {
    if (tree === undefined) return sum
    return sum + (prefix === null ? tree.size : tree.countWithin(prefix))
  }, 0)
}

function hostPrefix(address: Address): Prefix {
  return prefixOf(address, addressBits(address.family))
}
