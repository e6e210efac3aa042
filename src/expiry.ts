/** Lets time pass in the log: the leader proposes that what is due expires, and `apply` decides what is. */
import type { Clock, RaftNode } from '../raft/index.ts'
import { RaftError } from '../raft/index.ts'
import type { Outcome, ResultOf } from './ipam/command.ts'
import { encodeCommand } from './ipam/command-codec.ts'
import { traitsOf } from './ipam/command-traits.ts'
import type { IpamStateMachine } from './state/state-machine.ts'

/** How often the leader looks; an expiry is late by at most this and one round of the log. */
const CHECK_MS = 100
/** In one log entry: it shares the apply lane with everybody's writes. */
const EXPIRED_PER_ENTRY_MAX = 500

export class Expiry {
  readonly #node: RaftNode
  readonly #stateMachine: IpamStateMachine
  readonly #clock: Clock
  readonly #onFatal: (error: unknown) => void
  #isProposing = false
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

  start(): void {
    this.#cancel = this.#clock.setTimer(CHECK_MS, () => {
      void this.#check().catch(this.#onFatal)
      this.start()
    })
  }

  stop(): void {
    this.#cancel()
  }

  async #check(): Promise<void> {
    if (this.#isProposing) return
    this.#isProposing = true
    try {
      while (this.#isDue() && (await this.#expire()) === EXPIRED_PER_ENTRY_MAX);
    } catch (error) {
      // No quorum, or a new leader: whoever leads next looks again.
      if (!(error instanceof RaftError)) throw error
    } finally {
      this.#isProposing = false
    }
  }

  #isDue(): boolean {
    const { nextExpiry } = this.#stateMachine
    return this.#node.isLeader && nextExpiry !== null && nextExpiry <= this.#clock.wallTime()
  }

  async #expire(): Promise<number> {
    const command = { type: 'expireAllocations', limit: EXPIRED_PER_ENTRY_MAX } as const
    const context = { user: 'system', requestId: null }
    const { result } = await this.#node.propose(
      // Without a session: a second copy ends what is due by then, which is right whoever asked for it.
      encodeCommand({ command, context, session: null, idempotency: null }, this.#node.schemaVersion),
      { ...traitsOf(command), isIdempotent: true },
    )
    const outcome = result as Outcome
    if (!outcome.ok) return 0
    const { expired, cooled } = outcome.value as ResultOf<typeof command>
    return expired + cooled
  }
}
