/** What goes into the log: intents, never records. The address is chosen when a command is applied. */
import type { Allocation, Network } from './records.ts'

/** Who asked, for the audit row. */
export interface CommandContext {
  readonly user: string
  readonly requestId: string | null
}

export interface CreateNetwork {
  readonly type: 'createNetwork'
  /** Generated before the log, as every id. */
  readonly id: string
  /** Canonical. */
  readonly cidr: string
  readonly description: string
  readonly tags: readonly string[]
}

/** Refused while the network has active allocations. */
export interface DeleteNetwork {
  readonly type: 'deleteNetwork'
  readonly id: string
}

/** The lowest `count` contiguous free addresses. */
export interface AllocateAddresses {
  readonly type: 'allocateAddresses'
  readonly id: string
  readonly networkId: string
  /** 1 to 2^53 - 1. */
  readonly count: number
  readonly hostname: string | null
  readonly description: string
  /** Null: until released. */
  readonly ttlMs: number | null
}

/** Releases that allocation, never whoever holds its address now. Releasing twice is no error. */
export interface ReleaseAllocation {
  readonly type: 'releaseAllocation'
  readonly id: string
}

/** Ends allocations whose time is up by the log's clock, oldest expiry first; at most `limit` in one entry. */
export interface ExpireAllocations {
  readonly type: 'expireAllocations'
  readonly limit: number
}

/** For a gateway, before its first write; see `session.ts`. */
export interface OpenSession {
  readonly type: 'openSession'
}

export type Command =
  | CreateNetwork
  | DeleteNetwork
  | AllocateAddresses
  | ReleaseAllocation
  | ExpireAllocations
  | OpenSession

/** What each command returns when it is not refused. */
export interface CommandResults {
  createNetwork: Network
  deleteNetwork: null
  allocateAddresses: Allocation
  releaseAllocation: Allocation
  expireAllocations: { readonly expired: number }
  openSession: { readonly sessionId: number }
}

export type ResultOf<C extends Command> = CommandResults[C['type']]

/** Stable machine words; each has an HTTP status in `http/problem.ts`. */
export type RefusalReason =
  | 'network_not_found'
  | 'network_exists'
  | 'network_overlaps'
  | 'network_has_allocations'
  | 'network_exhausted'
  | 'allocation_not_found'
  /** Ids are generated, so only a faulty generator meets this. */
  | 'id_in_use'
  | 'unsupported_command'

/** What a gateway is told about its session; it never reaches a client. */
export type SessionRefusalReason = 'session_expired' | 'sequence_forgotten'

/** A command that changes nothing, the same on every replica. */
export interface Refusal<Reason = RefusalReason> {
  readonly reason: Reason
  /** A sentence for people that names the values and the way out. */
  readonly message: string
}

export type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly refusal: Refusal | Refusal<SessionRefusalReason> }

export function isSessionRefusal(
  refusal: Refusal | Refusal<SessionRefusalReason>,
): refusal is Refusal<SessionRefusalReason> {
  return refusal.reason === 'session_expired' || refusal.reason === 'sequence_forgotten'
}

/** A refusal as an error, for whoever proposed the command. */
export class IpamError extends Error {
  override readonly name = 'IpamError'
  readonly reason: RefusalReason

  constructor(refusal: Refusal) {
    super(refusal.message)
    this.reason = refusal.reason
  }
}
