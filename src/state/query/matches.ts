/** Whether a record is what a filter asks for: the index has found it by less. */
import { parseAddress } from '../../ipam/address.ts'
import type { AllocationFilter, NetworkFilter } from '../../ipam/query.ts'
import type { Allocation, Network } from '../../ipam/records.ts'
import { rangeOfAllocation } from '../allocation-rows.ts'
import { wordsOf } from '../text-index.ts'

export function matchesNetwork(network: Network, { namespace, cidr, tag, q }: NetworkFilter): boolean {
  if (namespace !== null && network.namespace !== namespace) return false
  if (cidr !== null && network.cidr !== cidr) return false
  if (tag !== null && !network.tags.includes(tag)) return false
  return q === null || searchWords(q).every((word) => startsWord(network, [network.cidr], word))
}

/** All but the namespace, which is the network's. */
export function matchesAllocation(allocation: Allocation, filter: AllocationFilter): boolean {
  const { networkId, statuses, ip, hostname, mac, tag, expiresBefore, q } = filter
  if (networkId !== null && allocation.networkId !== networkId) return false
  if (!statuses.includes(allocation.status)) return false
  if (mac !== null && allocation.mac !== mac) return false
  if (tag !== null && !allocation.tags.includes(tag)) return false
  if (hostname !== null && !hasPart(allocation, hostname.toLowerCase())) return false
  if (expiresBefore !== null && (allocation.expiresAt ?? Number.POSITIVE_INFINITY) >= expiresBefore)
    return false
  if (ip !== null && !hasAddress(allocation, ip)) return false
  return (
    q === null ||
    searchWords(q).every((word) => hasPart(allocation, word) || startsWord(allocation, [], word))
  )
}

/** The words of a search, lower case. Of a blank search none: it finds all. */
export function searchWords(q: string): string[] {
  const words = q.toLowerCase().split(/\s+/u)
  return words.filter((word) => word !== '')
}

/** @param part Lower case. */
export function hasPart({ hostname }: Allocation, part: string): boolean {
  return hostname?.toLowerCase().includes(part) === true
}

function hasAddress(allocation: Allocation, ip: string): boolean {
  const { family, first, last } = rangeOfAllocation(allocation)
  const address = parseAddress(ip)
  return family === address.family && first <= address.value && address.value <= last
}

function startsWord(
  { description, tags, metadata }: Pick<Network, 'description' | 'tags' | 'metadata'>,
  others: readonly string[],
  start: string,
): boolean {
  const words = wordsOf([...others, description, ...tags, ...Object.values(metadata)])
  return words.some((word) => word.startsWith(start))
}
