import { describe, expect, test } from 'vitest'
import { AddressBook } from '../../raft/peers.ts'
import type { Membership } from '../../raft/types.ts'

const SELF = { clusterId: 1, nodeId: 1, incarnation: 'disk-1', addr: 'node-1:5000' }

function book(): AddressBook {
  return new AddressBook(SELF, [{ id: 9, addr: 'node-9:5000' }])
}

function membershipOf(ids: readonly number[], removed: readonly number[] = []): Membership {
  const members = ids.map((id) => ({ id, addr: `node-${id}:5000`, voter: true, incarnation: `disk-${id}` }))
  return { members, removed }
}

function peer(nodeId: number, incarnation = `disk-${nodeId}`) {
  return { nodeId, incarnation, addr: `node-${nodeId}:5000` }
}

describe('who a node talks to', () => {
  const three = membershipOf([1, 2, 3])
  const withoutTwo = membershipOf([1, 3], [2])

  test('all members that it knows of, and those of its config file that may not be members yet', () => {
    const peers = book().changedPeers({ current: membershipOf([1, 2, 3, 4]), committed: three })

    expect(peers?.map(({ id }) => id)).toEqual([2, 3, 4, 9])
  })

  test('a node whose removal is not committed: another leader may undo it, and need us for that', () => {
    const peers = book().changedPeers({ current: withoutTwo, committed: three })

    expect(peers?.map(({ id }) => id)).toContain(2)
  })

  test('no longer a node whose removal is committed', () => {
    const addresses = book()
    addresses.changedPeers({ current: withoutTwo, committed: three })

    const peers = addresses.changedPeers({ current: withoutTwo, committed: withoutTwo })

    expect(peers?.map(({ id }) => id)).toEqual([3, 9])
    expect(addresses.changedPeers({ current: withoutTwo, committed: withoutTwo })).toBeNull()
  })

  test.each([
    { why: 'a member', from: peer(2), membership: three, reason: null },
    {
      why: 'a node that is unknown: it may be newer than our configuration',
      from: peer(7),
      membership: three,
      reason: null,
    },
    { why: 'a node that was removed', from: peer(2), membership: withoutTwo, reason: 'removed' },
    {
      why: 'a member with another data directory',
      from: peer(2, 'new'),
      membership: three,
      reason: 'incarnation',
    },
  ])('$why is answered: $reason', ({ from, membership, reason }) => {
    expect(book().authorize(from, membership)?.reason ?? null).toBe(reason)
  })
})
