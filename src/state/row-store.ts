import { assert } from '../../raft/assert.ts'
import type { Membership } from '../../raft/types.ts'
import { formatAllocationId } from '../ipam/allocation-id.ts'
import type { AnswerLimits } from '../ipam/idempotency.ts'
import type { Outcome } from '../ipam/outcome.ts'
import type { Prefix } from '../ipam/prefix.ts'
import type { AddressRange } from '../ipam/range.ts'
import type { Allocation, Network } from '../ipam/records.ts'
import type { AuditDraft, ManagedNetwork, Store } from '../ipam/store.ts'
import { AccessRows, type AccessTable } from './access-rows.ts'
import { AllocationRows } from './allocation-rows.ts'
import type { AnswerTable } from './answer-table.ts'
import { AuditRows } from './audit-rows.ts'
import type { ExpiryIndex } from './expiry-index.ts'
import { type HostnameMemory, HostnameRows } from './hostname-rows.ts'
import { IdempotencyRows } from './idempotency-rows.ts'
import { type Position, parsePosition, positionOf } from './key-encoding.ts'
import { MEMBERSHIP_KEY } from './key-space.ts'
import { NetworkRows } from './network-rows.ts'
import type { NetworkState, NetworkTable } from './network-table.ts'
import type { Overlay } from './overlay.ts'
import { encodeMembership } from './row-codec.ts'
import { SessionRows, type SessionState } from './session-rows.ts'
import { StagedRows } from './staged-rows.ts'
import type { StateDatabase } from './storage.ts'

/** What memory holds of the rows: rebuilt when they are opened, and kept in step with them. */
export interface StateMemory {
  readonly networks: NetworkTable
  readonly expiries: ExpiryIndex
  /** When released addresses have rested. */
  readonly coolings: ExpiryIndex
  readonly hostnames: HostnameMemory
  /** By id. */
  readonly sessions: Map<number, SessionState>
  readonly answers: AnswerTable
  readonly access: AccessTable
  membership: Membership | null
}

/** The rows and the memory over them, for one entry at a time. */
export class RowStore implements Store {
  readonly sessions: SessionRows
  readonly idempotency: IdempotencyRows
  readonly access: AccessRows
  readonly #rows: StagedRows
  readonly #memory: StateMemory
  readonly #networks: NetworkRows
  readonly #hostnames: HostnameRows
  readonly #allocations: AllocationRows
  readonly #audit: AuditRows
  #index = 0
  #networksCreated = 0
  /** The allocation whose audit row has to come next. */
  #created: Position | null = null

  constructor(options: {
    database: StateDatabase
    overlay: Overlay
    memory: StateMemory
    answerLimits: AnswerLimits
  }) {
    const { database, overlay, memory, answerLimits } = options
    const { networks, expiries, coolings, sessions, answers } = memory
    const rows = new StagedRows({ database, overlay })
    this.#rows = rows
    this.#memory = memory
    this.#networks = new NetworkRows({ rows, networks })
    const networkRows = this.#networks
    this.#hostnames = new HostnameRows({ rows, memory: memory.hostnames })
    const hostnames = this.#hostnames
    this.#allocations = new AllocationRows({ rows, networks, networkRows, hostnames, expiries, coolings })
    this.#audit = new AuditRows({ rows })
    this.sessions = new SessionRows({ database, overlay, sessions })
    this.access = new AccessRows({ rows, table: memory.access })
    this.idempotency = new IdempotencyRows({ rows, answers, limits: answerLimits })
  }

  beginEntry(index: number): void {
    this.#index = index
    this.#networksCreated = 0
    this.#created = null
    this.#allocations.beginEntry()
    this.#audit.beginEntry(index)
    this.idempotency.beginEntry(index)
  }

  /** What was written since `beginEntry`, and not taken back, stays. */
  endEntry(): void {
    this.#allocations.endEntry()
    this.#networks.endEntry()
    this.#hostnames.endEntry()
    this.#rows.endEntry()
  }

  attempt(change: () => Outcome): Outcome {
    return this.#rows.attempt(change)
  }

  network(id: string): NetworkState | null {
    return this.#memory.networks.get(id)
  }

  networkRecord(id: string): Network | null {
    return this.#networks.record(id)
  }

  networkAt(namespace: string, prefix: Prefix): NetworkState | null {
    return this.#memory.networks.tree(namespace).get(prefix)
  }

  parentOf(namespace: string, prefix: Prefix): NetworkState | null {
    return this.#memory.networks.parentOf(namespace, prefix)
  }

  childrenOf(network: Pick<ManagedNetwork, 'namespace' | 'prefix'>): Iterable<NetworkState> {
    return this.#memory.networks.childrenOf(network)
  }

  createNetwork(network: Network, prefix: Prefix): void {
    const position = positionOf(this.#index, this.#networksCreated++)
    this.#networks.create(network, { prefix, position })
  }

  updateNetwork(after: Network): void {
    this.#networks.update(after)
  }

  deleteNetwork(id: string): void {
    this.#networks.delete(id)
  }

  setNextAddress(networkId: string, address: bigint): void {
    this.#networks.setNextAddress(this.#networks.existing(networkId), address)
  }

  nextAllocationId(token: string): string {
    return formatAllocationId(token, parsePosition(this.#audit.next))
  }

  allocation(id: string): Allocation | null {
    return this.#allocations.record(id)
  }

  holderAt(networkId: string, first: bigint): Allocation | null {
    return this.#allocations.holderAt(networkId, first)
  }

  dueAllocations(options: { readonly time: number; readonly limit: number }): Allocation[] {
    return this.#allocations.due(options)
  }

  createAllocation(allocation: Allocation, range: AddressRange): void {
    this.#created = this.#audit.next
    this.#rows.undoLater(() => {
      this.#created = null
    })
    this.#allocations.create(allocation, range, this.#created)
  }

  updateAllocation(before: Allocation, after: Allocation): void {
    this.#allocations.update(before, after)
  }

  endAllocation(before: Allocation, after: Allocation, coolUntil: number | null): void {
    this.#allocations.end(before, after, coolUntil)
  }

  endCoolings(options: { readonly time: number; readonly limit: number }): number {
    return this.#allocations.endCoolings(options)
  }

  membership(): Membership | null {
    return this.#memory.membership
  }

  putMembership(membership: Membership): void {
    this.#memory.membership = membership
    this.#rows.put(MEMBERSHIP_KEY, encodeMembership(membership))
  }

  appendAudit(draft: AuditDraft): void {
    const isCreation = draft.action === 'ip_allocated'
    assert(isCreation === (this.#created === this.#audit.next), 'a new allocation has its audit row at once')
    this.#audit.append(draft)
  }

  pruneAudit(options: { readonly before: number; readonly limit: number }): {
    pruned: number
    isDone: boolean
  } {
    return this.#audit.prune(options)
  }
}
