/**
 * Requests in this node's log, until what is applied at their index tells the outcome. They stay when leadership is lost:
 * what is applied there may be theirs after all.
 */
import type { Attempts } from './attempts.ts'
import { ProposalDroppedError, ProposalUncertainError } from './errors.ts'
import type { OpenRequests } from './open-requests.ts'
import type { ProposalLimits } from './proposal-limits.ts'
import { canBeSentAgain, isFromPeer, type Request } from './request.ts'
import { FollowedEntries } from './request-trace.ts'
import type { LogIndex, Term } from './types.ts'

/** What `AppendedRequests` needs from its node. */
export interface AppendingHost {
  readonly limits: Pick<ProposalLimits, 'askAgainMs'>
  now(): number
  /** Null unless this node leads. */
  leadingTerm(): Term | null
}

/** A request at an index of the log. */
interface Appended {
  readonly id: number
  /** In which it was appended. */
  readonly term: Term
  readonly since: number
}

export class AppendedRequests {
  readonly #host: AppendingHost
  readonly #open: OpenRequests
  readonly #attempts: Attempts
  /** In the order of age. */
  readonly #byIndex = new Map<LogIndex, Appended>()
  readonly #followed = new FollowedEntries()
  /** Results of this node's state machine are what the cluster decided. */
  #isStateTrusted = true

  constructor(host: AppendingHost, requests: { open: OpenRequests; attempts: Attempts }) {
    this.#host = host
    this.#open = requests.open
    this.#attempts = requests.attempts
  }

  add(request: Request, { index, term }: { readonly index: LogIndex; readonly term: Term }): void {
    if (request.trace !== null) this.#followed.add({ index, term }, request.trace)
    const cut = this.#take(index)
    this.#byIndex.set(index, { id: request.id, term, since: this.#host.now() })
    // An entry of ours from an earlier term was cut from our log, but another node may still have it.
    if (cut !== null) this.#lose(cut)
  }

  /** Whether `followLog` has anybody to tell. */
  get isFollowing(): boolean {
    return !this.#followed.isEmpty
  }

  /** The log has come so far, before what is committed is applied. */
  followLog({ durableIndex, commitIndex }: { durableIndex: LogIndex; commitIndex: LogIndex }): void {
    this.#followed.note({ leadingTerm: this.#host.leadingTerm(), durableIndex, commitIndex })
  }

  /** The entry at `index` was applied; if it is ours its result is the answer, else ours will never be applied. */
  handleApplied(index: LogIndex, term: Term, result: unknown): void {
    const appended = this.#take(index)
    const request = appended === null ? null : this.#open.at(appended.id)
    if (appended === null || request === null) return
    if (!this.#isStateTrusted) this.#attempts.fail(request, untrusted())
    else if (appended.term === term) this.#attempts.complete(request, { result, index })
    else if (!isFromPeer(request)) this.#attempts.giveBack(request)
    else this.#attempts.fail(request, dropped())
  }

  /** A snapshot took the place of the log up to `index`: what became of ours there is not known. */
  handleSnapshotInstalled(index: LogIndex): void {
    for (const [at, appended] of this.#byIndex) {
      if (at > index) continue
      this.#byIndex.delete(at)
      this.#lose(appended)
    }
  }

  /** Nobody has filled their index, and perhaps nobody will. */
  askAgain(): void {
    const now = this.#host.now()
    const { askAgainMs } = this.#host.limits
    const leadingTerm = this.#host.leadingTerm()
    for (const [index, appended] of this.#byIndex) {
      const { id, term, since } = appended
      // While we lead our entry is in the log, and will be decided there.
      if (now - since < askAgainMs || term === leadingTerm) break
      const request = this.#open.at(id)
      // A peer that asks again must not wait for it.
      if (request !== null) this.#open.letPeerAskAgain(request)
      if (request !== null && !canBeSentAgain(request)) continue
      this.#byIndex.delete(index)
      this.#lose(appended)
    }
  }

  /** The state of this node is wrong, and with it all results from now on. */
  distrustState(): void {
    this.#isStateTrusted = false
    const requests = [...this.#byIndex.values()].map(({ id }) => this.#open.at(id))
    this.#byIndex.clear()
    for (const request of requests) if (request !== null) this.#attempts.fail(request, untrusted())
  }

  /** Another state has taken its place. */
  trustState(): void {
    this.#isStateTrusted = true
  }

  clear(): void {
    this.#byIndex.clear()
    this.#followed.clear()
  }

  /** The one that stands at `index`, which is decided. */
  #take(index: LogIndex): Appended | null {
    const appended = this.#byIndex.get(index) ?? null
    this.#byIndex.delete(index)
    return appended
  }

  /** Unless it is answered. */
  #lose({ id }: Appended): void {
    const request = this.#open.at(id)
    if (request !== null) this.#attempts.lose(request)
  }
}

function dropped(): ProposalDroppedError {
  return new ProposalDroppedError('another leader decided this position of the log')
}

function untrusted(): ProposalUncertainError {
  return new ProposalUncertainError(
    'the state of this node is not what the majority has, so its results are worth nothing; the change may have been made',
  )
}
