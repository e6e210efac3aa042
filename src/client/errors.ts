/** What a call of the client fails with, beside the reason of a signal that has stopped it. */
import { type ApiAnswer, readProblem } from './attempt.ts'
import type { Reason } from './generated/types.ts'

/** The API says no. Whatever was asked for, was not done, unless `applied` is `unknown`. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  /** Of HTTP. */
  readonly status: number
  /** A stable word; null where something else than the API has answered, such as a proxy. */
  readonly reason: Reason | (string & {}) | null
  /** The first of what is wrong: a field, a parameter, or an item such as `items[3]`. */
  readonly field: string | null
  readonly details: readonly { readonly field: string; readonly message: string }[]
  /** Null on a 400, which never gets that far. */
  readonly applied: 'no' | 'unknown' | null
  readonly requestId: string | null

  constructor({ status, text }: ApiAnswer) {
    const { error, reason, details, applied, requestId } = readProblem(text, status)
    super(error)
    this.status = status
    this.reason = reason
    this.field = details[0]?.field ?? null
    this.details = details
    this.applied = applied
    this.requestId = requestId
  }
}

/** No server has given an answer in time. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError'
  /** `unknown`: it may have been carried out. The same call with the same key tells, and does it once at most. */
  readonly applied: 'no' | 'unknown'
  /** What the attempts had; null for none. */
  readonly idempotencyKey: string | null
  /** Of each server, what the last attempt came to. */
  readonly failures: ReadonlyMap<string, string>

  constructor({
    applied,
    idempotencyKey,
    failures,
  }: Pick<UnavailableError, 'applied' | 'idempotencyKey' | 'failures'>) {
    const reasons = [...failures].map(([server, message]) => `${server}: ${message}`).join('; ')
    const next =
      idempotencyKey === null ? 'look before you try again' : 'call again with the same idempotency key'
    super(
      applied === 'unknown'
        ? `the outcome is unknown (${reasons}); ${next}`
        : `no server can answer: ${reasons}; nothing was changed`,
    )
    this.applied = applied
    this.idempotencyKey = idempotencyKey
    this.failures = failures
  }
}
