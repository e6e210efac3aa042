/** How long things took: counted in plain numbers where they happen, read by whoever watches. */

/** Upper ends of the buckets, included; from a good disk's sync to the timeout of a request. */
export const DURATION_BOUNDS_MS: readonly number[] = [
  0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000,
]

/** A histogram. Single numbers are not kept. */
export class Durations {
  /** How many ended in each bucket; the last one is for what is above all bounds. */
  readonly counts: number[] = Array.from({ length: DURATION_BOUNDS_MS.length + 1 }, () => 0)
  sumMs = 0

  /** Costs some ten nanoseconds: it stands where every request passes. */
  note(ms: number): void {
    this.sumMs += ms
    let bucket = 0
    while (bucket < DURATION_BOUNDS_MS.length && ms > (DURATION_BOUNDS_MS[bucket] as number)) bucket += 1
    this.counts[bucket] = (this.counts[bucket] as number) + 1
  }
}
