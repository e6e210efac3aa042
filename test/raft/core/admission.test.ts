import { describe, expect, test } from 'vitest'
import { currentMembership, voterIds } from '../../../raft/core/membership.ts'
import type { Member, SchemaRange } from '../../../raft/types.ts'
import { SoloNode, TIMEOUT_MS } from './solo-node.ts'

/** Looks after the membership, and replicates whatever comes of it to `peers`, as long as anything does. */
function maintain(leader: SoloNode, ...peers: number[]): void {
  for (let last = -1; last !== leader.raft.log.lastIndex; ) {
    last = leader.raft.log.lastIndex
    leader.step({ type: 'maintain', time: 0 })
    leader.persist()
    for (const peer of peers) leader.acknowledge(peer, leader.raft.log.lastIndex)
  }
}

function see(node: SoloNode, id: number, max: number, incarnation = `disk-${id}`): void {
  node.step({ type: 'peerSeen', id, incarnation, schemas: { min: 1, max } })
}

function memberOf({ raft }: SoloNode, id: number): Member | undefined {
  return currentMembership(raft).members.find((member) => member.id === id)
}

function schemaVersionOf({ raft }: SoloNode): number {
  return currentMembership(raft).schemaVersion
}

/** A leader of nodes 1 to 3, all of which read schemas up to the given one. */
function leaderOf({ maxes = [1, 1, 1], learners = [] as number[] } = {}): SoloNode {
  const leader = new SoloNode({ learners }).becomeReadyLeader()
  for (const [i, max] of maxes.entries()) see(leader, i + 1, max)
  maintain(leader, 2, 3)
  return leader
}

describe('a machine that is tried under an id before that is a member', () => {
  function add4(leader: SoloNode): void {
    leader.add(4)
    leader.persist()
    leader.acknowledge(2, leader.raft.log.lastIndex)
  }

  test('and is gone again by then is not taken for the member', () => {
    const leader = leaderOf()
    see(leader, 4, 1, 'tried')
    leader.step({ type: 'peerLost', id: 4 })

    add4(leader)
    maintain(leader, 2, 3)
    expect(memberOf(leader, 4)).toMatchObject({ incarnation: null })

    see(leader, 4, 1, 'meant')
    maintain(leader, 2, 3)
    expect(memberOf(leader, 4)).toMatchObject({ incarnation: 'meant' })
  })

  test('is the member if it still waits', () => {
    const leader = leaderOf()
    see(leader, 4, 1, 'meant')

    add4(leader)
    maintain(leader, 2, 3)

    expect(memberOf(leader, 4)).toMatchObject({ incarnation: 'meant' })
  })

  test('a member’s directory is not forgotten when its connection is lost before it is on record', () => {
    const leader = new SoloNode().becomeReadyLeader()
    see(leader, 3, 1)
    leader.step({ type: 'peerLost', id: 3 })

    maintain(leader, 2)

    expect(memberOf(leader, 3)).toMatchObject({ incarnation: 'disk-3' })
  })
})

describe('a member whose data directory has gone back in time', () => {
  test('is recorded as such by the leader, and counts until it is removed', () => {
    const leader = leaderOf()

    leader.step({ type: 'peerRolledBack', id: 3, incarnation: 'disk-3' })
    maintain(leader, 2)

    expect(memberOf(leader, 3)).toMatchObject({ isRolledBack: true, incarnation: 'disk-3' })
    expect(voterIds(leader.raft)).toEqual([1, 2, 3])
    expect(leader.remove(3).memberships).toMatchObject([{ index: leader.raft.log.lastIndex }])
  })

  test('stays recorded, whatever comes later', () => {
    const leader = leaderOf()
    leader.step({ type: 'peerRolledBack', id: 3, incarnation: 'disk-3' })
    maintain(leader, 2)

    see(leader, 3, 2)
    maintain(leader, 2)

    expect(memberOf(leader, 3)).toMatchObject({ isRolledBack: true, schemas: { min: 1, max: 2 } })
  })

  test.each([
    { why: 'a node that is no member', id: 9, incarnation: 'disk-9' },
    { why: 'another data directory than the member’s', id: 3, incarnation: 'copy' },
  ])('is not recorded for $why', ({ id, incarnation }) => {
    const leader = leaderOf()
    const before = currentMembership(leader.raft)

    leader.step({ type: 'peerRolledBack', id, incarnation })
    maintain(leader, 2)

    expect(currentMembership(leader.raft)).toEqual(before)
  })

  test('is not recorded on the word of a follower that is elected later', () => {
    const node = new SoloNode()
    node.step({ type: 'peerRolledBack', id: 3, incarnation: 'disk-3' })

    node.becomeReadyLeader()
    see(node, 3, 1)
    maintain(node, 2)

    expect(memberOf(node, 3)).toMatchObject({ isRolledBack: false })
  })

  test('is found anew by each leader', () => {
    const leader = leaderOf()
    leader.step({ type: 'peerRolledBack', id: 3, incarnation: 'disk-3' })
    leader.elapse(TIMEOUT_MS)
    leader.elapse(TIMEOUT_MS)
    expect(leader.raft.role).not.toBe('leader')

    leader.becomeReadyLeader()
    maintain(leader, 2)

    expect(memberOf(leader, 3)).toMatchObject({ isRolledBack: false })
  })

  test('is not made a voter', () => {
    const leader = leaderOf({ learners: [4] })
    see(leader, 4, 1)
    leader.step({ type: 'peerRolledBack', id: 4, incarnation: 'disk-4' })

    maintain(leader, 2, 3, 4)

    expect(memberOf(leader, 4)).toMatchObject({ isRolledBack: true, voter: false })
  })
})

describe('the schema version of the cluster', () => {
  test.each([
    { why: 'nobody reads more', maxes: [1, 1, 1], version: 1 },
    { why: 'one does not', maxes: [2, 2, 1], version: 1 },
    { why: 'all do', maxes: [2, 2, 2], version: 2 },
    { why: 'all do, by different steps', maxes: [5, 3, 4], version: 3 },
  ])('is raised to $version if $why', ({ maxes, version }) => {
    expect(schemaVersionOf(leaderOf({ maxes }))).toBe(version)
  })

  test('is not raised before every member has been seen', () => {
    const leader = new SoloNode().becomeReadyLeader()
    see(leader, 1, 2)
    see(leader, 2, 2)
    maintain(leader, 2)
    expect(schemaVersionOf(leader)).toBe(1)

    see(leader, 3, 2)
    maintain(leader, 2)

    expect(schemaVersionOf(leader)).toBe(2)
  })

  test('waits for a learner, too: it will vote', () => {
    const leader = leaderOf({ maxes: [2, 2, 2, 1], learners: [4] })
    expect(schemaVersionOf(leader)).toBe(1)

    see(leader, 4, 2)
    maintain(leader, 2, 3)

    expect(schemaVersionOf(leader)).toBe(2)
  })

  test('waits for a member with older software, until that is exchanged', () => {
    const leader = leaderOf({ maxes: [2, 2, 1] })

    see(leader, 3, 2)
    maintain(leader, 2)

    expect(memberOf(leader, 3)?.schemas).toEqual({ min: 1, max: 2 })
    expect(schemaVersionOf(leader)).toBe(2)
  })

  test('waits for a member with older software, until that is removed', () => {
    const leader = leaderOf({ maxes: [2, 2, 1] })

    leader.remove(3)
    leader.persist()
    leader.acknowledge(2, leader.raft.log.lastIndex)
    maintain(leader, 2)

    expect(schemaVersionOf(leader)).toBe(2)
  })

  test('waits for a change of the membership that is under way', () => {
    const leader = leaderOf({ maxes: [2, 2, 1] })
    leader.add(4)
    see(leader, 3, 2)
    see(leader, 4, 2)

    leader.step({ type: 'maintain', time: 0 })
    expect(schemaVersionOf(leader)).toBe(1)
    expect(memberOf(leader, 3)?.schemas).toEqual({ min: 1, max: 1 })
    leader.persist()
    leader.acknowledge(2, leader.raft.log.lastIndex)
    maintain(leader, 2)

    expect(schemaVersionOf(leader)).toBe(2)
  })

  test('is never lowered, whatever software a member comes with', () => {
    const leader = leaderOf({ maxes: [2, 2, 2] })

    see(leader, 3, 1)
    maintain(leader, 2)

    expect(memberOf(leader, 3)?.schemas).toEqual({ min: 1, max: 1 })
    expect(schemaVersionOf(leader)).toBe(2)
  })

  test('is not raised by a program that was seen on another data directory', () => {
    const leader = leaderOf({ maxes: [2, 2, 1] })

    see(leader, 3, 2, 'wiped')
    maintain(leader, 2)

    expect(memberOf(leader, 3)).toMatchObject({ incarnation: 'disk-3', schemas: { min: 1, max: 1 } })
    expect(schemaVersionOf(leader)).toBe(1)
  })

  test.each<{ why: string; schemas: SchemaRange; isVoter: boolean }>([
    { why: 'reads it', schemas: { min: 1, max: 2 }, isVoter: true },
    { why: 'is too old for it', schemas: { min: 1, max: 1 }, isVoter: false },
    { why: 'is too new for it', schemas: { min: 3, max: 3 }, isVoter: false },
  ])('decides who votes: a learner that $why is made a voter: $isVoter', ({ schemas, isVoter }) => {
    const leader = leaderOf({ maxes: [2, 2, 2] })
    leader.add(4)
    leader.step({ type: 'peerSeen', id: 4, incarnation: 'disk-4', schemas })

    leader.persist()
    for (const peer of [2, 3, 4]) leader.acknowledge(peer, leader.raft.log.lastIndex)
    maintain(leader, 2, 3, 4)

    expect(schemaVersionOf(leader)).toBe(2)
    expect(memberOf(leader, 4)?.voter).toBe(isVoter)
  })
})
