/** Whose each address of a network is, one address at a time: slow, obvious, and nothing of the code that is checked. */
import { parseAddress } from '../../src/ipam/address.ts'
import { type Prefix, parsePrefix } from '../../src/ipam/prefix.ts'
import type { Allocation, Network } from '../../src/ipam/records.ts'

export type Claim = 'free' | 'reserved' | 'cooling' | 'delegated' | 'allocated'

export interface Span {
  readonly first: bigint
  readonly last: bigint
}

/** Addresses that rest after a release. */
export interface Cooling extends Span {
  readonly networkId: string
  readonly until: number
}

/** Addresses by their offset in the network. */
export interface Claims {
  readonly prefix: Prefix
  readonly claims: readonly Claim[]
  /** Not for hosts: the network and the broadcast address. */
  readonly edges: ReadonlySet<number>
}

/** A network of more addresses is none of a simulation's. */
const SIZE_MAX = 1_024

const spans = new Map<string, Span>()

/** Of "10.0.0.1", "10.0.0.1-10.0.0.9" and "10.0.0.0/28". */
export function spanOf(text: string): Span {
  const known = spans.get(text)
  if (known !== undefined) return known
  if (spans.size > 10_000) spans.clear()
  const span = text.includes('/') ? wholeOf(parsePrefix(text)) : betweenOf(text)
  spans.set(text, span)
  return span
}

function betweenOf(text: string): Span {
  const [start = '', end = start] = text.split('-')
  return { first: parseAddress(start).value, last: parseAddress(end).value }
}

function wholeOf({ family, first, length }: Prefix): Span {
  return { first, last: first + 2n ** BigInt((family === 4 ? 32 : 128) - length) - 1n }
}

export function spanOfAllocation({ ip, endIp }: Allocation): Span {
  return { first: spanOf(ip).first, last: spanOf(endIp ?? ip).last }
}

export function isInside(inner: Span, outer: Span): boolean {
  return outer.first <= inner.first && inner.last <= outer.last
}

export function overlap(a: Span, b: Span): boolean {
  return a.first <= b.last && b.first <= a.last
}

/** A child of a network, at any depth: in its namespace, inside it, and not it. */
export function isBelow(child: Network, parent: Network): boolean {
  if (child.namespace !== parent.namespace || child.cidr === parent.cidr) return false
  // No IPv4 address is the number of an IPv6 one of a simulation.
  return isInside(spanOf(child.cidr), spanOf(parent.cidr))
}

export function claimsOf(
  network: Network,
  others: {
    readonly networks: Iterable<Network>
    readonly active: Iterable<Allocation>
    readonly coolings: readonly Cooling[]
  },
): Claims {
  const prefix = parsePrefix(network.cidr)
  const { first, last } = spanOf(network.cidr)
  const size = Number(last - first) + 1
  if (size > SIZE_MAX) throw new Error(`${network.cidr} is too large to look at each address`)
  const claims = new Array<Claim>(size).fill('free')
  const mark = (span: Span, claim: Claim): void => {
    if (!overlap(span, { first, last })) return
    const from = span.first < first ? 0 : Number(span.first - first)
    const to = span.last > last ? size - 1 : Number(span.last - first)
    claims.fill(claim, from, to + 1)
  }
  const { reserved, gateway } = network
  for (const text of gateway === null ? reserved : [...reserved, gateway]) mark(spanOf(text), 'reserved')
  for (const cooling of others.coolings) if (cooling.networkId === network.id) mark(cooling, 'cooling')
  for (const other of others.networks) if (isBelow(other, network)) mark(spanOf(other.cidr), 'delegated')
  for (const allocation of others.active) {
    if (allocation.networkId === network.id) mark(spanOfAllocation(allocation), 'allocated')
  }
  return { prefix, claims, edges: edgesOf(prefix, size) }
}

/** RFC 3021, RFC 6164, RFC 4291 §2.6.1. */
function edgesOf({ family }: Prefix, size: number): ReadonlySet<number> {
  if (size <= 2) return new Set()
  return new Set(family === 4 ? [0, size - 1] : [0])
}

export function isFreeAt({ claims, edges }: Claims, offset: number, count: number): boolean {
  for (let at = offset; at < offset + count; at++) {
    if (claims[at] !== 'free' || edges.has(at)) return false
  }
  return true
}

/** Null if there is none. */
export function lowestFree(
  claims: Claims,
  { from, count, alignment }: { from: number; count: number; alignment: number },
): number | null {
  const base = claims.prefix.first
  for (let at = from; at + count <= claims.claims.length; at++) {
    const isAligned = (base + BigInt(at)) % BigInt(alignment) === 0n
    if (isAligned && isFreeAt(claims, at, count)) return at
  }
  return null
}

/** Of addresses for hosts. */
export function countOf({ claims, edges }: Claims, claim: Claim): number {
  return claims.filter((own, at) => own === claim && !edges.has(at)).length
}

/** The largest aligned block that is free for a child, the lowest of equals; null if nothing is. */
export function largestBlock({ prefix, claims }: Claims): { first: bigint; bits: number } | null {
  const { length } = claims
  for (let bits = Math.log2(length); bits >= 0; bits--) {
    const size = 2 ** bits
    for (let at = 0; at < length; at += size) {
      if (claims.slice(at, at + size).every((claim) => claim === 'free')) {
        return { first: prefix.first + BigInt(at), bits }
      }
    }
  }
  return null
}
