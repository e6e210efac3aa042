/** A log entry for people and scripts: what was asked of the cluster, with the names of the API. */
import { decodeMembership, type MembershipEntry } from '../../raft/core/membership-entry.ts'
import type { Entry } from '../../raft/types.ts'
import { decodeCommand } from '../ipam/command-codec.ts'

/** Of a payload that this version cannot read. */
const HEX_BYTES_MAX = 32
/** A hash of a password is where guessing begins: it stays where it is. */
const HIDDEN: ReadonlySet<string> = new Set(['passwordHash', 'secretHash'])
/** A terminal would act on these, or show the line in another order than it is. */
const UNPRINTABLE = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

/** What does not apply to the entry's type is null; `hex` is the start of a payload that cannot be read. */
export function entryFields(entry: Entry): object {
  const { index, term, time, type, payload } = entry
  const head = { index, term, time: timeText(time), type, bytes: payload.length }
  return {
    ...head,
    command: null,
    context: null,
    session: null,
    idempotency: null,
    membership: null,
    note: null,
    hex: null,
    ...contentOf(entry),
  }
}

/** `index term time type bytes`, then what it says. */
export function entryText(entry: Entry): string {
  const { index, term, time, type, payload } = entry
  const content: { command?: object; hex?: string; [field: string]: unknown } = contentOf(entry)
  const parts = [index, term, timeText(time), type, payload.length]
  return `${parts.join(' ')} ${type === 'noop' ? '' : contentText(content)}`.trimEnd()
}

function contentText(content: Readonly<Record<string, unknown>>): string {
  const { command, context, session, idempotency, hex } = content
  if (typeof hex === 'string') return `unknown 0x${hex}`
  if (command === undefined) return printable(content)
  const { type, ...fields } = command as { type: string }
  const stamps = [session, idempotency].filter((stamp) => stamp !== null)
  return [type, ...[fields, context, ...stamps].map(printable)].join(' ')
}

function contentOf({ type, payload }: Entry): Record<string, unknown> {
  switch (type) {
    case 'noop':
      return {}
    case 'membership':
      return inApiNames(membershipOf(payload) ?? hexOf(payload)) as Record<string, unknown>
    case 'command': {
      const envelope = decodeCommand(payload)
      return envelope === null ? hexOf(payload) : (inApiNames(envelope) as Record<string, unknown>)
    }
  }
}

/** Null if the payload is none of this version's. */
export function membershipOf(payload: Uint8Array): MembershipEntry | null {
  try {
    return decodeMembership(payload)
  } catch {
    return null
  }
}

function hexOf(payload: Uint8Array): Record<string, unknown> {
  return { hex: Buffer.from(payload.subarray(0, HEX_BYTES_MAX)).toString('hex') }
}

/** The same value with keys in snake_case, but for those that clients have chosen. */
function inApiNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inApiNames)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => [
      key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      HIDDEN.has(key) ? '(hidden)' : key === 'metadata' ? field : inApiNames(field),
    ]),
  )
}

/** RFC 3339; the number itself if it is beyond what that can say. */
export function timeText(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString()
}

/** JSON on one line, of characters that a terminal only shows. */
export function printable(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    UNPRINTABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
