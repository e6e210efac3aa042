/**
 * A host name in 128 bits: one for each two, three and four characters that stand side by side in it. All bits of a part are
 * among those of a name that has it, so that most names without it need not be read.
 */
import { BASE, symbolAt } from './hostname-grams.ts'

export const SIGNATURE_BYTES = 16
/** The golden ratio's, as multiplicative hashing has it; the upper bits are the best mixed. */
const MULTIPLIER = 0x9e37_79b1
const SHIFT = 32 - 7
const LENGTHS_MAX = 4

/** @param text A host name, or a part of one, in any letter case. Null has no bits. */
export function signatureOf(text: string | null): Buffer {
  const signature = Buffer.alloc(SIGNATURE_BYTES)
  const lower = text?.toLowerCase() ?? ''
  for (let end = 1; end < lower.length; end++) {
    let code = symbolAt(lower, end)
    for (let start = end - 1; start >= 0 && start > end - LENGTHS_MAX; start--) {
      code = code * BASE + symbolAt(lower, start)
      const bit = Math.imul(code, MULTIPLIER) >>> SHIFT
      signature[bit >> 3] = (signature[bit >> 3] as number) | (1 << (bit & 7))
    }
  }
  return signature
}

/** @param part The signature of a part. @param offset Of the name's signature in `bytes`. */
export function mayHave(bytes: Uint8Array, offset: number, part: Uint8Array): boolean {
  for (let i = 0; i < SIGNATURE_BYTES; i++) {
    const wanted = part[i] as number
    if (((bytes[offset + i] as number) & wanted) !== wanted) return false
  }
  return true
}
