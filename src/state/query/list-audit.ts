import { parseAddress } from '../../ipam/address.ts'
import { DEFAULT_NAMESPACE } from '../../ipam/defaults.ts'
import { type AuditFilter, InvalidCursorError, type Page, type PageRequest } from '../../ipam/query.ts'
import type { AuditEntry } from '../../ipam/records.ts'
import { groupOfRequestId } from '../../ipam/request-groups.ts'
import { AUDIT, type AuditBlockKind, auditKey, auditsOfRequest, auditsOfResource } from '../audit-keys.ts'
import {
  isPosition,
  type KeyRange,
  type Position,
  positionIn,
  positionOf,
  SEQUENCE_MAX,
} from '../key-encoding.ts'
import { allocationKey, allocationPosition } from '../key-space.ts'
import type { NetworkTable } from '../network-table.ts'
import { decodeAllocation, decodeAudit } from '../record-codec.ts'
import type { View } from '../view.ts'
import {
  AnyPlaces,
  AUDIT_READS_MAX,
  BlockPlaces,
  CommonPlaces,
  IndexPlaces,
  KnownPlaces,
  LogPlaces,
  type Places,
  positionBehind,
} from './audit-places.ts'
import { type Candidate, type Candidates, IndexCandidates } from './candidates.ts'
import { type HolderQuestion, holderCandidates, holderQuestion } from './holders.ts'
import { decodeCursor, takePage } from './page.ts'
import type { Reading } from './seekable-rows.ts'

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
  /** Ids; null: all. */
  readonly resources: readonly string[] | null
}

/** @param options.holders Null unless the changes of all holders of an address are asked for. */
async function list(
  view: View,
  { filter, page, holders }: Omit<Question, 'resources'> & { readonly holders: HolderQuestion | null },
): Promise<Page<AuditEntry>> {
  const bounds = await boundsOf(view, filter)
  const resources = await resourcesOf(view, filter, holders)
  const listing = {
    total: 'uncounted' as const,
    candidates: await candidatesFor(view, { filter, page, resources, bounds }),
    keyOf: ({ position }: Candidate) => auditKey(position),
    decode: (row: Buffer, { position }: Candidate): AuditEntry => decodeAudit(position, row),
    accepts: (entry: AuditEntry): boolean => matches(entry, filter, resources),
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

function matches(
  { action, user, resource, requestId, timestamp }: AuditEntry,
  filter: AuditFilter,
  resources: readonly string[] | null,
): boolean {
  if (filter.action !== null && action !== filter.action) return false
  if (filter.user !== null && user !== filter.user) return false
  if (resources?.includes(resource) === false) return false
  if (filter.requestId !== null && requestId !== filter.requestId) return false
  if (filter.since !== null && timestamp < filter.since) return false
  return filter.until === null || timestamp < filter.until
}

async function candidatesFor(
  view: View,
  { filter, page, resources, bounds }: Question & { readonly bounds: Bounds },
): Promise<Candidates> {
  const { resource, requestId, ip, namespace, user, action } = filter
  const isReverse = isNewestFirst(filter)
  const list = isReverse ? 'audit' : 'audit-events'
  const name = `${list} ${[resource, requestId, ip, namespace, user, action].map((value) => encodeURIComponent(value ?? '')).join(' ')}`
  const after = decodeCursor(page.cursor, name)
  if (after !== null && !isPosition(after))
    throw new InvalidCursorError('the cursor is of no row of the audit log')
  const reading = { view, isReverse, left: AUDIT_READS_MAX }
  const lists = await placesOf(reading, filter, resources)
  if (lists.length > 0)
    return new CommonPlaces(reading, { name, lists, ...stretchOf(reading, bounds, after) })
  return new IndexCandidates(view, {
    name,
    ranges: [within(AUDIT, bounds)],
    placeOffset: AUDIT.gte.length,
    after,
    isReverse,
  })
}

/** One list for each filter that has an index; none if all rows are asked for, or those of a time. */
async function placesOf(
  reading: Reading,
  filter: AuditFilter,
  resources: readonly string[] | null,
): Promise<Places[]> {
  const { requestId, user, action } = filter
  const group = requestId === null ? null : groupOfRequestId(requestId)
  const blocks = (kind: AuditBlockKind, value: string | null): Places[] =>
    value === null ? [] : [new BlockPlaces(reading, { kind, value })]
  const named = [
    ...(resources === null ? [] : [await placesOfResources(reading, resources)]),
    ...(requestId === null || group !== null ? [] : [new IndexPlaces(reading, auditsOfRequest(requestId))]),
  ]
  const lists = [...named, ...blocks('requests', group), ...blocks('user', user), ...blocks('action', action)]
  // Blocks have rows that nobody asks for.
  if (named.length > 0 || lists.length === 0) return lists
  // Texts lie in rows as their bytes: to look for these costs a tenth of decoding a row.
  const texts = [user, requestId].filter((text) => text !== null).map((text) => Buffer.from(text))
  const isSought = (row: Buffer, position: Position): boolean =>
    texts.every((text) => row.includes(text)) && matches(decodeAudit(position, row), filter, resources)
  return [...lists, new LogPlaces(reading, isSought)]
}

/**
 * Ids are of one length or another: each resource has a range of its own. An allocation lies at the position of the audit row of its
 * creation, which is therefore in no index of resources. What another resource has there is refused like any row that the filter
 * does not want.
 */
async function placesOfResources(reading: Reading, ids: readonly string[]): Promise<Places> {
  const positions = ids.map(allocationPosition).filter((position) => position !== null)
  // What retention has forgotten is not there any more.
  const rows = await reading.view.getMany(positions.map(auditKey))
  const created = positions.filter((_, i) => rows[i] !== undefined)
  const changed = ids.map((id) => new IndexPlaces(reading, auditsOfResource(id)))
  return new AnyPlaces(reading, [new KnownPlaces(reading, created), ...changed])
}

/** Where a page begins and ends. @param after The last position that was listed. */
function stretchOf(
  reading: Reading,
  { from, before }: Bounds,
  after: Position | null,
): { from: Position; isBeyond: (place: Position) => boolean } {
  const next = after === null ? null : positionBehind(after, reading)
  if (reading.isReverse) {
    const newest =
      before === null ? positionOf(reading.view.point.index, SEQUENCE_MAX) : positionBehind(before, reading)
    const isBeyond = (place: Position): boolean => from !== null && place < from
    return { from: next !== null && next < newest ? next : newest, isBeyond }
  }
  const oldest = from ?? positionOf(0, 0)
  const isBeyond = (place: Position): boolean => before !== null && place >= before
  return { from: next !== null && next > oldest ? next : oldest, isBeyond }
}

async function resourcesOf(
  view: View,
  { resource }: AuditFilter,
  holders: HolderQuestion | null,
): Promise<readonly string[] | null> {
  if (holders === null) return resource === null ? null : [resource]
  const held = await holdersOf(view, holders)
  return resource === null ? held : held.filter((id) => id === resource)
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
