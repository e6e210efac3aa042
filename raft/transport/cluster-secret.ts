/**
 * How two nodes prove to each other that they know the same secret, without saying it: each returns a keyed digest of
 * what both have just said, which has a fresh number of each in it (three-pass mutual authentication, ISO/IEC 9798-4).
 */
import { createHmac, createSecretKey, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto'
import { ProtocolError } from './errors.ts'
import type { Shape } from './shape.ts'

/** Never twice the same: what was proven once proves nothing again. */
const NONCE_BYTES = 32
/** Of HMAC-SHA-256. */
const PROOF_BYTES = 32

/** Tells this use of the secret from any other; goes into every proof. */
const CONTEXT = 'ipam-raft handshake 1'

/** A proof of one side is none of the other, so that nobody can be answered with what he has said. */
export type Prover = 'dialer' | 'acceptor'

/** Bodies of the two frames as they were on the wire. Everything in them is proven, unknown fields included. */
export interface Transcript {
  readonly hello: Uint8Array
  readonly welcome: Uint8Array
}

/** A key object is not printed by accident. */
export function secretKey(secret: string): KeyObject {
  return createSecretKey(Buffer.from(secret))
}

export function freshNonce(): Buffer {
  return randomBytes(NONCE_BYTES)
}

export function proofOf(secret: KeyObject, prover: Prover, { hello, welcome }: Transcript): Buffer {
  const hmac = createHmac('sha256', secret).update(`${CONTEXT} ${prover}\0`)
  for (const body of [hello, welcome]) {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(body.length)
    hmac.update(length).update(body)
  }
  return hmac.digest()
}

/** Which of our secrets `prover` has used; null if none. Takes the same time wherever a proof goes wrong. */
export function provenSecret(
  proof: Uint8Array,
  secrets: readonly KeyObject[],
  prover: Prover,
  transcript: Transcript,
): KeyObject | null {
  if (proof.length !== PROOF_BYTES) return null
  return secrets.find((secret) => timingSafeEqual(proof, proofOf(secret, prover, transcript))) ?? null
}

/** A nonce, or null from a node that has no secret. */
export const nonceShape: Shape<Uint8Array | null> = {
  encode: (nonce) => nonce,
  decode: (value) => {
    if (value === null || value === undefined) return null
    if (value instanceof Uint8Array && value.length === NONCE_BYTES) return value
    throw new ProtocolError(`not ${NONCE_BYTES} bytes`)
  },
}
