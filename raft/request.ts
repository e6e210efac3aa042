/** What somebody asked of the cluster, here or on another node, until it is answered. */
import { ProposalUncertainError, type RaftError } from './errors.ts'
import type { RequestTrace } from './request-trace.ts'
import type { ForwardedRequest, LogIndex, NodeId } from './types.ts'

/** What a request led to. */
export interface Completion {
  readonly result: unknown
  /** Of its entry; 0 where there is none, as for a transfer. */
  readonly index: LogIndex
  /** False: an earlier copy may be in the log as well, before or after this one. */
  readonly isOnlyCopy: boolean
}

/** The result of a transfer: who led, and who leads. */
export interface Transferred {
  readonly from: NodeId
  readonly to: NodeId
}

export type Origin =
  | {
      readonly type: 'local'
      readonly resolve: (done: Completion) => void
      readonly reject: (error: RaftError) => void
    }
  | { readonly type: 'peer'; readonly peer: NodeId; readonly requestId: number }

export interface Request {
  readonly id: number
  readonly work: ForwardedRequest
  readonly bytes: number
  readonly since: number
  readonly origin: Origin
  /** Null: it is not followed. */
  readonly trace: RequestTrace | null
  /** Our core or a leader has it, and may have put it into a log. */
  isGiven: boolean
  /** So may somebody who had it earlier: from now on nobody may say that it was certainly not applied. */
  isMaybeLogged: boolean
  /** Other nodes that it was sent to, each once. */
  leaders: readonly NodeId[]
}

/** Nobody waits for it elsewhere, and a copy too many does no harm. */
export function canBeSentAgain({ work, origin }: Request): boolean {
  return origin.type === 'local' && work.type === 'command' && work.traits.isIdempotent
}

export function isFromPeer({ origin }: Request): boolean {
  return origin.type === 'peer'
}

export function bytesOf(work: ForwardedRequest): number {
  return work.type === 'command' ? work.payload.length : 256
}

export function uncertain(): ProposalUncertainError {
  return new ProposalUncertainError(
    'the leader was lost before the outcome was known; the change may have been made',
  )
}
