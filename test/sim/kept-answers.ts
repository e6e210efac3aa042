/** Which answers are kept under idempotency keys, by the rule alone: the oldest go first, by age and by number. */
import { isDeepStrictEqual } from 'node:util'
import type { AnswerLimits, IdempotencyStamp } from '../../src/ipam/idempotency.ts'
import type { Outcome } from '../../src/ipam/outcome.ts'

/** With each new answer at most so many go. */
const FORGOTTEN_AT_ONCE = 8

interface Kept extends IdempotencyStamp {
  readonly outcome: Outcome
  readonly time: number
}

export class KeptAnswers {
  readonly #limits: AnswerLimits
  /** Oldest first. */
  #kept: readonly Kept[] = []
  /** What was answered before. */
  replays = 0
  forgotten = 0

  constructor(limits: AnswerLimits) {
    this.#limits = limits
  }

  /**
   * A write with a key was applied.
   *
   * @returns Whether it may have had an effect.
   * @throws if it was not answered as the first of its key.
   */
  note(stamp: IdempotencyStamp, { outcome, time }: { outcome: Outcome; time: number }): boolean {
    const first = this.#kept.find(({ keyDigest }) => keyDigest === stamp.keyDigest)
    if (first === undefined) {
      if (outcome.isReplay) throw new Error(`${stamp.keyDigest} is answered before it was used`)
      this.#keep({ ...stamp, outcome, time })
      return true
    }
    this.replays += 1
    if (first.fingerprint === stamp.fingerprint) {
      if (isDeepStrictEqual(outcome, { ...first.outcome, isReplay: true })) return false
      throw new Error(`${stamp.keyDigest} got another answer than the first`)
    }
    if (!outcome.ok && outcome.refusal.reason === 'idempotency_key_reused') return false
    throw new Error(`${stamp.keyDigest} was used for something else, and that is not refused`)
  }

  #keep(kept: Kept): void {
    const { keptMs, keysMax } = this.#limits
    let count = 0
    for (const { time } of this.#kept) {
      const isTooOld = time + keptMs <= kept.time
      const isTooMany = this.#kept.length - count >= keysMax
      if (count === FORGOTTEN_AT_ONCE || !(isTooOld || isTooMany)) break
      count += 1
    }
    this.forgotten += count
    this.#kept = [...this.#kept.slice(count), kept]
  }
}
