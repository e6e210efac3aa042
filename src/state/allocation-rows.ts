/** Allocations: their rows, the indexes by which they are found, and the memory over them. */
import { assert } from '../../raft/assert.ts'
import { type Family, parseAddress } from '../ipam/address.ts'
import { blocksOf } from '../ipam/free-space/block.ts'
import type { AddressRange } from '../ipam/range.ts'
import type { Allocation } from '../ipam/records.ts'
import type { ExpiryIndex } from './expiry-index.ts'
import type { HostnameRows } from './hostname-rows.ts'
import type { Position } from './key-encoding.ts'
import {
  addressRangeKey,
  allocationKey,
  allocationPosition,
  allocationTermKey,
  coolingKey,
  coverKey,
  endedAllocationKey,
} from './key-space.ts'
import type { NetworkRows } from './network-rows.ts'
import type { NetworkState, NetworkTable } from './network-table.ts'
import { decodeNumberedAllocation, encodeAllocation } from './record-codec.ts'
import {
  decodeAddressRange,
  decodeCooling,
  EMPTY_ROW,
  encodeAddressRange,
  encodeCooling,
} from './row-codec.ts'
import type { StagedRows } from './staged-rows.ts'
import { allocationTerms } from './text-index.ts'

export class AllocationRows {
  readonly #rows: StagedRows
  readonly #networks: NetworkTable
  readonly #networkRows: NetworkRows
  readonly #expiries: ExpiryIndex
  readonly #coolings: ExpiryIndex
  readonly #hostnames: HostnameRows
  /** Numbers of the allocations that this entry has read; null between entries, when readers come who change nothing. */
  #ordinals: Map<Position, number> | null = null

  constructor(options: {
    rows: StagedRows
    networks: NetworkTable
    networkRows: NetworkRows
    hostnames: HostnameRows
    expiries: ExpiryIndex
    coolings: ExpiryIndex
  }) {
    this.#rows = options.rows
    this.#networks = options.networks
    this.#networkRows = options.networkRows
    this.#hostnames = options.hostnames
    this.#expiries = options.expiries
    this.#coolings = options.coolings
  }

  beginEntry(): void {
    this.#ordinals = new Map()
  }

  endEntry(): void {
    this.#ordinals = null
  }

  record(id: string): Allocation | null {
    const position = allocationPosition(id)
    const row = position === null ? null : this.#rows.get(allocationKey(position))
    const allocation = position === null || row === null ? null : this.#decode(position, row)
    // An id that was given before an older backup was restored, say, may lead to the allocation of somebody else.
    return allocation?.id === id ? allocation : null
  }

  holderAt(networkId: string, first: bigint): Allocation | null {
    const { position, prefix } = this.#networkRows.existing(networkId)
    const row = this.#rows.get(addressRangeKey(position, prefix.family, first))
    return row === null ? null : this.#at(decodeAddressRange(row).position)
  }

  due(options: { readonly time: number; readonly limit: number }): Allocation[] {
    return this.#expiries.due(options).map(({ position }) => this.#at(position))
  }

  create(allocation: Allocation, range: AddressRange, position: Position): void {
    const { networkId, expiresAt } = allocation
    const network = this.#networkRows.existing(networkId)
    network.space.allocate(range)
    this.#rows.undoLater(() => network.space.release(range, { cools: false }))
    this.#networkRows.countAllocation(network, range.last)
    const expiry = { before: null, after: expiresAt }
    this.#setExpiry(position, expiry)

    const rows = this.#rows
    rows.noteChange({ network: network.position, range, isAllocated: true, position, expiresAt: expiry })
    const ordinal = this.#hostnames.add(position, allocation.hostname)
    rows.put(allocationKey(position), encodeAllocation(allocation, ordinal))
    this.#putRange(network, range, { position, expiresAt })
    for (const term of allocationTerms(allocation)) {
      rows.put(allocationTermKey(term, { isActive: true, position }), EMPTY_ROW)
    }
  }

  update(before: Allocation, after: Allocation): void {
    const { position, ordinal } = this.#placeOf(after)
    this.#rows.put(allocationKey(position), encodeAllocation(after, ordinal))
    this.#replaceTerms(before, after, position)
    this.#hostnames.rename(ordinal, { before: before.hostname, after: after.hostname })
    if (before.expiresAt === after.expiresAt || after.status !== 'allocated') return
    const network = this.#networkRows.existing(after.networkId)
    const expiresAt = { before: before.expiresAt, after: after.expiresAt }
    const range = rangeOfAllocation(after)
    this.#setExpiry(position, expiresAt)
    this.#rows.noteChange({ network: network.position, range, isAllocated: true, position, expiresAt })
    this.#putRange(network, range, { position, expiresAt: after.expiresAt })
  }

  end(before: Allocation, after: Allocation, coolUntil: number | null): void {
    const { position, ordinal } = this.#placeOf(after)
    const network = this.#networkRows.existing(after.networkId)
    const range = rangeOfAllocation(after)
    const cools = coolUntil !== null
    network.space.release(range, { cools })
    this.#rows.undoLater(() => network.space.takeBack(range, { cooled: cools }))
    this.#networkRows.countEnd(network)
    const expiresAt = { before: after.expiresAt, after: null }
    this.#setExpiry(position, expiresAt)
    this.#rows.noteChange({ network: network.position, range, isAllocated: false, position, expiresAt })
    if (cools) this.#cool({ network, range, position, until: coolUntil })

    const rows = this.#rows
    const { namespace, position: place } = network
    rows.put(allocationKey(position), encodeAllocation(after, ordinal))
    this.#hostnames.end(ordinal)
    rows.put(addressRangeKey(place, range.family, range.first), null)
    rows.put(endedAllocationKey(place, range, position), EMPTY_ROW)
    for (const block of blocksOf(range)) {
      rows.put(coverKey({ namespace, family: range.family, ...block }, position), EMPTY_ROW)
    }
    this.#replaceTerms(before, after, position)
  }

  endCoolings(options: { readonly time: number; readonly limit: number }): number {
    const due = this.#coolings.due(options)
    for (const cooling of due) {
      const key = coolingKey(cooling.position)
      const { network: place, first, last } = decodeCooling(this.#rows.existing(key))
      // Null: deleted meanwhile, and its addresses with it.
      const space = this.#networks.at(place)?.space
      space?.endCooling({ first, last })
      this.#coolings.delete(cooling)
      this.#rows.undoLater(() => {
        this.#coolings.add(cooling)
        space?.coolAgain({ first, last })
      })
      this.#rows.put(key, null)
    }
    return due.length
  }

  #cool(options: { network: NetworkState; range: AddressRange; position: Position; until: number }): void {
    const { network, range, position, until } = options
    const cooling = { expiresAt: until, position }
    this.#coolings.add(cooling)
    this.#rows.undoLater(() => this.#coolings.delete(cooling))
    this.#rows.put(coolingKey(position), encodeCooling({ network: network.position, ...range, until }))
  }

  #setExpiry(position: Position, { before, after }: { before: number | null; after: number | null }): void {
    if (before !== null) this.#expiries.delete({ expiresAt: before, position })
    if (after !== null) this.#expiries.add({ expiresAt: after, position })
    if (before === null && after === null) return
    this.#rows.undoLater(() => {
      if (after !== null) this.#expiries.delete({ expiresAt: after, position })
      if (before !== null) this.#expiries.add({ expiresAt: before, position })
    })
  }

  #putRange(
    { position: place, prefix }: NetworkState,
    { first, last }: AddressRange,
    { position, expiresAt }: { readonly position: Position; readonly expiresAt: number | null },
  ): void {
    const row = encodeAddressRange({ last, position, expiresAt })
    this.#rows.put(addressRangeKey(place, prefix.family, first), row)
  }

  #replaceTerms(before: Allocation, after: Allocation, position: Position): void {
    const isActive = after.status === 'allocated'
    const wasActive = before.status === 'allocated'
    const [old, fresh] = [allocationTerms(before), allocationTerms(after)]
    const hasMoved = isActive !== wasActive
    for (const term of old) {
      if (!hasMoved && fresh.has(term)) continue
      this.#rows.put(allocationTermKey(term, { isActive: wasActive, position }), null)
    }
    for (const term of fresh) {
      if (!hasMoved && old.has(term)) continue
      this.#rows.put(allocationTermKey(term, { isActive, position }), EMPTY_ROW)
    }
  }

  #at(position: Position): Allocation {
    return this.#decode(position, this.#rows.existing(allocationKey(position)))
  }

  #decode(position: Position, row: Buffer): Allocation {
    const { allocation, ordinal } = decodeNumberedAllocation(row)
    this.#ordinals?.set(position, ordinal)
    return allocation
  }

  #placeOf({ id }: Allocation): { readonly position: Position; readonly ordinal: number } {
    const position = allocationPosition(id)
    assert(position !== null, 'allocation {} has an id that leads nowhere', id)
    const ordinal = this.#ordinals?.get(position)
    assert(ordinal !== undefined, 'allocation {} was not read before it changes', id)
    return { position, ordinal }
  }
}

export function rangeOfAllocation({ ip, endIp }: Allocation): AddressRange & { readonly family: Family } {
  const { family, value } = parseAddress(ip)
  return { family, first: value, last: endIp === null ? value : parseAddress(endIp).value }
}
