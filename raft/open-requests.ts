/** All requests that this node has not answered, its own callers' and its peers': let in within limits, answered once. */

import { CommandTooLargeError, OverloadedError, type RaftError } from './errors.ts'
import { errorOutcome, PeerRequests, ReplyQueue } from './forwarding.ts'
import type { StateMachine } from './ports.ts'
import type { ProposalLimits } from './proposal-limits.ts'
import { ProposalOutcomes } from './proposal-outcomes.ts'
import {
  bytesOf,
  type Completion,
  type Origin,
  type Request,
  type Transferred,
  uncertain,
} from './request.ts'
import { RequestTable } from './request-table.ts'
import { type RequestTrace, TRACE_CONTEXT_CHARS_MAX } from './request-trace.ts'
import type { ForwardedOutcome, ForwardedRequest, Message, NodeId } from './types.ts'

/** So many times as much as its own callers a leader may have waiting, with what its peers have let in. */
const PEERS_SHARE = 4

/** What `OpenRequests` needs from its node. */
export interface OpenRequestsHost {
  readonly id: NodeId
  readonly limits: ProposalLimits
  readonly stateMachine: Pick<StateMachine, 'encodeResult'>
  /** Not one of an earlier process of this node: the answer to its request may still be on the way. */
  readonly firstId: number
  now(): number
  send(message: Message): boolean
}

export class OpenRequests {
  /** For whoever watches. */
  readonly outcomes = new ProposalOutcomes()
  readonly #host: OpenRequestsHost
  readonly #requests = new RequestTable<Request>()
  readonly #peerRequests = new PeerRequests()
  readonly #replies: ReplyQueue
  #nextId: number
  #bytes = 0

  constructor(host: OpenRequestsHost) {
    this.#host = host
    this.#replies = new ReplyQueue(host, host.limits.forwardBytesMax)
    this.#nextId = host.firstId
  }

  get count(): number {
    return this.#requests.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Oldest first; one may be answered meanwhile. */
  all(): Iterable<Request> {
    return this.#requests.values()
  }

  /** Null if it is answered. */
  at(id: number): Request | null {
    return this.#requests.get(id)
  }

  /** Never again that of another request or transfer. */
  takeId(): number {
    const id = this.#nextId
    this.#nextId += 1
    return id
  }

  /** Why a caller of this node is refused, null if it is not. */
  refusalOf(work: ForwardedRequest): RaftError | null {
    const tooLarge = this.sizeRefusalOf(work)
    if (tooLarge !== null) return tooLarge
    const bytes = bytesOf(work)
    const { waitingRequestsMax, waitingBytesMax } = this.#host.limits
    if (this.#requests.size >= waitingRequestsMax || this.#bytes + bytes > waitingBytesMax) {
      return new OverloadedError(`${this.#requests.size} requests are waiting on this node`)
    }
    return null
  }

  /**
   * Why nobody's request of that size is taken, null if it is not too large. A peer's program may have let more in, and an
   * entry that is too large to be read back would be in the log for good.
   */
  sizeRefusalOf(work: ForwardedRequest): RaftError | null {
    const bytes = bytesOf(work)
    const { commandBytesMax } = this.#host.limits
    if (bytes <= commandBytesMax) return null
    return new CommandTooLargeError(`${bytes} bytes; a command has at most ${commandBytesMax}`)
  }

  /** Whether a peer has no more room here: its callers have had their limit at the peer. */
  get isFullForPeers(): boolean {
    const { waitingRequestsMax, waitingBytesMax } = this.#host.limits
    return (
      this.#requests.size >= waitingRequestsMax * PEERS_SHARE || this.#bytes >= waitingBytesMax * PEERS_SHARE
    )
  }

  /** Whether this node works at it already. */
  has(origin: Origin & { type: 'peer' }): boolean {
    return this.#peerRequests.has(origin)
  }

  admit(work: ForwardedRequest, origin: Origin, trace: RequestTrace | null): Request {
    const request: Request = {
      id: this.takeId(),
      work,
      bytes: trace === null ? bytesOf(work) : bytesOf(work) + TRACE_CONTEXT_CHARS_MAX,
      since: this.#host.now(),
      origin,
      trace,
      isGiven: false,
      isMaybeLogged: false,
      leaders: [],
    }
    this.#bytes += request.bytes
    this.#requests.add(request.id, request)
    if (origin.type === 'peer') this.#peerRequests.add(origin)
    return request
  }

  /** Another copy from the peer will be taken. */
  letPeerAskAgain({ origin }: Request): void {
    if (origin.type === 'peer') this.#peerRequests.delete(origin)
  }

  complete(request: Request, { result, index }: Omit<Completion, 'isOnlyCopy'>): void {
    this.#forget(request)
    const { origin, work, isMaybeLogged, since } = request
    this.outcomes.noteApplied(origin.type, this.#host.now() - since)
    request.trace?.ended('applied')
    if (origin.type === 'local') {
      origin.resolve({ result, index, isOnlyCopy: !isMaybeLogged })
      return
    }
    if (work.type === 'transfer') {
      this.reply(origin, { type: 'transferred', leaderId: (result as Transferred).to })
      return
    }
    const isCommand = work.type === 'command'
    const bytes = isCommand ? this.#host.stateMachine.encodeResult(result) : new Uint8Array()
    this.reply(origin, { type: 'result', result: bytes, index })
  }

  /** @param error What came of the last attempt; of an earlier one that may be in a log, nobody can say "no". */
  fail(request: Request, error: RaftError): void {
    this.#forget(request)
    const { origin, isMaybeLogged } = request
    const answer = isMaybeLogged && error.applied === 'no' ? uncertain() : error
    this.outcomes.noteFailed(origin.type, answer.code)
    request.trace?.ended(answer.code)
    if (origin.type === 'local') origin.reject(answer)
    else this.reply(origin, errorOutcome(answer))
  }

  #forget({ id, bytes, origin }: Request): void {
    this.#requests.delete(id)
    this.#bytes -= bytes
    if (origin.type === 'peer') this.#peerRequests.delete(origin)
  }

  /** With the next `flushReplies`. */
  reply({ peer, requestId }: Origin & { type: 'peer' }, outcome: ForwardedOutcome): void {
    this.#replies.push(peer, { id: requestId, outcome })
  }

  dropReplies(peer: NodeId): void {
    this.#replies.drop(peer)
  }

  flushReplies(): void {
    this.#replies.flush()
  }
}
