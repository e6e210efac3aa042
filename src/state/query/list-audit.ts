import { parseAddress } from '../../ipam/address.ts'
import { DEFAULT_NAMESPACE } from '../../ipam/defaults.ts'
import type { AuditFilter, Page, PageRequest } from '../../ipam/query.ts'
import type { AuditEntry } from '../../ipam/records.ts'
import { groupOfRequestId } from '../../ipam/request-groups.ts'
import {
  AUDIT,
  AUDIT_BLOCK_INDEXES,
  type AuditBlockKind,
  auditBlocks,
  auditKey,
  auditsOfRequest,
  auditsOfResource,
  parseAuditBlockKey,
} from '../audit-keys.ts'
import { type KeyRange, type Position, positionIn, positionOf } from '../key-encoding.ts'
import { allocationKey, allocationPosition } from '../key-space.ts'
import type { NetworkTable } from '../network-table.ts'
import { decodeAllocation, decodeAudit } from '../record-codec.ts'
import type { Scan, View } from '../view.ts'
import {
  type Candidate,
  type Candidates,
  IndexCandidates,
  MemoryCandidates,
  MergedCandidates,
} from './candidates.ts'
import { type HolderQuestion, holderCandidates, holderQuestion } from './holders.ts'
import { decodeCursor, takePage } from './page.ts'

/** Allocations of one address whose changes are shown, the newest. */
const HOLDERS_MAX = 100

interface Bounds {
  /** Both as positions; null: none. */
  readonly from: Position | null
  readonly before: Position | null
}

/**
 * Newest first inside, oldest first in the answer; the cursor leads to older ones. Behind an index (`afterIndex`) oldest first
 * throughout, and the cursor leads to newer ones: who follows must get what comes next, however much there is by now.
 *
 * Takes what it needs of memory before it returns a promise.
 */
export function listAudit(
  view: View,
  networks: NetworkTable,
  { filter, page }: { readonly filter: AuditFilter; readonly page: PageRequest },
): Promise<Page<AuditEntry>> {
  const { ip, namespace } = filter
  const question = { namespace: namespace ?? DEFAULT_NAMESPACE }
  const holders = ip === null ? null : holderQuestion(networks, { address: parseAddress(ip), ...question })
  return list(view, { filter, page, holders })
}

interface Question {
  readonly filter: AuditFilter
  readonly page: PageRequest
  /** Null unless the changes of all holders of an address are asked for. */
  readonly holders: HolderQuestion | null
}

async function list(view: View, { filter, page, holders }: Question): Promise<Page<AuditEntry>> {
  const bounds = await boundsOf(view, filter)
  const listing = {
    total: 'uncounted' as const,
    candidates: await candidatesFor(view, { filter, page, holders, bounds }),
    keyOf: ({ position }: Candidate) => auditKey(position),
    decode: (row: Buffer, { position }: Candidate): AuditEntry => decodeAudit(position, row),
    accepts: (entry: AuditEntry): boolean => matches(entry, filter),
  }
  const taken = await takePage(view, listing, page)
  return isNewestFirst(filter) ? { ...taken, rows: taken.rows.toReversed() } : taken
}

function isNewestFirst({ afterIndex }: AuditFilter): boolean {
  return afterIndex === null
}

/** Log time of the oldest row; null if there is none. */
export async function oldestAudit(view: View): Promise<number | null> {
  const [row] = await view.take({ ...AUDIT, limit: 1 })
  return row === undefined ? null : decodeAudit(positionIn(row[0]), row[1]).timestamp
}

function matches({ action, user, resource, requestId, timestamp }: AuditEntry, filter: AuditFilter): boolean {
  if (filter.action !== null && action !== filter.action) return false
  if (filter.user !== null && user !== filter.user) return false
  if (filter.resource !== null && resource !== filter.resource) return false
  if (filter.requestId !== null && requestId !== filter.requestId) return false
  if (filter.since !== null && timestamp < filter.since) return false
  return filter.until === null || timestamp < filter.until
}

async function candidatesFor(
  view: View,
  { filter, page, holders, bounds }: Question & { readonly bounds: Bounds },
): Promise<Candidates> {
  const { resource, requestId, ip, namespace, user, action } = filter
  const isReverse = isNewestFirst(filter)
  const list = isReverse ? 'audit' : 'audit-events'
  const name = `${list} ${[resource, requestId, ip, namespace, user, action].map((value) => encodeURIComponent(value ?? '')).join(' ')}`
  const after = decodeCursor(page.cursor, name)
  const open = (ranges: readonly KeyRange[]): Candidates => {
    const placeOffset = ranges[0]?.gte.length ?? 0
    const bounded = ranges.map((range) => within(range, bounds))
    return new IndexCandidates(view, { name, ranges: bounded, placeOffset, after, isReverse })
  }
  // Ids are of one length or another: each resource has a range of its own.
  const openResources = async (ids: readonly string[]): Promise<Candidates> => {
    const created = await creationsOf(view, ids, { bounds, after, isReverse })
    const changed = ids.map((id) => open([auditsOfResource(id)]))
    return new MergedCandidates(name, [new MemoryCandidates(name, created), ...changed], { isReverse })
  }
  if (resource !== null) return openResources([resource])
  const openBlocks = (kind: AuditBlockKind, value: string): Candidates =>
    new BlockCandidates(view, { name, kind, value, left: leftOf({ bounds, after, isReverse }), isReverse })
  const requests = requestId === null ? null : groupOfRequestId(requestId)
  if (requests !== null) return openBlocks('requests', requests)
  if (requestId !== null) return open([auditsOfRequest(requestId)])
  if (holders !== null) return openResources(await holdersOf(view, holders))
  if (user !== null) return openBlocks('user', user)
  if (action !== null) return openBlocks('action', action)
  return open([AUDIT])
}

/** What is left of a list, and which way it goes. */
interface Place {
  readonly bounds: Bounds
  /** The last position that was listed. */
  readonly after: Position | null
  readonly isReverse: boolean
}

/** Bounds without what was listed already. */
function leftOf({ bounds, after, isReverse }: Place): Bounds {
  const { from, before } = bounds
  if (after === null) return bounds
  if (isReverse) return { from, before: before === null || after < before ? after : before }
  // The lowest position after another one is that with a zero byte behind it.
  const next = `${after}\0`
  return { from: from === null || next > from ? next : from, before }
}

/**
 * An allocation lies at the position of the audit row of its creation, which is therefore in no index of resources.
 * What another resource has there is refused like any row that the filter does not want.
 */
async function creationsOf(
  view: View,
  ids: readonly string[],
  { bounds: { from, before }, after, isReverse }: Place,
): Promise<Candidate[]> {
  const positions = ids
    .map(allocationPosition)
    .filter((position) => position !== null)
    .filter((position) => from === null || position >= from)
    .filter((position) => before === null || position < before)
    .filter((position) => after === null || (isReverse ? position < after : position > after))
    .toSorted((a, b) => (a < b === isReverse ? 1 : -1))
  // What retention has forgotten is not there any more.
  const kept = await view.getMany(positions.map(auditKey))
  return positions
    .filter((_, i) => kept[i] !== undefined)
    .map((position) => ({ position, place: position, key: allocationKey(position) }))
}

async function holdersOf(view: View, question: HolderQuestion): Promise<string[]> {
  const candidates = await holderCandidates(view, question, { name: 'audit', after: null, isReverse: true })
  try {
    const found = await candidates.take(HOLDERS_MAX)
    const rows = await view.getMany(found.map(({ position }) => allocationKey(position)))
    return rows.flatMap((row) => (row === undefined ? [] : [decodeAllocation(row).id]))
  } finally {
    await candidates.close()
  }
}

function within(range: KeyRange, { from, before }: Bounds): KeyRange {
  const gte = from === null ? range.gte : range.gte + from
  const lt = before === null ? range.lt : range.gte + before
  return { gte, lt: lt < gte ? gte : lt }
}

/** Times rise with the log, so that a time is found as a word in a dictionary. */
async function boundsOf(view: View, { since, until, afterIndex }: AuditFilter): Promise<Bounds> {
  const from = since === null ? null : await indexAt(view, since)
  const least = Math.max(from ?? 0, afterIndex === null ? 0 : afterIndex + 1)
  const before = until === null ? null : await indexAt(view, until)
  return {
    from: least === 0 ? null : positionOf(least, 0),
    before: before === null ? null : positionOf(before, 0),
  }
}

/** The lowest log index of which no audit row is older than `time`, or one beyond the last. */
async function indexAt(view: View, time: number): Promise<number> {
  let low = 0
  let high = view.point.index + 1
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const [row] = await view.take({ gte: auditKey(positionOf(middle, 0)), lt: AUDIT.lt, limit: 1 })
    const isOlder = row !== undefined && decodeAudit(positionIn(row[0]), row[1]).timestamp < time
    if (isOlder) low = middle + 1
    else high = middle
  }
  return low
}

/** All rows of the blocks in which some row has the value, newest first: not all of them have it. */
class BlockCandidates implements Candidates {
  readonly name: string
  readonly #view: View
  readonly #blocks: Scan
  readonly #left: Bounds
  readonly #isReverse: boolean
  #rows: Scan | null = null

  constructor(
    view: View,
    options: {
      readonly name: string
      readonly kind: AuditBlockKind
      readonly value: string
      readonly left: Bounds
      readonly isReverse: boolean
    },
  ) {
    this.name = options.name
    this.#view = view
    this.#left = options.left
    this.#isReverse = options.isReverse
    this.#blocks = view.scan({ ...auditBlocks(options, options.left), isReverse: options.isReverse })
  }

  async take(count: number): Promise<Candidate[]> {
    const candidates: Candidate[] = []
    while (candidates.length < count) {
      this.#rows ??= await this.#nextBlock()
      if (this.#rows === null) break
      const wanted = count - candidates.length
      const rows = await this.#rows.take(wanted)
      for (const [key] of rows) candidates.push({ position: positionIn(key), place: positionIn(key), key })
      if (rows.length === wanted) continue
      await this.#rows.close()
      this.#rows = null
    }
    return candidates
  }

  async close(): Promise<void> {
    await this.#rows?.close()
    await this.#blocks.close()
  }

  async #nextBlock(): Promise<Scan | null> {
    const [block] = await this.#blocks.take(1)
    if (block === undefined) return null
    const index = parseAuditBlockKey(block[0])
    const { from, before } = this.#left
    const starts = [positionOf(index, 0), from].filter((start) => start !== null)
    const ends = [positionOf(index + AUDIT_BLOCK_INDEXES, 0), before].filter((end) => end !== null)
    const gte = auditKey(starts.toSorted().at(-1) ?? '')
    const lt = auditKey(ends.toSorted()[0] ?? '')
    return this.#view.scan({ gte, lt: lt < gte ? gte : lt, isReverse: this.#isReverse })
  }
}
