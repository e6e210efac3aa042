/** Answers kept under idempotency keys: rows, and in memory the order in which they age. */
import { assert } from '../../raft/assert.ts'
import type { Outcome } from '../ipam/command.ts'
import type { AnswerLimits, IdempotencyStamp, IdempotencyStore, KeptAnswer } from '../ipam/idempotency.ts'
import { idempotencyAgeKey, idempotencyKey } from './key-space.ts'
import { decodeOutcome, encodeOutcomeRow } from './outcome-codec.ts'
import { decodeAnswer, decodeIdempotencyAge, encodeAnswer, encodeIdempotencyAge } from './row-codec.ts'
import type { StagedRows } from './staged-rows.ts'

/** With each answer that is kept, so many may go: the number sinks when the limits do, and no entry has much to do. */
const FORGOTTEN_PER_ANSWER_MAX = 8

/** Answers by age: what is forgotten is always the oldest. */
export class AnswerAges {
  /** Log indexes, ascending; those before `#start` are gone. */
  #indexes: number[] = []
  #start = 0
  totalBytes = 0

  get size(): number {
    return this.#indexes.length - this.#start
  }

  /** Log index of the oldest. */
  get oldest(): number | null {
    return this.#indexes[this.#start] ?? null
  }

  add(index: number, bytes: number): void {
    this.#indexes.push(index)
    this.totalBytes += bytes
  }

  removeOldest(bytes: number): void {
    this.#start += 1
    this.totalBytes -= bytes
    if (this.#start < 1_000 || this.#start * 2 < this.#indexes.length) return
    this.#indexes = this.#indexes.slice(this.#start)
    this.#start = 0
  }
}

export class IdempotencyRows implements IdempotencyStore {
  readonly #rows: StagedRows
  readonly #ages: AnswerAges
  readonly #limits: AnswerLimits
  #index = 0

  constructor(options: { rows: StagedRows; ages: AnswerAges; limits: AnswerLimits }) {
    this.#rows = options.rows
    this.#ages = options.ages
    this.#limits = options.limits
  }

  beginEntry(index: number): void {
    this.#index = index
  }

  answer(keyDigest: string): KeptAnswer | null {
    const row = this.#rows.get(idempotencyKey(keyDigest))
    if (row === null) return null
    const { fingerprint, outcome } = decodeAnswer(row)
    return { fingerprint, outcome: decodeOutcome(outcome) }
  }

  keepAnswer(kept: IdempotencyStamp & { readonly outcome: Outcome; readonly time: number }): void {
    const { keyDigest, fingerprint, outcome, time } = kept
    for (let count = 0; count < FORGOTTEN_PER_ANSWER_MAX && this.#forgetOldest(time); count++);
    const row = encodeAnswer(fingerprint, encodeOutcomeRow(outcome))
    const bytes = row.length
    this.#rows.put(idempotencyKey(keyDigest), row)
    this.#rows.put(idempotencyAgeKey(this.#index), encodeIdempotencyAge({ keyDigest, time, bytes }))
    this.#ages.add(this.#index, bytes)
  }

  /** @returns False if it may stay. */
  #forgetOldest(time: number): boolean {
    const { oldest, size, totalBytes } = this.#ages
    if (oldest === null) return false
    const key = idempotencyAgeKey(oldest)
    const row = this.#rows.get(key)
    assert(row !== null, 'no row {}', key)
    const age = decodeIdempotencyAge(row)
    const { keptMs, keysMax, bytesMax } = this.#limits
    const isTooMany = size >= keysMax || totalBytes >= bytesMax
    if (age.time + keptMs > time && !isTooMany) return false
    this.#rows.put(idempotencyKey(age.keyDigest), null)
    this.#rows.put(key, null)
    this.#ages.removeOldest(age.bytes)
    return true
  }
}
