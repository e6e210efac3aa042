/**
 * Those of the fields in which the two records differ, in their order. A change that asks for what there is changes nothing: it
 * has no audit row, and the record keeps its ETag.
 */
export function differing<T extends object>(fields: readonly string[], before: T, after: T): string[] {
  const valueIn = (record: T, field: string): unknown => (record as Record<string, unknown>)[field]
  return fields.filter((field) => !isSame(valueIn(before, field), valueIn(after, field)))
}

/** Of text, numbers, null, and lists and maps of these. */
function isSame(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  const [own, others] = [Object.entries(a), new Map(Object.entries(b))]
  return own.length === others.size && own.every(([key, value]) => isSame(value, others.get(key)))
}
