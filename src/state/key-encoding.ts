/** How numbers, addresses and text stand in keys: as ASCII, in whose order the keys lie. */
import { assert } from '../../raft/assert.ts'
import { addressBits, type Family } from '../ipam/address.ts'

export const INDEX_DIGITS = 14 // 53 bits
/** As many as the longest number in a key has digits: an IPv6 address. */
const ZEROS = '0'.repeat(32)
const SEQUENCE_DIGITS = 4
export const SEQUENCE_MAX = 0xffff
export const POSITION_CHARS = INDEX_DIGITS + SEQUENCE_DIGITS
/** Of a position as bytes. */
export const POSITION_BYTES = POSITION_CHARS / 2

/** Half-open, like the `gte` and `lt` of LevelDB. */
export interface KeyRange {
  readonly gte: string
  readonly lt: string
}

export function prefixRange(prefix: string): KeyRange {
  const last = prefix.charCodeAt(prefix.length - 1)
  return { gte: prefix, lt: prefix.slice(0, -1) + String.fromCharCode(last + 1) }
}

/** Which entry made a row, and which row of that entry it is: the order of creation, as text of fixed width. */
export type Position = string

export function positionOf(index: number, sequence: number): Position {
  assert(sequence <= SEQUENCE_MAX, 'entry {} makes more than {} rows of one kind', index, SEQUENCE_MAX + 1)
  return toHex(index) + padded(sequence.toString(16), SEQUENCE_DIGITS)
}

export function parsePosition(position: Position): { index: number; sequence: number } {
  return {
    index: Number.parseInt(position.slice(0, INDEX_DIGITS), 16),
    sequence: Number.parseInt(position.slice(INDEX_DIGITS), 16),
  }
}

export function isPosition(text: string): boolean {
  return text.length === POSITION_CHARS && /^[0-9a-f]+$/.test(text)
}

/** The position that a key ends with: that of the row, or of the row that an index points to. */
export function positionIn(key: string): Position {
  return key.slice(-POSITION_CHARS)
}

/** Of one width in a family. */
export function addressDigits(family: Family, value: bigint): string {
  return padded(value.toString(16), addressBits(family) / 4)
}

/** An entry asks for the digits of its own index once for each of its rows. */
let lastHex = { value: 0, digits: ZEROS.slice(0, INDEX_DIGITS) }

/** Of a safe integer. */
export function toHex(value: number): string {
  if (value !== lastHex.value) lastHex = { value, digits: padded(value.toString(16), INDEX_DIGITS) }
  return lastHex.digits
}

/** As `padStart` with zeros, in half the time and with half the garbage. */
export function padded(digits: string, length: number): string {
  return ZEROS.slice(0, length - digits.length) + digits
}

/**
 * Text in a key: lower-case letters, digits, `-`, `.` and `_` stand for themselves, every other byte of its UTF-8 is `%` and two
 * hex digits. A prefix of the text is a prefix of it, and a space ends it.
 */
export function asciiOf(text: string): string {
  return PLAIN.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1').replace(UNPLAIN, escapeByte)
}

const PLAIN = /^[a-z0-9._-]*$/
const UNPLAIN = /[^a-z0-9._-]/g

function escapeByte(byte: string): string {
  return `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`
}
