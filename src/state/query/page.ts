/** A page of a list: records that match, and a cursor that neither skips nor repeats any while others write. */
import { InvalidCursorError, type Page, type PageRequest } from '../../ipam/query.ts'
import { CorruptStateError } from '../errors.ts'
import type { View } from '../view.ts'
import type { Candidate, Candidates } from './candidates.ts'

/** Records that one request reads, at most: a page is short then. */
const EXAMINED_MAX = 20_000
const CHUNK_MAX = 1_000
/** Candidates that one request asks for, at most: whoever offers no more must have that many, or the list seems to end. */
export const CANDIDATES_MAX = EXAMINED_MAX + CHUNK_MAX

export interface Listing<T> {
  readonly candidates: Candidates
  keyOf(candidate: Candidate): string
  decode(row: Buffer, candidate: Candidate): T
  /** Whether it is what was asked for, and this candidate the one to stand for it. */
  accepts(record: T, candidate: Candidate): boolean
}

/** Closes the candidates. */
export async function takePage<T>(view: View, listing: Listing<T>, request: PageRequest): Promise<Page<T>> {
  try {
    const { rows, next } = await examine(view, listing, request)
    const isWhole = next === null && request.cursor === null && request.offset === 0
    const nextCursor = next === null ? null : encodeCursor(listing.candidates.name, next)
    return { rows, nextCursor, total: isWhole ? rows.length : null }
  } finally {
    await listing.candidates.close()
  }
}

async function examine<T>(
  view: View,
  { candidates, keyOf, decode, accepts }: Listing<T>,
  { limit, offset }: PageRequest,
): Promise<{ rows: T[]; next: string | null }> {
  const rows: T[] = []
  let toSkip = offset
  let last = ''
  for (let examined = 0; examined < EXAMINED_MAX; ) {
    // One more than asked for tells whether anything is left. Where most are refused, each trip brings more than the one before.
    const wanted = Math.min(CHUNK_MAX, Math.max(limit + toSkip + 1 - rows.length, examined))
    const chunk = await candidates.take(wanted)
    const records = await view.getMany(chunk.map(keyOf))
    for (const [i, candidate] of chunk.entries()) {
      const row = records[i]
      if (row === undefined) throw new CorruptStateError(`${candidate.key} points to no record`)
      const record = decode(row, candidate)
      if (accepts(record, candidate)) {
        if (rows.length === limit) return { rows, next: last }
        if (toSkip > 0) toSkip -= 1
        else rows.push(record)
      }
      last = candidate.place
    }
    if (chunk.length < wanted) return { rows, next: null }
    examined += chunk.length
  }
  return { rows, next: last }
}

function encodeCursor(name: string, place: string): string {
  return Buffer.from(`${name}\n${place}`, 'latin1').toString('base64url')
}

/**
 * @param name Of the list that is asked for.
 * @throws {InvalidCursorError} unless this list could have given it out.
 */
export function decodeCursor(cursor: string | null, name: string): string | null {
  if (cursor === null) return null
  const [of, place, ...rest] = Buffer.from(cursor, 'base64url').toString('latin1').split('\n')
  const isOurs = of === name && place !== undefined && rest.length === 0 && /^[ -~]+$/.test(place)
  if (!isOurs || encodeCursor(of, place) !== cursor) {
    throw new InvalidCursorError('the cursor is not one that this list, with these filters, has given out')
  }
  return place
}
