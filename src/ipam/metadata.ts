import type { MetadataChanges } from './command.ts'
import type { Metadata } from './records.ts'

/** Keys ascend, whatever order they came in: equal maps are equal bytes. */
export function sortedMetadata(entries: Iterable<readonly [string, string]>): Metadata {
  return Object.fromEntries([...entries].toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
}

/** Null removes a key (RFC 7396). */
export function withChanges(before: Metadata, changes: MetadataChanges = {}): Metadata {
  const after = new Map(Object.entries(before))
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) after.delete(key)
    else after.set(key, value)
  }
  return sortedMetadata(after)
}
