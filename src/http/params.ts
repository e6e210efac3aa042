/** Parameters of queries, which are text, and what reads and lists make of theirs. */
import type { Context } from 'hono'
import { z } from 'zod'
import { OFFSET_MAX, type Page, type PageRequest } from '../ipam/query.ts'
import type { Consistency } from '../service.ts'
import { expected } from './fields.ts'
import { invalidRequest } from './problem.ts'

export const PAGE_ROWS_MAX = 10_000
const PAGE_ROWS = 1_000
const CURSOR_CHARS_MAX = 1_024
const SEARCH_CHARS_MAX = 256

/** For a request that takes none: a typo there is as much a typo as anywhere. */
export const NO_PARAMS = z.strictObject({})

export function wholeNumberParam({ min, max }: { min: number; max: number }) {
  return z
    .string()
    .transform((text, context) => {
      const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN
      if (value >= min && value <= max) return value
      context.addIssue({ code: 'custom', message: expected(`a whole number from ${min} to ${max}`, text) })
      return z.NEVER
    })
    .meta({ type: 'integer', minimum: min, maximum: max })
}

export const booleanParam = z
  .enum(['true', 'false'], { error: (issue) => expected('true or false', issue.input) })
  .transform((text) => text === 'true')

/** A moment, as milliseconds since 1970. */
export const timeParam = z
  .string()
  .transform((text, context) => {
    const ms = RFC_3339.test(text) ? Date.parse(text) : Number.NaN
    if (Number.isFinite(ms) && !isRolledOver(text)) return ms
    const plus = LOST_PLUS.test(text) ? ': a + in a query is a space, so write %2B' : ''
    context.addIssue({
      code: 'custom',
      message: `${expected('a time such as 2026-01-31T12:00:00Z', text)}${plus}`,
    })
    return z.NEVER
  })
  .meta({ format: 'date-time', examples: ['2026-01-31T12:00:00Z'] })

/** With an offset, or it would mean something else on every machine. */
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/i

/** A + in a query is a space, and offsets begin with one. */
const LOST_PLUS = /T[\d:.]+ \d\d:\d\d$/i

/** `Date.parse` takes the 31st of February for the 3rd of March. */
function isRolledOver(text: string): boolean {
  const date = text.slice(0, 'yyyy-mm-dd'.length)
  return new Date(`${date}T00:00:00Z`).toISOString().slice(0, date.length) !== date
}

/** What somebody types into a search box. */
export const searchParam = z
  .string()
  .max(SEARCH_CHARS_MAX, { error: `must have at most ${SEARCH_CHARS_MAX} characters` })
  .refine((value) => value.trim() !== '', { error: 'must not be empty; leave it out to have all' })

export const READ_PARAMS = {
  consistency: z
    .enum(['linearizable', 'stale'], { error: (issue) => expected('linearizable or stale', issue.input) })
    .optional()
    .meta({
      description:
        'linearizable, the default: shows every write that was answered before. stale: what this node has, without asking the others.',
    }),
  min_index: wholeNumberParam({ min: 0, max: Number.MAX_SAFE_INTEGER }).optional().meta({
    description:
      'Answers once this node has applied the log up to there: the X-Raft-Index of an earlier answer. Does not go with consistency=linearizable.',
  }),
}

/** Of what is read by id, or as a whole. */
export const ReadParams = z.strictObject(READ_PARAMS)

export const PAGE_PARAMS = {
  limit: wholeNumberParam({ min: 1, max: PAGE_ROWS_MAX })
    .default(PAGE_ROWS)
    .meta({ description: 'Rows in a page, at most.' }),
  cursor: z
    .string()
    .min(1, { error: 'must not be empty; leave it out to start from the beginning' })
    .max(CURSOR_CHARS_MAX, { error: `must have at most ${CURSOR_CHARS_MAX} characters` })
    .nullable()
    .default(null)
    .meta({ description: 'Where the page begins: from the Link header of the page before.' }),
  offset: wholeNumberParam({ min: 0, max: OFFSET_MAX })
    .default(0)
    .meta({ description: 'Rows to leave out. A cursor is quicker, and neither skips nor repeats rows.' }),
}

/** @throws {ProblemError} */
export function toPage(query: { limit: number; cursor: string | null; offset: number }): PageRequest {
  const { limit, cursor, offset } = query
  if (cursor === null || offset === 0) return { limit, cursor, offset }
  throw invalidRequest([{ field: 'offset', message: 'does not go with cursor; leave one out' }])
}

/** `min_index` waits on this node, so it says all there is to say about `stale`. */
export function toConsistency(query: {
  consistency?: 'linearizable' | 'stale' | undefined
  min_index?: number | undefined
}): Consistency {
  if (query.min_index === undefined) return { type: query.consistency ?? 'linearizable' }
  if (query.consistency === 'linearizable') {
    const message =
      'does not go with consistency=linearizable, which is newer than any index seen before; leave one out'
    throw invalidRequest([{ field: 'min_index', message }])
  }
  return { type: 'minIndex', index: query.min_index }
}

/** The same list from its cursor on, as a `Link` (RFC 8288), relative, so that it holds behind any proxy; and how many there are. */
export function pageHeaders(
  c: Context,
  { nextCursor, total }: Omit<Page<unknown>, 'rows'>,
): Record<string, string> {
  const headers: Record<string, string> = total === null ? {} : { 'X-Total-Count': String(total) }
  if (nextCursor === null) return headers
  const query = new URLSearchParams(new URL(c.req.url).search)
  query.delete('offset')
  query.set('cursor', nextCursor)
  headers['Link'] = `<${c.req.path}?${query}>; rel="next"`
  return headers
}
