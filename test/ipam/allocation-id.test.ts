import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  formatAllocationId,
  isToken,
  parseAllocationId,
  TOKEN_ALPHABET,
  TOKEN_CHARS,
} from '../../src/ipam/allocation-id.ts'

const TOKEN = 'V1StGXR8Z5jd'

const token = fc.string({
  unit: fc.constantFrom(...TOKEN_ALPHABET),
  minLength: TOKEN_CHARS,
  maxLength: TOKEN_CHARS,
})

test('the position that an id was made of is read out of it', () => {
  const position = fc.record({ index: fc.maxSafeNat(), sequence: fc.nat(0xffff) })
  fc.assert(
    fc.property(token, position, (token, position) => {
      expect(parseAllocationId(formatAllocationId(token, position))).toEqual(position)
    }),
  )
})

test.each([
  { index: 1, sequence: 0, id: 'alloc-V1StGXR8Z5jd1', why: 'most entries make one' },
  { index: 1_000_000, sequence: 0, id: 'alloc-V1StGXR8Z5jdlfls', why: 'base 36 keeps it short' },
  { index: 36, sequence: 1, id: 'alloc-V1StGXR8Z5jd10_1', why: 'a batch makes several' },
  {
    index: 2 ** 53 - 1,
    sequence: 0xffff,
    id: 'alloc-V1StGXR8Z5jd2gosa7pa2gv_1ekf',
    why: 'no position is higher',
  },
])('$index and $sequence make $id: $why', ({ id, index, sequence }) => {
  const position = { index, sequence }
  expect(formatAllocationId(TOKEN, position)).toBe(id)
  expect(parseAllocationId(id)).toEqual(position)
})

test.each([
  { id: '', why: 'nothing' },
  { id: 'alloc-', why: 'neither token nor position' },
  { id: 'alloc-V1StGXR8Z5jd', why: 'no position' },
  { id: 'net-V1StGXR8Z5jd1', why: 'a network' },
  { id: 'alloc-V1StGXR8Z-jd1', why: 'a token with -' },
  { id: 'alloc-V1StGXR8Z5jd1A', why: 'upper-case base 36' },
  { id: 'alloc-V1StGXR8Z5jd1_', why: 'no sequence number behind _' },
  { id: 'alloc-V1StGXR8Z5jd1_1_1', why: 'two sequence numbers' },
  { id: 'alloc-V1StGXR8Z5jd-1', why: 'below 0' },
  { id: 'alloc-V1StGXR8Z5jd1.5', why: 'a fraction' },
  { id: 'alloc-V1StGXR8Z5jd1\n', why: 'a line end' },
  { id: ' alloc-V1StGXR8Z5jd1', why: 'a space before it' },
  { id: 'alloc-V1StGXR8Z5jd2gosa7pa2gw', why: '2^53' },
  { id: 'alloc-V1StGXR8Z5jdzzzzzzzzzzz', why: 'beyond 2^53' },
  { id: `alloc-V1StGXR8Z5jd${'1'.repeat(50)}`, why: 'overlong' },
  { id: 'alloc-V1StGXR8Z5jd1_11111', why: 'an overlong sequence number' },
])('$id is the id of no allocation: $why', ({ id }) => {
  expect(parseAllocationId(id)).toBeNull()
})

test.each([
  { token: TOKEN, is: true, why: 'letters and digits' },
  { token: 'V1StGXR8Z5j', is: false, why: 'one too few' },
  { token: 'V1StGXR8Z5jdX', is: false, why: 'one too many' },
  { token: 'V1StGXR8Z5j_', is: false, why: '_ ends a position' },
  { token: 'V1StGXR8Z5jé', is: false, why: 'beyond ASCII' },
  { token: 7, is: false, why: 'a number' },
])('$token is a token: $is, $why', ({ token, is }) => {
  expect(isToken(token)).toBe(is)
})
