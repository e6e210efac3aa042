/** The log as the core sees it: all terms, all configurations, and the entries that are still in memory. */
import { assert } from '../assert.ts'
import { encodedEntryBytes } from '../entry.ts'
import type { Entry, LogIndex, Membership, SnapshotMeta, Term, TermRun } from '../types.ts'
import { decodeMembership } from './membership-entry.ts'

export interface Log {
  /** What the log starts after. */
  base: SnapshotMeta
  /** Position of the last entry; `base.lastIndex` when there is none. */
  lastIndex: LogIndex
  /** Everything up to here is on this node's disk. */
  durableIndex: LogIndex
  /** Ascending; covers `base.lastIndex + 1` to `lastIndex`. */
  terms: TermRun[]
  /** Configurations after the base, committed or not, ascending. */
  memberships: { index: LogIndex; membership: Membership }[]
  /** Contiguous; the last of them is `lastIndex`. `cacheStart` of them at the front are already dropped. */
  cache: Entry[]
  cacheStart: number
  cacheBytes: number
  /** The highest time of any entry ever seen; the next entry's is not below it. */
  maxTime: number
  /** The slice last handed out: peers in step share one array, which is then encoded once. */
  lastSlice: readonly Entry[]
}

export function createLog(options: {
  base: SnapshotMeta
  lastIndex: LogIndex
  terms: readonly TermRun[]
  membershipEntries: readonly Entry[]
  /** The last entries of the log; at least all that are not applied yet. */
  tail: readonly Entry[]
}): Log {
  const { base, lastIndex, tail } = options
  assert(tail.length === 0 || tail.at(-1)?.index === lastIndex, 'the tail ends before the log')
  return {
    base,
    lastIndex,
    durableIndex: lastIndex,
    terms: [...options.terms],
    memberships: options.membershipEntries.map((entry) => ({
      index: entry.index,
      membership: decodeMembership(entry.payload).membership,
    })),
    cache: [...tail],
    cacheStart: 0,
    cacheBytes: tail.reduce((bytes, entry) => bytes + encodedEntryBytes(entry), 0),
    maxTime: Math.max(base.lastTime, tail.at(-1)?.time ?? 0),
    lastSlice: [],
  }
}

export function lastTerm(log: Log): Term {
  return log.terms.at(-1)?.term ?? log.base.lastTerm
}

/** The term of the entry at `index`; null outside of the log. The base's own index is inside. */
export function termAt(log: Log, index: LogIndex): Term | null {
  if (index === log.base.lastIndex) return log.base.lastTerm
  if (index < log.base.lastIndex || index > log.lastIndex) return null
  for (let i = log.terms.length - 1; i >= 0; i--) {
    const run = log.terms[i]
    if (run !== undefined && run.firstIndex <= index) return run.term
  }
  return null
}

/**
 * The last position up to `index` whose term is at most `term`: both ends of a rejected AppendEntries use it
 * to skip a whole term a round (§3.5, "fast back-tracking"). Below the base it is a guess, for nothing is
 * known there: a peer whose log parts from ours that early needs a snapshot.
 */
export function lastIndexWithTermAtMost(log: Log, index: LogIndex, term: Term): LogIndex {
  const { base } = log
  let candidate = Math.min(index, log.lastIndex)
  for (let i = log.terms.length - 1; i >= 0; i--) {
    const run = log.terms[i]
    if (run === undefined || run.firstIndex > candidate) continue
    if (run.term <= term) return candidate
    candidate = run.firstIndex - 1
  }
  return base.lastTerm <= term ? candidate : Math.min(candidate, base.lastIndex - 1)
}

export function appendEntry(log: Log, entry: Entry): void {
  assert(entry.index === log.lastIndex + 1, 'entry {} does not follow {}', entry.index, log.lastIndex)
  const previousTerm = lastTerm(log)
  assert(entry.term >= previousTerm, 'term {} at {} follows {}', entry.term, entry.index, previousTerm)
  if (log.terms.length === 0 || entry.term !== previousTerm) {
    log.terms.push({ firstIndex: entry.index, term: entry.term })
  }
  if (entry.type === 'membership') {
    log.memberships.push({ index: entry.index, membership: decodeMembership(entry.payload).membership })
  }
  log.cache.push(entry)
  log.cacheBytes += encodedEntryBytes(entry)
  log.lastIndex = entry.index
  log.maxTime = Math.max(log.maxTime, entry.time)
}

/** Forgets `index` and everything after it, configurations included (§3.5). */
export function truncateFrom(log: Log, index: LogIndex): void {
  assert(index > log.base.lastIndex, 'truncation at {} reaches into the snapshot', index)
  while (log.cache.length > log.cacheStart) {
    const entry = log.cache.at(-1)
    if (entry === undefined || entry.index < index) break
    log.cache.pop()
    log.cacheBytes -= encodedEntryBytes(entry)
  }
  log.terms = log.terms.filter((run) => run.firstIndex < index)
  log.memberships = log.memberships.filter((at) => at.index < index)
  log.lastIndex = index - 1
  log.durableIndex = Math.min(log.durableIndex, log.lastIndex)
  log.lastSlice = []
}

/** Lets go of cached entries up to `through`, oldest first, until the cache is within `bytesMax`. */
export function shrinkCache(log: Log, { through, bytesMax }: { through: LogIndex; bytesMax: number }): void {
  while (log.cacheBytes > bytesMax) {
    const oldest = log.cache[log.cacheStart]
    if (oldest === undefined || oldest.index > through) break
    log.cacheStart += 1
    log.cacheBytes -= encodedEntryBytes(oldest)
  }
  // Dropped entries stay reachable until then, and may be large: never more of them than of the others.
  if (log.cacheStart * 2 > log.cache.length) {
    log.cache = log.cache.slice(log.cacheStart)
    log.cacheStart = 0
  }
}

/**
 * Entries from `first` on, as many as fit into `bytesMax`, at least one.
 *
 * @returns null if they have left the memory; empty if `first` is past the end.
 */
export function entriesFrom(log: Log, first: LogIndex, bytesMax: number): readonly Entry[] | null {
  if (first > log.lastIndex) return []
  const oldest = log.cache[log.cacheStart]
  if (oldest === undefined || first < oldest.index) return null
  const start = log.cacheStart + (first - oldest.index)
  let end = start
  let bytes = 0
  while (end < log.cache.length) {
    const entry = log.cache[end]
    if (entry === undefined) break
    bytes += encodedEntryBytes(entry)
    if (bytes > bytesMax && end > start) break
    end += 1
  }
  const last = log.lastSlice.at(-1)
  if (log.lastSlice[0]?.index === first && last?.index === log.cache[end - 1]?.index) return log.lastSlice
  log.lastSlice = log.cache.slice(start, end)
  return log.lastSlice
}

/** Entries `first` to `last`, all of which are in memory. */
export function cachedEntries(log: Log, first: LogIndex, last: LogIndex): Entry[] {
  if (first > last) return []
  const oldest = log.cache[log.cacheStart]
  assert(oldest !== undefined && first >= oldest.index, 'entry {} has left the memory', first)
  const start = log.cacheStart + (first - oldest.index)
  return log.cache.slice(start, start + (last - first) + 1)
}

/** The configuration in force at `index`: the newest one appended up to there (§4.1). */
export function membershipAt(log: Log, index: LogIndex): { index: LogIndex; membership: Membership } {
  for (let i = log.memberships.length - 1; i >= 0; i--) {
    const at = log.memberships[i]
    if (at !== undefined && at.index <= index) return at
  }
  return { index: log.base.membershipIndex, membership: log.base.membership }
}

/** Describes the log up to `index` as something to start after. `index` must be inside the log. */
export function snapshotMetaAt(log: Log, index: LogIndex): SnapshotMeta {
  const term = termAt(log, index)
  assert(term !== null, 'no term is known at {}', index)
  const { index: membershipIndex, membership } = membershipAt(log, index)
  // The time is a floor for later entries, so a later one than that of `index` serves as well.
  return { lastIndex: index, lastTerm: term, lastTime: log.maxTime, membership, membershipIndex }
}

/** Lets the log start after `base`, which it contains: the disk has forgotten everything up to there. */
export function compactTo(log: Log, base: SnapshotMeta): void {
  if (base.lastIndex <= log.base.lastIndex) return
  assert(termAt(log, base.lastIndex) === base.lastTerm, 'compaction to {} is not of this log', base.lastIndex)
  const following = log.terms.filter((run) => run.firstIndex > base.lastIndex)
  const isInside = base.lastIndex < log.lastIndex && following[0]?.firstIndex !== base.lastIndex + 1
  log.terms = isInside ? [{ firstIndex: base.lastIndex + 1, term: base.lastTerm }, ...following] : following
  log.memberships = log.memberships.filter((at) => at.index > base.lastIndex)
  log.base = base
  shrinkCache(log, { through: base.lastIndex, bytesMax: 0 })
}

/** Replaces the whole log by a snapshot (ch. 5). */
export function resetTo(log: Log, base: SnapshotMeta): void {
  log.base = base
  log.lastIndex = base.lastIndex
  log.durableIndex = base.lastIndex
  log.terms = []
  log.memberships = []
  log.cache = []
  log.cacheStart = 0
  log.cacheBytes = 0
  log.maxTime = Math.max(log.maxTime, base.lastTime)
  log.lastSlice = []
}
