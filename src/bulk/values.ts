/** Single values from text: canonical, or refused with the reason. */
import { AddressSyntaxError, formatAddress, parseAddress } from '../ipam/address.ts'
import {
  COOLDOWN_SECONDS_MAX,
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
import { contains, containsAddress, formatPrefix, type Prefix, parsePrefix } from '../ipam/prefix.ts'
import type { Strategy } from '../ipam/records.ts'
import { cut, show } from '../show.ts'

/** The message reads on after the name of the field. */
export class ValueError extends Error {
  override readonly name = 'ValueError'
}

export function isValueError(error: unknown): error is Error {
  return error instanceof ValueError || error instanceof AddressSyntaxError || error instanceof MacSyntaxError
}

function parseText(text: string, charsMax: number): string {
  if (text.length > charsMax) {
    throw new ValueError(`must have at most ${charsMax} characters, not ${text.length}`)
  }
  if (!isPrintable(text)) throw new ValueError('must not have control characters')
  return text
}

export function parseDescription(text: string): string {
  return parseText(text, DESCRIPTION_CHARS_MAX)
}

export function parseHostname(text: string): string | null {
  if (/\s/.test(text)) throw new ValueError(`must not have spaces, as ${show(text)} does`)
  return text === '' ? null : parseText(text, HOSTNAME_CHARS_MAX)
}

export function parseNamespace(text: string): string | null {
  if (text === '') return null
  if (isNamespace(text)) return text
  throw new ValueError(`must be 1 to 64 letters, digits, -, _ and ., not ${show(text)}`)
}

/** The number of tags is checked first, so that a thousand wrong ones are one mistake. */
export function parseTags(tags: readonly string[]): readonly string[] {
  if (tags.length > TAGS_MAX) throw new ValueError(`must have at most ${TAGS_MAX} tags, not ${tags.length}`)
  if (tags.includes('')) throw new ValueError('must not have an empty tag')
  return tags.map((tag) => parseText(tag, TAG_CHARS_MAX))
}

export function parseMetadata(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const entries = Object.entries(metadata)
  if (entries.length > METADATA_KEYS_MAX) {
    throw new ValueError(`must have at most ${METADATA_KEYS_MAX} keys, not ${entries.length}`)
  }
  for (const [key, value] of entries) {
    if (key === '') throw new ValueError('must not have an empty key')
    checkNamed(key, () => parseText(key, METADATA_KEY_CHARS_MAX))
    checkNamed(key, () => parseText(value, METADATA_VALUE_CHARS_MAX))
  }
  return metadata
}

function checkNamed(key: string, check: () => void): void {
  try {
    check()
  } catch (error) {
    if (!(error instanceof ValueError)) throw error
    throw new ValueError(`${show(key)} ${error.message}`)
  }
}

/** @throws {ValueError | AddressSyntaxError} */
export function parseCidr(text: string): Prefix {
  if (text === '') throw new ValueError('is required: a prefix such as "10.0.0.0/24"')
  return parsePrefix(text)
}

/** Canonical. @throws {ValueError | AddressSyntaxError} */
export function parseIp(text: string): string {
  if (text === '') throw new ValueError('is required: an address such as "10.0.0.5"')
  return formatAddress(parseAddress(text))
}

/** Canonical; null for one address. `ip` is canonical, or null where it is wrong itself. */
export function parseEndIp(text: string, ip: string | null): string | null {
  if (text === '') return null
  const end = parseAddress(text)
  if (ip === null) return formatAddress(end)
  const start = parseAddress(ip)
  if (start.family !== end.family)
    throw new ValueError(`${cut(text)} is of another address family than ${ip}`)
  if (end.value < start.value) throw new ValueError(`${cut(text)} is before ${ip}`)
  return end.value === start.value ? null : formatAddress(end)
}

/** Of an allocation, whose addresses are counted. */
export function parseAllocatedEnd(text: string, ip: string | null): string | null {
  const end = parseEndIp(text, ip)
  if (end === null || ip === null) return end
  if (parseAddress(end).value - parseAddress(ip).value < BigInt(Number.MAX_SAFE_INTEGER)) return end
  const message = `${cut(text)} is too far from ${ip}: an allocation has at most ${Number.MAX_SAFE_INTEGER} addresses; make it a network`
  throw new ValueError(message)
}

/** A gateway, or null for none. `network` is null where it is wrong itself. */
export function parseGateway(text: string, network: Prefix | null): string | null {
  if (text === '') return null
  const address = parseAddress(text)
  if (network !== null && !containsAddress(network, address)) throw outside(text, network)
  return formatAddress(address)
}

export function parseReserved(texts: readonly string[], network: Prefix | null): readonly string[] {
  if (texts.length > RESERVED_MAX) {
    throw new ValueError(`must have at most ${RESERVED_MAX} entries, not ${texts.length}`)
  }
  return texts.map((text) => parseReservedEntry(text, network))
}

function parseReservedEntry(text: string, network: Prefix | null): string {
  if (text.includes('/')) {
    const prefix = parsePrefix(text)
    if (network !== null && !contains(network, prefix)) throw outside(text, network)
    return formatPrefix(prefix)
  }
  const [first = '', last = first, ...more] = text.split('-').map((part) => part.trim())
  if (more.length > 0) throw new ValueError(`${show(text)} is neither an address, a range nor a prefix`)
  const start = parseIp(first)
  const end = parseEndIp(last, start)
  for (const ip of [start, end ?? start]) {
    if (network !== null && !containsAddress(network, parseAddress(ip))) throw outside(ip, network)
  }
  return end === null ? start : `${start}-${end}`
}

function outside(text: string, network: Prefix): ValueError {
  return new ValueError(`${cut(text)} is not in ${formatPrefix(network)}`)
}

const ID = new RegExp(`^[A-Za-z0-9_-]{1,${ID_CHARS_MAX}}$`)

/** An id, or the canonical CIDR of a network in which all of `ips` are. */
export function parseNetworkReference(text: string, ips: readonly (string | null)[]): string | null {
  if (text === '' || ID.test(text)) return text === '' ? null : text
  const network = parsePrefix(text)
  for (const ip of ips) {
    if (ip !== null && !containsAddress(network, parseAddress(ip))) throw outside(ip, network)
  }
  return formatPrefix(network)
}

export function parseMac(text: string): string | null {
  return text === '' ? null : canonicalMac(text)
}

export function parseStrategy(text: string): Strategy | null {
  if (text === '' || text === 'lowest' || text === 'next' || text === 'random')
    return text === '' ? null : text
  throw new ValueError(`must be lowest, next or random, not ${show(text)}`)
}

export function checkCooldown(seconds: number | null): number | null {
  if (seconds === null) return null
  if (Number.isInteger(seconds) && seconds >= 0 && seconds <= COOLDOWN_SECONDS_MAX) return seconds
  throw new ValueError(`must be a whole number from 0 to ${COOLDOWN_SECONDS_MAX}, not ${seconds}`)
}

/** RFC 3339 §5.6. */
const TIME = /^(\d{4}-\d\d-\d\d)[Tt ]((?:[01]\d|2[0-3]):\d\d:\d\d)(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/

/** In UTC, to the millisecond. */
export function parseTime(text: string): string | null {
  if (text === '') return null
  const [, day = '', time = '', fraction = '', zone = ''] = TIME.exec(text) ?? []
  const ms = Date.parse(`${day}T${time}${fraction.slice(0, 4)}${zone.toUpperCase()}`)
  // Date turns 30 February into a day of March.
  if (Number.isNaN(ms) || !new Date(Date.parse(`${day}T00:00:00Z`)).toISOString().startsWith(day)) {
    throw new ValueError(`must be a time such as "2030-01-31T10:30:00Z", not ${show(text)}`)
  }
  return new Date(ms).toISOString().replace('.000Z', 'Z')
}
