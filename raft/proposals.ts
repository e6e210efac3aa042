/** Who waits for what: from a caller's promise, here or on another node, to a position in the log and its result. */
import { assert, unreachable } from './assert.ts'
import type { Event, MembershipFate, ProposalFate } from './core/state.ts'
import {
  ClosedError,
  CommandTooLargeError,
  DiskLowError,
  MembershipRefusedError,
  NotLeaderError,
  OverloadedError,
  ProposalDroppedError,
  ProposalUncertainError,
  type RaftError,
} from './errors.ts'
import { errorFrom, errorOutcome, isRetriable, PeerRequests, ReplyQueue } from './forwarding.ts'
import type { StateMachine } from './ports.ts'
import { bytesOf, type Completion, canBeSentAgain, type Origin, type Request, uncertain } from './request.ts'
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
  /** An idempotent request that has no answer for this long is sent again: about an election timeout. */
  readonly askAgainMs: number
  /** How long a membership change waits for the one before it. */
  readonly changeWaitMs: number
}

export const DEFAULT_PROPOSAL_LIMITS: ProposalLimits = {
  commandBytesMax: 1024 * 1024,
  waitingRequestsMax: 10_000,
  waitingBytesMax: 32 * 1024 * 1024,
  forwardBytesMax: 1024 * 1024,
  requestTimeoutMs: 8_000,
  askAgainMs: 1_000,
  changeWaitMs: 1_000,
}

/** Where an appended request stands in the log. */
interface Pending {
  readonly id: number
  readonly term: Term
  readonly since: number
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
  /** Null unless this node leads. */
  leadingTerm(): Term | null
}

/**
 * A request that is not answered is in one place: parked or held, given to our core, pending in our log, or forwarded.
 * When an attempt fails without a trace the request is parked again. When nobody can say whether it left one, an
 * idempotent request is parked again as well, and marked: after that only a result or "unknown" is the truth.
 */
export class Proposals {
  readonly #host: ProposalHost
  /** All that are not answered, oldest first. The places below may name some that are. */
  readonly #open = new Map<number, Request>()
  /** Nobody has it at the moment. */
  #parked: Request[] = []
  #isParkedSorted = true
  /** In our log. Stays when leadership is lost: whatever is applied at that index tells the outcome. */
  readonly #pending = new Map<LogIndex, Pending>()
  /** Sent to a leader, longest ago first. */
  readonly #forwarded = new Map<number, { readonly leader: NodeId; readonly since: number }>()
  /**
   * Cannot be had now, as a change that has to wait for another, or was sent back by a leader that hands over; tried again
   * at the next tick, or as soon as another leader is known.
   */
  #held: Request[] = []
  #lastLeaderId: NodeId | null = null
  /** A transfer that took leadership away; done when the new leader is known. */
  #leaving: Request[] = []
  /** Removals of the leader itself, by the transfer that has to come first. */
  readonly #removals = new Map<number, Request>()
  readonly #peerRequests = new PeerRequests()
  readonly #replies: ReplyQueue
  #nextId: number
  #waitingBytes = 0
  #isClosed = false
  /** Results of this node's state machine are what the cluster decided. */
  #isStateTrusted = true

  constructor(host: ProposalHost) {
    this.#host = host
    this.#replies = new ReplyQueue(host, host.limits.forwardBytesMax)
    this.#nextId = host.firstId
  }

  /** Requests that this node has not answered. */
  get waitingCount(): number {
    return this.#open.size
  }

  /** @returns What came of it. Rejects with a `RaftError` that says whether it may take effect. */
  submit(work: ForwardedRequest): Promise<Completion> {
    const bytes = bytesOf(work)
    if (this.#isClosed) return Promise.reject(new ClosedError())
    const { commandBytesMax, waitingRequestsMax, waitingBytesMax } = this.#host.limits
    if (bytes > commandBytesMax) {
      return Promise.reject(
        new CommandTooLargeError(`${bytes} bytes; a command has at most ${commandBytesMax}`),
      )
    }
    if (this.#open.size >= waitingRequestsMax || this.#waitingBytes + bytes > waitingBytesMax) {
      return Promise.reject(new OverloadedError(`${this.#open.size} requests are waiting on this node`))
    }
    return new Promise((resolve, reject) => {
      this.#admit(work, { type: 'local', resolve, reject })
    })
  }

  #admit(work: ForwardedRequest, origin: Origin): void {
    const id = this.#nextId
    this.#nextId += 1
    const bytes = bytesOf(work)
    const since = this.#host.now()
    const request: Request = {
      id,
      work,
      bytes,
      since,
      origin,
      isGiven: false,
      isMaybeLogged: false,
      leaders: [],
    }
    this.#waitingBytes += bytes
    this.#open.set(id, request)
    this.#parked.push(request)
    if (origin.type === 'peer') this.#peerRequests.add(origin)
  }

  get hasParked(): boolean {
    return this.#parked.length > 0
  }

  /** We lead: everything that waits becomes events for our core. */
  takeEvents(wallTime: number): Event[] {
    this.#sortParked()
    const requests = this.#parked.filter(({ id }) => this.#open.has(id))
    this.#parked = []
    return requests.map((request): Event => {
      const { id, work } = request
      request.isGiven = true
      switch (work.type) {
        case 'command':
          return {
            type: 'propose',
            id,
            payload: work.payload,
            needsRoom: work.traits.needsRoom,
            time: wallTime,
          }
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
    this.#sortParked()
    while (this.#parked.length > 0) {
      const batch = this.#takeFrame()
      if (batch.length > 0 && !this.#send(leader, batch)) {
        // Not connected yet, or more than the connection takes: certainly not sent.
        this.#parked = [...batch, ...this.#parked]
        return
      }
    }
  }

  #send(to: NodeId, batch: readonly Request[]): boolean {
    const requests = batch.map(({ id, work }) => ({ id, request: work }))
    if (!this.#host.send({ type: 'ForwardRequests', from: this.#host.id, to, requests })) return false
    const since = this.#host.now()
    for (const request of batch) {
      request.isGiven = true
      if (!request.leaders.includes(to)) request.leaders = [...request.leaders, to]
      this.#forwarded.set(request.id, { leader: to, since })
    }
    return true
  }

  #takeFrame(): Request[] {
    let bytes = 0
    let count = 0
    for (const request of this.#parked) {
      bytes += request.bytes
      if (bytes > this.#host.limits.forwardBytesMax && count > 0) break
      count += 1
    }
    return this.#parked.splice(0, count).filter(({ id }) => this.#open.has(id))
  }

  /** What comes back is older than what came meanwhile. */
  #sortParked(): void {
    if (!this.#isParkedSorted) this.#parked.sort((a, b) => a.id - b.id)
    this.#isParkedSorted = true
  }

  /** A follower's requests arrive. What this node cannot take is answered at once: the follower holds on to it. */
  handleForwardRequests(message: ForwardRequests, { isLeader }: { isLeader: boolean }): void {
    for (const { id: requestId, request: work } of message.requests) {
      const origin = { type: 'peer', peer: message.from, requestId } as const
      if (!isLeader) this.#reply(origin, errorOutcome(new NotLeaderError(this.#host.leaderId())))
      // It asks again; the answer is still to come, and a second copy would only cost.
      else if (this.#peerRequests.has(origin)) continue
      else if (this.#open.size >= this.#host.limits.waitingRequestsMax * 4) {
        this.#reply(origin, errorOutcome(new OverloadedError('the leader has too many requests waiting')))
      } else this.#admit(work, origin)
    }
  }

  handleForwardReplies({ from, replies }: ForwardReplies): void {
    for (const { id, outcome } of replies) {
      const request = this.#open.get(id)
      if (request === undefined || !request.leaders.includes(from)) continue
      // The answer, whichever attempt it is of: each has the same bytes.
      if (outcome.type === 'result') {
        const result =
          request.work.type === 'command' ? this.#host.stateMachine.decodeResult(outcome.result) : null
        this.#complete(request, { result, index: outcome.index })
      }
      // The refusal of an earlier attempt says nothing about the one under way.
      else if (this.#forwarded.get(id)?.leader === from) this.#handleRefusal(request, outcome, from)
    }
  }

  #handleRefusal(request: Request, outcome: ForwardedOutcome & { type: 'error' }, leader: NodeId): void {
    const isStillLeader = this.#host.leaderId() === leader
    if (isRetriable(outcome.code)) {
      this.#forwarded.delete(request.id)
      // Until we know of another leader the same one would say the same, as fast as the network allows.
      if (isStillLeader) this.#hold(request)
      else this.#giveBack(request)
      return
    }
    const error = errorFrom(outcome)
    const isFinal = error.applied === 'no' && !request.isMaybeLogged
    if (isFinal || !canBeSentAgain(request)) this.#fail(request, error)
    else if (isStillLeader) {
      // It stays where it is until it is time to ask again: this leader has trouble enough.
      request.isMaybeLogged = true
    } else {
      this.#forwarded.delete(request.id)
      this.#lose(request)
    }
  }

  /** Its attempt has left nothing in any log: another is safe. A peer's request goes back to the peer, which tries. */
  #giveBack(request: Request): void {
    request.isGiven = false
    if (isFromPeer(request)) this.#fail(request, new NotLeaderError(this.#host.leaderId()))
    else {
      this.#parked.push(request)
      this.#isParkedSorted = false
    }
  }

  #hold(request: Request): void {
    request.isGiven = false
    this.#held.push(request)
  }

  /** Nobody can say any more whether its attempt has left anything in a log. */
  #lose(request: Request): void {
    if (!canBeSentAgain(request)) {
      this.#fail(request, uncertain())
      return
    }
    request.isMaybeLogged = true
    this.#giveBack(request)
  }

  handleProposalFate(fate: ProposalFate): void {
    const request = this.#proposed(fate.id)
    if ('index' in fate) this.#await(fate.index, { request, term: fate.term })
    else if (fate.refusal === 'not_leader' || fate.refusal === 'transferring') this.#giveBack(request)
    else if (request.isMaybeLogged) this.#hold(request)
    else if (fate.refusal === 'disk_low') this.#fail(request, diskLow(fate.lowVoters))
    else this.#fail(request, new OverloadedError('too much is waiting for a majority to store it'))
  }

  #await(index: LogIndex, { request, term }: { request: Request; term: Term }): void {
    const earlier = this.#pending.get(index)
    // At the end of the map, which is in the order of age.
    this.#pending.delete(index)
    this.#pending.set(index, { id: request.id, term, since: this.#host.now() })
    const cut = earlier === undefined ? undefined : this.#open.get(earlier.id)
    // An entry of ours from an earlier term was cut from our log, but another node may still have it.
    if (cut !== undefined) this.#lose(cut)
  }

  /** @returns A transfer that must be started for the request to go on: a leader is not removed while it leads. */
  handleMembershipFate(fate: MembershipFate): { transferId: number } | null {
    const request = this.#proposed(fate.id)
    if ('index' in fate) {
      this.#await(fate.index, { request, term: fate.term })
      return null
    }
    const isEarly = this.#host.now() - request.since < this.#host.limits.changeWaitMs
    if (fate.refusal === 'not_leader') this.#giveBack(request)
    else if (fate.refusal === 'is_leader') {
      const transferId = this.#nextId
      this.#nextId += 1
      this.#removals.set(transferId, request)
      return { transferId }
    } else if ((fate.refusal === 'change_in_flight' || fate.refusal === 'leader_not_ready') && isEarly) {
      this.#hold(request)
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
    this.#removals.delete(id)
    const request = this.#open.get(removal?.id ?? id)
    if (request === undefined) return
    // Somebody else leads, or is about to: a removal goes there.
    if (refusal === 'not_leader' || (refusal === null && removal !== undefined)) this.#giveBack(request)
    else if (refusal === null) this.#leaving.push(request)
    else this.#fail(request, new MembershipRefusedError(refusal, message))
  }

  /** The leader is known. If it is another than before, what was held for the old one need not wait for the next tick. */
  handleLeader(leaderId: NodeId): void {
    if (leaderId !== this.#lastLeaderId) this.#releaseHeld()
    this.#lastLeaderId = leaderId
    this.#endTransfers(leaderId)
  }

  #releaseHeld(): void {
    this.#parked = [...this.#parked, ...this.#held].filter(({ id }) => this.#open.has(id))
    this.#isParkedSorted &&= this.#held.length === 0
    this.#held = []
  }

  #endTransfers(leaderId: NodeId): void {
    const leaving = this.#leaving.filter(({ id }) => this.#open.has(id))
    this.#leaving = []
    for (const request of leaving) {
      assert(request.work.type === 'transfer', 'only a transfer waits for a new leader')
      const { target } = request.work
      const isDone = target === null ? leaderId !== this.#host.id : leaderId === target
      if (isDone) this.#complete(request, { result: null, index: 0 })
      else {
        const message = `node ${leaderId} became the leader, not ${target === null ? 'another one' : `node ${target}`}`
        this.#fail(request, new MembershipRefusedError('transfer_failed', message))
      }
    }
  }

  /** The core answers in the turn in which it is asked, so that nothing can have answered the request since. */
  #proposed(id: number): Request {
    const request = this.#open.get(id)
    assert(request !== undefined, `proposal ${id} is unknown`)
    return request
  }

  /** The entry at `index` was applied; if it is ours its result is the answer, else ours will never be applied. */
  handleApplied(index: LogIndex, term: Term, result: unknown): void {
    const pending = this.#pending.get(index)
    if (pending === undefined) return
    this.#pending.delete(index)
    const request = this.#open.get(pending.id)
    if (request === undefined) return
    if (!this.#isStateTrusted) this.#fail(request, untrusted())
    else if (pending.term === term) this.#complete(request, { result, index })
    else if (!isFromPeer(request)) this.#giveBack(request)
    else this.#fail(request, new ProposalDroppedError('another leader decided this position of the log'))
  }

  /** A snapshot took the place of the log up to `index`: what became of ours there is not known. */
  handleSnapshotInstalled(index: LogIndex): void {
    for (const [at, { id }] of this.#pending) {
      if (at > index) continue
      this.#pending.delete(at)
      const request = this.#open.get(id)
      if (request !== undefined) this.#lose(request)
    }
  }

  /** The state of this node is wrong: what its own callers wait for fails, and its peers' requests go back to them. */
  distrustState(error: () => RaftError): void {
    this.#isStateTrusted = false
    const waiting = [...this.#parked, ...this.#held].filter(({ id }) => this.#open.has(id))
    this.#parked = []
    this.#held = []
    for (const request of waiting) {
      this.#fail(request, isFromPeer(request) ? new NotLeaderError(this.#host.leaderId()) : error())
    }
    for (const { id } of this.#pending.values()) {
      const request = this.#open.get(id)
      if (request !== undefined) this.#fail(request, untrusted())
    }
    this.#pending.clear()
  }

  /** Another state has taken its place. */
  trustState(): void {
    this.#isStateTrusted = true
  }

  /** What was sent to that node may or may not have arrived. */
  handlePeerLost(peer: NodeId): void {
    for (const [id, { leader }] of this.#forwarded) {
      if (leader !== peer) continue
      this.#forwarded.delete(id)
      const request = this.#open.get(id)
      if (request !== undefined) this.#lose(request)
    }
    this.#replies.drop(peer)
  }

  /** Time has passed: what waited too long is answered, what was held is tried again, what was lost is found out. */
  handleTick(): void {
    const now = this.#host.now()
    for (const request of this.#open.values()) {
      if (now - request.since < this.#host.limits.requestTimeoutMs) break
      this.#fail(request, request.isGiven ? uncertain() : new NotLeaderError(this.#host.leaderId()))
    }
    this.#releaseHeld()
    this.#askAgain(now)
  }

  /**
   * A reply may be lost while the connection lives, and a leader may stop without closing it. A leader that still
   * works at the request takes no second copy of it.
   */
  #askAgain(now: number): void {
    const { askAgainMs } = this.#host.limits
    for (const [id, { since }] of this.#forwarded) {
      if (now - since < askAgainMs) break
      const request = this.#open.get(id)
      if (request === undefined || !canBeSentAgain(request)) continue
      this.#forwarded.delete(id)
      this.#lose(request)
    }
    const leadingTerm = this.#host.leadingTerm()
    for (const [index, { id, term, since }] of this.#pending) {
      // While we lead our entry is in the log, and will be decided there.
      if (now - since < askAgainMs || term === leadingTerm) break
      const request = this.#open.get(id)
      // A peer that asks again must not wait for an index that perhaps nobody fills.
      if (request?.origin.type === 'peer') this.#peerRequests.delete(request.origin)
      if (request !== undefined && !canBeSentAgain(request)) continue
      this.#pending.delete(index)
      if (request !== undefined) this.#lose(request)
    }
  }

  flushReplies(): void {
    this.#replies.flush()
  }

  close(): void {
    this.#isClosed = true
    for (const request of this.#open.values()) {
      this.#fail(request, request.isGiven ? uncertain() : new ClosedError())
    }
    this.#parked = []
    this.#held = []
    this.#pending.clear()
    this.#leaving = []
    this.#removals.clear()
  }

  #complete(request: Request, { result, index }: Omit<Completion, 'isOnlyCopy'>): void {
    this.#forget(request)
    const { origin, work, isMaybeLogged } = request
    if (origin.type === 'local') {
      origin.resolve({ result, index, isOnlyCopy: !isMaybeLogged })
      return
    }
    const isCommand = work.type === 'command'
    const bytes = isCommand ? this.#host.stateMachine.encodeResult(result) : new Uint8Array()
    this.#reply(origin, { type: 'result', result: bytes, index })
  }

  /** @param error What came of the last attempt; of an earlier one that may be in a log, nobody can say "no". */
  #fail(request: Request, error: RaftError): void {
    this.#forget(request)
    const { origin, isMaybeLogged } = request
    const answer = isMaybeLogged && error.applied === 'no' ? uncertain() : error
    if (origin.type === 'local') origin.reject(answer)
    else this.#reply(origin, errorOutcome(answer))
  }

  #forget({ id, bytes, origin }: Request): void {
    this.#open.delete(id)
    this.#forwarded.delete(id)
    this.#waitingBytes -= bytes
    if (origin.type === 'peer') this.#peerRequests.delete(origin)
  }

  #reply({ peer, requestId }: Origin & { type: 'peer' }, outcome: ForwardedOutcome): void {
    this.#replies.push(peer, { id: requestId, outcome })
  }
}

function isFromPeer(request: Request): boolean {
  return request.origin.type === 'peer'
}

function diskLow(ids: readonly NodeId[]): DiskLowError {
  const nodes = ids.length === 1 ? `node ${ids[0]} is` : `nodes ${ids.join(', ')} are`
  return new DiskLowError(`${nodes} low on disk, and no quorum has room for more`)
}

function untrusted(): ProposalUncertainError {
  return new ProposalUncertainError(
    'the state of this node is not what the majority has, so its results are worth nothing; the change may have been made',
  )
}
