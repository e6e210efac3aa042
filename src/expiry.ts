/** Lets time pass in the log: the leader proposes that what is due expires, and `apply` decides what is. */
import type { Clock, RaftNode } from '../raft/index.ts'
import { RaftError } from '../raft/index.ts'
import type { ExpireAllocations, ResultOf } from './ipam/command.ts'
import { encodeCommand } from './ipam/command-codec.ts'
import { traitsOf } from './ipam/command-traits.ts'
import type { Outcome } from './ipam/outcome.ts'
import type { IpamStateMachine } from './state/state-machine.ts'

/** How often the leader looks; an expiry is late by at most this and one round of the log, unless many are due at once. */
const CHECK_MS = 100
/** While more are due. What comes due at 2,000 a second or less is ended as evenly as it comes, and others' writes come in between. */
const PACE_MS = 15
/** The same, while more are due than `BACKLOG_ENTRIES` take: 6,400 a second. */
const BACKLOG_PACE_MS = 5
const BACKLOG_ENTRIES = 10
/** In one log entry: everybody waits while it is applied, so it should take no longer than a few writes do. */
const EXPIRED_PER_ENTRY_MAX = 32
/** One is applied while the next is on its way. Where rounds take long, others' writes need what there is: leases can wait. */
const ENTRIES_IN_FLIGHT_MAX = 2

export class Expiry {
  readonly #node: RaftNode
  readonly #stateMachine: IpamStateMachine
  readonly #clock: Clock
  readonly #onFatal: (error: unknown) => void
  #inFlight = 0
  #expiredCount = 0
  #cooledCount = 0
  #cancel: () => void = () => {}

  constructor(options: {
    node: RaftNode
    stateMachine: IpamStateMachine
    clock: Clock
    onFatal: (error: unknown) => void
  }) {
    this.#node = options.node
    this.#stateMachine = options.stateMachine
    this.#clock = options.clock
    this.#onFatal = options.onFatal
  }

  /** What this node has ended as the leader: allocations, and rests of released addresses. For whoever watches. */
  get counts(): { readonly expired: number; readonly cooled: number } {
    return { expired: this.#expiredCount, cooled: this.#cooledCount }
  }

  start(): void {
    this.#checkAfter(CHECK_MS)
  }

  stop(): void {
    this.#cancel()
  }

  #checkAfter(delayMs: number): void {
    this.#cancel = this.#clock.setTimer(delayMs, () => {
      const entries = this.#entriesDue()
      if (entries > 0 && this.#inFlight < ENTRIES_IN_FLIGHT_MAX) void this.#expire().catch(this.#onFatal)
      if (entries > BACKLOG_ENTRIES) this.#checkAfter(BACKLOG_PACE_MS)
      else this.#checkAfter(this.#inFlight > 0 ? PACE_MS : CHECK_MS)
    })
  }

  /** How many entries it takes to end what is due, without those under way; at most one more than make a backlog. 0 unless this node leads. */
  #entriesDue(): number {
    const { nextExpiry } = this.#stateMachine
    const time = this.#clock.wallTime()
    if (!this.#node.isLeader || nextExpiry === null || nextExpiry > time) return 0
    const countMax = (this.#inFlight + BACKLOG_ENTRIES) * EXPIRED_PER_ENTRY_MAX + 1
    const count = this.#stateMachine.countDue(time, countMax)
    return Math.ceil(Math.max(0, count - this.#inFlight * EXPIRED_PER_ENTRY_MAX) / EXPIRED_PER_ENTRY_MAX)
  }

  async #expire(): Promise<void> {
    const command = { type: 'expireAllocations', limit: EXPIRED_PER_ENTRY_MAX } as const
    const context = { user: 'system', requestId: null }
    this.#inFlight += 1
    try {
      const { result } = await this.#node.propose(
        // Without a session: a second copy ends what is due by then, which is right whoever asked for it.
        encodeCommand({ command, context, session: null, idempotency: null }, this.#node.schemaVersion),
        traitsOf(command),
      )
      this.#count(result as Outcome)
    } catch (error) {
      // No quorum, or a new leader: whoever leads next looks again.
      if (!(error instanceof RaftError)) throw error
    } finally {
      this.#inFlight -= 1
    }
  }

  #count(outcome: Outcome): void {
    if (!outcome.ok) return
    const { expired, cooled } = outcome.value as ResultOf<ExpireAllocations>
    this.#expiredCount += expired
    this.#cooledCount += cooled
  }
}
