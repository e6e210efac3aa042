import { parseAddress } from '../../ipam/address.ts'
import type { AllocationFilter, Page, PageRequest } from '../../ipam/query.ts'
import type { Allocation, AllocationStatus } from '../../ipam/records.ts'
import type { ExpiryIndex } from '../expiry-index.ts'
import {
  ADDRESS_RANGES,
  ALLOCATIONS,
  addressRanges,
  allocationKey,
  endedAllocations,
  type KeyRange,
  type Position,
  allocationTerms as termRange,
} from '../key-space.ts'
import type { NetworkState, NetworkTable } from '../network-table.ts'
import { decodeAllocation } from '../record-codec.ts'
import { allocationTerms, hostnameStarts, macTerm, tagTerm, wordTerm } from '../text-index.ts'
import type { View } from '../view.ts'
import { type Candidate, type Candidates, IndexCandidates, MemoryCandidates } from './candidates.ts'
import { holderCandidates, holderQuestion } from './holders.ts'
import { matchesAllocation, searchWords } from './matches.ts'
import { CANDIDATES_MAX, decodeCursor, takePage } from './page.ts'

/** What lists need of memory. */
export interface AllocationMemory {
  readonly networks: NetworkTable
  readonly expiries: ExpiryIndex
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
  const searched = searchedTerms(filter)
  const listing = {
    keyOf: ({ position }: Candidate) => allocationKey(position),
    decode: decodeAllocation,
    accepts: (allocation: Allocation, { key }: Candidate): boolean => {
      const isThere = ids === null || ids.has(allocation.networkId)
      return isThere && matchesAllocation(allocation, filter) && standsFor(allocation, key, searched)
    },
  }
  const choosing = candidatesFor(view, memory, { network, filter, page, searched })
  return (async () => {
    const taken = await takePage(view, { ...listing, candidates: await choosing }, page)
    return { ...taken, total: taken.total ?? total }
  })()
}

interface Choice {
  readonly network: NetworkState | null
  readonly filter: AllocationFilter
  readonly page: PageRequest
  readonly searched: readonly string[]
}

/** The filter that leaves the fewest is asked for by its index; the others are checked on each record. */
function candidatesFor(
  view: View,
  memory: AllocationMemory,
  { network, filter, page, searched }: Choice,
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
  const openTerms = (asked: string, terms: readonly string[]): Candidates => {
    const ranges = terms.flatMap((term) => termRanges(term, statuses))
    // Behind the mark of the status, a place starts with the letter of its kind of term.
    return open(`allocations ${asked} ${marks(statuses)}`, ranges, 2)
  }
  if (mac !== null) return openTerms(`x${macTerm(mac)}`, [macTerm(mac)])
  if (hostname !== null) return openTerms(`x${searched[0]}`, searched)
  if (tag !== null) return openTerms(`x${tagTerm(tag)}`, [tagTerm(tag)])
  if (expiresBefore !== null && isActiveOnly(statuses)) return expiring(memory, expiresBefore, page)
  if (searched.length > 0) return openTerms(`q${searched[0]} ${searched.at(-1)}`, searched)
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

/**
 * What chooses the candidates by how a term starts, so that several terms of one record may: the host name, or the longest
 * word of `q`, as a part of the host name or as the start of another word.
 */
function searchedTerms({ q, mac, hostname, tag, ip }: AllocationFilter): string[] {
  if (ip !== null || mac !== null) return []
  if (hostname !== null) return hostnameStarts(hostname)
  if (tag !== null || q === null) return []
  const driver = searchWords(q).reduce((longest, word) => (word.length > longest.length ? word : longest), '')
  return [...hostnameStarts(driver), wordTerm(driver)]
}

/** A record that several of its terms find is listed at the first of them. */
function standsFor(allocation: Allocation, key: string, searched: readonly string[]): boolean {
  if (searched.length === 0 || !key.startsWith('x')) return true
  const found = [...allocationTerms(allocation)].filter((term) =>
    searched.some((start) => term.startsWith(start)),
  )
  return key.startsWith(`${found.sort()[0]} `, 2)
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
  const isAll = statuses.length === STATUSES_COUNT
  if (!isAll && !isActiveOnly(statuses)) return null
  const count = ({ activeAllocations, allocations }: NetworkState): number =>
    isAll ? allocations : activeAllocations
  if (network !== null) return namespace === null || namespace === network.namespace ? count(network) : 0
  const names = namespace === null ? [...networks.trees.keys()] : [namespace]
  let total = isAll && namespace === null ? orphans : 0
  for (const name of names) for (const { value } of networks.tree(name).entries(null)) total += count(value)
  return total
}

const STATUSES_COUNT = 3
