/** The arithmetic of comparisons. */
import type { CpuUse } from '../load/job.ts'

/** The driver's core from which on the driver may be what is measured. */
const DRIVER_BUSY_MIN = 0.85
/** Of the machine's processor time: what is left below it is nobody's to use. */
const ROOM_MIN = 0.05

export interface Spread {
  readonly median: number
  readonly lowest: number
  readonly highest: number
}

/** Of an even number of values the mean of the two in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[sorted.length >>> 1] ?? Number.NaN
  const lower = sorted[(sorted.length - 1) >>> 1] ?? Number.NaN
  return (lower + upper) / 2
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), lowest: Math.min(...values), highest: Math.max(...values) }
}

/**
 * Each round by itself, so that what slows the machine for a while slows both sides of a ratio.
 *
 * @throws if a round lacks one of its sides.
 */
export function ratioOf(numerators: readonly number[], denominators: readonly number[]): Spread {
  if (numerators.length !== denominators.length) {
    throw new Error(`${numerators.length} rounds cannot be compared with ${denominators.length}`)
  }
  return spread(numerators.map((numerator, i) => numerator / (denominators[i] ?? Number.NaN)))
}

/**
 * The nearest rank; NaN of none.
 *
 * @param sorted Ascending.
 * @param fraction From 0 to 1.
 */
export function percentile(sorted: ArrayLike<number>, fraction: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * fraction) - 1)] ?? Number.NaN
}

/** The driver had no time to spare, though the servers did not take all that it left: a quicker driver would show more. */
export function isDriverLimited(
  { driverMs, serversMs }: Pick<CpuUse, 'driverMs' | 'serversMs'>,
  { windowMs, cores }: { windowMs: number; cores: number },
): boolean {
  const room = 1 - (driverMs + serversMs) / (windowMs * cores)
  return driverMs / windowMs >= DRIVER_BUSY_MIN && room >= ROOM_MIN
}
