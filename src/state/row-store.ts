import { assert } from '../../raft/assert.ts'
import type { Membership } from '../../raft/types.ts'
import { parseAddress } from '../ipam/address.ts'
import type { Prefix } from '../ipam/prefix.ts'
import type { AddressRange } from '../ipam/range.ts'
import type { Allocation, Network } from '../ipam/records.ts'
import type { AuditDraft, Store } from '../ipam/store.ts'
import type { ExpiryIndex } from './expiry-index.ts'
import {
  activeAllocationKey,
  addressRangeKey,
  allocationIdKey,
  allocationKey,
  auditKey,
  MEMBERSHIP_KEY,
  networkActiveAllocationKey,
  networkAllocationKey,
  networkKey,
  type Position,
  positionOf,
} from './key-space.ts'
import { emptyNetwork, type NetworkState, type NetworkTable } from './network-table.ts'
import type { Overlay } from './overlay.ts'
import {
  decodeAllocation,
  decodeNetwork,
  EMPTY_ROW,
  encodeAddressRange,
  encodeAllocation,
  encodeAudit,
  encodeMembership,
  encodeNetwork,
} from './row-codec.ts'
import { SessionRows, type SessionState } from './session-rows.ts'
import type { StateDatabase } from './storage.ts'

/** What memory holds of the rows: rebuilt when they are opened, and kept in step with them. */
export interface StateMemory {
  readonly networks: NetworkTable
  readonly expiries: ExpiryIndex
  /** By id. */
  readonly sessions: Map<number, SessionState>
  membership: Membership | null
}

/** The rows and the memory over them, for one entry at a time. */
export class RowStore implements Store {
  readonly sessions: SessionRows
  readonly #database: StateDatabase
  readonly #overlay: Overlay
  readonly #memory: StateMemory
  #index = 0
  #networksCreated = 0
  #allocationsCreated = 0
  #audited = 0
  /** Of the allocations that this entry has read. */
  readonly #positions = new Map<string, Position>()

  constructor(options: { database: StateDatabase; overlay: Overlay; memory: StateMemory }) {
    this.#database = options.database
    this.#overlay = options.overlay
    this.#memory = options.memory
    const { database, overlay, memory } = options
    this.sessions = new SessionRows({ database, overlay, sessions: memory.sessions })
  }

  beginEntry(index: number): void {
    this.#index = index
    this.#networksCreated = 0
    this.#allocationsCreated = 0
    this.#audited = 0
    this.#positions.clear()
  }

  network(id: string): NetworkState | null {
    return this.#memory.networks.get(id)
  }

  networkRecord(id: string): Network | null {
    const network = this.network(id)
    return network === null ? null : decodeNetwork(this.#existingRow(networkKey(network.position)))
  }

  networkOverlapping(prefix: Prefix): NetworkState | null {
    return this.#memory.networks.overlapping(prefix)
  }

  createNetwork(network: Network, prefix: Prefix): void {
    const position = positionOf(this.#index, this.#networksCreated++)
    this.#memory.networks.add(emptyNetwork(network.id, position, prefix))
    this.#overlay.put(networkKey(position), encodeNetwork(network))
  }

  deleteNetwork(id: string): void {
    const network = this.#existingNetwork(id)
    assert(network.activeAllocations === 0, `network ${id} has active allocations`)
    this.#memory.networks.delete(network)
    this.#overlay.put(networkKey(network.position), null)
  }

  hasAllocation(id: string): boolean {
    return this.#row(allocationIdKey(id)) !== null
  }

  allocation(id: string): Allocation | null {
    const position = this.#row(allocationIdKey(id))?.toString('latin1')
    return position === undefined ? null : this.#allocationAt(position)
  }

  dueAllocations(options: { readonly time: number; readonly limit: number }): Allocation[] {
    return this.#memory.expiries.due(options).map(({ position }) => this.#allocationAt(position))
  }

  createAllocation(allocation: Allocation, { first, last }: AddressRange): void {
    const { id, networkId, expiresAt } = allocation
    const network = this.#existingNetwork(networkId)
    const position = positionOf(this.#index, this.#allocationsCreated++)
    network.space.occupy(first, last)
    network.activeAllocations += 1
    if (expiresAt !== null) this.#memory.expiries.add({ expiresAt, position })

    const overlay = this.#overlay
    overlay.put(allocationKey(position), encodeAllocation(allocation))
    overlay.put(allocationIdKey(id), Buffer.from(position, 'latin1'))
    overlay.put(activeAllocationKey(position), EMPTY_ROW)
    overlay.put(networkAllocationKey(network.position, position), EMPTY_ROW)
    overlay.put(networkActiveAllocationKey(network.position, position), EMPTY_ROW)
    overlay.put(
      addressRangeKey(network.position, network.prefix.family, first),
      encodeAddressRange({ last, position, expiresAt }),
    )
  }

  endAllocation(after: Allocation): void {
    const { id, networkId, ip, endIp, expiresAt } = after
    const position = this.#positions.get(id)
    assert(position !== undefined, `allocation ${id} was not read before it ends`)
    const network = this.#existingNetwork(networkId)
    const first = parseAddress(ip).value
    network.space.release(first, endIp === null ? first : parseAddress(endIp).value)
    network.activeAllocations -= 1
    if (expiresAt !== null) this.#memory.expiries.delete({ expiresAt, position })

    const overlay = this.#overlay
    overlay.put(allocationKey(position), encodeAllocation(after))
    overlay.put(activeAllocationKey(position), null)
    overlay.put(networkActiveAllocationKey(network.position, position), null)
    overlay.put(addressRangeKey(network.position, network.prefix.family, first), null)
  }

  membership(): Membership | null {
    return this.#memory.membership
  }

  putMembership(membership: Membership): void {
    this.#memory.membership = membership
    this.#overlay.put(MEMBERSHIP_KEY, encodeMembership(membership))
  }

  appendAudit(draft: AuditDraft): void {
    this.#overlay.put(auditKey(positionOf(this.#index, this.#audited++)), encodeAudit(draft))
  }

  #allocationAt(position: Position): Allocation {
    const allocation = decodeAllocation(this.#existingRow(allocationKey(position)))
    this.#positions.set(allocation.id, position)
    return allocation
  }

  #existingNetwork(id: string): NetworkState {
    const network = this.network(id)
    assert(network !== null, `no network ${id}`)
    return network
  }

  #existingRow(key: string): Buffer {
    const row = this.#row(key)
    assert(row !== null, `no row ${key}`)
    return row
  }

  #row(key: string): Buffer | null {
    const row = this.#overlay.get(key)
    return row === undefined ? (this.#database.getSync(key) ?? null) : row
  }
}
