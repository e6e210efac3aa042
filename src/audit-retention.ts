/** Lets the audit log forget: the leader proposes it, and `apply` decides what is old enough. */
import type { Clock, Log, RaftNode } from '../raft/index.ts'
import { RaftError } from '../raft/index.ts'
import { SYSTEM_USER } from './ipam/audit.ts'
import type { ResultOf } from './ipam/command.ts'
import { encodeCommand } from './ipam/command-codec.ts'
import { traitsOf } from './ipam/command-traits.ts'
import type { Outcome } from './ipam/outcome.ts'
import type { IpamStateMachine } from './state/state-machine.ts'

const CHECK_MS_MAX = 60_000
/** Log indexes that one entry looks at: it shares the apply lane with everybody's writes. */
const INDEXES_PER_ENTRY = 500
/** Each time leaves a row of its own, so rows may get older by this much, or by a tenth. */
const SLACK_MS_MAX = 60 * 60 * 1_000

export class AuditRetention {
  readonly #node: Pick<RaftNode, 'isLeader' | 'propose' | 'schemaVersion'>
  readonly #stateMachine: Pick<IpamStateMachine, 'oldestAudit'>
  readonly #clock: Clock
  readonly #logger: Log
  readonly #onFatal: (error: unknown) => void
  readonly #keptMs: number
  readonly #slackMs: number
  #isForgetting = false
  #cancel: () => void = () => {}

  /** @param options.keptMs Rows are kept at least so long, by the log's time. */
  constructor(options: {
    node: Pick<RaftNode, 'isLeader' | 'propose' | 'schemaVersion'>
    stateMachine: Pick<IpamStateMachine, 'oldestAudit'>
    clock: Clock
    logger: Log
    onFatal: (error: unknown) => void
    keptMs: number
  }) {
    this.#node = options.node
    this.#stateMachine = options.stateMachine
    this.#clock = options.clock
    this.#logger = options.logger
    this.#onFatal = options.onFatal
    this.#keptMs = options.keptMs
    this.#slackMs = Math.min(SLACK_MS_MAX, options.keptMs / 10)
  }

  start(): void {
    this.#cancel = this.#clock.setTimer(Math.min(CHECK_MS_MAX, this.#slackMs), () => {
      void this.#check().catch(this.#onFatal)
      this.start()
    })
  }

  stop(): void {
    this.#cancel()
  }

  async #check(): Promise<void> {
    if (this.#isForgetting || !this.#node.isLeader) return
    this.#isForgetting = true
    try {
      const oldest = await this.#stateMachine.oldestAudit()
      const before = this.#clock.wallTime() - this.#keptMs
      if (oldest !== null && oldest < before - this.#slackMs) await this.#forget(before)
    } catch (error) {
      // No quorum, or a new leader: whoever leads next looks again.
      if (!(error instanceof RaftError)) throw error
    } finally {
      this.#isForgetting = false
    }
  }

  async #forget(before: number): Promise<void> {
    let pruned = 0
    for (let isDone = false; !isDone && this.#node.isLeader; ) {
      const command = { type: 'pruneAudit', before, limit: INDEXES_PER_ENTRY } as const
      const context = { user: SYSTEM_USER, requestId: null }
      const { result } = await this.#node.propose(
        // Without a session: a second copy forgets what is left, which is right whoever asked for it.
        encodeCommand({ command, context, session: null, idempotency: null }, this.#node.schemaVersion),
        traitsOf(command),
      )
      const outcome = result as Outcome
      if (!outcome.ok) return
      const value = outcome.value as ResultOf<typeof command>
      pruned += value.pruned
      isDone = value.isDone
    }
    this.#logger.info({ pruned, before: new Date(before).toISOString() }, 'audit rows forgotten')
  }
}
