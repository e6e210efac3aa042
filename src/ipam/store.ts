/** What `apply` reads and writes. All writes of one entry become durable together, or not at all. */
import type { Membership } from '../../raft/types.ts'
import type { FreeSpace } from './free-space.ts'
import type { Prefix } from './prefix.ts'
import type { AddressRange } from './range.ts'
import type { Allocation, AuditEntry, Network } from './records.ts'
import type { SessionStore } from './session.ts'

/** What is at hand of a network without reading its record. */
export interface ManagedNetwork {
  readonly id: string
  readonly prefix: Prefix
  /** Only the store changes it, as allocations come and go. */
  readonly space: FreeSpace
  /** Allocations, not addresses. */
  readonly activeAllocations: number
}

/** The store knows the log index, and numbers the rows of one entry. */
export type AuditDraft = Omit<AuditEntry, 'index' | 'sequence'>

export interface Store {
  readonly sessions: SessionStore

  network(id: string): ManagedNetwork | null
  networkRecord(id: string): Network | null
  /** The lowest of those that share an address with `prefix`. */
  networkOverlapping(prefix: Prefix): ManagedNetwork | null
  createNetwork(network: Network, prefix: Prefix): void
  /** It has no active allocations. The records of ended ones stay. */
  deleteNetwork(id: string): void

  hasAllocation(id: string): boolean
  allocation(id: string): Allocation | null
  /** Active ones that expire at or before `time`, oldest expiry first, then in the order of creation. */
  dueAllocations(options: { readonly time: number; readonly limit: number }): Allocation[]
  /** `range` is free in the allocation's network, and is what `ip` and `endIp` say. */
  createAllocation(allocation: Allocation, range: AddressRange): void
  /** Frees the addresses of an active allocation; `after` replaces its record. */
  endAllocation(after: Allocation): void

  /** Null until the log has brought one. */
  membership(): Membership | null
  putMembership(membership: Membership): void

  appendAudit(draft: AuditDraft): void
}
