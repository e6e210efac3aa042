/** What can be asked of the replicated state. */
import type { Allocation, AuditEntry, Network, NetworkStats } from './records.ts'

/** A page in a stable order. `cursor` is opaque, from `Page.nextCursor`; null starts at the beginning. */
export interface PageRequest {
  /** 1 to 10,000. */
  readonly limit: number
  readonly cursor: string | null
}

export interface Page<T> {
  readonly rows: readonly T[]
  /** Null when nothing is left. */
  readonly nextCursor: string | null
}

export type Query =
  /** In the order of creation. */
  | { readonly type: 'networks'; readonly page: PageRequest }
  | { readonly type: 'network'; readonly id: string }
  | { readonly type: 'networkStats'; readonly id: string }
  /** In the order of allocation; `includeEnded` adds released and expired ones. */
  | {
      readonly type: 'allocations'
      readonly networkId: string | null
      readonly includeEnded: boolean
      readonly page: PageRequest
    }
  | { readonly type: 'allocation'; readonly id: string }
  /** The newest `limit` entries, in ascending time. */
  | { readonly type: 'audit'; readonly limit: number }

/** Null is "no such id". A `networkId` filter that names no network gives an empty page. */
export interface QueryResults {
  networks: Page<Network>
  network: Network | null
  networkStats: NetworkStats | null
  allocations: Page<Allocation>
  allocation: Allocation | null
  audit: readonly AuditEntry[]
}

export type AnswerTo<Q extends Query> = QueryResults[Q['type']]

/** A cursor that this service did not make. */
export class InvalidCursorError extends Error {
  override readonly name = 'InvalidCursorError'
}
