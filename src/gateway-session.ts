/** Through a session a node writes for its own callers, so that each write happens once however often it is sent (§6.3). */
import {
  type CommandTraits,
  type Completion,
  NotLeaderError,
  OverloadedError,
  ProposalUncertainError,
  RaftError,
  type RequestTrace,
} from '../raft/index.ts'
import { SYSTEM_USER } from './ipam/audit.ts'
import type { Command, CommandContext, ResultOf } from './ipam/command.ts'
import { type CommandEnvelope, encodeCommand } from './ipam/command-codec.ts'
import { traitsOf } from './ipam/command-traits.ts'
import type { IdempotencyStamp } from './ipam/idempotency.ts'
import { IpamError, isSessionRefusal, type Outcome } from './ipam/outcome.ts'
import { SESSION_IDLE_MS_MAX, SESSION_WINDOW_MAX, type SessionStamp } from './ipam/session.ts'
import { proposalSpans } from './tracing/request-spans.ts'
import type { Span } from './tracing/span.ts'

/** Unused for so long the session may soon be gone, and finding out would cost a write its certainty. */
const REOPEN_AFTER_MS = SESSION_IDLE_MS_MAX / 2

type Propose = (
  payload: Uint8Array,
  traits: Partial<CommandTraits>,
  trace: RequestTrace | null,
) => Promise<Completion>

export class GatewaySession {
  readonly #propose: Propose
  readonly #schemaVersion: () => number
  readonly #now: () => number
  readonly #windowMax: number
  #session: NumberedSession | null = null
  /** Shared by all writes that wait for it. */
  #opening: Promise<NumberedSession> | null = null
  #writesUnderWay = 0

  constructor(options: {
    /** Replicates and applies, as `RaftNode.propose`. */
    propose: Propose
    /** Of the cluster, by now. */
    schemaVersion: () => number
    /** Monotonic milliseconds. */
    now: () => number
    /** Writes under way, and how far one may lag behind the others: at most what the state keeps outcomes for. */
    windowMax?: number
  }) {
    this.#propose = options.propose
    this.#schemaVersion = options.schemaVersion
    this.#now = options.now
    this.#windowMax = options.windowMax ?? SESSION_WINDOW_MAX
  }

  /** Writes under way, for whoever watches. */
  get underway(): { readonly size: number; readonly max: number } {
    return { size: this.#writesUnderWay, max: this.#windowMax }
  }

  /**
   * Opens a session first if there is none.
   *
   * @throws {IpamError} if the command was refused.
   * @throws {RaftError} whose `applied` says whether it may take effect.
   */
  async execute<C extends Command>(
    command: C,
    context: CommandContext,
    idempotency: IdempotencyStamp | null = null,
    trace: Span | null = null,
  ): Promise<{ value: ResultOf<C>; index: number; isReplay: boolean }> {
    if (this.#writesUnderWay >= this.#windowMax) {
      throw new OverloadedError(`${this.#writesUnderWay} writes are under way on this node`)
    }
    this.#writesUnderWay += 1
    try {
      const write = { command, context, idempotency }
      const written = (await this.#write(write, trace)) ?? (await this.#write(write, trace))
      if (written === null) throw new OverloadedError('sessions are forgotten as soon as they are opened')
      const { outcome, index } = written
      const { isReplay } = outcome
      if (outcome.ok) return { value: outcome.value as ResultOf<C>, index, isReplay }
      throw isSessionRefusal(outcome.refusal)
        ? new ProposalUncertainError(`an earlier copy may have been applied: ${outcome.refusal.message}`)
        : new IpamError(outcome.refusal, { isReplay })
    } finally {
      this.#writesUnderWay -= 1
    }
  }

  /** @returns Null if the session was gone and nothing was applied: another one will do. */
  async #write(
    { command, context, idempotency }: Omit<CommandEnvelope, 'session'>,
    trace: Span | null,
  ): Promise<{ outcome: Outcome; index: number } | null> {
    const opened = this.#openedSession()
    // Nearly always it is open, and a promise of it would be made and waited for with every write.
    const session = opened instanceof Promise ? await opened : opened
    const stamp = session.begin(this.#windowMax)
    const sentAt = this.#now()
    try {
      const payload = encodeCommand({ command, context, session: stamp, idempotency }, this.#schemaVersion())
      const { result, index, isOnlyCopy } = await this.#propose(
        payload,
        traitsOf(command),
        trace === null ? null : proposalSpans(trace),
      )
      const outcome = result as Outcome
      if (outcome.ok || !isSessionRefusal(outcome.refusal)) session.usedAt = Math.max(session.usedAt, sentAt)
      else {
        if (this.#session === session) this.#session = null
        if (isOnlyCopy) return null
      }
      return { outcome, index }
    } finally {
      session.end(stamp)
    }
  }

  #openedSession(): NumberedSession | Promise<NumberedSession> {
    const session = this.#session
    const isUsable = session !== null && (session.isBusy || this.#now() - session.usedAt < REOPEN_AFTER_MS)
    if (isUsable && this.#opening === null) return session
    this.#opening ??= this.#open().finally(() => {
      this.#opening = null
    })
    return this.#opening
  }

  async #open(): Promise<NumberedSession> {
    const openedAt = this.#now()
    const outcome = await this.#proposeSession()
    if (!outcome.ok) {
      if (isSessionRefusal(outcome.refusal)) throw new OverloadedError(outcome.refusal.message)
      throw new IpamError(outcome.refusal, { isReplay: false })
    }
    const { sessionId } = outcome.value as ResultOf<Command & { type: 'openSession' }>
    this.#session = new NumberedSession(sessionId, openedAt)
    return this.#session
  }

  async #proposeSession(): Promise<Outcome> {
    const context = { user: SYSTEM_USER, requestId: null }
    // Itself without a session: of two copies one opens a session that is never used.
    const envelope = { command: { type: 'openSession' }, context, session: null, idempotency: null } as const
    const payload = encodeCommand(envelope, this.#schemaVersion())
    try {
      return (await this.#propose(payload, { isIdempotent: true }, null)).result as Outcome
    } catch (error) {
      // Whatever became of the session, the writes that wait for it were not sent to anyone.
      if (error instanceof RaftError && error.applied === 'unknown') throw new NotLeaderError(null)
      throw error
    }
  }
}

/** An open session and which of its numbers are under way. */
class NumberedSession {
  readonly id: number
  /** When the last write that the state has seen was sent. */
  usedAt: number
  readonly #unanswered = new Set<number>()
  #next = 1
  #floor = 1

  constructor(id: number, usedAt: number) {
    this.id = id
    this.usedAt = usedAt
  }

  get isBusy(): boolean {
    return this.#unanswered.size > 0
  }

  /** @throws {OverloadedError} while one write is behind so far that the state would forget its outcome. */
  begin(windowMax: number): SessionStamp {
    if (this.#next - this.#floor >= windowMax) {
      throw new OverloadedError(`${windowMax} writes have passed one that is not answered yet`)
    }
    const sequence = this.#next
    this.#next += 1
    this.#unanswered.add(sequence)
    return { sessionId: this.id, sequence, floor: this.#floor }
  }

  /** Its answer is known, or will never be waited for. */
  end({ sequence }: SessionStamp): void {
    this.#unanswered.delete(sequence)
    while (this.#floor < this.#next && !this.#unanswered.has(this.#floor)) this.#floor += 1
  }
}
