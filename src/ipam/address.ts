/** IP addresses as exact numbers, and their text (RFC 4291 §2.2 in, RFC 5952 out). */

export type Family = 4 | 6

/** An IPv4-mapped address (`::ffff:1.2.3.4`) is family 6: what is written as IPv6 stays IPv6. */
export interface Address {
  readonly family: Family
  /** Below 2^32 or 2^128. */
  readonly value: bigint
}

/** Longer than any address or prefix, so that hostile input is refused before it is parsed. */
const TEXT_CHARS_MAX = 64
const MAPPED_PREFIX = 0xffffn // ::ffff:0:0/96 shifted right by 32, RFC 4291 §2.5.5.2.

/** A client's text is no address or prefix. The message names the text, the reason and, where there is one, the way out. */
export class AddressSyntaxError extends Error {
  override readonly name = 'AddressSyntaxError'
  readonly text: string
  /** What was most likely meant, in canonical form. */
  readonly suggestion: string | null

  constructor(text: string, reason: string, suggestion: string | null = null) {
    super(`${quote(text)} ${reason}${suggestion === null ? '' : `; did you mean ${suggestion}?`}`)
    this.text = text
    this.suggestion = suggestion
  }
}

export function addressBits(family: Family): number {
  return family === 4 ? 32 : 128
}

/**
 * Strict: four decimal numbers without leading zeros (`010` is octal to some, decimal to others), or RFC 4291 text in
 * either case. Zone ids are refused: they mean something on one host only.
 *
 * @throws {AddressSyntaxError}
 */
export function parseAddress(text: string): Address {
  if (text === '') throw new AddressSyntaxError(text, 'is not an IP address')
  if (text.length > TEXT_CHARS_MAX) throw new AddressSyntaxError(text, 'is too long for an IP address')
  if (text.trim() !== text) throw new AddressSyntaxError(text, 'has spaces around it', suggest(text.trim()))
  if (text.includes('%'))
    throw new AddressSyntaxError(text, 'has a zone id, which means nothing to other hosts')
  if (text.includes('/')) throw new AddressSyntaxError(text, 'is a prefix, not a single address')
  return text.includes(':')
    ? { family: 6, value: parseIpv6(text) }
    : { family: 4, value: parseIpv4(text, text) }
}

/** RFC 5952: lower case, the first longest run of two or more zero groups as `::`, IPv4-mapped with a dotted tail (§5). */
export function formatAddress({ family, value }: Address): string {
  if (family === 4) return formatIpv4(value)
  if (value >> 32n === MAPPED_PREFIX) return `::ffff:${formatIpv4(value & 0xffffffffn)}`

  const digits = value.toString(16).padStart(32, '0')
  const groups = Array.from({ length: 8 }, (_, i) => digits.slice(4 * i, 4 * i + 4).replace(/^0{1,3}/, ''))
  const zeros = longestZeroRun(groups)
  if (zeros.length < 2) return groups.join(':')
  const head = groups.slice(0, zeros.start).join(':')
  const tail = groups.slice(zeros.start + zeros.length).join(':')
  return `${head}::${tail}`
}

/** Sorts by family, then by address: the family's digit and 8 or 32 hex digits. */
export function addressKey({ family, value }: Address): string {
  return `${family}${value.toString(16).padStart(addressBits(family) / 4, '0')}`
}

/** @param text What the error names; `dotted` may be only its tail. */
function parseIpv4(dotted: string, text: string): bigint {
  const octets = dotted.split('.')
  if (octets.length !== 4) {
    throw new AddressSyntaxError(text, 'is not an IP address: IPv4 has four numbers with dots between them')
  }
  let value = 0
  for (const octet of octets) value = value * 256 + parseOctet(octet, text)
  return BigInt(value)
}

function parseOctet(octet: string, text: string): number {
  if (!/^[0-9]+$/.test(octet)) {
    throw new AddressSyntaxError(text, `is not an IP address: ${quote(octet)} is not a number from 0 to 255`)
  }
  if (octet.length > 1 && octet.startsWith('0')) {
    throw new AddressSyntaxError(text, `has a leading zero in ${octet}, which some read as octal`)
  }
  if (Number(octet) > 255) throw new AddressSyntaxError(text, `is not an IP address: ${octet} is above 255`)
  return Number(octet)
}

function parseIpv6(text: string): bigint {
  const sides = text.split('::')
  if (sides.length > 2) throw new AddressSyntaxError(text, 'has more than one ::')
  const head = parseGroups(sides[0] ?? '', { text, isTail: sides.length === 1 })
  const tail = parseGroups(sides[1] ?? '', { text, isTail: true })
  const missing = 8 - head.length - tail.length

  if (sides.length === 1 && missing !== 0) {
    throw new AddressSyntaxError(text, `has ${head.length} groups; IPv6 has 8, or fewer with ::`)
  }
  if (sides.length === 2 && missing < 1) {
    throw new AddressSyntaxError(
      text,
      `has ${head.length + tail.length} groups and ::, which leaves it nothing to stand for`,
    )
  }
  const groups = [...head, ...Array<number>(missing).fill(0), ...tail]
  return BigInt(`0x${groups.map((group) => group.toString(16).padStart(4, '0')).join('')}`)
}

/** The 16-bit groups on one side of `::`. Only the last side may end in a dotted quad, which makes two groups. */
function parseGroups(side: string, { text, isTail }: { text: string; isTail: boolean }): number[] {
  if (side === '') return []
  const parts = side.split(':')
  return parts.flatMap((part, i) => {
    if (isTail && i === parts.length - 1 && part.includes('.')) {
      const value = Number(parseIpv4(part, text))
      return [value >>> 16, value & 0xffff]
    }
    if (!/^[0-9a-f]{1,4}$/i.test(part)) {
      throw new AddressSyntaxError(text, `is not an IP address: ${quote(part)} is not 1 to 4 hex digits`)
    }
    return [Number.parseInt(part, 16)]
  })
}

function formatIpv4(value: bigint): string {
  const number = Number(value)
  return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`
}

function longestZeroRun(groups: readonly string[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 }
  let length = 0
  for (const [i, group] of groups.entries()) {
    length = group === '0' ? length + 1 : 0
    if (length > longest.length) longest = { start: i - length + 1, length }
  }
  return longest
}

function suggest(text: string): string | null {
  try {
    return formatAddress(parseAddress(text))
  } catch {
    return null
  }
}

/** Bare where that is unmistakable, quoted and cut where the text is empty, long or strange. */
function quote(text: string): string {
  if (text.length > TEXT_CHARS_MAX) return `${JSON.stringify(text.slice(0, TEXT_CHARS_MAX))}…`
  return /^[\w.:/%-]+$/.test(text) ? text : JSON.stringify(text)
}
