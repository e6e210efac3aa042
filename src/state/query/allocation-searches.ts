/** The indexes that find allocations by what they are, whoever's they are. */
import type { AllocationFilter, PageRequest } from '../../ipam/query.ts'
import type { Allocation, AllocationStatus } from '../../ipam/records.ts'
import type { Expiry, ExpiryIndex } from '../expiry-index.ts'
import { blockOf } from '../hostname-chunk.ts'
import type { HostnameMemory } from '../hostname-rows.ts'
import { asciiOf, type KeyRange, type Position } from '../key-encoding.ts'
import { allocationTermKey, allocationTerms as termRange } from '../key-space.ts'
import { allocationTerms, macTerm, tagTerm, wordTerm } from '../text-index.ts'
import type { View } from '../view.ts'
import { isActiveOnly, marks } from './by-network.ts'
import {
  type Candidate,
  type Candidates,
  ChainedCandidates,
  IndexCandidates,
  MemoryCandidates,
} from './candidates.ts'
import { HostnameCandidates, hostnamePlace } from './hostname-candidates.ts'
import { hasPart, searchWords } from './matches.ts'
import { CANDIDATES_MAX, decodeCursor } from './page.ts'

/** What searches need of memory. */
export interface SearchMemory {
  readonly expiries: ExpiryIndex
  readonly hostnames: HostnameMemory
}

/** A record, and where it lies. */
export interface Found {
  readonly allocation: Allocation
  readonly ordinal: number
  readonly position: Position
}

/** A list of what one filter finds; the others are checked on each record. */
export interface Search {
  readonly name: string
  /** Takes what it needs of memory at once. */
  open(): Candidates
  /** Where a record that matches stands in this list, however it was come by. */
  placeOf(found: Found): Omit<Candidate, 'position'>
}

/** Behind the mark of the status, a place starts with the letter of its kind of term. */
const TERM_OFFSET = 2

/** The one whose filter leaves the fewest; null if nothing is asked for that has an index. */
export function searchFor(
  view: View,
  memory: SearchMemory,
  { filter, cursor }: { readonly filter: AllocationFilter; readonly cursor: PageRequest['cursor'] },
): Search | null {
  const { mac, tag, hostname, expiresBefore, statuses } = filter
  const asked = { view, memory, statuses, cursor }
  if (mac !== null) return byTerm(asked, { term: macTerm(mac), stored: macTerm(mac) })
  if (hostname !== null) return byHostname(asked, hostname)
  if (tag !== null) return byTerm(asked, { term: tagTerm(tag), stored: tagTerm(tag).trimEnd() })
  if (expiresBefore !== null && isActiveOnly(statuses)) return byExpiry(asked, expiresBefore)
  const word = searchedWord(filter)
  return word === null ? null : byWord(asked, word)
}

/** Of `q`, what chooses the candidates: the longest word; null if something else does. */
export function searchedWord({ q, statuses, expiresBefore, ...others }: AllocationFilter): string | null {
  const { mac, hostname, tag, ip } = others
  const isExpiring = expiresBefore !== null && isActiveOnly(statuses)
  if (q === null || isExpiring || [mac, hostname, tag, ip].some((value) => value !== null)) return null
  const longest = searchWords(q).reduce((other, word) => (word.length > other.length ? word : other), '')
  return longest === '' ? null : longest
}

/** Of several words that start so, a record is listed at the first. */
export function firstTerm(allocation: Allocation, word: string): string {
  const start = wordTerm(word)
  const [first = ''] = [...allocationTerms(allocation)].filter((term) => term.startsWith(start)).sort()
  return first
}

interface Asked {
  readonly view: View
  readonly memory: SearchMemory
  readonly statuses: readonly AllocationStatus[]
  readonly cursor: PageRequest['cursor']
}

/** @param options.term What is looked for; `stored` what the terms of a record with it are. */
function byTerm(asked: Asked, { term, stored }: { readonly term: string; readonly stored: string }): Search {
  const name = nameOf(term, asked.statuses)
  return {
    name,
    open: () => openTerm(asked, { name, term }),
    placeOf: ({ position, allocation }) => placeAtTerm(allocation, { term: stored, position }),
  }
}

function byHostname(asked: Asked, part: string): Search {
  const name = nameOf(`h${asciiOf(part.toLowerCase())}`, asked.statuses)
  return { name, open: () => openHostnames(asked, { name, part }), placeOf: placeByHostname }
}

/** Those that have it in their host names come first. @param word Lower case. */
function byWord(asked: Asked, word: string): Search {
  const name = nameOf(`q${asciiOf(word)}`, asked.statuses)
  return {
    name,
    open: () => {
      const hostnames = openHostnames(asked, { name, part: word })
      return new ChainedCandidates(name, [hostnames, openTerm(asked, { name, term: wordTerm(word) })])
    },
    placeOf: (found) => {
      const { allocation, position } = found
      if (hasPart(allocation, word)) return placeByHostname(found)
      return placeAtTerm(allocation, { term: firstTerm(allocation, word), position })
    },
  }
}

/** In the order in which they expire, from memory: all at or before the time, as of now. */
function byExpiry({ memory: { expiries }, cursor }: Asked, before: number): Search {
  const name = `allocations expiring ${before}`
  return {
    name,
    open: () => {
      const after = decodeCursor(cursor, name)
      const due = expiries.dueByNow({
        time: before - 1,
        limit: CANDIDATES_MAX,
        after: after === null ? null : parseExpiryPlace(after),
      })
      return new MemoryCandidates(name, expiring(due))
    },
    placeOf: ({ allocation, position }) => {
      return { place: expiryPlace({ expiresAt: allocation.expiresAt ?? 0, position }), key: '' }
    },
  }
}

function* expiring(due: Iterable<Expiry>): Generator<Candidate> {
  for (const expiry of due) yield { position: expiry.position, place: expiryPlace(expiry), key: '' }
}

function expiryPlace({ expiresAt, position }: Expiry): string {
  return `${expiresAt.toString(16).padStart(14, '0')} ${position}`
}

function parseExpiryPlace(place: string): Expiry {
  const [time = '', position = ''] = place.split(' ')
  return { expiresAt: Number.parseInt(time, 16), position }
}

function openTerm(
  { view, statuses, cursor }: Asked,
  { name, term }: { readonly name: string; readonly term: string },
): Candidates {
  const after = decodeCursor(cursor, name)
  return new IndexCandidates(view, {
    name,
    ranges: termRanges(term, statuses),
    placeOffset: TERM_OFFSET,
    after,
  })
}

function openHostnames(
  { view, memory, statuses, cursor }: Asked,
  { name, part }: { readonly name: string; readonly part: string },
): Candidates {
  const after = decodeCursor(cursor, name)
  return new HostnameCandidates(view, memory.hostnames, {
    name,
    part,
    isActiveOnly: isActiveOnly(statuses),
    after,
  })
}

function placeAtTerm(
  { status }: Allocation,
  { term, position }: { readonly term: string; readonly position: Position },
): Omit<Candidate, 'position'> {
  const key = allocationTermKey(term, { isActive: status === 'allocated', position })
  return { place: key.slice(TERM_OFFSET), key }
}

function placeByHostname({ ordinal, position }: Found): Omit<Candidate, 'position'> {
  return { place: hostnamePlace(blockOf(ordinal), position), key: '' }
}

function termRanges(term: string, statuses: readonly AllocationStatus[]): KeyRange[] {
  const active = termRange(term, { isActive: true })
  const ended = termRange(term, { isActive: false })
  if (isActiveOnly(statuses)) return [active]
  return statuses.includes('allocated') ? [active, ended] : [ended]
}

function nameOf(asked: string, statuses: readonly AllocationStatus[]): string {
  return `allocations x${asked} ${marks(statuses)}`
}
