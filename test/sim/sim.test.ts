import { describe, expect, test } from 'vitest'
import { simulate } from './simulate.ts'

const SEEDS_DEFAULT = 60
const SEED_MS_MAX = 60_000

describe('a cluster under faults is safe at every step, and well once they stop', () => {
  test.each(seeds())('seed %i', { timeout: SEED_MS_MAX }, async (seed) => {
    const { committed } = await simulate(seed)

    expect(committed).toBeGreaterThan(0)
  })
})

test('the same seed is the same run', { timeout: SEED_MS_MAX }, async () => {
  const first = await simulate(3)

  expect(await simulate(3)).toEqual(first)
})

/** `SEED=7` runs that one, `SEEDS=500` the first so many, `SEEDS=1000-1999` a range. */
function seeds(): number[] {
  const { SEED, SEEDS = String(SEEDS_DEFAULT) } = process.env
  if (SEED !== undefined) return [Number(SEED)]
  const [first = 1, last = first] = SEEDS.includes('-') ? SEEDS.split('-').map(Number) : [1, Number(SEEDS)]
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}
