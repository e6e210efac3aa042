import { expect, test } from 'vitest'
import { parseSeeds } from './seed-range.ts'

test.each([
  { text: '500', first: 1, last: 500 },
  { text: '1000-1999', first: 1000, last: 1999 },
  { text: '7-7', first: 7, last: 7 },
])('SEEDS=$text are $first to $last', ({ text, first, last }) => {
  expect(parseSeeds(text)).toEqual({ first, last })
})

test.each(['', '0', '9-3', '0-3', '1-', '-3', '1e3', '5 '])('SEEDS=%s is refused', (text) => {
  expect(() => parseSeeds(text)).toThrow('expected a count such as 500, or a range such as 1000-1999')
})
