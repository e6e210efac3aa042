/**
 * The id of an allocation says where its row lies, so that no index from ids to rows is written or looked up:
 * `alloc-`, twelve random characters, the log index in base 36, and `_` with the sequence number where an entry made several.
 *
 * The position alone would be unique, and the random part is what makes the id safe to keep: a cluster that is restored from an older
 * backup uses log indexes again, and a script that still has an id of the lost future must never release somebody else's allocation.
 */
import { assert } from '../../raft/assert.ts'

/** Neither `_` nor `-`: both have a meaning in an id. */
export const TOKEN_ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
export const TOKEN_CHARS = 12

const TOKEN = `[0-9A-Za-z]{${TOKEN_CHARS}}`
const TOKEN_PATTERN = new RegExp(`^${TOKEN}$`)
/** 2^53 - 1 has eleven digits in base 36, and no entry has a sequence number of more than four. */
const ID_PATTERN = new RegExp(`^alloc-${TOKEN}([0-9a-z]{1,11})(?:_([0-9a-z]{1,4}))?$`)

/** Of the allocation, and of the audit row of its creation. */
export interface AllocationPosition {
  readonly index: number
  /** Among the audit rows of its entry, from 0. */
  readonly sequence: number
}

export function isToken(value: unknown): value is string {
  return typeof value === 'string' && TOKEN_PATTERN.test(value)
}

export function formatAllocationId(token: string, { index, sequence }: AllocationPosition): string {
  assert(isToken(token), '{} is no token', token)
  const place = `alloc-${token}${index.toString(36)}`
  return sequence === 0 ? place : `${place}_${sequence.toString(36)}`
}

/**
 * Where the allocation would lie, if there is one: only an allocation there that has this very id is the one that is meant.
 *
 * @returns Null if no allocation can have the id.
 */
export function parseAllocationId(id: string): AllocationPosition | null {
  const parts = ID_PATTERN.exec(id)
  if (parts === null) return null
  const index = Number.parseInt(parts[1] ?? '', 36)
  return Number.isSafeInteger(index) ? { index, sequence: Number.parseInt(parts[2] ?? '0', 36) } : null
}
