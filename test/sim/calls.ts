/** What clients ask of nodes, one request at a time. All that they are told is kept, and judged by the log in the end. */
import { RaftError } from '../../raft/errors.ts'
import type { LogIndex } from '../../raft/types.ts'
import type { Command, ResultOf } from '../../src/ipam/command.ts'
import type { IdempotencyStamp } from '../../src/ipam/idempotency.ts'
import { IpamError, type RefusalReason } from '../../src/ipam/outcome.ts'
import type { AnswerTo, Query } from '../../src/ipam/query.ts'
import type { Consistency } from '../../src/service.ts'
import type { Cluster, Machine, Running } from './cluster.ts'

export interface WorkloadCounts {
  acknowledged: number
  /** Decided by the state machine: full, or not there. */
  declined: number
  /** Answers of before, to a key that was used again. */
  replayed: number
  /** Certainly not applied. */
  refused: number
  unknown: number
  reads: number
}

export type Answer<C extends Command> =
  | {
      readonly type: 'done'
      readonly value: ResultOf<C>
      readonly index: LogIndex
      readonly isReplay: boolean
    }
  | { readonly type: 'declined'; readonly error: IpamError; readonly isReplay: boolean }
  /** Certainly not applied. */
  | { readonly type: 'refused' }
  /** The process died before it answered, or nobody knows. */
  | { readonly type: 'unknown' }

export interface Sent {
  readonly command: Command
  readonly idempotency: IdempotencyStamp | null
}

/** An answer that somebody got to a write. */
export interface Told {
  readonly requestId: string
  readonly answer:
    | { readonly ok: true; readonly value: unknown; readonly index: LogIndex; readonly isReplay: boolean }
    | {
        readonly ok: false
        readonly reason: RefusalReason
        readonly message: string
        readonly isReplay: boolean
      }
}

export class Calls {
  readonly counts: WorkloadCounts = {
    acknowledged: 0,
    declined: 0,
    replayed: 0,
    refused: 0,
    unknown: 0,
    reads: 0,
  }
  /** Every request that was made, by its id. */
  readonly sent = new Map<string, Sent>()
  readonly told: Told[] = []
  /** Requests that were certainly not applied, it was said. */
  readonly refused = new Set<string>()
  readonly #cluster: Cluster
  #highestAcknowledged: LogIndex = 0
  #nextRequest = 1

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  async execute<C extends Command>(
    machine: Machine,
    command: C,
    idempotency: IdempotencyStamp | null = null,
  ): Promise<Answer<C>> {
    const requestId = `ask-${this.#nextRequest++}`
    const context = { user: 'sim', requestId }
    const up = upOf(machine)
    if (up === null) return { type: 'refused' }
    this.sent.set(requestId, { command, idempotency })
    try {
      const done = up.running.service.execute(command, context, idempotency)
      const answer = await Promise.race([done, up.died])
      return answer === null ? this.#noteUnknown() : this.#noteDone(requestId, answer)
    } catch (error) {
      if (error instanceof IpamError) return this.#noteDeclined(requestId, error)
      if (!(error instanceof RaftError)) throw error
      const isNo = error.applied === 'no' && !this.#cluster.network.copies.hasDoubled({ command, context })
      return isNo ? this.#noteRefused(requestId) : this.#noteUnknown()
    }
  }

  async read<Q extends Query>(
    machine: Machine,
    query: Q,
    consistency: Consistency = { type: 'linearizable' },
  ): Promise<AnswerTo<Q> | 'unknown'> {
    const answer = await this.readAt(machine, query, consistency)
    return answer === 'unknown' ? answer : answer.value
  }

  /** @returns With the log index that it was read at, or after. */
  async readAt<Q extends Query>(
    machine: Machine,
    query: Q,
    consistency: Consistency = { type: 'linearizable' },
  ): Promise<{ readonly value: AnswerTo<Q>; readonly index: LogIndex } | 'unknown'> {
    const up = upOf(machine)
    if (up === null) return 'unknown'
    const floor = consistency.type === 'minIndex' ? consistency.index : this.#highestAcknowledged
    try {
      const answer = await Promise.race([up.running.service.read(query, consistency), up.died])
      if (answer === null) return 'unknown'
      check(
        answer.index >= floor,
        `a read on node ${machine.id} saw ${answer.index}, and ${floor} was acknowledged`,
      )
      this.counts.reads += 1
      return answer
    } catch (error) {
      if (error instanceof RaftError) return 'unknown'
      throw error
    }
  }

  #noteDone<V>(requestId: string, answer: { value: V; index: LogIndex; isReplay: boolean }) {
    const { value, index, isReplay } = answer
    this.told.push({ requestId, answer: { ok: true, value, index, isReplay } })
    this.counts.acknowledged += 1
    if (isReplay) this.counts.replayed += 1
    this.#highestAcknowledged = Math.max(this.#highestAcknowledged, index)
    return { type: 'done', value, index, isReplay } as const
  }

  #noteDeclined(requestId: string, error: IpamError) {
    const { reason, message, isReplay } = error
    this.told.push({ requestId, answer: { ok: false, reason, message, isReplay } })
    this.counts.declined += 1
    if (isReplay) this.counts.replayed += 1
    return { type: 'declined', error, isReplay } as const
  }

  #noteRefused(requestId: string) {
    this.counts.refused += 1
    this.refused.add(requestId)
    return { type: 'refused' } as const
  }

  #noteUnknown() {
    this.counts.unknown += 1
    return { type: 'unknown' } as const
  }
}

function upOf({ running, process }: Machine): { running: Running; died: Promise<null> } | null {
  return running === null || process === null ? null : { running, died: process.died.then(() => null) }
}

/** Of what clients saw. */
export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`history: ${message}`)
}
