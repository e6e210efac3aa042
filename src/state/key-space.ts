/** Where each row lies, but for those of the audit log; see README.md. */
import type { Family } from '../ipam/address.ts'
import { parseAllocationId } from '../ipam/allocation-id.ts'
import {
  addressDigits,
  INDEX_DIGITS,
  type KeyRange,
  POSITION_CHARS,
  type Position,
  padded,
  positionOf,
  prefixRange,
  SEQUENCE_MAX,
  toHex,
} from './key-encoding.ts'

export const APPLIED_KEY = '!applied'
export const MEMBERSHIP_KEY = '!membership'
/** How many allocations belong to networks that are deleted. */
export const ORPHANS_KEY = '!orphans'
/** What is known about the rows is none of them: it lies before `EVERYTHING`, in no snapshot and no digest, and goes with them. */
export const DIVERGENCE_KEY = ' divergence'
/** Of the newest whole checkpoint. Like its parts and the journal it lies before `EVERYTHING`: what memory holds, and no rows. */
export const CHECKPOINT_KEY = ' checkpoint'
/** What changed in memory since a checkpoint was begun, by batch. */
export const JOURNAL = prefixRange(' journal ')
export const CHECKPOINT_PARTS = prefixRange(' part ')

/** Allocations of all networks, active or ended. */
export const ALLOCATIONS = prefixRange('a')
/** Ended allocations of all networks, deleted ones too, by network and address. */
export const ENDED_ALLOCATIONS = prefixRange('d')
/** Addresses that rest after their release. */
export const COOLINGS = prefixRange('k')
/** Answers kept under idempotency keys, in the order in which they came. */
export const KEPT_ANSWERS = prefixRange('i')
export const NETWORKS = prefixRange('n')
/** What changes of a network with its allocations. */
export const NETWORK_COUNTERS = prefixRange('o')
/** Active addresses of all networks, by network and address. */
export const ADDRESS_RANGES = prefixRange('r')
export const API_KEYS = prefixRange('ck')
export const USERS = prefixRange('cu')
export const SESSIONS = prefixRange('s')
/** Outcomes of writes, by session and sequence number. */
export const OUTCOMES = prefixRange('t')
export const EVERYTHING: KeyRange = { gte: '!', lt: '~' }

export function allocationKey(position: Position): string {
  return `a${position}`
}

/** Null if no allocation can have the id; else where it would lie, whether it does or not. */
export function allocationPosition(id: string): Position | null {
  const parts = parseAllocationId(id)
  return parts === null || parts.sequence > SEQUENCE_MAX ? null : positionOf(parts.index, parts.sequence)
}

/** Index of the ended allocations of a network, by address. */
export function endedAllocationKey(
  network: Position,
  { family, first }: { readonly family: Family; readonly first: bigint },
  position: Position,
): string {
  return `d${network}${addressDigits(family, first)}${position}`
}

export function endedAllocations(network: Position): KeyRange {
  return prefixRange(`d${network}`)
}

/** An aligned block of addresses that belonged to an allocation. */
export function coverKey(block: CoverBlock, position: Position): string {
  return `${coverPrefix(block)}${position}`
}

/** All ended allocations that had this very block as one of theirs, oldest first. */
export function covers(block: CoverBlock): KeyRange {
  return prefixRange(coverPrefix(block))
}

export interface CoverBlock {
  readonly namespace: string
  readonly family: Family
  readonly first: bigint
  /** It has 2^bits addresses. */
  readonly bits: number
}

/** Covers of namespaces that come after this one; of all without one. */
export function coversBeyond(namespace: string | null): KeyRange {
  return { gte: namespace === null ? 'h' : `h${namespace}!`, lt: 'i' }
}

export function namespaceInCover(key: string): string {
  return key.slice(1, key.indexOf(' '))
}

function coverPrefix({ namespace, family, first, bits }: CoverBlock): string {
  return `h${namespace} ${family}${padded(bits.toString(16), 2)}${addressDigits(family, first)}`
}

/** @param index Of the last entry in the batch. */
export function journalKey(index: number): string {
  return `${JOURNAL.gte}${toHex(index)}`
}

/** @param generation The index at which the checkpoint was begun. @param number From 0. */
export function checkpointPartKey(generation: number, number: number): string {
  return `${CHECKPOINT_PARTS.gte}${toHex(generation)} ${toHex(number)}`
}

export function checkpointParts(generation: number): KeyRange {
  return prefixRange(`${CHECKPOINT_PARTS.gte}${toHex(generation)} `)
}

const GRAM_DIGITS = 5

/** Which blocks of a chunk of allocations have a gram in their host names. */
export function gramKey(gram: number, chunk: number): string {
  return `${gramPrefix(gram)}${toHex(chunk)}`
}

/** Its rows of these chunks. */
export function gramRows(gram: number, { from, to }: { from: number; to: number }): KeyRange {
  return { gte: gramKey(gram, from), lt: gramKey(gram, to) }
}

export function parseGramKey(key: string): number {
  return Number.parseInt(key.slice(-INDEX_DIGITS), 16)
}

function gramPrefix(gram: number): string {
  return `g${padded(gram.toString(16), GRAM_DIGITS)}`
}

/** Where the allocations of a full block lie. */
export function blockKey(block: number): string {
  return `l${toHex(block)}`
}

/** How many allocations of each block of a chunk have ended. */
export function endedCountsKey(chunk: number): string {
  return `m${toHex(chunk)}`
}

/** One entry keeps one answer at most. */
export function keptAnswerKey(index: number): string {
  return `i${toHex(index)}`
}

export function parseKeptAnswerKey(key: string): number {
  return Number.parseInt(key.slice(1), 16)
}

export function coolingKey(position: Position): string {
  return `k${position}`
}

export function networkCountersKey(network: Position): string {
  return `o${network}`
}

/** @param term As `text-index.ts` makes them. */
export function allocationTermKey(
  term: string,
  { isActive, position }: { isActive: boolean; position: Position },
): string {
  return `x${isActive ? 'a' : 'e'}${term} ${position}`
}

/** Terms that start with this one. */
export function allocationTerms(term: string, { isActive }: { isActive: boolean }): KeyRange {
  return prefixRange(`x${isActive ? 'a' : 'e'}${term}`)
}

export function networkTermKey(term: string, position: Position): string {
  return `y${term} ${position}`
}

export function networkTerms(term: string): KeyRange {
  return prefixRange(`y${term}`)
}

export function networkKey(position: Position): string {
  return `n${position}`
}

export function addressRangeKey(network: Position, family: Family, first: bigint): string {
  return `r${network}${addressDigits(family, first)}`
}

/** The active allocations of a network, by address. */
export function addressRanges(network: Position): KeyRange {
  return prefixRange(`r${network}`)
}

/** The parts of an address range's key. */
export function parseAddressRangeKey(key: string): { network: Position; first: bigint } {
  return {
    network: key.slice(1, 1 + POSITION_CHARS),
    first: BigInt(`0x${key.slice(1 + POSITION_CHARS)}`),
  }
}

export function apiKeyKey(id: string): string {
  return `ck${id}`
}

/** @param name Lower case: ASCII. */
export function userKey(name: string): string {
  return `cu${name}`
}

/** A session is called by the index of the entry that opened it. */
export function sessionKey(id: number): string {
  return `s${toHex(id)}`
}

export function parseSessionKey(key: string): number {
  return Number.parseInt(key.slice(1), 16)
}

export function outcomeKey(session: number, sequence: number): string {
  return `t${toHex(session)}${toHex(sequence)}`
}

export function parseOutcomeKey(key: string): { session: number; sequence: number } {
  return {
    session: Number.parseInt(key.slice(1, 1 + INDEX_DIGITS), 16),
    sequence: Number.parseInt(key.slice(1 + INDEX_DIGITS), 16),
  }
}
