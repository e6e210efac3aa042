/** Who waits for what: from a caller's promise, here or on another node, to a position in the log and its result. */
import { AppendedRequests, type AppendingHost } from './appended-requests.ts'
import { assert, unreachable } from './assert.ts'
import { Attempts } from './attempts.ts'
import type { MembershipFate, ProposalFate } from './core/effects.ts'
import type { Event } from './core/event.ts'
import {
  ClosedError,
  DiskLowError,
  MembershipRefusedError,
  NotLeaderError,
  OverloadedError,
  type RaftError,
} from './errors.ts'
import { ForwardedRequests, type ForwardingHost } from './forwarded-requests.ts'
import { errorOutcome } from './forwarding.ts'
import type { TransferFate } from './hand-over.ts'
import { OpenRequests, type OpenRequestsHost } from './open-requests.ts'
import { ParkedRequests } from './parked-requests.ts'
import type { StateMachine } from './ports.ts'
import type { ProposalLimits } from './proposal-limits.ts'
import type { ProposalOutcomes } from './proposal-outcomes.ts'
import { type Completion, isFromPeer, type Request, uncertain } from './request.ts'
import type { FollowPeerRequest, RequestTrace } from './request-trace.ts'
import { TransferRequests } from './transfer-requests.ts'
import type { ForwardedRequest, ForwardReplies, ForwardRequests, LogIndex, NodeId, Term } from './types.ts'

/** What `Proposals` needs from its node. */
export interface ProposalHost extends OpenRequestsHost, ForwardingHost, AppendingHost {
  readonly limits: ProposalLimits
  readonly stateMachine: Pick<StateMachine, 'encodeResult' | 'decodeResult'>
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
  readonly #appended: AppendedRequests
  /** A leader has them. */
  readonly #forwarded: ForwardedRequests
  /** They wait for another leader. */
  readonly #transfers: TransferRequests
  readonly #attempts: Attempts
  #lastLeaderId: NodeId | null = null
  #isClosed = false

  constructor(host: ProposalHost) {
    this.#host = host
    const open = new OpenRequests(host)
    const parked = new ParkedRequests({ isOpen: ({ id }) => open.at(id) !== null })
    const attempts = new Attempts({
      open,
      parked,
      leaderId: () => host.leaderId(),
      onAnswered: (request) => this.#forwarded.forget(request),
    })
    this.#open = open
    this.#parked = parked
    this.#attempts = attempts
    this.#appended = new AppendedRequests(host, { open, attempts })
    this.#forwarded = new ForwardedRequests(host, { open, parked, attempts })
    this.#transfers = new TransferRequests(host.id, { open, attempts })
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
    return { count: this.#open.count, bytes: this.#open.bytes, forwarded: this.#forwarded.count }
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
      const { id, work, origin } = request
      const peer = origin.type === 'peer' ? origin.peer : null
      request.isGiven = true
      switch (work.type) {
        case 'command':
          return {
            type: 'propose',
            id,
            peer,
            payload: work.payload,
            needsRoom: work.traits.needsRoom,
            time: wallTime,
          }
        case 'membership':
          return { type: 'changeMembership', id, peer, change: work.change, note: work.note, time: wallTime }
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
      this.#attempts.fail(request, new NotLeaderError(this.#host.leaderId()))
    }
  }

  /** Somebody else leads: everything that waits goes there. */
  forward(leader: NodeId): void {
    this.#forwarded.forward(leader)
  }

  /** A follower's requests arrive. What this node cannot take is answered at once: the follower holds on to it. */
  handleForwardRequests(message: ForwardRequests, { isLeader }: { isLeader: boolean }): void {
    const { from: peer } = message
    for (const { id: requestId, request: work, trace: context } of message.requests) {
      const origin = { type: 'peer', peer, requestId } as const
      if (!isLeader) this.#open.reply(origin, errorOutcome(new NotLeaderError(this.#host.leaderId())))
      // It asks again; the answer is still to come, and a second copy would only cost.
      else if (this.#open.has(origin)) continue
      else {
        const error = this.#refusalOfPeers(work)
        if (error === null) this.#parked.add(this.#open.admit(work, origin, this.#follow(peer, context)))
        else {
          this.outcomes.noteFailed('peer', error.code)
          this.#open.reply(origin, errorOutcome(error))
        }
      }
    }
  }

  #refusalOfPeers(work: ForwardedRequest): RaftError | null {
    const tooLarge = this.#open.sizeRefusalOf(work)
    if (tooLarge !== null) return tooLarge
    return this.#open.isFullForPeers ? new OverloadedError('the leader has too many requests waiting') : null
  }

  #follow(peer: NodeId, context: string | null): RequestTrace | null {
    if (context === null) return null
    return this.#host.followPeer?.({ peer, context }) ?? null
  }

  /** Whether `followLog` has anybody to tell. */
  get isFollowing(): boolean {
    return this.#appended.isFollowing
  }

  /** The log has come so far, before what is committed is applied. */
  followLog(reached: { durableIndex: LogIndex; commitIndex: LogIndex }): void {
    this.#appended.followLog(reached)
  }

  handleForwardReplies(message: ForwardReplies): void {
    this.#forwarded.handleReplies(message)
  }

  handleProposalFate(fate: ProposalFate): void {
    const request = this.#proposed(fate.id)
    if ('index' in fate) this.#appended.add(request, fate)
    else if (fate.refusal === 'not_leader' || fate.refusal === 'transferring')
      this.#attempts.giveBack(request)
    else if (request.isMaybeLogged) this.#attempts.hold(request)
    else if (fate.refusal === 'disk_low') this.#attempts.fail(request, diskLow(fate.lowVoters))
    else this.#attempts.fail(request, new OverloadedError('too much is waiting for a majority to store it'))
  }

  /** @returns A transfer that must be started for the request to go on: a leader is not removed while it leads. */
  handleMembershipFate(fate: MembershipFate): { transferId: number } | null {
    const request = this.#proposed(fate.id)
    if ('index' in fate) {
      this.#appended.add(request, fate)
      return null
    }
    const isEarly = this.#host.now() - request.since < this.#host.limits.changeWaitMs
    if (fate.refusal === 'is_leader') return this.#transfers.transferBefore(request)
    if (fate.refusal === 'not_leader') this.#attempts.giveBack(request)
    else if ((fate.refusal === 'change_in_flight' || fate.refusal === 'leader_not_ready') && isEarly) {
      this.#attempts.hold(request)
    } else this.#attempts.fail(request, new MembershipRefusedError(fate.refusal, fate.message))
    return null
  }

  handleTransferFate(fate: TransferFate): void {
    this.#transfers.handleFate(fate)
  }

  /** The leader is known. If it is another than before, what was held for the old one need not wait for the next tick. */
  handleLeader(leaderId: NodeId): void {
    if (leaderId !== this.#lastLeaderId) this.#parked.releaseHeld()
    this.#lastLeaderId = leaderId
    this.#transfers.handleLeader(leaderId)
  }

  /** The core answers in the turn in which it is asked, so that nothing can have answered the request since. */
  #proposed(id: number): Request {
    const request = this.#open.at(id)
    assert(request !== null, 'proposal {} is unknown', id)
    return request
  }

  /** The entry at `index` was applied; if it is ours its result is the answer, else ours will never be applied. */
  handleApplied(index: LogIndex, term: Term, result: unknown): void {
    this.#appended.handleApplied(index, term, result)
  }

  /** A snapshot took the place of the log up to `index`: what became of ours there is not known. */
  handleSnapshotInstalled(index: LogIndex): void {
    this.#appended.handleSnapshotInstalled(index)
  }

  /** The state of this node is wrong: what its own callers wait for fails, and its peers' requests go back to them. */
  distrustState(error: () => RaftError): void {
    for (const request of this.#parked.takeAll()) {
      this.#attempts.fail(request, isFromPeer(request) ? new NotLeaderError(this.#host.leaderId()) : error())
    }
    this.#appended.distrustState()
  }

  /** Another state has taken its place. */
  trustState(): void {
    this.#appended.trustState()
  }

  /** What was sent to that node may or may not have arrived. */
  handlePeerLost(peer: NodeId): void {
    this.#forwarded.handlePeerLost(peer)
    this.#open.dropReplies(peer)
  }

  /** Time has passed: what waited too long is answered, what was held is tried again, what was lost is found out. */
  handleTick(): void {
    const now = this.#host.now()
    for (const request of this.#open.all()) {
      if (now - request.since < this.#host.limits.requestTimeoutMs) break
      this.#attempts.fail(request, request.isGiven ? uncertain() : new NotLeaderError(this.#host.leaderId()))
    }
    this.#parked.releaseHeld()
    this.#forwarded.askAgain()
    this.#appended.askAgain()
  }

  flushReplies(): void {
    this.#open.flushReplies()
  }

  close(): void {
    this.#isClosed = true
    for (const request of this.#open.all()) {
      this.#attempts.fail(request, request.isGiven ? uncertain() : new ClosedError())
    }
    this.#parked.takeAll()
    this.#appended.clear()
    this.#transfers.clear()
  }
}

function diskLow(ids: readonly NodeId[]): DiskLowError {
  const nodes = ids.length === 1 ? `node ${ids[0]} is` : `nodes ${ids.join(', ')} are`
  return new DiskLowError(`${nodes} low on disk, and no quorum has room for more`)
}
