/** Rows of sessions and of their outcomes: numbers as floats at fixed places, since there is one of these with each write. */
import type { Session } from '../ipam/session.ts'

const OUTCOME_AT = 16

/** What changes of a session with each write. */
export type SessionProgress = Pick<Session, 'floor' | 'usedAt'>

/** As it was opened. */
export function encodeSession({ floor, usedAt }: SessionProgress): Buffer {
  return encodeSessionOutcome({ floor, usedAt }, new Uint8Array())
}

export function decodeSession(row: Buffer): SessionProgress {
  return { floor: row.readDoubleBE(0), usedAt: row.readDoubleBE(8) }
}

/** @param outcome As `outcome-codec.ts` writes it. @param session After that write. */
export function encodeSessionOutcome({ floor, usedAt }: SessionProgress, outcome: Uint8Array): Buffer {
  const row = Buffer.allocUnsafe(OUTCOME_AT + outcome.length)
  row.writeDoubleBE(floor, 0)
  row.writeDoubleBE(usedAt, 8)
  row.set(outcome, OUTCOME_AT)
  return row
}

export function decodeSessionOutcome(row: Buffer): SessionProgress & { readonly outcome: Uint8Array } {
  return { ...decodeSession(row), outcome: row.subarray(OUTCOME_AT) }
}
