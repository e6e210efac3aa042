/** What can be asked of the replicated state. */
import type { ApiKey, Scope, User } from './access.ts'
import type { ImportItems, ImportReport } from './command.ts'
import type { Outcome } from './outcome.ts'
import type {
  Allocation,
  AllocationStatus,
  AuditAction,
  AuditEntry,
  NetworkStats,
  PlacedNetwork,
} from './records.ts'

/** Rows that a page may leave out: who goes further uses the cursor, which costs nothing. */
export const OFFSET_MAX = 10_000

/** A page in a stable order. `cursor` is opaque, from `Page.nextCursor`; null starts at the beginning. */
export interface PageRequest {
  /** 1 to 10,000. */
  readonly limit: number
  readonly cursor: string | null
  /** Rows left out, 0 to `OFFSET_MAX`; behind a cursor 0. */
  readonly offset: number
}

export interface Page<T> {
  /** May be fewer than asked for, even none, where much had to be looked at: go on with the cursor. */
  readonly rows: readonly T[]
  /** Null when nothing is left. */
  readonly nextCursor: string | null
  /** Of all pages; null where that is not known without counting. */
  readonly total: number | null
}

/** All that are not null must hold. */
export interface NetworkFilter {
  readonly namespace: string | null
  /** Canonical. */
  readonly cidr: string | null
  /** Canonical address inside it. */
  readonly contains: string | null
  /** Canonical CIDR that it lies inside of, or is. */
  readonly within: string | null
  readonly parentId: string | null
  readonly tag: string | null
  /** Every word begins a word of CIDR, description, tags or metadata. */
  readonly q: string | null
}

/** All that are not null must hold. */
export interface AllocationFilter {
  readonly networkId: string | null
  readonly namespace: string | null
  /** At least one. */
  readonly statuses: readonly AllocationStatus[]
  /** Canonical address among its own. */
  readonly ip: string | null
  /** Part of it, in any case. */
  readonly hostname: string | null
  /** Canonical. */
  readonly mac: string | null
  readonly tag: string | null
  /** Ms since 1970; those that never expire do not. */
  readonly expiresBefore: number | null
  /** Every word is a part of the host name, or begins a word of description, tags or metadata. */
  readonly q: string | null
}

/** All that are not null must hold. */
export interface AuditFilter {
  readonly action: AuditAction | null
  readonly resource: string | null
  readonly user: string | null
  readonly requestId: string | null
  /** Canonical address: changes of the allocations that had it. */
  readonly ip: string | null
  readonly namespace: string | null
  /** Ms since 1970, included. */
  readonly since: number | null
  /** Ms since 1970, not included. */
  readonly until: number | null
  /** Log index, not included. */
  readonly afterIndex: number | null
}

export interface AddressQuestion {
  readonly namespace: string
  /** Canonical. */
  readonly ip: string
  /** Ms since 1970; null: now. */
  readonly at: number | null
}

export type AddressState =
  | 'allocated'
  | 'available'
  | 'reserved'
  | 'cooling'
  /** The network or broadcast address. */
  | 'not_usable'
  /** No network has it. */
  | 'unmanaged'

/** Further back than that there are lists: of the allocations that had the address, and of what changed them. */
export const ADDRESS_HISTORY_MAX = 100
/** For a question about the past, so many are looked at. */
export const ADDRESS_EXAMINED_MAX = 20_000

export interface AddressAnswer {
  /** As it is now. */
  readonly state: AddressState
  /** Ms since 1970: until then it rests after its release. Null unless it is `cooling`. */
  readonly coolingUntil: number | null
  /** Why the smallest network never hands it out, whatever its state: "gateway", or one of `reserved`. Null: it may. */
  readonly reservedBy: string | null
  /** Those around it, the smallest last. */
  readonly networks: readonly PlacedNetwork[]
  /** Who has it, or had it then. */
  readonly allocation: Allocation | null
  /** Newest first, at most `ADDRESS_HISTORY_MAX`. */
  readonly history: readonly Allocation[]
}

/** About networks and allocations. */
export type NetworkQuery =
  /** By namespace and address; with `tag` or `q`, in the order of what was found. */
  | { readonly type: 'networks'; readonly filter: NetworkFilter; readonly page: PageRequest }
  | { readonly type: 'network'; readonly id: string }
  | { readonly type: 'networkStats'; readonly id: string }
  /** The next addresses that strategy `lowest` or `next` gives; for `random`, the lowest. */
  | { readonly type: 'availableAddresses'; readonly id: string; readonly count: number }
  /** The largest free blocks; or, with a prefix length, what carving gives next. Canonical CIDRs. */
  | {
      readonly type: 'availableNetworks'
      readonly id: string
      readonly prefixLength: number | null
      readonly count: number
    }
  /** In the order of allocation, unless a filter has another. */
  | { readonly type: 'allocations'; readonly filter: AllocationFilter; readonly page: PageRequest }
  | { readonly type: 'allocation'; readonly id: string }
  | { readonly type: 'address'; readonly question: AddressQuestion }

export type Query =
  | NetworkQuery
  /** What lies outside of the scope is not there. */
  | { readonly type: 'withinScope'; readonly scope: Scope; readonly query: NetworkQuery }
  /** The newest that match, in ascending time; the cursor leads to older ones. */
  | { readonly type: 'audit'; readonly filter: AuditFilter; readonly page: PageRequest }
  /** By name. */
  | { readonly type: 'users' }
  | { readonly type: 'user'; readonly name: string }
  /** In the order of creation, expired ones included. */
  | { readonly type: 'keys' }
  | { readonly type: 'key'; readonly id: string }
  /** What the import would do. */
  | { readonly type: 'tryImport'; readonly command: ImportItems; readonly scope: Scope | null }

/** Null is "no such id". A filter that names nothing gives an empty page. */
export interface QueryResults {
  networks: Page<PlacedNetwork>
  network: PlacedNetwork | null
  networkStats: NetworkStats | null
  availableAddresses: readonly string[] | null
  availableNetworks: readonly string[] | null
  allocations: Page<Allocation>
  allocation: Allocation | null
  address: AddressAnswer
  audit: Page<AuditEntry>
  users: readonly User[]
  user: User | null
  keys: readonly ApiKey[]
  key: ApiKey | null
  withinScope: QueryResults[NetworkQuery['type']]
  tryImport: Extract<Outcome, { ok: false }> | { readonly ok: true; readonly value: ImportReport }
}

export type AnswerTo<Q extends Query> = QueryResults[Q['type']]

/** A cursor that this service did not make. */
export class InvalidCursorError extends Error {
  override readonly name = 'InvalidCursorError'
}
