/** Who waits for what: from a caller's promise, here or on another node, to a position in the log and its result. */
import { assert, unreachable } from './assert.ts'
import type { Event, MembershipFate, ProposalFate } from './core/state.ts'
import {
  ClosedError,
  CommandTooLargeError,
  MembershipRefusedError,
  NotLeaderError,
  OverloadedError,
  ProposalDroppedError,
  ProposalUncertainError,
  type RaftError,
} from './errors.ts'
import { errorFrom, errorOutcome, isRetriable, ReplyQueue } from './forwarding.ts'
import type { StateMachine } from './ports.ts'
import type {
  ForwardedOutcome,
  ForwardedRequest,
  ForwardReplies,
  ForwardRequests,
  LogIndex,
  Message,
  NodeId,
  Term,
} from './types.ts'

export interface ProposalLimits {
  readonly commandBytesMax: number
  /** Requests that wait for a leader, or for its answer, on this node; and their bytes. */
  readonly waitingRequestsMax: number
  readonly waitingBytesMax: number
  /** One ForwardRequests or ForwardReplies frame. */
  readonly forwardBytesMax: number
  /** How long a request may wait for a leader, and then for its outcome. */
  readonly requestTimeoutMs: number
  /** How long a membership change waits for the one before it. */
  readonly changeWaitMs: number
}

export const DEFAULT_PROPOSAL_LIMITS: ProposalLimits = {
  commandBytesMax: 1024 * 1024,
  waitingRequestsMax: 10_000,
  waitingBytesMax: 32 * 1024 * 1024,
  forwardBytesMax: 1024 * 1024,
  requestTimeoutMs: 8_000,
  changeWaitMs: 1_000,
}

/** What a request led to, with the log index of its entry (0 where there is none, as for a transfer). */
export interface Completion {
  readonly result: unknown
  readonly index: LogIndex
}

type Origin =
  | {
      readonly type: 'local'
      readonly resolve: (done: Completion) => void
      readonly reject: (error: RaftError) => void
    }
  | { readonly type: 'peer'; readonly peer: NodeId; readonly requestId: number }

interface Request {
  readonly id: number
  readonly work: ForwardedRequest
  readonly bytes: number
  readonly since: number
  readonly origin: Origin
}

/** Where an appended request stands in the log. */
interface Pending {
  readonly request: Request
  readonly term: Term
}

/** What `Proposals` needs from its node. */
export interface ProposalHost {
  readonly id: NodeId
  readonly limits: ProposalLimits
  readonly stateMachine: Pick<StateMachine, 'encodeResult' | 'decodeResult'>
  /** Not one of an earlier process of this node: the answer to its request may still be on the way. */
  readonly firstId: number
  now(): number
  send(message: Message): boolean
  leaderId(): NodeId | null
}

export class Proposals {
  readonly #host: ProposalHost
  /** Not given to anyone yet. Certainly not in any log. */
  #parked: Request[] = []
  /** Given to our core, which has not said yet where it put them. */
  readonly #proposed = new Map<number, Request>()
  /** In our log. Stays when leadership is lost: whatever is applied at that index tells the outcome. */
  readonly #pending = new Map<LogIndex, Pending>()
  /** Sent to a leader. */
  readonly #forwarded = new Map<number, { readonly request: Request; readonly leader: NodeId }>()
  /** Asked for a change that has to wait for another; tried again at the next tick. */
  #held: Request[] = []
  /** A transfer that took leadership away; done when the new leader is known. */
  #leaving: Request[] = []
  /** Removals of the leader itself, by the transfer that has to come first. */
  readonly #removals = new Map<number, Request>()
  readonly #replies: ReplyQueue
  #nextId: number
  #waitingCount = 0
  #waitingBytes = 0
  #isClosed = false

  constructor(host: ProposalHost) {
    this.#host = host
    this.#replies = new ReplyQueue(host, host.limits.forwardBytesMax)
    this.#nextId = host.firstId
  }

  /** Requests of this node's own callers that are not answered. */
  get waitingCount(): number {
    return this.#waitingCount
  }

  /** @returns What came of it. Rejects with a `RaftError` that says whether it may take effect. */
  submit(work: ForwardedRequest): Promise<Completion> {
    const bytes = work.type === 'command' ? work.payload.length : 256
    if (this.#isClosed) return Promise.reject(new ClosedError())
    const { commandBytesMax, waitingRequestsMax, waitingBytesMax } = this.#host.limits
    if (bytes > commandBytesMax) {
      return Promise.reject(
        new CommandTooLargeError(`${bytes} bytes; a command has at most ${commandBytesMax}`),
      )
    }
    if (this.#waitingCount >= waitingRequestsMax || this.#waitingBytes + bytes > waitingBytesMax) {
      return Promise.reject(new OverloadedError(`${this.#waitingCount} requests are waiting on this node`))
    }
    return new Promise((resolve, reject) => {
      this.#park(work, bytes, { type: 'local', resolve, reject })
    })
  }

  #park(work: ForwardedRequest, bytes: number, origin: Origin): void {
    this.#waitingCount += 1
    this.#waitingBytes += bytes
    this.#parked.push({ id: this.#nextId, work, bytes, since: this.#host.now(), origin })
    this.#nextId += 1
  }

  get hasParked(): boolean {
    return this.#parked.length > 0
  }

  /** We lead: everything that waits becomes events for our core. */
  takeEvents(wallTime: number): Event[] {
    const requests = this.#parked
    this.#parked = []
    return requests.map((request): Event => {
      const { id, work } = request
      this.#proposed.set(id, request)
      switch (work.type) {
        case 'command':
          return { type: 'propose', id, payload: work.payload, time: wallTime }
        case 'membership':
          return { type: 'changeMembership', id, change: work.change, note: work.note, time: wallTime }
        case 'transfer':
          return { type: 'transfer', id, target: work.target }
        default:
          return unreachable(work)
      }
    })
  }

  /** We do not lead: what peers gave us goes back to them. It is in no log, and they know where to go next. */
  returnToPeers(): void {
    if (!this.#parked.some(isFromPeer) && !this.#held.some(isFromPeer)) return
    const waiting = [...this.#parked, ...this.#held].filter(isFromPeer)
    this.#parked = this.#parked.filter((request) => !isFromPeer(request))
    this.#held = this.#held.filter((request) => !isFromPeer(request))
    for (const request of waiting) this.#fail(request, new NotLeaderError(this.#host.leaderId()))
  }

  /** Somebody else leads: everything that waits goes there, in as few frames as may be. */
  forward(leader: NodeId): void {
    while (this.#parked.length > 0) {
      const batch = this.#takeFrame()
      const message: ForwardRequests = {
        type: 'ForwardRequests',
        from: this.#host.id,
        to: leader,
        requests: batch.map(({ id, work }) => ({ id, request: work })),
      }
      if (!this.#host.send(message)) {
        // Not connected yet, or more than the connection takes: certainly not sent.
        this.#parked = [...batch, ...this.#parked]
        return
      }
      for (const request of batch) this.#forwarded.set(request.id, { request, leader })
    }
  }

  #takeFrame(): Request[] {
    let bytes = 0
    let count = 0
    for (const request of this.#parked) {
      bytes += request.bytes
      if (bytes > this.#host.limits.forwardBytesMax && count > 0) break
      count += 1
    }
    return this.#parked.splice(0, count)
  }

  /** A follower's requests arrive. What this node cannot take is answered at once: the follower holds on to it. */
  handleForwardRequests(message: ForwardRequests, { isLeader }: { isLeader: boolean }): void {
    for (const { id: requestId, request: work } of message.requests) {
      const origin: Origin = { type: 'peer', peer: message.from, requestId }
      const bytes = work.type === 'command' ? work.payload.length : 256
      if (!isLeader) this.#reply(origin, errorOutcome(new NotLeaderError(this.#host.leaderId())))
      else if (this.#waitingCount >= this.#host.limits.waitingRequestsMax * 4) {
        this.#reply(origin, errorOutcome(new OverloadedError('the leader has too many requests waiting')))
      } else this.#park(work, bytes, origin)
    }
  }

  handleForwardReplies(message: ForwardReplies): void {
    for (const { id, outcome } of message.replies) {
      const forwarded = this.#forwarded.get(id)
      if (forwarded === undefined || forwarded.leader !== message.from) continue
      this.#forwarded.delete(id)
      const { request } = forwarded
      if (outcome.type === 'result') {
        const result =
          request.work.type === 'command' ? this.#host.stateMachine.decodeResult(outcome.result) : null
        this.#complete(request, { result, index: outcome.index })
      } else if (!isRetriable(outcome.code)) this.#fail(request, errorFrom(outcome))
      // Until we know of another leader the same one would say the same, as fast as the network allows.
      else if (this.#host.leaderId() === message.from) this.#held.push(request)
      else this.#parked.push(request)
    }
  }

  /** Certainly not in any log: another try is safe. A peer's request goes back to the peer, which tries. */
  #repark(request: Request): void {
    if (request.origin.type === 'peer') this.#fail(request, new NotLeaderError(this.#host.leaderId()))
    else this.#parked.push(request)
  }

  handleProposalFate(fate: ProposalFate): void {
    const request = this.#takeProposed(fate.id)
    if ('index' in fate) this.#await(fate.index, { request, term: fate.term })
    else if (fate.refusal === 'overloaded') {
      this.#fail(request, new OverloadedError('too much is waiting for a majority to store it'))
    } else this.#repark(request)
  }

  #await(index: LogIndex, pending: Pending): void {
    const earlier = this.#pending.get(index)
    // An entry of ours from an earlier term was cut from our log, but another node may still have it.
    if (earlier !== undefined) this.#fail(earlier.request, uncertain())
    this.#pending.set(index, pending)
  }

  /** @returns A transfer that must be started for the request to go on: a leader is not removed while it leads. */
  handleMembershipFate(fate: MembershipFate): { transferId: number } | null {
    const request = this.#takeProposed(fate.id)
    if ('index' in fate) {
      this.#await(fate.index, { request, term: fate.term })
      return null
    }
    const isEarly = this.#host.now() - request.since < this.#host.limits.changeWaitMs
    if (fate.refusal === 'not_leader') this.#repark(request)
    else if (fate.refusal === 'is_leader') {
      const transferId = this.#nextId
      this.#nextId += 1
      this.#removals.set(transferId, request)
      return { transferId }
    } else if ((fate.refusal === 'change_in_flight' || fate.refusal === 'leader_not_ready') && isEarly) {
      this.#held.push(request)
    } else this.#fail(request, new MembershipRefusedError(fate.refusal, fate.message))
    return null
  }

  handleTransferFate({
    id,
    refusal,
    message,
  }: {
    id: number
    refusal: string | null
    message: string
  }): void {
    const removal = this.#removals.get(id)
    if (removal !== undefined) {
      this.#removals.delete(id)
      // Somebody else leads, or is about to: the removal goes there.
      if (refusal === null) this.#repark(removal)
      else this.#fail(removal, new MembershipRefusedError(refusal, message))
      return
    }
    const request = this.#proposed.get(id)
    if (request === undefined) return
    this.#proposed.delete(id)
    if (refusal === null) this.#leaving.push(request)
    else if (refusal === 'not_leader') this.#repark(request)
    else this.#fail(request, new MembershipRefusedError(refusal, message))
  }

  /** Ends transfers: the new leader is known. */
  handleLeader(leaderId: NodeId): void {
    const leaving = this.#leaving
    this.#leaving = []
    for (const request of leaving) {
      assert(request.work.type === 'transfer', 'only a transfer waits for a new leader')
      const { target } = request.work
      if (target === null || target === leaderId) this.#complete(request, { result: null, index: 0 })
      else {
        const message = `node ${leaderId} became the leader, not node ${target}`
        this.#fail(request, new MembershipRefusedError('transfer_failed', message))
      }
    }
  }

  #takeProposed(id: number): Request {
    const request = this.#proposed.get(id)
    assert(request !== undefined, `proposal ${id} is unknown`)
    this.#proposed.delete(id)
    return request
  }

  /** The entry at `index` was applied; if it is ours its result is the answer, else ours will never be applied. */
  handleApplied(index: LogIndex, term: Term, result: unknown): void {
    const pending = this.#pending.get(index)
    if (pending === undefined) return
    this.#pending.delete(index)
    if (pending.term === term) this.#complete(pending.request, { result, index })
    else if (pending.request.origin.type === 'local') this.#parked.push(pending.request)
    else
      this.#fail(pending.request, new ProposalDroppedError('another leader decided this position of the log'))
  }

  /** A snapshot took the place of the log up to `index`: what became of ours there is not known. */
  handleSnapshotInstalled(index: LogIndex): void {
    for (const [at, { request }] of this.#pending) {
      if (at > index) continue
      this.#pending.delete(at)
      this.#fail(request, uncertain())
    }
  }

  /** What was sent to that node may or may not have arrived. */
  handlePeerLost(peer: NodeId): void {
    for (const [id, { request, leader }] of this.#forwarded) {
      if (leader !== peer) continue
      this.#forwarded.delete(id)
      this.#fail(request, uncertain())
    }
    this.#replies.drop(peer)
  }

  /** Time has passed: what waited too long is answered, what was held is tried again. */
  handleTick(): void {
    const expiry = this.#host.now() - this.#host.limits.requestTimeoutMs
    const parked = [...this.#parked, ...this.#held]
    this.#held = []
    this.#parked = parked.filter((request) => request.since > expiry)
    for (const request of parked) {
      if (request.since <= expiry) this.#fail(request, new NotLeaderError(this.#host.leaderId()))
    }
    // Maps keep the order of insertion, which is about that of age: stop at the first young one.
    for (const [index, { request }] of this.#pending) {
      if (request.since > expiry) break
      this.#pending.delete(index)
      this.#fail(request, uncertain())
    }
    for (const [id, { request }] of this.#forwarded) {
      if (request.since > expiry) break
      this.#forwarded.delete(id)
      this.#fail(request, uncertain())
    }
    const leaving = this.#leaving
    this.#leaving = leaving.filter((request) => request.since > expiry)
    for (const request of leaving) if (request.since <= expiry) this.#fail(request, uncertain())
  }

  flushReplies(): void {
    this.#replies.flush()
  }

  close(): void {
    this.#isClosed = true
    for (const request of [...this.#parked, ...this.#held]) this.#fail(request, new ClosedError())
    this.#parked = []
    this.#held = []
    const unknown = [
      ...this.#proposed.values(),
      ...[...this.#pending.values()].map(({ request }) => request),
      ...[...this.#forwarded.values()].map(({ request }) => request),
      ...this.#leaving,
      ...this.#removals.values(),
    ]
    for (const request of unknown) this.#fail(request, uncertain())
    this.#proposed.clear()
    this.#pending.clear()
    this.#forwarded.clear()
    this.#leaving = []
    this.#removals.clear()
  }

  #complete(request: Request, done: Completion): void {
    this.#forget(request)
    if (request.origin.type === 'local') {
      request.origin.resolve(done)
      return
    }
    const isCommand = request.work.type === 'command'
    const result = isCommand ? this.#host.stateMachine.encodeResult(done.result) : new Uint8Array()
    this.#reply(request.origin, { type: 'result', result, index: done.index })
  }

  #fail(request: Request, error: RaftError): void {
    this.#forget(request)
    if (request.origin.type === 'local') request.origin.reject(error)
    else this.#reply(request.origin, errorOutcome(error))
  }

  #forget(request: Request): void {
    this.#waitingCount -= 1
    this.#waitingBytes -= request.bytes
  }

  #reply({ peer, requestId }: Origin & { type: 'peer' }, outcome: ForwardedOutcome): void {
    this.#replies.push(peer, { id: requestId, outcome })
  }
}

function isFromPeer(request: Request): boolean {
  return request.origin.type === 'peer'
}

function uncertain(): ProposalUncertainError {
  return new ProposalUncertainError(
    'the leader was lost before the outcome was known; the change may have been made',
  )
}
