/** What there is to watch of the state. */
import type { Durations } from '../../raft/durations.ts'
import type { AnswerLimits } from '../ipam/idempotency.ts'
import { SESSIONS_MAX } from '../ipam/session.ts'
import type { NetworkTree } from './network-table.ts'
import type { StateMemory } from './row-store.ts'

/** How full something is that has a bound. */
export interface Filled {
  readonly size: number
  readonly max: number
}

export interface StateFigures {
  readonly networkCount: number
  /** The networks of each namespace: the trees never change, the networks in them do. */
  readonly trees: ReadonlyMap<string, NetworkTree>
  /** Active allocations that will expire. */
  readonly expiringCount: number
  readonly coolingCount: number
  readonly sessions: Filled
  /** Answers that are kept under idempotency keys. */
  readonly answers: Filled
  readonly answerBytes: Filled
  /** Applied, and not in the database yet. */
  readonly unflushedBytes: Filled
  readonly flushes: Durations
}

export function stateFigures({
  memory,
  answerLimits,
  flushes,
  unflushedBytes,
  unflushedBytesMax,
}: {
  readonly memory: StateMemory
  readonly answerLimits: AnswerLimits
  readonly flushes: Durations
  readonly unflushedBytes: number
  readonly unflushedBytesMax: number
}): StateFigures {
  const { networks, expiries, coolings, sessions, answers } = memory
  return {
    networkCount: networks.size,
    trees: networks.trees,
    expiringCount: expiries.size,
    coolingCount: coolings.size,
    sessions: { size: sessions.size, max: SESSIONS_MAX },
    answers: { size: answers.size, max: answerLimits.keysMax },
    answerBytes: { size: answers.totalBytes, max: answerLimits.bytesMax },
    unflushedBytes: { size: unflushedBytes, max: unflushedBytesMax },
    flushes,
  }
}
