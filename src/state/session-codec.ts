/** Rows of sessions and of their outcomes: numbers as floats at fixed places, since there is one of these with each write. */
import type { Outcome } from '../ipam/outcome.ts'
import type { Session } from '../ipam/session.ts'
import { writeOutcome } from './outcome-codec.ts'
import { rowWriter } from './row-writer.ts'

const OUTCOME_AT = 16

/** What changes of a session with each write. */
export type SessionProgress = Pick<Session, 'floor' | 'usedAt'>

/** As it was opened. */
export function encodeSession({ floor, usedAt }: SessionProgress): Buffer {
  rowWriter.begin()
  writeProgress({ floor, usedAt })
  return rowWriter.end()
}

export function decodeSession(row: Buffer): SessionProgress {
  return { floor: row.readDoubleBE(0), usedAt: row.readDoubleBE(8) }
}

/** @param session After the write that had this outcome. */
export function encodeSessionOutcome(session: SessionProgress, outcome: Outcome): Buffer {
  rowWriter.begin()
  writeProgress(session)
  writeOutcome(outcome)
  return rowWriter.end()
}

export function decodeSessionOutcome(row: Buffer): SessionProgress & { readonly outcome: Uint8Array } {
  return { ...decodeSession(row), outcome: row.subarray(OUTCOME_AT) }
}

function writeProgress({ floor, usedAt }: SessionProgress): void {
  rowWriter.writeFloat(floor)
  rowWriter.writeFloat(usedAt)
}
