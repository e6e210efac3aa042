/** What a network never hands out: addresses, ranges and prefixes as text, and as ranges. */
import { AddressSyntaxError, formatAddress, parseAddress } from './address.ts'
import { formatPrefix, type Prefix, parsePrefix } from './prefix.ts'
import { type AddressRange, rangeContains, rangeOf } from './range.ts'

/**
 * Canonical text: "10.0.0.1", "10.0.0.1-10.0.0.9", "10.0.0.64/28".
 *
 * @throws {AddressSyntaxError}
 */
export function canonicalReserved(text: string): string {
  if (text.includes('/')) return formatPrefix(parsePrefix(text))
  const { family, first, last } = parseRange(text)
  const start = formatAddress({ family, value: first })
  return first === last ? start : `${start}-${formatAddress({ family, value: last })}`
}

/**
 * The ranges of a network that are never handed out: ascending, disjoint, neighbours joined.
 *
 * @throws {AddressSyntaxError} also for what lies outside the network.
 */
export function reservedRanges(
  prefix: Prefix,
  { gateway, reserved }: { readonly gateway: string | null; readonly reserved: readonly string[] },
): AddressRange[] {
  const texts = gateway === null ? reserved : [...reserved, gateway]
  const ranges = texts.map((text) => rangeWithin(prefix, text))
  return joined(ranges.toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0)))
}

/** What keeps the address from being handed out: "gateway", or the text in `reserved`; null if nothing does. */
export function reservationOf(
  prefix: Prefix,
  { gateway, reserved }: { readonly gateway: string | null; readonly reserved: readonly string[] },
  value: bigint,
): string | null {
  const hasIt = (text: string): boolean => {
    return rangeContains(rangeWithin(prefix, text), { first: value, last: value })
  }
  if (gateway !== null && hasIt(gateway)) return 'gateway'
  return reserved.find(hasIt) ?? null
}

/** @throws {AddressSyntaxError} */
function rangeWithin(prefix: Prefix, text: string): AddressRange {
  const { family, first, last } = text.includes('/') ? wholeOf(parsePrefix(text)) : parseRange(text)
  const isInside = family === prefix.family && rangeContains(rangeOf(prefix), { first, last })
  if (!isInside) throw new AddressSyntaxError(text, `is not inside ${formatPrefix(prefix)}`)
  return { first, last }
}

interface FamilyRange extends AddressRange {
  readonly family: 4 | 6
}

function wholeOf(prefix: Prefix): FamilyRange {
  return { family: prefix.family, ...rangeOf(prefix) }
}

function parseRange(text: string): FamilyRange {
  const dash = text.indexOf('-')
  if (dash < 0) {
    const { family, value } = parseAddress(text)
    return { family, first: value, last: value }
  }
  const start = parseAddress(text.slice(0, dash).trim())
  const end = parseAddress(text.slice(dash + 1).trim())
  if (start.family !== end.family)
    throw new AddressSyntaxError(text, 'goes from one address family to the other')
  if (start.value > end.value) {
    const turned = `${formatAddress(end)}-${formatAddress(start)}`
    throw new AddressSyntaxError(text, 'ends before it starts', turned)
  }
  return { family: start.family, first: start.value, last: end.value }
}

function joined(ranges: readonly AddressRange[]): AddressRange[] {
  const joint: AddressRange[] = []
  for (const range of ranges) {
    const previous = joint.at(-1)
    if (previous === undefined || previous.last + 1n < range.first) joint.push(range)
    else if (range.last > previous.last) joint[joint.length - 1] = { first: previous.first, last: range.last }
  }
  return joint
}
