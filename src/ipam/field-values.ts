/** Values as they come out of the bytes of a command: whether they are what a field takes. */
import type { SeenIndex } from './records.ts'

/** Ids end up in keys, whose order in memory (UTF-16) and on disk (bytes) is the same only for ASCII. */
const ID_PATTERN = /^[!-~]{1,64}$/

/** Null if `decode` finds one that is none, or if it is no array. */
export function allOf<T>(values: unknown, decode: (value: unknown) => T | null): T[] | null {
  if (!Array.isArray(values)) return null
  const decoded: T[] = []
  for (const value of values) {
    const one = decode(value)
    if (one === null) return null
    decoded.push(one)
  }
  return decoded
}

/**
 * Lone surrogates become U+FFFD before they enter the log: how a decoder reads their bytes differs between
 * msgpackr's native and its JavaScript half, and so could differ between two nodes.
 */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd')
}

export function isText(value: unknown): value is string {
  return typeof value === 'string'
}

export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1
}

export function isId(value: unknown): value is string {
  return typeof value === 'string' && ID_PATTERN.test(value)
}

export function isIds(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every(isId)
}

export function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string'
}

export function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isText)
}

export function isCountOrNull(value: unknown): value is number | null {
  return value === null || isCount(value)
}

export function isSeenIndex(value: unknown): value is SeenIndex {
  return isCountOrNull(value) || (Array.isArray(value) && value.length > 1 && value.every(isCount))
}

/** A duration that may be none. */
export function isSpan(value: unknown): value is number {
  return value === 0 || isCount(value)
}

export function isDurationOrNull(value: unknown): value is number | null {
  return value === null || (typeof value === 'number' && Number.isFinite(value) && value > 0)
}
