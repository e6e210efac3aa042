/** Requests that were sent to the leader, until it has answered them, or is lost, or is asked again. */
import type { Attempts } from './attempts.ts'
import { errorFrom, isRetriable } from './forwarding.ts'
import type { OpenRequests } from './open-requests.ts'
import type { ParkedRequests } from './parked-requests.ts'
import type { StateMachine } from './ports.ts'
import type { ProposalLimits } from './proposal-limits.ts'
import { canBeSentAgain, type Request } from './request.ts'
import type { ForwardedOutcome, ForwardReplies, Message, NodeId } from './types.ts'

/** What `ForwardedRequests` needs from its node. */
export interface ForwardingHost {
  readonly id: NodeId
  readonly limits: Pick<ProposalLimits, 'forwardBytesMax' | 'askAgainMs'>
  readonly stateMachine: Pick<StateMachine, 'decodeResult'>
  now(): number
  send(message: Message): boolean
  leaderId(): NodeId | null
}

export class ForwardedRequests {
  readonly #host: ForwardingHost
  readonly #open: OpenRequests
  readonly #parked: ParkedRequests
  readonly #attempts: Attempts
  /** By their ids, longest ago first. */
  readonly #sent = new Map<number, { readonly leader: NodeId; readonly since: number }>()

  constructor(
    host: ForwardingHost,
    requests: { open: OpenRequests; parked: ParkedRequests; attempts: Attempts },
  ) {
    this.#host = host
    this.#open = requests.open
    this.#parked = requests.parked
    this.#attempts = requests.attempts
  }

  get count(): number {
    return this.#sent.size
  }

  /** Everything that waits goes to `leader`, in as few frames as may be. */
  forward(leader: NodeId): void {
    // What is not sent is certainly not sent: there is no connection yet, or no room in it.
    this.#parked.takeFrames(this.#host.limits.forwardBytesMax, (frame) => this.#send(leader, frame))
  }

  #send(to: NodeId, batch: readonly Request[]): boolean {
    const requests = batch.map(({ id, work, trace }) => {
      return { id, request: work, trace: trace === null ? null : trace.contextForLeader() }
    })
    if (!this.#host.send({ type: 'ForwardRequests', from: this.#host.id, to, requests })) return false
    const since = this.#host.now()
    for (const request of batch) {
      request.isGiven = true
      if (!request.leaders.includes(to)) request.leaders = [...request.leaders, to]
      this.#sent.set(request.id, { leader: to, since })
      request.trace?.forwarded(to)
    }
    return true
  }

  handleReplies({ from, replies }: ForwardReplies): void {
    for (const { id, outcome } of replies) {
      const request = this.#open.at(id)
      if (request === null || !request.leaders.includes(from)) continue
      // The answer, whichever attempt it is of: each has the same bytes.
      if (outcome.type === 'result') {
        const result =
          request.work.type === 'command' ? this.#host.stateMachine.decodeResult(outcome.result) : null
        this.#attempts.complete(request, { result, index: outcome.index })
      } else if (outcome.type === 'transferred')
        this.#attempts.completeTransfer(request, { from, to: outcome.leaderId })
      // The refusal of an earlier attempt says nothing about the one under way.
      else if (this.#sent.get(id)?.leader === from) this.#handleRefusal(request, outcome, from)
    }
  }

  #handleRefusal(request: Request, outcome: ForwardedOutcome & { type: 'error' }, leader: NodeId): void {
    const isStillLeader = this.#host.leaderId() === leader
    if (isRetriable(outcome.code)) {
      this.#sent.delete(request.id)
      // Until we know of another leader the same one would say the same, as fast as the network allows.
      if (isStillLeader) this.#attempts.hold(request)
      else this.#attempts.giveBack(request)
      return
    }
    const error = errorFrom(outcome)
    const isFinal = error.applied === 'no' && !request.isMaybeLogged
    if (isFinal || !canBeSentAgain(request)) this.#attempts.fail(request, error)
    else if (isStillLeader) {
      // It stays where it is until it is time to ask again: this leader has trouble enough.
      request.isMaybeLogged = true
    } else this.#lose(request)
  }

  /** What was sent to that node may or may not have arrived. */
  handlePeerLost(peer: NodeId): void {
    for (const [id, { leader }] of this.#sent) {
      const request = this.#open.at(id)
      if (leader === peer && request !== null) this.#lose(request)
    }
  }

  /**
   * A reply may be lost while the connection lives, and a leader may stop without closing it. A leader that still
   * works at the request takes no second copy of it.
   */
  askAgain(): void {
    const now = this.#host.now()
    for (const [id, { since }] of this.#sent) {
      if (now - since < this.#host.limits.askAgainMs) break
      const request = this.#open.at(id)
      if (request !== null && canBeSentAgain(request)) this.#lose(request)
    }
  }

  #lose(request: Request): void {
    this.#sent.delete(request.id)
    this.#attempts.lose(request)
  }

  /** It is answered. */
  forget({ id }: Request): void {
    this.#sent.delete(id)
  }
}
