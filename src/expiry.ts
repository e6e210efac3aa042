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
/** While more are due. Others' writes come in between. */
const PACE_MS = 5
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
      const isDue = this.#isMoreDue()
      if (isDue) void this.#expire().catch(this.#onFatal)
      this.#checkAfter(isDue || this.#inFlight > 0 ? PACE_MS : CHECK_MS)
    })
  }

  /** More than the entries under way take. */
  #isMoreDue(): boolean {
    const { nextExpiry } = this.#stateMachine
    const time = this.#clock.wallTime()
    if (!this.#node.isLeader || nextExpiry === null || nextExpiry > time) return false
    const taken = this.#inFlight * EXPIRED_PER_ENTRY_MAX
    return this.#inFlight < ENTRIES_IN_FLIGHT_MAX && this.#stateMachine.countDue(time, taken + 1) > taken
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
