/** How long nobody could write while nodes came and went, and how much of that is ours. */
import { expect } from 'vitest'

/**
 * All gaps but the longest are below a limit. One may be a pause of the machine, which does not come again; what takes the
 * program too long does, each time.
 *
 * @param gapsMs Of one kind: what is long in one role only would hide among those of the other.
 */
export function expectShortGaps(
  gapsMs: readonly number[],
  { what, gapMsMax }: { what: string; gapMsMax: number },
): void {
  const [, ...others] = gapsMs.toSorted((a, b) => b - a)
  const long = others.filter((gapMs) => gapMs >= gapMsMax)
  expect(long, `write gaps of ${gapMsMax} ms or more beside the longest, ${what}`).toEqual([])
}
