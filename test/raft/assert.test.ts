import { expect, test } from 'vitest'
import { AssertionError, assert } from '../../raft/assert.ts'

test('an assertion that fails names its values in the order of their places', () => {
  const fail = (): void => assert(false, 'entry {} does not follow {}', 7, 5)
  expect(fail).toThrow(AssertionError)
  expect(fail).toThrow('entry 7 does not follow 5')
  expect(() => assert(false, '{} of {}', '$&', null)).toThrow('$& of null')
})

test('text for an assertion that holds is never made', () => {
  const value = {
    toString(): string {
      throw new Error('was made')
    },
  }
  expect(() => assert(true, 'not {}', value)).not.toThrow()
})
