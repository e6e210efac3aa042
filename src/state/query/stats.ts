/** What memory knows of one network's addresses. */
import { addressBits, formatAddress } from '../../ipam/address.ts'
import { formatPrefix, prefixSize } from '../../ipam/prefix.ts'
import type { NetworkStats } from '../../ipam/records.ts'
import type { NetworkState } from '../network-table.ts'

export function networkStats({ id, space, prefix, lastAddress }: NetworkState): NetworkStats {
  const { family } = prefix
  const first = space.lowestRun(1n)
  const block = space.largestBlock()
  return {
    networkId: id,
    total: space.totalCount,
    allocated: space.allocatedCount,
    available: space.availableCount,
    reserved: space.reservedCount,
    cooling: space.coolingCount,
    delegated: space.delegatedCount,
    size: prefixSize(prefix),
    firstAvailable: first === null ? null : formatAddress({ family, value: first }),
    lastAllocated: lastAddress === null ? null : formatAddress({ family, value: lastAddress }),
    largestFreeBlock:
      block === null
        ? null
        : formatPrefix({ family, first: block.first, length: addressBits(family) - block.bits }),
  }
}

/** The next `count` addresses for hosts, as single allocations would get them one after the other. */
export function availableAddresses(
  { space, prefix: { family }, strategy, nextAddress }: NetworkState,
  count: number,
): string[] {
  const from = strategy === 'next' && nextAddress !== null ? nextAddress : space.usable.first
  const addresses: string[] = []
  const taken = new Set<bigint>()
  for (const start of from === space.usable.first ? [from] : [from, space.usable.first]) {
    for (const { first, last } of space.freeRuns(start)) {
      for (let value = first; value <= last; value++) {
        if (addresses.length === count) return addresses
        if (taken.has(value)) return addresses
        taken.add(value)
        addresses.push(formatAddress({ family, value }))
      }
    }
  }
  return addresses
}

/** Canonical CIDRs; none of a length that no child of this network can have. */
export function availableNetworks(
  { space, prefix: { family, length } }: NetworkState,
  { prefixLength, count }: { readonly prefixLength: number | null; readonly count: number },
): string[] {
  const bits = addressBits(family)
  if (prefixLength !== null && (prefixLength <= length || prefixLength > bits)) return []
  const blocks = prefixLength === null ? space.freeBlocks() : space.bestFits(bits - prefixLength)
  const names: string[] = []
  for (const block of blocks) {
    if (names.length === count) break
    names.push(formatPrefix({ family, first: block.first, length: bits - block.bits }))
  }
  return names
}
