/** The tokens of API keys: `ipam_<id>_<secret>`, which people and scanners of leaked secrets recognise. */
import { hash, randomBytes } from 'node:crypto'

const SECRET_BYTES = 32
const ID_CHARS = 16
const TOKEN = /^ipam_([a-z0-9]{16})_[A-Za-z0-9_-]{43}$/
const ID_ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

export interface NewToken {
  readonly id: string
  /** Shown once, and nowhere kept. */
  readonly token: string
  readonly secretHash: string
}

export function createToken(): NewToken {
  const id = Array.from(randomBytes(ID_CHARS), (byte) => ID_ALPHABET.charAt(byte % ID_ALPHABET.length)).join(
    '',
  )
  const token = `ipam_${id}_${randomBytes(SECRET_BYTES).toString('base64url')}`
  return { id, token, secretHash: hashToken(token) }
}

/** The id of the key that it would be of; null for what is no token. */
export function idOfToken(token: string): string | null {
  return TOKEN.exec(token)?.[1] ?? null
}

/** A secret of 256 random bits cannot be guessed, so that a quick hash is enough. */
export function hashToken(token: string): string {
  return hash('sha256', token, 'base64url')
}
