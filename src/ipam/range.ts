/** Runs of consecutive addresses of one family. */
import { addressBits } from './address.ts'
import { lastAddress, type Prefix } from './prefix.ts'

/** Both ends belong to it; never empty. */
export interface AddressRange {
  readonly first: bigint
  readonly last: bigint
}

export function rangeSize({ first, last }: AddressRange): bigint {
  return last - first + 1n
}

export function rangeContains(outer: AddressRange, inner: AddressRange): boolean {
  return outer.first <= inner.first && inner.last <= outer.last
}

export function rangesOverlap(a: AddressRange, b: AddressRange): boolean {
  return a.first <= b.last && b.first <= a.last
}

export function rangeOf(prefix: Prefix): AddressRange {
  return { first: prefix.first, last: lastAddress(prefix) }
}

/**
 * The addresses of a network that may be given to hosts.
 *
 * IPv4 loses its network and broadcast addresses, IPv6 its subnet-router anycast address (RFC 4291 §2.6.1);
 * point-to-point links (/31, RFC 3021; /127, RFC 6164) and single hosts lose nothing.
 */
export function usableRange(prefix: Prefix): AddressRange {
  const { first, last } = rangeOf(prefix)
  if (prefix.length >= addressBits(prefix.family) - 1) return { first, last }
  return { first: first + 1n, last: prefix.family === 4 ? last - 1n : last }
}
