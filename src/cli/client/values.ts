/** Durations, times and pairs as people type them. */

import { AddressSyntaxError, formatAddress, parseAddress } from '../../ipam/address.ts'
import { formatPrefix, parsePrefix } from '../../ipam/prefix.ts'
import { show } from '../../show.ts'
import type { Arguments } from './arguments.ts'
import { UsageError } from './client-error.ts'

const UNIT_MS = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
  ['w', 604_800_000],
])
const DURATION = /^(?:[0-9]{1,9}(?:\.[0-9]{1,6})?(?:ms|s|m|h|d|w))+$/
const PART = /([0-9.]+)(ms|s|m|h|d|w)/g

/** "90s", "1h30m", "7d" in milliseconds; null if it is none. */
export function parseDuration(text: string): number | null {
  if (!DURATION.test(text)) return null
  let ms = 0
  for (const [, count, unit] of text.matchAll(PART)) ms += Number(count) * (UNIT_MS.get(unit ?? '') ?? 0)
  return ms
}

/** Null if the flag is not given. @throws {UsageError} */
export function durationMs(args: Arguments, flag: string): number | null {
  const text = args.text(flag)
  if (text === null) return null
  const ms = parseDuration(text)
  if (ms !== null) return ms
  throw new UsageError(`--${flag} takes a duration such as 90s, 30m, 24h or 7d, not ${show(text)}`)
}

/** Seconds; null for "never", undefined if it is not given. @throws {UsageError} */
export function ttlSeconds(args: Arguments): number | null | undefined {
  const text = args.text('ttl')
  if (text === null) return undefined
  if (text === 'never') return null
  const ms = parseDuration(text)
  if (ms !== null) return ms / 1_000
  throw new UsageError(`--ttl takes a duration such as 90s, 24h or 7d, or never; not ${show(text)}`)
}

/** A thousand years: far from where four digits no longer write a year. */
const AGO_MS_MAX = 1_000 * 366 * 86_400_000
const DATE = /^\d{4}-\d\d-\d\d$/
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/i

/**
 * RFC 3339 of a time, a date (its start, in UTC), or a duration from now.
 *
 * @param direction Where a duration leads: -1 into the past, 1 into the future.
 * @returns Null if the flag is not given.
 * @throws {UsageError}
 */
export function timeOf(
  args: Arguments,
  flag: string,
  { now, direction }: { now: number; direction: 1 | -1 },
): string | null {
  const text = args.text(flag)
  if (text === null) return null
  const ms = parseDuration(text)
  if (ms !== null && ms <= AGO_MS_MAX) return new Date(now + direction * ms).toISOString()
  const time = DATE.test(text) ? `${text}T00:00:00Z` : text
  if (RFC_3339.test(time) && Number.isFinite(Date.parse(time)) && isDay(time.slice(0, 10))) return time
  throw new UsageError(
    `--${flag} takes a time such as 2026-01-31T12:00:00Z, a date, or a duration such as 2h; not ${show(text)}`,
  )
}

/** `Date` takes February 31st for a day in March. */
function isDay(date: string): boolean {
  return new Date(`${date}T00:00:00Z`).toISOString().startsWith(date)
}

/**
 * `--meta KEY=VALUE` as the API takes it. Null if none is given.
 *
 * @param removes An empty value removes the key.
 * @throws {UsageError}
 */
export function metadataOf(
  args: Arguments,
  { removes }: { removes: boolean },
): Record<string, string | null> | null {
  const pairs = args.texts('meta')
  if (pairs === null) return null
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf('=')
      if (equals < 1) throw new UsageError(`--meta takes KEY=VALUE, not ${show(pair)}`)
      const value = pair.slice(equals + 1)
      return [pair.slice(0, equals), removes && value === '' ? null : value]
    }),
  )
}

/** Canonical, or an error that names the flag or operand. @throws {UsageError} */
export function addressOf(text: string, name: string): string {
  return checked(name, () => formatAddress(parseAddress(text)))
}

/** Canonical. @throws {UsageError} */
export function cidrOf(text: string, name: string): string {
  return checked(name, () => formatPrefix(parsePrefix(text)))
}

/** Whether it is meant as an address: such a text is no name of a host. */
export function isAddress(text: string): boolean {
  return addressMistake(text) === null
}

/** Why it is no address; null if it is one. */
export function addressMistake(text: string): string | null {
  try {
    parseAddress(text)
    return null
  } catch (error) {
    if (!(error instanceof AddressSyntaxError)) throw error
    return error.message
  }
}

function checked(name: string, parse: () => string): string {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof AddressSyntaxError)) throw error
    throw new UsageError(`${name}: ${error.message}`)
  }
}
