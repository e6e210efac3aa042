/** What `apply` reads and writes. All writes of one entry become durable together, or not at all. */
import type { Membership } from '../../raft/types.ts'
import type { AccessStore } from './access.ts'
import type { AddressSpace } from './address-space.ts'
import type { IdempotencyStore } from './idempotency.ts'
import type { Outcome } from './outcome.ts'
import type { Prefix } from './prefix.ts'
import type { AddressRange } from './range.ts'
import type { Allocation, AuditEntry, Network, Strategy } from './records.ts'
import type { SessionStore } from './session.ts'

/** What is at hand of a network without reading its record. */
export interface ManagedNetwork {
  readonly id: string
  readonly namespace: string
  readonly prefix: Prefix
  readonly tags: readonly string[]
  /** Only the store changes it. */
  readonly space: AddressSpace
  readonly strategy: Strategy
  readonly cooldownMs: number
  /** Where strategy `next` goes on; null: from the start. */
  readonly nextAddress: bigint | null
  /** Allocations, not addresses. */
  readonly activeAllocations: number
}

/** The store knows the log index, and numbers the rows of one entry. */
export type AuditDraft = Omit<AuditEntry, 'index' | 'sequence'>

export interface Store {
  readonly sessions: SessionStore
  readonly idempotency: IdempotencyStore
  readonly access: AccessStore

  /** Carries out `change`; what it did is undone if it refuses. May be nested. */
  attempt(change: () => Outcome): Outcome

  network(id: string): ManagedNetwork | null
  networkRecord(id: string): Network | null
  networkAt(namespace: string, prefix: Prefix): ManagedNetwork | null
  /** The smallest network of the namespace that contains the prefix and is not it. */
  parentOf(namespace: string, prefix: Prefix): ManagedNetwork | null
  /** Direct children, ascending. */
  childrenOf(network: Pick<ManagedNetwork, 'namespace' | 'prefix'>): Iterable<ManagedNetwork>
  /** No network has this prefix in its namespace, and the addresses are free in its parent, or its children's. */
  createNetwork(network: Network, prefix: Prefix): void
  /** Prefix, namespace and id stay. */
  updateNetwork(after: Network): void
  /** It has no active allocations. The records of ended ones stay. */
  deleteNetwork(id: string): void
  setNextAddress(networkId: string, address: bigint): void

  /** Of the allocation that is created next, at once. */
  nextAllocationId(token: string): string
  allocation(id: string): Allocation | null
  /** The active allocation whose first address it is. */
  holderAt(networkId: string, first: bigint): Allocation | null
  /** Active ones that expire at or before `time`, oldest expiry first, then in the order of creation. */
  dueAllocations(options: { readonly time: number; readonly limit: number }): Allocation[]
  /** `range` is free in the allocation's network, and is what `ip` and `endIp` say. */
  createAllocation(allocation: Allocation, range: AddressRange): void
  /** Addresses and network stay; `expiresAt` may change. */
  updateAllocation(before: Allocation, after: Allocation): void
  /** Frees the addresses of an active allocation, at once or when they have rested until `coolUntil`. */
  endAllocation(before: Allocation, after: Allocation, coolUntil: number | null): void
  /** Frees what has rested until `time`, longest rest first. @returns How many allocations' addresses. */
  endCoolings(options: { readonly time: number; readonly limit: number }): number

  /** Null until the log has brought one. */
  membership(): Membership | null
  putMembership(membership: Membership): void

  appendAudit(draft: AuditDraft): void
  /** Forgets rows of before `before`, oldest first; looks at `limit` log indexes at most. */
  pruneAudit(options: { readonly before: number; readonly limit: number }): {
    pruned: number
    isDone: boolean
  }
}
