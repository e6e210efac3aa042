import { describe, expect, test } from 'vitest'
import { AddressBook } from '../../raft/peers.ts'
import type { PeerIdentity } from '../../raft/ports.ts'
import type { Membership } from '../../raft/types.ts'

const SELF = {
  clusterId: 1,
  nodeId: 1,
  incarnation: 'disk-1',
  addr: 'node-1:5000',
  schemas: { min: 1, max: 2 },
}

function book(): AddressBook {
  return new AddressBook(SELF, [{ id: 9, addr: 'node-9:5000' }])
}

function membershipOf(ids: readonly number[], removed: readonly number[] = []): Membership {
  const members = ids.map((id) => {
    const schemas = { min: 1, max: 2 }
    const addr = `node-${id}:5000`
    return { id, addr, voter: true, incarnation: `disk-${id}`, schemas, isRolledBack: false }
  })
  return { members, removed, schemaVersion: 2 }
}

function peer(nodeId: number, fields: Partial<PeerIdentity> = {}): PeerIdentity {
  return {
    nodeId,
    incarnation: `disk-${nodeId}`,
    addr: `node-${nodeId}:5000`,
    schemas: { min: 1, max: 2 },
    boot: { id: 1, term: 1, lastIndex: 1 },
    ...fields,
  }
}

describe('founders of a cluster that was restored', () => {
  const founders = membershipOf([1, 2])
  const unseen = {
    ...founders,
    members: founders.members.map((member) => ({ ...member, incarnation: null })),
  }
  const learner = { ...unseen, members: unseen.members.map((member) => ({ ...member, voter: false })) }

  test.each([
    { why: 'the same snapshot', own: 'a.1', theirs: 'a.2', membership: unseen, reason: null },
    { why: 'another snapshot', own: 'a.1', theirs: 'b.2', membership: unseen, reason: 'incarnation' },
    { why: 'an empty directory', own: 'a.1', theirs: '2', membership: unseen, reason: 'incarnation' },
    {
      why: 'an empty directory that was added later and does not vote yet',
      own: 'a.1',
      theirs: '2',
      membership: learner,
      reason: null,
    },
    {
      why: 'an empty directory that the membership names',
      own: 'a.1',
      theirs: 'disk-2',
      membership: founders,
      reason: null,
    },
    {
      why: 'any, for a node that was not restored: it does not know',
      own: '1',
      theirs: 'b.2',
      membership: unseen,
      reason: null,
    },
  ])('$why: $reason', ({ own, theirs, membership, reason }) => {
    const addresses = new AddressBook({ ...SELF, incarnation: own }, [])

    const refusal = addresses.authorize(peer(2, { incarnation: theirs }), membership, { newestSchema: null })

    expect(refusal?.reason ?? null).toBe(reason)
  })
})

describe('who a node talks to', () => {
  const three = membershipOf([1, 2, 3])
  const withoutTwo = membershipOf([1, 3], [2])
  const rolledBack = {
    ...three,
    members: three.members.map((member) => ({ ...member, isRolledBack: member.id === 2 })),
  }

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
      from: peer(2, { incarnation: 'new' }),
      membership: three,
      reason: 'incarnation',
    },
    {
      why: 'a member whose data directory was found to be an old one',
      from: peer(2),
      membership: rolledBack,
      reason: 'rolled_back',
    },
    {
      why: 'another directory in its place: it says nothing about the old one',
      from: peer(2, { incarnation: 'new' }),
      membership: rolledBack,
      reason: 'incarnation',
    },
    {
      why: 'a member that cannot read what the cluster writes',
      from: peer(2, { schemas: { min: 1, max: 1 } }),
      membership: three,
      reason: 'schema',
    },
    {
      why: 'a stranger that cannot',
      from: peer(7, { schemas: { min: 1, max: 1 } }),
      membership: three,
      reason: 'schema',
    },
    {
      why: 'one that can read more',
      from: peer(2, { schemas: { min: 2, max: 5 } }),
      membership: three,
      reason: null,
    },
    {
      why: 'one that reads newer versions only: a follower may not know of the newest',
      from: peer(2, { schemas: { min: 3, max: 5 } }),
      membership: three,
      reason: null,
    },
    {
      why: 'whoever brings us the log, for a node that waits to be added',
      from: peer(2, { schemas: { min: 1, max: 1 } }),
      membership: membershipOf([]),
      reason: null,
    },
  ])('$why is answered: $reason', ({ from, membership, reason }) => {
    const refusal = book().authorize(from, membership, { newestSchema: null })

    expect(refusal?.reason ?? null).toBe(reason)
  })

  test.each([
    { why: 'it is the newest', newestSchema: 2, reason: 'schema' },
    { why: 'a newer one is on its way', newestSchema: 3, reason: null },
  ])(
    'a leader refuses a node that reads only versions above that of the cluster, if $why: $reason',
    ({ newestSchema, reason }) => {
      const refusal = book().authorize(peer(2, { schemas: { min: 3, max: 5 } }), three, { newestSchema })

      expect(refusal?.reason ?? null).toBe(reason)
    },
  )

  test('who is refused for its schemas is told which software to install', () => {
    const old = peer(2, { schemas: { min: 1, max: 1 } })

    expect(book().authorize(old, three, { newestSchema: null })?.message).toBe(
      'node 2 reads command schemas 1 to 1 and the cluster is at 2; install newer software on node 2, one that reads schema 2',
    )
  })
})
