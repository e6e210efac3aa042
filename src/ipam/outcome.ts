/** What becomes of a command when it is applied: a value, or a refusal. */
import type { AccessRefusalReason } from './access-command.ts'

/** Stable machine words; each has an HTTP status in `http/problem.ts`. */
export type RefusalReason =
  | 'network_not_found'
  | 'network_exists'
  | 'network_has_allocations'
  | 'network_exhausted'
  /** The addresses of a new network are in use by its parent. */
  | 'addresses_in_use'
  | 'no_free_block'
  | 'allocation_not_found'
  | 'allocation_ended'
  | 'address_not_in_network'
  | 'address_taken'
  | 'address_reserved'
  | 'address_cooling'
  | 'address_not_usable'
  | 'precondition_failed'
  | 'invalid_value'
  | 'batch_refused'
  /** The same key was used for another request. */
  | 'idempotency_key_reused'
  /** Ids of networks are generated, so only a faulty generator meets this. */
  | 'id_in_use'
  | 'unsupported_command'
  /** Of the key that asked. */
  | 'out_of_scope'
  | AccessRefusalReason

/** What a gateway is told about its session; it never reaches a client. */
export type SessionRefusalReason = 'session_expired' | 'sequence_forgotten'

/** Which part of a command was refused. */
export interface RefusalDetail {
  /** As the API calls it: "gateway", "items[3].ip". */
  readonly field: string
  readonly message: string
}

/** A command that changes nothing, the same on every replica. */
export interface Refusal<Reason = RefusalReason> {
  readonly reason: Reason
  /** A sentence for people that names the values and the way out. */
  readonly message: string
  /** Mostly empty. */
  readonly details: readonly RefusalDetail[]
}

export type Outcome =
  | { readonly ok: true; readonly value: unknown; readonly isReplay: boolean }
  | {
      readonly ok: false
      readonly refusal: Refusal | Refusal<SessionRefusalReason>
      readonly isReplay: boolean
    }

export function isSessionRefusal(
  refusal: Refusal | Refusal<SessionRefusalReason>,
): refusal is Refusal<SessionRefusalReason> {
  return refusal.reason === 'session_expired' || refusal.reason === 'sequence_forgotten'
}

/** A refusal as an error, for whoever proposed the command. */
export class IpamError extends Error {
  override readonly name = 'IpamError'
  readonly reason: RefusalReason
  readonly details: readonly RefusalDetail[]
  /** The answer of an earlier request with the same idempotency key. */
  readonly isReplay: boolean

  constructor(refusal: Refusal, { isReplay }: { isReplay: boolean }) {
    super(refusal.message)
    this.reason = refusal.reason
    this.details = refusal.details
    this.isReplay = isReplay
  }
}
