import { expect, test } from 'vitest'
import type { Command } from '../../src/ipam/command.ts'
import { traitsOf } from '../../src/ipam/command-traits.ts'

test.each([
  { type: 'createNetwork', needsRoom: true, why: 'its row stays' },
  { type: 'allocateAddresses', needsRoom: true, why: 'its rows stay' },
  { type: 'carveNetworks', needsRoom: true, why: 'their rows stay' },
  { type: 'allocateBatch', needsRoom: true, why: 'their rows stay' },
  { type: 'importItems', needsRoom: true, why: 'their rows stay' },
  { type: 'updateNetwork', needsRoom: false, why: 'it takes the place of what was there' },
  { type: 'updateAllocation', needsRoom: false, why: 'it takes the place of what was there' },
  { type: 'renewAllocation', needsRoom: false, why: 'it takes the place of what was there' },
  { type: 'pruneAudit', needsRoom: false, why: 'it frees rows' },
  { type: 'createUser', needsRoom: true, why: 'its row stays' },
  { type: 'createKey', needsRoom: true, why: 'its row stays' },
  { type: 'updateUser', needsRoom: false, why: 'it takes the place of what was there' },
  { type: 'deleteUser', needsRoom: false, why: 'it frees a row' },
  { type: 'revokeKey', needsRoom: false, why: 'a full disk must keep no stolen key alive' },
  { type: 'noteLoginFailures', needsRoom: false, why: 'they are few, whoever makes them' },
  { type: 'noteSnapshot', needsRoom: false, why: 'a full disk is a reason to take one' },
  { type: 'noteTransfer', needsRoom: false, why: 'who makes room moves leaders for it' },
  { type: 'noteDrain', needsRoom: false, why: 'who makes room drains nodes for it' },
  { type: 'openSession', needsRoom: false, why: 'without one nothing could be released' },
  { type: 'deleteNetwork', needsRoom: false, why: 'it frees rows' },
  { type: 'releaseAllocation', needsRoom: false, why: 'it gives an address back' },
  { type: 'expireAllocations', needsRoom: false, why: 'nobody could refuse the time that passes' },
])('$type needs room on disk: $needsRoom, for $why', ({ type, needsRoom }) => {
  expect(traitsOf({ type } as Command)).toEqual({ isIdempotent: true, needsRoom })
})
