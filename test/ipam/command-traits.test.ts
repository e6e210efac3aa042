import { expect, test } from 'vitest'
import type { Command } from '../../src/ipam/command.ts'
import { traitsOf } from '../../src/ipam/command-traits.ts'

test.each([
  { type: 'createNetwork', needsRoom: true, why: 'its row stays' },
  { type: 'allocateAddresses', needsRoom: true, why: 'its rows stay' },
  { type: 'deleteNetwork', needsRoom: false, why: 'it frees rows' },
  { type: 'releaseAllocation', needsRoom: false, why: 'it gives an address back' },
  { type: 'expireAllocations', needsRoom: false, why: 'nobody could refuse the time that passes' },
])('$type needs room on disk: $needsRoom, for $why', ({ type, needsRoom }) => {
  expect(traitsOf({ type } as Command)).toEqual({ needsRoom })
})
