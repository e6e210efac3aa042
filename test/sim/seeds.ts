/** The seeds that the test suite runs, in shares that run beside each other. */
import { describe, expect, test } from 'vitest'
import { simulate } from './simulate.ts'

const SEEDS = 300
const SHARES = 2
const SEED_MS_MAX = 60_000

/** @param share From 0. */
export function testSeeds(share: number): void {
  const seeds = Array.from({ length: SEEDS / SHARES }, (_, i) => i * SHARES + share + 1)
  describe('a cluster under faults is safe at every step, and well once they stop', () => {
    test.each(seeds)('seed %i', { timeout: SEED_MS_MAX }, async (seed) => {
      const { committed } = await simulate(seed)

      expect(committed).toBeGreaterThan(0)
    })
  })
}
