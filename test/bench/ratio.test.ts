import { describe, expect, test } from 'vitest'
import { isDriverLimited, median, percentile, ratioOf, spread } from '../../bench/report/ratio.ts'

describe('medians and spreads', () => {
  test.each([
    { values: [3, 1, 2], expected: 2, why: 'the one in the middle, in whatever order they come' },
    { values: [4, 1, 2, 3], expected: 2.5, why: 'two are in the middle' },
    { values: [10, 9, 100], expected: 10, why: 'numbers are not compared as text' },
    { values: [7], expected: 7, why: 'one round' },
    { values: [], expected: Number.NaN, why: 'nothing was measured' },
  ])('the median of $values is $expected: $why', ({ values, expected }) => {
    expect(median(values)).toBe(expected)
  })

  test('a spread is from the lowest to the highest value around the median', () => {
    expect(spread([5, 1, 3])).toEqual({ median: 3, lowest: 1, highest: 5 })
  })

  test('a ratio is taken in each round, not between medians', () => {
    const ours = [100, 10, 50]
    const theirs = [50, 5, 50]

    const ratio = ratioOf(ours, theirs)

    expect(ratio).toEqual({ median: 2, lowest: 1, highest: 2 })
  })

  test('rounds without a counterpart are not compared', () => {
    expect(() => ratioOf([1, 2], [1])).toThrow('2 rounds cannot be compared with 1')
  })

  test.each([
    { fraction: 0.5, expected: 50, why: 'half of the values are at most this' },
    { fraction: 0.99, expected: 99, why: 'one in a hundred is above' },
    { fraction: 1, expected: 100, why: 'the highest' },
    { fraction: 0, expected: 1, why: 'the lowest' },
  ])('of 1 to 100 the percentile $fraction is $expected: $why', ({ fraction, expected }) => {
    const sorted = Array.from({ length: 100 }, (_, i) => i + 1)
    expect(percentile(sorted, fraction)).toBe(expected)
  })
})

describe('the mark of a figure that the driver limits', () => {
  const window = { windowMs: 1_000, cores: 2 }

  test.each([
    {
      driverMs: 900,
      serversMs: 500,
      isLimited: true,
      why: 'its core is full and the servers leave half a core',
    },
    { driverMs: 850, serversMs: 1_000, isLimited: true, why: 'just busy enough' },
    { driverMs: 840, serversMs: 500, isLimited: false, why: 'it has time to spare' },
    { driverMs: 900, serversMs: 1_050, isLimited: false, why: 'the servers take all that it leaves' },
    { driverMs: 100, serversMs: 300, isLimited: false, why: 'both wait for the disk' },
  ])(
    '$driverMs ms and $serversMs ms of two cores for a second: $isLimited, $why',
    ({ isLimited, ...cpu }) => {
      expect(isDriverLimited(cpu, window)).toBe(isLimited)
    },
  )
})
