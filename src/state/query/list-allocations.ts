import { parseAddress } from '../../ipam/address.ts'
import type { AllocationFilter, Page, PageRequest } from '../../ipam/query.ts'
import { ALLOCATION_STATUSES, type Allocation, type AllocationStatus } from '../../ipam/records.ts'
import type { ExpiryIndex } from '../expiry-index.ts'
import type { HostnameMemory } from '../hostname-rows.ts'
import {
  ADDRESS_RANGES,
  ALLOCATIONS,
  addressRanges,
  allocationKey,
  asciiOf,
  endedAllocations,
  type KeyRange,
  type Position,
  allocationTerms as termRange,
} from '../key-space.ts'
import type { NetworkState, NetworkTable } from '../network-table.ts'
import { decodeAllocation } from '../record-codec.ts'
import { allocationTerms, macTerm, tagTerm, wordTerm } from '../text-index.ts'
import type { View } from '../view.ts'
import {
  type Candidate,
  type Candidates,
  ChainedCandidates,
  IndexCandidates,
  MemoryCandidates,
} from './candidates.ts'
import { holderCandidates, holderQuestion } from './holders.ts'
import { HostnameCandidates } from './hostname-candidates.ts'
import { hasPart, matchesAllocation, searchWords } from './matches.ts'
import { CANDIDATES_MAX, decodeCursor, takePage } from './page.ts'

/** What lists need of memory. */
export interface AllocationMemory {
  readonly networks: NetworkTable
  readonly expiries: ExpiryIndex
  readonly hostnames: HostnameMemory
  /** Allocations of deleted networks. */
  readonly orphans: number
}

/** Takes what it needs of memory before it returns a promise. */
export function listAllocations(
  view: View,
  memory: AllocationMemory,
  { filter, page }: { readonly filter: AllocationFilter; readonly page: PageRequest },
): Promise<Page<Allocation>> {
  const { networks } = memory
  const { networkId, namespace } = filter
  const network = networkId === null ? null : networks.get(networkId)
  if (networkId !== null && network === null) return Promise.resolve({ rows: [], nextCursor: null, total: 0 })
  const ids = namespace === null ? null : idsIn(networks, namespace)
  const total = totalOf(memory, { network, filter })
  const word = searchedWord(filter)
  const listing = {
    keyOf: ({ position }: Candidate) => allocationKey(position),
    decode: decodeAllocation,
    accepts: (allocation: Allocation, { key }: Candidate): boolean => {
      const isThere = ids === null || ids.has(allocation.networkId)
      return isThere && matchesAllocation(allocation, filter) && standsFor(allocation, key, word)
    },
  }
  const choosing = candidatesFor(view, memory, { network, filter, page, word })
  return (async () => {
    const taken = await takePage(view, { ...listing, candidates: await choosing }, page)
    return { ...taken, total: taken.total ?? total }
  })()
}

interface Choice {
  readonly network: NetworkState | null
  readonly filter: AllocationFilter
  readonly page: PageRequest
  /** Of `q`, what chooses the candidates; null if something else does. */
  readonly word: string | null
}

/** The filter that leaves the fewest is asked for by its index; the others are checked on each record. */
function candidatesFor(
  view: View,
  memory: AllocationMemory,
  { network, filter, page, word }: Choice,
): Candidates | Promise<Candidates> {
  const { ip, mac, tag, hostname, expiresBefore, statuses, namespace } = filter
  const open = (name: string, ranges: readonly KeyRange[], placeOffset: number): Candidates => {
    return new IndexCandidates(view, { name, ranges, placeOffset, after: decodeCursor(page.cursor, name) })
  }
  if (ip !== null) {
    const name = `allocations ip ${ip} ${namespace ?? ''}`
    const after = decodeCursor(page.cursor, name)
    const question = holderQuestion(memory.networks, { address: parseAddress(ip), namespace })
    return holderCandidates(view, question, { name, after, isReverse: false })
  }
  const openTerm = (name: string, term: string): Candidates => {
    // Behind the mark of the status, a place starts with the letter of its kind of term.
    return open(name, termRanges(term, statuses), 2)
  }
  const openHostnames = (name: string, part: string): Candidates => {
    const after = decodeCursor(page.cursor, name)
    return new HostnameCandidates(view, memory.hostnames, {
      name,
      part,
      isActiveOnly: isActiveOnly(statuses),
      after,
    })
  }
  if (mac !== null) return openTerm(nameOf(macTerm(mac), statuses), macTerm(mac))
  if (hostname !== null)
    return openHostnames(nameOf(`h${asciiOf(hostname.toLowerCase())}`, statuses), hostname)
  if (tag !== null) return openTerm(nameOf(tagTerm(tag), statuses), tagTerm(tag))
  if (expiresBefore !== null && isActiveOnly(statuses)) return expiring(memory, expiresBefore, page)
  if (word !== null) {
    const name = nameOf(`q${asciiOf(word)}`, statuses)
    return new ChainedCandidates(name, [openHostnames(name, word), openTerm(name, wordTerm(word))])
  }
  if (network === null && !isActiveOnly(statuses)) return open('allocations a', [ALLOCATIONS], 1)
  return byAddress(view, { network, statuses, cursor: page.cursor })
}

/** By network, in the order in which these were made, and by address. */
function byAddress(
  view: View,
  {
    network,
    statuses,
    cursor,
  }: Pick<AllocationFilter, 'statuses'> & Pick<Choice, 'network'> & Pick<PageRequest, 'cursor'>,
): Candidates {
  const name = `allocations r${network?.position ?? ''} ${marks(statuses)}`
  const active = network === null ? ADDRESS_RANGES : addressRanges(network.position)
  return new IndexCandidates(view, {
    name,
    ranges: network === null || isActiveOnly(statuses) ? [] : [endedAllocations(network.position)],
    addressRanges: statuses.includes('allocated') ? [active] : [],
    placeOffset: 1,
    after: decodeCursor(cursor, name),
  })
}

function termRanges(term: string, statuses: readonly AllocationStatus[]): KeyRange[] {
  const active = termRange(term, { isActive: true })
  const ended = termRange(term, { isActive: false })
  if (isActiveOnly(statuses)) return [active]
  return statuses.includes('allocated') ? [active, ended] : [ended]
}

function isActiveOnly(statuses: readonly AllocationStatus[]): boolean {
  return statuses.every((status) => status === 'allocated')
}

function nameOf(asked: string, statuses: readonly AllocationStatus[]): string {
  return `allocations x${asked} ${marks(statuses)}`
}

function marks(statuses: readonly AllocationStatus[]): string {
  return statuses.map((status) => status.charAt(0)).join('')
}

/** In the order in which they expire, from memory: all at or before the time, as of now. */
function expiring({ expiries }: AllocationMemory, before: number, page: PageRequest): Candidates {
  const name = `allocations expiring ${before}`
  const after = decodeCursor(page.cursor, name)
  const due = expiries.due({
    time: before - 1,
    limit: CANDIDATES_MAX,
    after: after === null ? null : parseExpiryPlace(after),
  })
  const candidates = due.map(({ expiresAt, position }) => {
    return { position, place: `${expiresAt.toString(16).padStart(14, '0')} ${position}`, key: '' }
  })
  return new MemoryCandidates(name, candidates)
}

function parseExpiryPlace(place: string): { expiresAt: number; position: Position } {
  const [time = '', position = ''] = place.split(' ')
  return { expiresAt: Number.parseInt(time, 16), position }
}

/** The longest word of `q`: a part of the host name, or the start of another word. */
function searchedWord({ q, statuses, expiresBefore, ...others }: AllocationFilter): string | null {
  const { mac, hostname, tag, ip } = others
  const isExpiring = expiresBefore !== null && isActiveOnly(statuses)
  if (q === null || isExpiring || [mac, hostname, tag, ip].some((value) => value !== null)) return null
  const longest = searchWords(q).reduce((other, word) => (word.length > other.length ? word : other), '')
  return longest === '' ? null : longest
}

/** A record that is found in several ways is listed where it is found first: by its host name, or else by its first word. */
function standsFor(allocation: Allocation, key: string, word: string | null): boolean {
  if (word === null) return true
  if (key === '') return hasPart(allocation, word)
  if (hasPart(allocation, word)) return false
  const start = wordTerm(word)
  const [first] = [...allocationTerms(allocation)].filter((term) => term.startsWith(start)).sort()
  return key.startsWith(`${first} `, 2)
}

function idsIn(networks: NetworkTable, namespace: string): ReadonlySet<string> {
  return new Set([...networks.tree(namespace).entries(null)].map(({ value }) => value.id))
}

/** Known without counting, where memory counts. */
function totalOf(
  { networks, orphans }: AllocationMemory,
  { network, filter }: { network: NetworkState | null; filter: AllocationFilter },
): number | null {
  const { ip, hostname, mac, tag, expiresBefore, q, statuses, namespace } = filter
  if ([ip, hostname, mac, tag, expiresBefore, q].some((value) => value !== null)) return null
  const isAll = statuses.length === ALLOCATION_STATUSES.length
  if (!isAll && !isActiveOnly(statuses)) return null
  const count = ({ activeAllocations, allocations }: NetworkState): number =>
    isAll ? allocations : activeAllocations
  if (network !== null) return namespace === null || namespace === network.namespace ? count(network) : 0
  const names = namespace === null ? [...networks.trees.keys()] : [namespace]
  let total = isAll && namespace === null ? orphans : 0
  for (const name of names) for (const { value } of networks.tree(name).entries(null)) total += count(value)
  return total
}
