/** Networks in CIDR notation. */
import { assert } from '../../raft/assert.ts'
import {
  type Address,
  AddressSyntaxError,
  addressBits,
  addressKey,
  type Family,
  formatAddress,
  parseAddress,
} from './address.ts'

/** An aligned block of 2^(bits - length) addresses; `first` has no host bits. */
export interface Prefix {
  readonly family: Family
  readonly first: bigint
  /** 0 to 32 or 128. */
  readonly length: number
}

/**
 * Strict: `10.0.0.5/24` is refused, since the network and the host in it are equally likely to be the typo.
 *
 * @throws {AddressSyntaxError} with a suggestion wherever one is obvious.
 */
export function parsePrefix(text: string): Prefix {
  if (text.trim() !== text) throw new AddressSyntaxError(text, 'has spaces around it', suggest(text.trim()))
  const slash = text.indexOf('/')
  const address = parseAddressPart(text, slash < 0 ? text : text.slice(0, slash))
  const bits = addressBits(address.family)
  if (slash < 0) {
    throw new AddressSyntaxError(text, 'has no prefix length', `${formatAddress(address)}/${bits}`)
  }

  const length = parseLength(text, text.slice(slash + 1), bits)
  const first = firstOf(address, length)
  const prefix: Prefix = { family: address.family, first, length }
  if (first !== address.value) throw new AddressSyntaxError(text, 'has host bits set', formatPrefix(prefix))
  return prefix
}

export function formatPrefix({ family, first, length }: Prefix): string {
  return `${formatAddress({ family, value: first })}/${length}`
}

/** The prefix of that length in which the address lies. */
export function prefixOf(address: Address, length: number): Prefix {
  assert(length >= 0 && length <= addressBits(address.family), 'prefix length {}', length)
  return { family: address.family, first: firstOf(address, length), length }
}

export function prefixSize({ family, length }: Prefix): bigint {
  return 1n << BigInt(addressBits(family) - length)
}

export function lastAddress(prefix: Prefix): bigint {
  return prefix.first + prefixSize(prefix) - 1n
}

export function containsAddress(prefix: Prefix, { family, value }: Address): boolean {
  return prefix.family === family && prefix.first <= value && value <= lastAddress(prefix)
}

/** A prefix contains itself. */
export function contains(outer: Prefix, inner: Prefix): boolean {
  return outer.length <= inner.length && containsAddress(outer, { family: inner.family, value: inner.first })
}

/** Sorts by family, first address, length: a network comes right before those inside it. */
export function prefixKey({ family, first, length }: Prefix): string {
  return addressKey({ family, value: first }) + length.toString(16).padStart(2, '0')
}

/** In the order of `prefixKey`: below 0 if `a` comes first, 0 if they are the same. */
export function comparePrefixes(a: Prefix, b: Prefix): number {
  if (a.family !== b.family) return a.family - b.family
  if (a.first !== b.first) return a.first < b.first ? -1 : 1
  return a.length - b.length
}

/** The prefix that has this key; null if none has. */
export function parsePrefixKey(key: string): Prefix | null {
  const [, family, first, length] = /^([46])((?:[0-9a-f]{8}){1,4})([0-9a-f]{2})$/.exec(key) ?? []
  if (family === undefined || first === undefined || length === undefined) return null
  const address: Address = { family: family === '4' ? 4 : 6, value: BigInt(`0x${first}`) }
  const prefixLength = Number.parseInt(length, 16)
  if (prefixLength > addressBits(address.family)) return null
  const prefix = prefixOf(address, prefixLength)
  return prefixKey(prefix) === key ? prefix : null
}

function firstOf({ family, value }: Address, length: number): bigint {
  const hostBits = BigInt(addressBits(family) - length)
  return (value >> hostBits) << hostBits
}

/** The error should name the whole text, which is what the client sent. */
function parseAddressPart(text: string, part: string): Address {
  try {
    return parseAddress(part)
  } catch (error) {
    if (!(error instanceof AddressSyntaxError)) throw error
    throw new AddressSyntaxError(text, `is not a prefix: ${error.message}`)
  }
}

function parseLength(text: string, digits: string, bits: number): number {
  if (!/^[0-9]{1,9}$/.test(digits)) {
    throw new AddressSyntaxError(text, `has no number from 0 to ${bits} after the slash`)
  }
  if (digits.length > 1 && digits.startsWith('0')) {
    throw new AddressSyntaxError(text, 'has a leading zero in its prefix length')
  }
  if (Number(digits) > bits) throw new AddressSyntaxError(text, `has a prefix length above ${bits}`)
  return Number(digits)
}

function suggest(text: string): string | null {
  try {
    return formatPrefix(parsePrefix(text))
  } catch {
    return null
  }
}
