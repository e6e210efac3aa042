/** The fields and parameters that several requests share, with their limits. */
import type { Context } from 'hono'
import { z } from 'zod'
import { parseReachableAddr } from '../config-addr.ts'
import { AddressSyntaxError } from '../ipam/address.ts'
import { formatPrefix, parsePrefix } from '../ipam/prefix.ts'
import type { Consistency } from '../service.ts'
import { show } from '../show.ts'
import { invalidRequest } from './problem.ts'

export const PAGE_ROWS_MAX = 10_000
const PAGE_ROWS = 1_000
const CURSOR_CHARS_MAX = 1_024
const ID_CHARS_MAX = 64
const DESCRIPTION_CHARS_MAX = 1_024
const HOSTNAME_CHARS_MAX = 253
const TAGS_MAX = 64
const TAG_CHARS_MAX = 64

const ID = new RegExp(`^[A-Za-z0-9_-]{1,${ID_CHARS_MAX}}$`)
/** Control characters but for line breaks and tabs, and halves of characters, which UTF-8 cannot hold. */
const UNPRINTABLE = /(?![\n\r\t])[\p{Cc}\p{Cs}]/u

/** Ids of other shapes name nothing. */
export function isId(text: string): boolean {
  return ID.test(text)
}

/** A required id in a body or query. */
export const id = z.string({ error: (issue) => expected('an id', issue.input) }).refine(isId, {
  error: (issue) => `must be at most ${ID_CHARS_MAX} letters, digits, - and _, not ${show(issue.input)}`,
})

/** Canonical. */
export const cidr = z
  .string({ error: (issue) => expected('a prefix such as "10.0.0.0/24"', issue.input) })
  .transform((text, context) => {
    try {
      return formatPrefix(parsePrefix(text))
    } catch (error) {
      if (!(error instanceof AddressSyntaxError)) throw error
      context.addIssue({ code: 'custom', message: error.message })
      return z.NEVER
    }
  })

/** Where the other nodes reach one. */
export const addr = z
  .string({ error: (issue) => expected('host:port, such as "10.0.0.4:5004"', issue.input) })
  .transform((text, context) => {
    try {
      parseReachableAddr(text)
      return text
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      context.addIssue({ code: 'custom', message: error.message })
      return z.NEVER
    }
  })

function text(charsMax: number) {
  return z
    .string({ error: (issue) => expected('text', issue.input) })
    .max(charsMax, {
      error: (issue) => `must have at most ${charsMax} characters, not ${String(issue.input).length}`,
    })
    .refine((value) => !UNPRINTABLE.test(value), { error: 'must not have control characters' })
}

/** Null and nothing are the same. */
export const description = text(DESCRIPTION_CHARS_MAX)
  .nullish()
  .transform((value) => value ?? '')

/** Null, nothing and the empty text are the same. */
export const hostname = text(HOSTNAME_CHARS_MAX)
  .refine((value) => !/\s/.test(value), {
    error: (issue) => `must not have spaces, as ${show(issue.input)} does`,
  })
  .nullish()
  .transform((value) => (value ? value : null))

/** The number of tags is checked first, so that a million wrong ones are one mistake. */
export const tags = z
  .array(z.unknown(), { error: (issue) => expected('a list of texts', issue.input) })
  .max(TAGS_MAX, { error: `must have at most ${TAGS_MAX} tags` })
  .pipe(z.array(text(TAG_CHARS_MAX).min(1, { error: 'must not be empty' })))
  .nullish()
  .transform((value) => value ?? [])

export function wholeNumber({ min, max }: { min: number; max: number }) {
  const error = (issue: { input?: unknown }) => expected(`a whole number from ${min} to ${max}`, issue.input)
  return z.int({ error }).min(min, { error }).max(max, { error })
}

export function wholeNumberParam({ min, max }: { min: number; max: number }) {
  return z.string().transform((text, context) => {
    const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN
    if (value >= min && value <= max) return value
    context.addIssue({ code: 'custom', message: expected(`a whole number from ${min} to ${max}`, text) })
    return z.NEVER
  })
}

export const booleanParam = z
  .enum(['true', 'false'], { error: (issue) => expected('true or false', issue.input) })
  .transform((text) => text === 'true')

/** In a body. */
export const flag = z.boolean({ error: (issue) => expected('true or false', issue.input) })

/** For a request that takes none: a typo there is as much a typo as anywhere. */
export const NO_PARAMS = z.strictObject({})

export const READ_PARAMS = {
  consistency: z
    .enum(['linearizable', 'stale'], { error: (issue) => expected('linearizable or stale', issue.input) })
    .optional(),
  min_index: wholeNumberParam({ min: 0, max: Number.MAX_SAFE_INTEGER }).optional(),
}

export const PAGE_PARAMS = {
  limit: wholeNumberParam({ min: 1, max: PAGE_ROWS_MAX }).default(PAGE_ROWS),
  cursor: z
    .string()
    .min(1, { error: 'must not be empty; leave it out to start from the beginning' })
    .max(CURSOR_CHARS_MAX, { error: `must have at most ${CURSOR_CHARS_MAX} characters` })
    .nullable()
    .default(null),
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

/** The same list from `cursor` on, as a `Link` (RFC 8288). Relative, so that it holds behind any proxy. */
export function nextPageHeaders(c: Context, cursor: string | null): Record<string, string> {
  if (cursor === null) return {}
  const query = new URLSearchParams(new URL(c.req.url).search)
  query.set('cursor', cursor)
  return { Link: `<${c.req.path}?${query}>; rel="next"` }
}

function expected(what: string, input: unknown): string {
  return input === undefined ? `is required: ${what}` : `must be ${what}, not ${show(input)}`
}
