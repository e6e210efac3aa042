/** Writes that a client may repeat: the first answer to an idempotency key is the answer to all that come after it. */
import type { Outcome } from './outcome.ts'
import { refuse } from './refuse.ts'

/** How many answers are kept. Part of what `apply` does, so the same on every node, always. */
export interface AnswerLimits {
  /** By the log's time. */
  readonly keptMs: number
  /** Above either, the oldest are forgotten before their time. */
  readonly keysMax: number
  readonly bytesMax: number
}

export const ANSWER_LIMITS: AnswerLimits = {
  keptMs: 24 * 60 * 60 * 1_000,
  keysMax: 500_000,
  bytesMax: 256 * 1024 * 1024,
}

/** What a client's key becomes before the log: text of one length, that no other client can make. */
export interface IdempotencyStamp {
  /** Of user and key. */
  readonly keyDigest: string
  /** Of everything that the request asked for. */
  readonly fingerprint: string
}

export interface KeptAnswer {
  readonly fingerprint: string
  readonly outcome: Outcome
}

export interface IdempotencyStore {
  answer(keyDigest: string): KeptAnswer | null
  /** Forgets some of those that are too old or too many. */
  keepAnswer(kept: IdempotencyStamp & { readonly outcome: Outcome; readonly time: number }): void
}

/** Carries out `apply` unless the key was used before. A refusal is an answer, too. */
export function applyOncePerKey(
  store: IdempotencyStore,
  stamp: IdempotencyStamp,
  { time, apply }: { readonly time: number; readonly apply: () => Outcome },
): Outcome {
  const kept = store.answer(stamp.keyDigest)
  if (kept !== null) return replay(kept, stamp)
  const outcome = apply()
  const { keyDigest, fingerprint } = stamp
  store.keepAnswer({ keyDigest, fingerprint, outcome, time })
  return outcome
}

function replay({ fingerprint, outcome }: KeptAnswer, stamp: IdempotencyStamp): Outcome {
  if (fingerprint === stamp.fingerprint) return { ...outcome, isReplay: true }
  const message =
    'Idempotency-Key was used before, for another request; use a new key for each request, and the same one only to repeat it unchanged'
  return refuse('idempotency_key_reused', message)
}
