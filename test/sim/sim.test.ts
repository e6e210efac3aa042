import { expect, test } from 'vitest'
import { testSeeds } from './seeds.ts'
import { simulate } from './simulate.ts'

testSeeds(0)

test.each([3, 17, 40])('seed %i is the same run each time', { timeout: 60_000 }, async (seed) => {
  const first = await simulate(seed)

  expect(await simulate(seed)).toEqual(first)
})
