/** Passwords, which people choose: hashed with scrypt (RFC 7914), off the event loop. */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'

export const PASSWORD_CHARS_MIN = 8
export const PASSWORD_CHARS_MAX = 1_024

export interface PasswordCost {
  /** Logarithm of the number of blocks; each takes 1 KiB of memory. */
  readonly ln: number
  /** How often all of it is gone through. */
  readonly p: number
}

/** 32 MiB three times, as OWASP advises: about 0.15 s of a processor. */
export const PASSWORD_COST: PasswordCost = { ln: 15, p: 3 }

const BLOCK_SIZE = 8
const SALT_BYTES = 16
const HASH_BYTES = 32
const FORMAT = /^\$scrypt\$ln=(\d+),r=8,p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/

/** "$scrypt$ln=15,r=8,p=3$salt$hash" */
export async function hashPassword(password: string, cost: PasswordCost = PASSWORD_COST): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const hash = await derive(password, salt, cost)
  return `$scrypt$ln=${cost.ln},r=${BLOCK_SIZE},p=${cost.p}$${unpadded(salt)}$${unpadded(hash)}`
}

/** @param hash As `hashPassword` makes them. */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const [, ln, p, salt = '', expected = ''] = FORMAT.exec(hash) ?? []
  const cost = { ln: Number(ln), p: Number(p) }
  const derived = await derive(password, Buffer.from(salt, 'base64'), cost)
  return timingSafeEqual(derived, Buffer.from(expected, 'base64'))
}

/**
 * For comparing two requests that set a password: the same for the same password, and no quicker to guess it from.
 *
 * @param options.purpose Takes the place of the salt.
 */
export async function passwordFingerprint(
  password: string,
  { purpose, cost = PASSWORD_COST }: { readonly purpose: string; readonly cost?: PasswordCost },
): Promise<string> {
  return unpadded(await derive(password, Buffer.from(`ipam ${purpose}`), cost))
}

function derive(password: string, salt: Buffer, { ln, p }: PasswordCost): Promise<Buffer> {
  const options = { N: 2 ** ln, r: BLOCK_SIZE, p, maxmem: 2 * 128 * BLOCK_SIZE * 2 ** ln }
  return new Promise((resolve, reject) => {
    // What is one character to people is one here, however it was typed (RFC 8265 §4.2).
    scrypt(password.normalize('NFC'), salt, HASH_BYTES, options, (error, key) => {
      if (error) reject(error)
      else resolve(key)
    })
  })
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '')
}
