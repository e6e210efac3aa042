/** Rows of answers that are kept under idempotency keys. Their heads are read all at once on open, and are bytes at fixed places. */
import type { IdempotencyStamp } from '../ipam/idempotency.ts'

const DIGEST_AT = 10

export interface KeptAnswerRow extends IdempotencyStamp {
  /** Log time. */
  readonly time: number
  /** As `outcome-codec.ts` writes it. */
  readonly outcome: Uint8Array
}

/** The time as a float, lengths of the two digests, these as text, the outcome. */
export function encodeKeptAnswer({ keyDigest, fingerprint, time, outcome }: KeptAnswerRow): Buffer {
  const outcomeAt = DIGEST_AT + keyDigest.length + fingerprint.length
  const row = Buffer.allocUnsafe(outcomeAt + outcome.length)
  row.writeDoubleBE(time, 0)
  row[8] = keyDigest.length
  row[9] = fingerprint.length
  row.write(keyDigest, DIGEST_AT, 'latin1')
  row.write(fingerprint, DIGEST_AT + keyDigest.length, 'latin1')
  row.set(outcome, outcomeAt)
  return row
}

export function decodeKeptAnswer(row: Buffer): KeptAnswerRow {
  const { keyDigest, time } = decodeKeptAnswerHead(row)
  const fingerprintAt = DIGEST_AT + keyDigest.length
  const outcomeAt = fingerprintAt + row.readUInt8(9)
  const fingerprint = row.toString('latin1', fingerprintAt, outcomeAt)
  return { keyDigest, fingerprint, time, outcome: row.subarray(outcomeAt) }
}

/** What is needed to find it by its key, and to forget it in time. */
export function decodeKeptAnswerHead(row: Buffer): Pick<KeptAnswerRow, 'keyDigest' | 'time'> {
  const keyDigest = row.toString('latin1', DIGEST_AT, DIGEST_AT + row.readUInt8(8))
  return { keyDigest, time: row.readDoubleBE(0) }
}
