/** The fields that several requests share, in bodies and queries, with their limits. */
import { z } from 'zod'
import { parseReachableAddr } from '../config-addr.ts'
import { AddressSyntaxError, formatAddress, parseAddress } from '../ipam/address.ts'
import {
  DESCRIPTION_CHARS_MAX,
  HOSTNAME_CHARS_MAX,
  ID_CHARS_MAX,
  isNamespace,
  isPrintable,
  METADATA_KEY_CHARS_MAX,
  METADATA_KEYS_MAX,
  METADATA_VALUE_CHARS_MAX,
  RESERVED_MAX,
  TAG_CHARS_MAX,
  TAGS_MAX,
} from '../ipam/limits.ts'
import { canonicalMac, MacSyntaxError } from '../ipam/mac.ts'
import { formatPrefix, parsePrefix } from '../ipam/prefix.ts'
import { canonicalReserved } from '../ipam/reserved.ts'
import { show } from '../show.ts'

const ID = new RegExp(`^[A-Za-z0-9_-]{1,${ID_CHARS_MAX}}$`)

/** Ids of other shapes name nothing. */
export function isId(text: string): boolean {
  return ID.test(text)
}

/** A required id in a body or query. */
export const id = z
  .string({ error: (issue) => expected('an id', issue.input) })
  .refine(isId, {
    error: (issue) => `must be at most ${ID_CHARS_MAX} letters, digits, - and _, not ${show(issue.input)}`,
  })
  .meta({ pattern: ID.source })

/** Canonical. */
export const cidr = z
  .string({ error: (issue) => expected('a prefix such as "10.0.0.0/24"', issue.input) })
  .transform((text, context) => canonical(context, () => formatPrefix(parsePrefix(text))))
  .meta({
    description: 'A prefix in CIDR notation, without host bits.',
    examples: ['10.0.0.0/24', '2001:db8::/64'],
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
  .meta({ examples: ['10.0.0.4:5004', 'node4.example.com:5004', '[2001:db8::4]:5004'] })

/** Names of address spaces: VRFs. */
export const namespaceName = z
  .string({ error: (issue) => expected('a name', issue.input) })
  .refine(isNamespace, {
    error: (issue) => `must be 1 to 64 letters, digits, -, _ and ., not ${show(issue.input)}`,
  })
  .meta({ description: 'Name of an address space (VRF): letters, digits, "-", "_" and ".".', maxLength: 64 })

/** Canonical address. */
export const ip = z
  .string({ error: (issue) => expected('an address such as "10.0.0.5"', issue.input) })
  .transform((text, context) => canonical(context, () => formatAddress(parseAddress(text))))
  .meta({ description: 'An IPv4 or IPv6 address.', examples: ['10.0.0.5', '2001:db8::5'] })

/** Canonical, null for none. */
export const optionalIp = ip.nullish().transform((value) => value ?? null)

/** Canonical, in any notation. */
export const mac = z
  .string({ error: (issue) => expected('a MAC address such as "00:00:5e:00:53:01"', issue.input) })
  .transform((text, context) => canonical(context, () => canonicalMac(text)))
  .meta({
    description: 'A MAC address in any notation.',
    examples: ['00:00:5e:00:53:01', '0000.5e00.5301', '00-00-5E-00-53-01'],
  })

/** Addresses, ranges and prefixes: canonical. */
export const reserved = z
  .array(z.string({ error: (issue) => expected('an address, a range or a prefix', issue.input) }), {
    error: (issue) => expected('a list of addresses, ranges "10.0.0.1-10.0.0.9" and prefixes', issue.input),
  })
  .max(RESERVED_MAX, { error: `must have at most ${RESERVED_MAX} entries` })
  .transform((texts, context) =>
    texts.map((text, i) => canonical(context, () => canonicalReserved(text), [i])),
  )
  .meta({
    description: 'Addresses that are never handed out: addresses, ranges and prefixes.',
    examples: [['10.0.0.2-10.0.0.9', '10.0.0.64/27']],
  })

export const strategy = z
  .enum(['lowest', 'next', 'random'], {
    error: (issue) => expected('lowest, next or random', issue.input),
  })
  .meta({
    description:
      'Which free address comes next: the lowest, the one after the last that was handed out, or any.',
  })

/** A map of texts. */
export const metadata = metadataOf(text(METADATA_VALUE_CHARS_MAX)).meta({
  description: 'Your own keys and values, all text.',
  maxProperties: METADATA_KEYS_MAX,
})
/** As a merge patch (RFC 7396): null removes a key. */
export const metadataChanges = metadataOf(
  text(METADATA_VALUE_CHARS_MAX).nullable(),
  'an object of texts, and of null for keys that go',
).meta({
  description: 'Keys to set; null removes one, and those that are not named stay (RFC 7396).',
})

function metadataOf<Value extends z.ZodType>(value: Value, what = 'an object of texts') {
  return z
    .record(text(METADATA_KEY_CHARS_MAX).min(1, { error: 'must not have an empty key' }), value, {
      error: (issue) => expected(what, issue.input),
    })
    .refine((entries) => Object.keys(entries).length <= METADATA_KEYS_MAX, {
      error: `must have at most ${METADATA_KEYS_MAX} keys`,
    })
}

function canonical(context: z.RefinementCtx, parse: () => string, path: PropertyKey[] = []): string {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof AddressSyntaxError || error instanceof MacSyntaxError)) throw error
    context.addIssue({ code: 'custom', message: error.message, path })
    return z.NEVER
  }
}

export function text(charsMax: number) {
  return z
    .string({ error: (issue) => expected('text', issue.input) })
    .max(charsMax, {
      error: (issue) => `must have at most ${charsMax} characters, not ${String(issue.input).length}`,
    })
    .refine(isPrintable, { error: 'must not have control characters' })
}

export const descriptionText = text(DESCRIPTION_CHARS_MAX)

/** Null and nothing are the same. */
export const description = descriptionText
  .nullish()
  .transform((value) => value ?? '')
  .meta({ description: 'For people.' })

/** Null, nothing and the empty text are the same. */
export const hostname = text(HOSTNAME_CHARS_MAX)
  .refine((value) => !/\s/.test(value), {
    error: (issue) => `must not have spaces, as ${show(issue.input)} does`,
  })
  .nullish()
  .transform((value) => (value ? value : null))
  .meta({ description: 'Without spaces.', examples: ['web-01.example.com'] })

/** The number of tags is checked first, so that a million wrong ones are one mistake. */
export const tagList = z
  .array(z.unknown(), { error: (issue) => expected('a list of texts', issue.input) })
  .max(TAGS_MAX, { error: `must have at most ${TAGS_MAX} tags` })
  .pipe(z.array(text(TAG_CHARS_MAX).min(1, { error: 'must not be empty' })))

export const tags = tagList.nullish().transform((value) => value ?? [])

export function wholeNumber({ min, max }: { min: number; max: number }) {
  const error = (issue: { input?: unknown }) => expected(`a whole number from ${min} to ${max}`, issue.input)
  return z.int({ error }).min(min, { error }).max(max, { error })
}

export const flag = z.boolean({ error: (issue) => expected('true or false', issue.input) })

export function expected(what: string, input: unknown): string {
  return input === undefined ? `is required: ${what}` : `must be ${what}, not ${show(input)}`
}
