/** Who waits for what: from a caller's promise, here or on another node, to a position in the log and its result. */
import { AppendedRequests } from './appended-requests.ts'
import { assert, unreachable } from './assert.ts'
import type { Event, MembershipFate, ProposalFate } from './core/state.ts'
import {
  ClosedError,
  DiskLowError,
  MembershipRefusedError,
  NotLeaderError,
  OverloadedError,
  ProposalDroppedError,
  ProposalUncertainError,
  type RaftError,
} from './errors.ts'
import { errorFrom, errorOutcome, isRetriable } from './forwarding.ts'
import { OpenRequests, type OpenRequestsHost } from './open-requests.ts'
import { ParkedRequests } from './parked-requests.ts'
import type { StateMachine } from './ports.ts'
import type { ProposalOutcomes } from './proposal-outcomes.ts'
import {
  type Completion,
  canBeSentAgain,
  isFromPeer,
  type Request,
  type Transferred,
  uncertain,
} from './request.ts'
import { FollowedEntries, type FollowPeerRequest, type RequestTrace } from './request-trace.ts'
import { TransferRequests, transferFailure } from './transfer-requests.ts'
import type {
  ForwardedOutcome,
  ForwardedRequest,
  ForwardReplies,
  ForwardRequests,
  LogIndex,
  NodeId,
  Term,
} from './types.ts'

/** What `Proposals` needs from its node. */
export interface ProposalHost extends OpenRequestsHost {
  readonly stateMachine: Pick<StateMachine, 'encodeResult' | 'decodeResult'>
  leaderId(): NodeId | null
  /** Null unless this node leads. */
  leadingTerm(): Term | null
  /** Null: no peer's request is followed. */
  readonly followPeer: FollowPeerRequest | null
}

/**
 * A request that is not answered is in one place: parked or held, given to our core, appended to our log, or forwarded.
 * When an attempt fails without a trace the request is parked again. When nobody can say whether it left one, an
 * idempotent request is parked again as well, and marked: after that only a result or "unknown" is the truth.
 */
export class Proposals {
  readonly #host: ProposalHost
  /** All that are not answered. The places below may name some that are. */
  readonly #open: OpenRequests
  /** Nobody has them at the moment. */
  readonly #parked: ParkedRequests
  /** In our log. */
  readonly #appended = new AppendedRequests()
  readonly #followed = new FollowedEntries()
  /** Sent to a leader, longest ago first. */
  readonly #forwarded = new Map<number, { readonly leader: NodeId; readonly since: number }>()
  readonly #transfers = new TransferRequests()
  #lastLeaderId: NodeId | null = null
  #isClosed = false
  /** Results of this node's state machine are what the cluster decided. */
  #isStateTrusted = true

  constructor(host: ProposalHost) {
    this.#host = host
    this.#open = new OpenRequests(host)
    this.#parked = new ParkedRequests({ isOpen: ({ id }) => this.#open.at(id) !== null })
  }

  /** Requests that this node has not answered. */
  get waitingCount(): number {
    return this.#open.count
  }

  /** For whoever watches. */
  get outcomes(): ProposalOutcomes {
    return this.#open.outcomes
  }

  get underway(): { readonly count: number; readonly bytes: number; readonly forwarded: number } {
    return { count: this.#open.count, bytes: this.#open.bytes, forwarded: this.#forwarded.size }
  }

  /** @returns What came of it. Rejects with a `RaftError` that says whether it may take effect. */
  submit(work: ForwardedRequest, trace: RequestTrace | null = null): Promise<Completion> {
    if (this.#isClosed) return Promise.reject(new ClosedError())
    const refusal = this.#open.refusalOf(work)
    if (refusal !== null) {
      this.outcomes.noteFailed('local', refusal.code)
      trace?.ended(refusal.code)
      return Promise.reject(refusal)
    }
    return new Promise((resolve, reject) => {
      this.#parked.add(this.#open.admit(work, { type: 'local', resolve, reject }, trace))
    })
  }

  get hasParked(): boolean {
    return this.#parked.hasParked
  }

  /** We lead: everything that waits becomes events for our core. */
  takeEvents(wallTime: number): Event[] {
    return this.#parked.take().map((request): Event => {
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
    for (const request of this.#parked.takePeers()) {
      this.#fail(request, new NotLeaderError(this.#host.leaderId()))
    }
  }

  /** Somebody else leads: everything that waits goes there, in as few frames as may be. */
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
      this.#forwarded.set(request.id, { leader: to, since })
      request.trace?.forwarded(to)
    }
    return true
  }

  /** A follower's requests arrive. What this node cannot take is answered at once: the follower holds on to it. */
  handleForwardRequests(message: ForwardRequests, { isLeader }: { isLeader: boolean }): void {
    const { from: peer } = message
    for (const { id: requestId, request: work, trace: context } of message.requests) {
      const origin = { type: 'peer', peer, requestId } as const
      if (!isLeader) this.#open.reply(origin, errorOutcome(new NotLeaderError(this.#host.leaderId())))
      // It asks again; the answer is still to come, and a second copy would only cost.
      else if (this.#open.has(origin)) continue
      else if (this.#open.isFullForPeers) {
        const error = new OverloadedError('the leader has too many requests waiting')
        this.outcomes.noteFailed('peer', error.code)
        this.#open.reply(origin, errorOutcome(error))
      } else this.#parked.add(this.#open.admit(work, origin, this.#follow(peer, context)))
    }
  }

  #follow(peer: NodeId, context: string | null): RequestTrace | null {
    if (context === null) return null
    return this.#host.followPeer?.({ peer, context }) ?? null
  }

  /** Whether `followLog` has anybody to tell. */
  get isFollowing(): boolean {
    return !this.#followed.isEmpty
  }

  /** The log has come so far, before what is committed is applied. */
  followLog({ durableIndex, commitIndex }: { durableIndex: LogIndex; commitIndex: LogIndex }): void {
    this.#followed.note({ leadingTerm: this.#host.leadingTerm(), durableIndex, commitIndex })
  }

  handleForwardReplies({ from, replies }: ForwardReplies): void {
    for (const { id, outcome } of replies) {
      const request = this.#open.at(id)
      if (request === null || !request.leaders.includes(from)) continue
      // The answer, whichever attempt it is of: each has the same bytes.
      if (outcome.type === 'result') {
        const result =
          request.work.type === 'command' ? this.#host.stateMachine.decodeResult(outcome.result) : null
        this.#complete(request, { result, index: outcome.index })
      } else if (outcome.type === 'transferred')
        this.#completeTransfer(request, { from, to: outcome.leaderId })
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
    else this.#parked.park(request)
  }

  #hold(request: Request): void {
    request.isGiven = false
    this.#parked.hold(request)
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
    if (request.trace !== null) this.#followed.add({ index, term }, request.trace)
    const earlier = this.#appended.add(index, { id: request.id, term, since: this.#host.now() })
    const cut = earlier === null ? null : this.#open.at(earlier.id)
    // An entry of ours from an earlier term was cut from our log, but another node may still have it.
    if (cut !== null) this.#lose(cut)
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
      const transferId = this.#open.takeId()
      this.#transfers.awaitTransfer(transferId, request)
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
    const removal = this.#transfers.takeRemoval(id)
    const request = this.#open.at(removal?.id ?? id)
    if (request === null) return
    // Somebody else leads, or is about to: a removal goes there.
    if (refusal === 'not_leader' || (refusal === null && removal !== null)) this.#giveBack(request)
    else if (refusal === null) this.#transfers.awaitLeader(request)
    else this.#fail(request, new MembershipRefusedError(refusal, message))
  }

  /** The leader is known. If it is another than before, what was held for the old one need not wait for the next tick. */
  handleLeader(leaderId: NodeId): void {
    if (leaderId !== this.#lastLeaderId) this.#parked.releaseHeld()
    this.#lastLeaderId = leaderId
    this.#endTransfers(leaderId)
  }

  #endTransfers(leaderId: NodeId): void {
    for (const request of this.#transfers.takeLeaving()) {
      if (this.#open.at(request.id) === null) continue
      const failure = transferFailure(request, { id: this.#host.id, leaderId })
      if (failure === null) this.#completeTransfer(request, { from: this.#host.id, to: leaderId })
      else this.#fail(request, new MembershipRefusedError('transfer_failed', failure))
    }
  }

  /** The core answers in the turn in which it is asked, so that nothing can have answered the request since. */
  #proposed(id: number): Request {
    const request = this.#open.at(id)
    assert(request !== null, 'proposal {} is unknown', id)
    return request
  }

  /** The entry at `index` was applied; if it is ours its result is the answer, else ours will never be applied. */
  handleApplied(index: LogIndex, term: Term, result: unknown): void {
    const appended = this.#appended.take(index)
    const request = appended === null ? null : this.#open.at(appended.id)
    if (appended === null || request === null) return
    if (!this.#isStateTrusted) this.#fail(request, untrusted())
    else if (appended.term === term) this.#complete(request, { result, index })
    else if (!isFromPeer(request)) this.#giveBack(request)
    else this.#fail(request, new ProposalDroppedError('another leader decided this position of the log'))
  }

  /** A snapshot took the place of the log up to `index`: what became of ours there is not known. */
  handleSnapshotInstalled(index: LogIndex): void {
    for (const { id } of this.#appended.takeUpTo(index)) {
      const request = this.#open.at(id)
      if (request !== null) this.#lose(request)
    }
  }

  /** The state of this node is wrong: what its own callers wait for fails, and its peers' requests go back to them. */
  distrustState(error: () => RaftError): void {
    this.#isStateTrusted = false
    for (const request of this.#parked.takeAll()) {
      this.#fail(request, isFromPeer(request) ? new NotLeaderError(this.#host.leaderId()) : error())
    }
    for (const { id } of this.#appended.takeAll()) {
      const request = this.#open.at(id)
      if (request !== null) this.#fail(request, untrusted())
    }
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
      const request = this.#open.at(id)
      if (request !== null) this.#lose(request)
    }
    this.#open.dropReplies(peer)
  }

  /** Time has passed: what waited too long is answered, what was held is tried again, what was lost is found out. */
  handleTick(): void {
    const now = this.#host.now()
    for (const request of this.#open.all()) {
      if (now - request.since < this.#host.limits.requestTimeoutMs) break
      this.#fail(request, request.isGiven ? uncertain() : new NotLeaderError(this.#host.leaderId()))
    }
    this.#parked.releaseHeld()
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
      const request = this.#open.at(id)
      if (request === null || !canBeSentAgain(request)) continue
      this.#forwarded.delete(id)
      this.#lose(request)
    }
    const leadingTerm = this.#host.leadingTerm()
    for (const [index, { id }] of this.#appended.silent({ now, askAgainMs, leadingTerm })) {
      const request = this.#open.at(id)
      // A peer that asks again must not wait for an index that perhaps nobody fills.
      if (request !== null) this.#open.letPeerAskAgain(request)
      if (request !== null && !canBeSentAgain(request)) continue
      this.#appended.take(index)
      if (request !== null) this.#lose(request)
    }
  }

  flushReplies(): void {
    this.#open.flushReplies()
  }

  close(): void {
    this.#isClosed = true
    for (const request of this.#open.all()) {
      this.#fail(request, request.isGiven ? uncertain() : new ClosedError())
    }
    this.#parked.takeAll()
    this.#appended.takeAll()
    this.#followed.clear()
    this.#transfers.clear()
  }

  #complete(request: Request, completion: Omit<Completion, 'isOnlyCopy'>): void {
    this.#forwarded.delete(request.id)
    this.#open.complete(request, completion)
  }

  #completeTransfer(request: Request, result: Transferred): void {
    this.#complete(request, { result, index: 0 })
  }

  #fail(request: Request, error: RaftError): void {
    this.#forwarded.delete(request.id)
    this.#open.fail(request, error)
  }
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
