/** Answers kept under idempotency keys: a row each in the order of the log, found by what memory holds of their keys. */

import type { AnswerLimits, IdempotencyStamp, IdempotencyStore, KeptAnswer } from '../ipam/idempotency.ts'
import type { Outcome } from '../ipam/outcome.ts'
import { decodeKeptAnswer, encodeKeptAnswer } from './answer-codec.ts'
import type { AnswerTable } from './answer-table.ts'
import { keptAnswerKey } from './key-space.ts'
import { decodeOutcome, encodeOutcomeRow } from './outcome-codec.ts'
import type { StagedRows } from './staged-rows.ts'

/** With each answer that is kept, so many may go: the number sinks when the limits do, and no entry has much to do. */
const FORGOTTEN_PER_ANSWER_MAX = 8

export class IdempotencyRows implements IdempotencyStore {
  readonly #rows: StagedRows
  readonly #answers: AnswerTable
  readonly #limits: AnswerLimits
  #index = 0

  constructor(options: { rows: StagedRows; answers: AnswerTable; limits: AnswerLimits }) {
    this.#rows = options.rows
    this.#answers = options.answers
    this.#limits = options.limits
  }

  beginEntry(index: number): void {
    this.#index = index
  }

  answer(keyDigest: string): KeptAnswer | null {
    for (const index of this.#answers.indexesOf(keyDigest)) {
      const kept = decodeKeptAnswer(this.#rows.existing(keptAnswerKey(index)))
      if (kept.keyDigest !== keyDigest) continue
      return { fingerprint: kept.fingerprint, outcome: decodeOutcome(kept.outcome) }
    }
    return null
  }

  /** Not to be taken back: memory forgets with the rows. */
  keepAnswer(kept: IdempotencyStamp & { readonly outcome: Outcome; readonly time: number }): void {
    const { keyDigest, fingerprint, outcome, time } = kept
    for (let count = 0; count < FORGOTTEN_PER_ANSWER_MAX && this.#forgetOldest(time); count++);
    const row = encodeKeptAnswer({ keyDigest, fingerprint, time, outcome: encodeOutcomeRow(outcome) })
    this.#rows.put(keptAnswerKey(this.#index), row)
    this.#answers.add(keyDigest, { index: this.#index, time, bytes: row.length })
  }

  /** @returns False if it may stay. */
  #forgetOldest(now: number): boolean {
    const { oldest, size, totalBytes } = this.#answers
    if (oldest === null) return false
    const { keptMs, keysMax, bytesMax } = this.#limits
    const isTooMany = size >= keysMax || totalBytes >= bytesMax
    if (oldest.time + keptMs > now && !isTooMany) return false
    this.#rows.put(keptAnswerKey(oldest.index), null)
    this.#answers.removeOldest()
    return true
  }
}
