/** A page of a list: records that match, and a cursor that neither skips nor repeats any while others write. */
import { InvalidCursorError, OFFSET_MAX, type Page, type PageRequest } from '../../ipam/query.ts'
import { CorruptStateError } from '../errors.ts'
import type { View } from '../view.ts'
import type { Candidate, Candidates } from './candidates.ts'

/** Records that one request reads, at most: a page is short then. */
export const EXAMINED_MAX = 20_000
/** A page by default, and the one more that tells whether anything is left. */
const CHUNK_MAX = 1_001
/** Candidates that one request asks for, at most: whoever offers no more must have that many, or the list seems to end. */
export const CANDIDATES_MAX = EXAMINED_MAX + CHUNK_MAX
/** As long as there are no more candidates, rows are counted behind the page as well: it costs no more than a page by default. */
export const COUNTED_MAX = 1_024

export interface Listing<T> {
  readonly candidates: Candidates
  keyOf(candidate: Candidate): string
  decode(row: Buffer, candidate: Candidate): T
  /** Whether it is what was asked for, and this candidate the one to stand for it. */
  accepts(record: T, candidate: Candidate): boolean
  /** How many rows there are in all, if memory knows; null: it does not, and they are counted while they are few. */
  readonly total: number | null | 'uncounted'
}

/** Closes the candidates. */
export async function takePage<T>(view: View, listing: Listing<T>, request: PageRequest): Promise<Page<T>> {
  try {
    const { rows, next, toSkip, total } = await examine(view, listing, request)
    const nextCursor = next === null ? null : encodeCursor(listing.candidates.name, { place: next, toSkip })
    return { rows, nextCursor, total: typeof listing.total === 'number' ? listing.total : total }
  } finally {
    await listing.candidates.close()
  }
}

async function examine<T>(
  view: View,
  listing: Listing<T>,
  { limit, offset: asked, cursor }: PageRequest,
): Promise<{ rows: T[]; next: string | null; toSkip: number; total: number | null }> {
  const offset = cursor === null ? asked : offsetOf(cursor)
  const rows: T[] = []
  let skipped = 0
  let last = ''
  for (let examined = 0; examined < EXAMINED_MAX; ) {
    const refused = examined - skipped - rows.length
    // One more than asked for tells whether anything is left. Where most are refused, each trip brings more than the one before.
    const wanted = Math.min(CHUNK_MAX, Math.max(offset - skipped + limit - rows.length + 1, refused))
    const chunk = await listing.candidates.take(wanted)
    const records = await recordsOf(view, listing, chunk)
    examined += chunk.length
    const isEnd = chunk.length < wanted
    for (const [i, record] of records.entries()) {
      if (record !== null && rows.length === limit) {
        const isCounted = cursor === null && listing.total === null
        const left = isEnd ? 0 : COUNTED_MAX - examined
        const more = isCounted ? await countMore(view, listing, { isEnd, left }) : null
        const rest = records.slice(i).filter((one) => one !== null).length
        return { rows, next: last, toSkip: 0, total: more === null ? null : skipped + limit + rest + more }
      }
      if (record !== null && skipped < offset) skipped += 1
      else if (record !== null) rows.push(record)
      last = chunk[i]?.place ?? last
    }
    const stoppedAt = listing.candidates.stoppedAt ?? null
    if (isEnd && stoppedAt !== null) return { rows, next: stoppedAt, toSkip: offset - skipped, total: null }
    if (isEnd) return { rows, next: null, toSkip: 0, total: cursor === null ? skipped + rows.length : null }
  }
  return { rows, next: last, toSkip: offset - skipped, total: null }
}

/** Of the next candidates; null if there are more than are `left` to be looked at. */
async function countMore<T>(
  view: View,
  listing: Listing<T>,
  { isEnd, left }: { readonly isEnd: boolean; readonly left: number },
): Promise<number | null> {
  if (isEnd) return 0
  if (left < 0) return null
  const candidates = await listing.candidates.take(left + 1)
  // Their places cost a tenth of their records: who finds too many of them reads none.
  if (candidates.length > left) return null
  return (await recordsOf(view, listing, candidates)).filter((record) => record !== null).length
}

/** Null for those that are not accepted. */
async function recordsOf<T>(
  view: View,
  { keyOf, decode, accepts }: Listing<T>,
  candidates: readonly Candidate[],
): Promise<(T | null)[]> {
  const rows = await view.getMany(candidates.map(keyOf))
  return candidates.map((candidate, i) => {
    const row = rows[i]
    if (row === undefined) throw new CorruptStateError(`${candidate.key} points to no record`)
    const record = decode(row, candidate)
    return accepts(record, candidate) ? record : null
  })
}

/** @param toSkip What is left of an offset that one request does not get through. */
function encodeCursor(name: string, { place, toSkip }: { place: string; toSkip: number }): string {
  const rest = toSkip === 0 ? '' : `\n${toSkip}`
  return Buffer.from(`${name}\n${place}${rest}`, 'latin1').toString('base64url')
}

/**
 * @param name Of the list that is asked for.
 * @throws {InvalidCursorError} unless this list could have given it out.
 */
export function decodeCursor(cursor: string | null, name: string): string | null {
  if (cursor === null) return null
  const [of, place] = partsOf(cursor)
  const isOurs = of === name && place !== undefined && /^[ -~]+$/.test(place)
  const toSkip = offsetOf(cursor)
  if (!isOurs || toSkip > OFFSET_MAX || encodeCursor(of, { place, toSkip }) !== cursor) {
    throw new InvalidCursorError('the cursor is not one that this list, with these filters, has given out')
  }
  return place
}

function offsetOf(cursor: string): number {
  const [, , toSkip = '0'] = partsOf(cursor)
  return /^\d{1,9}$/.test(toSkip) ? Number(toSkip) : 0
}

function partsOf(cursor: string): string[] {
  return Buffer.from(cursor, 'base64url').toString('latin1').split('\n')
}
