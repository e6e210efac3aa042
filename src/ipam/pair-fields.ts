/** Fields that lie as pairs, in any order: changes by the name of what they change, metadata by its key. */
import type { AllocationChanges, NetworkChanges } from './command.ts'
import { allOf, isText, isTextOrNull, wellFormed } from './field-values.ts'
import type { Metadata } from './records.ts'

export function changesToFields(changes: NetworkChanges | AllocationChanges): unknown[] {
  return Object.entries(changes).map(([name, value]) => [name, encodeChange(value)])
}

function encodeChange(value: unknown): unknown {
  if (typeof value === 'string') return wellFormed(value)
  if (Array.isArray(value)) return value.map((text: string) => wellFormed(text))
  if (typeof value !== 'object' || value === null) return value
  return pairsOf(value as Record<string, string | null>)
}

/** Each returns the value, or undefined if it is none. */
type Checks = Readonly<Record<string, (value: unknown) => unknown>>

/** Null unless each names what `checks` knows, and passes. */
export function changesOf(value: unknown, checks: Checks): object | null {
  const entries = allOf(value, (pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) return null
    const [name, field] = pair as unknown[]
    const check = typeof name === 'string' && Object.hasOwn(checks, name) ? checks[name] : undefined
    const checkedValue = check?.(field)
    return checkedValue === undefined ? null : ([name as string, checkedValue] as const)
  })
  return entries && Object.fromEntries(entries)
}

export function checked<T>(is: (value: unknown) => value is T): (value: unknown) => T | undefined {
  return (value) => (is(value) ? value : undefined)
}

/** Null for a key that goes. */
export function metadataChangesOf(value: unknown): Record<string, string | null> | undefined {
  const pairs = allOf(value, (pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) return null
    const [key, text] = pair as unknown[]
    return isText(key) && isTextOrNull(text) ? ([key, text] as const) : null
  })
  return pairs === null ? undefined : recordOfPairs(pairs)
}

export function pairsOf(metadata: Readonly<Record<string, string | null>>): unknown[] {
  return Object.entries(metadata).map(([key, text]) => [wellFormed(key), text && wellFormed(text)])
}

export function metadataOf(value: unknown): Metadata | null {
  const changes = metadataChangesOf(value)
  if (changes === undefined || Object.values(changes).includes(null)) return null
  return changes as Metadata
}

/** Not by assignment: `__proto__` is a key like any other. */
function recordOfPairs<T>(pairs: readonly (readonly [string, T])[]): Record<string, T> {
  return Object.fromEntries(pairs)
}
