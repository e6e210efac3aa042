/** Commands of keys that are for a part of the networks: carried out on a store that notices when one leaves it. */
import type { Membership } from '../../raft/types.ts'
import type { AccessStore, Scope } from './access.ts'
import type { Applying } from './apply.ts'
import type { ScopedCommand, WithinScope } from './command.ts'
import type { IdempotencyStore } from './idempotency.ts'
import type { Outcome } from './outcome.ts'
import type { Prefix } from './prefix.ts'
import type { AddressRange } from './range.ts'
import type { Allocation, Network } from './records.ts'
import { refuse } from './refuse.ts'
import type { SessionStore } from './session.ts'
import type { AuditDraft, ManagedNetwork, Store } from './store.ts'

/** The network or one around it is listed, or has one of the tags. */
export function isInScope(store: Pick<Store, 'parentOf'>, scope: Scope, network: ManagedNetwork): boolean {
  for (let at: ManagedNetwork | null = network; at !== null; at = store.parentOf(at.namespace, at.prefix)) {
    if (scope.networks.includes(at.id)) return true
    if (at.tags.some((tag) => scope.tags.includes(tag))) return true
  }
  return false
}

/** Whatever the command does or answers, once it has touched something else it is refused, and all of it is taken back. */
export function applyWithinScope(
  { scope, command }: WithinScope,
  applying: Applying,
  apply: (command: ScopedCommand, applying: Applying) => Outcome,
): Outcome {
  const store = new ScopedStore(applying.store, scope)
  const outcome = apply(command, { ...applying, store })
  if (!store.wasLeft) return outcome
  const message =
    'This is outside of the networks that the key is for; use a key whose scope has it, or one without a scope'
  return refuse('out_of_scope', message)
}

/** What is looked up by id and lies outside is not there; what is reached in another way, or changed, is noticed. */
class ScopedStore implements Store {
  readonly sessions: SessionStore
  readonly idempotency: IdempotencyStore
  readonly access: AccessStore
  readonly #store: Store
  readonly #scope: Scope
  #wasLeft = false

  constructor(store: Store, scope: Scope) {
    this.sessions = store.sessions
    this.idempotency = store.idempotency
    this.access = store.access
    this.#store = store
    this.#scope = scope
  }

  get wasLeft(): boolean {
    return this.#wasLeft
  }

  attempt(change: () => Outcome): Outcome {
    return this.#store.attempt(change)
  }

  network(id: string): ManagedNetwork | null {
    return this.#isInside(id) ? this.#store.network(id) : null
  }

  networkRecord(id: string): Network | null {
    return this.#isInside(id) ? this.#store.networkRecord(id) : null
  }

  networkAt(namespace: string, prefix: Prefix): ManagedNetwork | null {
    const network = this.#store.networkAt(namespace, prefix)
    if (network !== null) this.#notice(network.id)
    return network
  }

  /** Of a network inside, whatever is around it; of what is no network yet, or an address, it has to be inside, too. */
  parentOf(namespace: string, prefix: Prefix): ManagedNetwork | null {
    const parent = this.#store.parentOf(namespace, prefix)
    const own = this.#store.networkAt(namespace, prefix)
    if (own === null || !this.#isInside(own.id)) this.#notice(parent?.id ?? null)
    return parent
  }

  childrenOf(network: Pick<ManagedNetwork, 'namespace' | 'prefix'>): Iterable<ManagedNetwork> {
    return this.#store.childrenOf(network)
  }

  createNetwork(network: Network, prefix: Prefix): void {
    // One outside has the id: `network` says that it is free.
    if (this.#store.network(network.id) !== null) this.#wasLeft = true
    else this.#store.createNetwork(network, prefix)
    this.#notice(this.#store.parentOf(network.namespace, prefix)?.id ?? null)
  }

  updateNetwork(after: Network): void {
    this.#notice(after.id)
    this.#store.updateNetwork(after)
  }

  deleteNetwork(id: string): void {
    this.#notice(id)
    this.#store.deleteNetwork(id)
  }

  setNextAddress(networkId: string, address: bigint): void {
    this.#notice(networkId)
    this.#store.setNextAddress(networkId, address)
  }

  nextAllocationId(token: string): string {
    return this.#store.nextAllocationId(token)
  }

  allocation(id: string): Allocation | null {
    const allocation = this.#store.allocation(id)
    return allocation !== null && this.#isInside(allocation.networkId) ? allocation : null
  }

  holderAt(networkId: string, first: bigint): Allocation | null {
    this.#notice(networkId)
    return this.#store.holderAt(networkId, first)
  }

  dueAllocations(options: { readonly time: number; readonly limit: number }): Allocation[] {
    return this.#store.dueAllocations(options)
  }

  createAllocation(allocation: Allocation, range: AddressRange): void {
    this.#notice(allocation.networkId)
    this.#store.createAllocation(allocation, range)
  }

  updateAllocation(before: Allocation, after: Allocation): void {
    this.#notice(before.networkId)
    this.#store.updateAllocation(before, after)
  }

  endAllocation(before: Allocation, after: Allocation, coolUntil: number | null): void {
    this.#notice(before.networkId)
    this.#store.endAllocation(before, after, coolUntil)
  }

  /** Time passes for everybody. */
  endCoolings(options: { readonly time: number; readonly limit: number }): number {
    return this.#store.endCoolings(options)
  }

  membership(): Membership | null {
    return this.#store.membership()
  }

  putMembership(membership: Membership): void {
    this.#wasLeft = true
    this.#store.putMembership(membership)
  }

  appendAudit(draft: AuditDraft): void {
    this.#store.appendAudit(draft)
  }

  pruneAudit(options: { readonly before: number; readonly limit: number }): {
    pruned: number
    isDone: boolean
  } {
    this.#wasLeft = true
    return this.#store.pruneAudit(options)
  }

  #isInside(id: string): boolean {
    const network = this.#store.network(id)
    return network !== null && isInScope(this.#store, this.#scope, network)
  }

  #notice(id: string | null): void {
    if (id === null || !this.#isInside(id)) this.#wasLeft = true
  }
}
