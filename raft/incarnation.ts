/**
 * The name of a data directory, random, so that one that was wiped or exchanged is told from the one before. One that was
 * made of a snapshot, to found a new cluster, also says which: `<origin>.<random>`.
 */

/** Null for a directory that began empty. */
export function originOf(incarnation: string): string | null {
  const end = incarnation.indexOf('.')
  return end < 0 ? null : incarnation.slice(0, end)
}

/** @param origin Without a full stop; equal for all founders of one cluster, and for no others. */
export function withOrigin(origin: string, random: string): string {
  return `${origin}.${random}`
}
