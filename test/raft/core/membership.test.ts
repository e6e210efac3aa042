import { describe, expect, test } from 'vitest'
import type { Effects } from '../../../raft/core/effects.ts'
import { currentMembership, voterIds } from '../../../raft/core/membership.ts'
import {
  allMessages,
  appendEntries,
  appendReply,
  membershipEntry,
  requestVote,
  SoloNode,
  TIMEOUT_MS,
  voteReply,
} from './solo-node.ts'

function maintain(node: SoloNode): Effects {
  return node.step({ type: 'maintain', time: 0 })
}

/** Whatever is in the log of `leader` is durable there and on `peers`. */
function replicated(leader: SoloNode, ...peers: number[]): Effects[] {
  leader.persist()
  return peers.map((peer) => leader.acknowledge(peer, leader.raft.log.lastIndex))
}

describe('a change of the membership (thesis §4.1)', () => {
  test('is in force as soon as it is appended, committed or not', () => {
    const leader = new SoloNode().becomeReadyLeader()

    const effects = leader.remove(3)

    expect(effects.memberships).toEqual([{ id: 203, index: 2, term: 2 }])
    expect(voterIds(leader.raft)).toEqual([1, 2])
    expect(leader.raft.progress.has(3)).toBe(false)
    replicated(leader, 2)
    expect(leader.raft.commitIndex).toBe(2)
  })

  test('waits for the one before it', () => {
    const leader = new SoloNode().becomeReadyLeader()
    leader.add(4)

    expect(leader.add(5).memberships).toMatchObject([{ refusal: 'change_in_flight' }])
    replicated(leader, 2)

    expect(leader.add(5).memberships).toMatchObject([{ index: 3 }])
  })

  test('waits for an entry of the leader’s own term to be committed (the 2015 bug)', () => {
    const leader = new SoloNode().becomeLeader()

    expect(leader.remove(3).memberships).toMatchObject([{ refusal: 'leader_not_ready' }])
    leader.acknowledge(2, 1)

    expect(leader.remove(3).memberships).toMatchObject([{ index: 2 }])
  })

  test('is gone with the entry when that is replaced', () => {
    const node = new SoloNode()
    const change = membershipEntry(1, 2, { voters: [1, 2, 3], learners: [4] })
    node.receive(appendEntries({ entries: [change] }))
    expect(currentMembership(node.raft).members).toHaveLength(4)

    node.receive(appendEntries({ term: 3, from: 3, entries: [{ ...change, term: 3, type: 'noop' }] }))

    expect(currentMembership(node.raft).members).toHaveLength(3)
  })

  test('of another leader’s that is not committed is finished by the next leader, not overtaken', () => {
    const node = new SoloNode()
    node.receive(appendEntries({ entries: [membershipEntry(1, 2, { voters: [1, 2, 3], learners: [4] })] }))
    node.persist()
    node.now += TIMEOUT_MS
    node.becomeLeader()

    expect(node.add(5).memberships).toMatchObject([{ refusal: 'leader_not_ready' }])
    node.acknowledge(2, 2)

    expect(node.add(5).memberships).toMatchObject([{ index: 3 }])
  })
})

describe('the bug of 2015: two leaders, two changes, no majority in common (raft-dev, t4xj6dJTP6E)', () => {
  /** Four nodes; node 1 led term 2, appended "add 5" and lost leadership before anybody had it. */
  test('node 2, elected in term 3, cannot remove node 1 before its no-op is on a majority', () => {
    const second = new SoloNode({ id: 2, voters: [1, 2, 3, 4], currentTerm: 2 }).becomeLeader()

    expect(second.remove(1).memberships).toMatchObject([{ refusal: 'leader_not_ready' }])
    replicated(second, 3, 4)

    expect(second.remove(1).memberships).toMatchObject([{ index: 2 }])
  })

  test('and then node 1 with its own change cannot be elected any more, by no majority of its five', () => {
    const first = new SoloNode({ id: 1, voters: [1, 2, 3, 4], currentTerm: 1 }).becomeReadyLeader()
    first.add(5)
    const third = new SoloNode({ id: 3, voters: [1, 2, 3, 4], currentTerm: 2 })
    third.receive(
      appendEntries({
        from: 2,
        to: 3,
        term: 3,
        prevLogIndex: 0,
        entries: [{ index: 1, term: 3, time: 0, type: 'noop', payload: new Uint8Array() }],
      }),
    )
    third.persist()
    third.now += 2 * TIMEOUT_MS

    // What node 1 can show is its log: index 2 of term 2, longer than that of node 3, but older.
    const asked = third.receive(requestVote({ from: 1, to: 3, term: 4, lastLogIndex: 2, lastLogTerm: 2 }))

    expect(allMessages(asked)).toMatchObject([{ voteGranted: false }])
  })
})

describe('who may be added and removed', () => {
  test.each([
    {
      why: 'a member',
      id: 2,
      refusal: 'node_exists',
      message:
        'node 2 is a member already, at node-2:1; a node that has moved takes an id that was never used, such as 9, and the old one is removed',
    },
    {
      why: 'an id that was removed: ids never return',
      id: 8,
      refusal: 'node_removed',
      message: 'node 8 was removed and its id cannot return; choose an id that was never used, such as 9',
    },
  ])('$why is not added, and the way out is told', ({ id, refusal, message }) => {
    const leader = new SoloNode({ removed: [8] }).becomeReadyLeader()

    expect(leader.add(id).memberships).toMatchObject([{ refusal, message }])
  })

  test('an address belongs to one node', () => {
    const leader = new SoloNode().becomeReadyLeader()

    const change = { type: 'add', id: 4, addr: 'node-2:1' } as const
    const effects = leader.step({ type: 'changeMembership', id: 1, peer: null, change, note: '', time: 0 })

    expect(effects.memberships).toMatchObject([
      {
        refusal: 'addr_in_use',
        message: 'node-2:1 is the address of node 2; choose another, or remove node 2 first',
      },
    ])
  })

  test('a cluster has a maximum of nodes', () => {
    const leader = new SoloNode({ limits: { membersMax: 3 } }).becomeReadyLeader()

    expect(leader.add(4).memberships).toMatchObject([
      { refusal: 'too_many_nodes', message: 'a cluster has at most 3 nodes; remove one first' },
    ])
  })

  test.each([
    {
      why: 'nobody',
      id: 9,
      refusal: 'node_not_found',
      message: 'node 9 is not a member; the members are 1, 2, 3',
    },
    {
      why: 'who was removed already',
      id: 8,
      refusal: 'node_not_found',
      message: 'node 8 was removed already',
    },
    {
      why: 'the leader: it hands over first',
      id: 1,
      refusal: 'is_leader',
      message: 'the leader hands leadership over before it is removed',
    },
  ])('$why is not removed', ({ id, refusal, message }) => {
    const leader = new SoloNode({ removed: [8] }).becomeReadyLeader()
    leader.acknowledge(3, 1)

    expect(leader.remove(id).memberships).toMatchObject([{ refusal, message }])
  })

  test('the only voter is not removed', () => {
    const leader = new SoloNode({ voters: [1], learners: [2] }).becomeLeader()
    leader.persist()

    expect(leader.remove(1, { isForced: true }).memberships).toMatchObject([
      {
        refusal: 'last_voter',
        message:
          'node 1 is the only voter, and a cluster needs one; add another node first, and wait until it votes',
      },
    ])
  })

  test('a removal that leaves no healthy majority is refused, unless it is forced', () => {
    const leader = new SoloNode({ voters: [1, 2, 3, 4] }).becomeReadyLeader()
    leader.now += TIMEOUT_MS
    leader.acknowledge(2, 1)

    expect(leader.remove(2).memberships).toMatchObject([{ refusal: 'would_lose_quorum' }])
    expect(leader.remove(4).memberships).toMatchObject([{ index: 2 }])
    replicated(leader, 2, 3)
    expect(leader.remove(2, { isForced: true }).memberships).toMatchObject([{ index: 3 }])
  })

  test('nor does a leader hand over to be removed, where those who stay are no healthy majority', () => {
    const leader = new SoloNode().becomeReadyLeader()
    leader.now += TIMEOUT_MS
    leader.acknowledge(2, 1)

    expect(leader.remove(1).memberships).toMatchObject([{ refusal: 'would_lose_quorum' }])
    expect(leader.remove(1, { isForced: true }).memberships).toMatchObject([{ refusal: 'is_leader' }])
  })

  test('a new leader takes nobody for healthy whom it has not heard in its term', () => {
    const leader = new SoloNode().becomeReadyLeader()

    expect(leader.remove(2).memberships).toMatchObject([
      { refusal: 'leader_not_ready', message: expect.stringContaining('not heard from node 3 yet') },
    ])
    leader.now += TIMEOUT_MS
    leader.acknowledge(2, 1)
    expect(leader.remove(2).memberships).toMatchObject([{ refusal: 'would_lose_quorum' }])
  })

  test('what a peer said to an earlier leadership of the same node does not count', () => {
    const leader = new SoloNode().becomeReadyLeader()
    leader.acknowledge(3, 1)
    const late = appendReply(leader, 3, { matchIndex: 1 })
    leader.receive(appendEntries({ term: 9, prevLogIndex: 1, prevLogTerm: 2 }))
    leader.persist()
    leader.becomeReadyLeader()

    leader.receive(late)

    expect(leader.remove(2).memberships).toMatchObject([{ refusal: 'leader_not_ready' }])
  })

  test.each([
    {
      why: 'the answer of a majority of those who stay is enough',
      voters: [1, 2, 3, 4, 5],
      heard: [2, 3, 4],
    },
    { why: 'those who stay are enough, whoever goes', voters: [1, 2, 3], heard: [3] },
    { why: 'the leader is alone with who goes', voters: [1, 2], heard: [2] },
  ])('a removal need not wait: $why', ({ voters, heard }) => {
    const leader = new SoloNode({ voters }).becomeLeader()
    for (const peer of heard) leader.acknowledge(peer, 1)

    expect(leader.remove(2).memberships).toMatchObject([{ index: 2 }])
  })

  test('nor does a new leader hand over to be removed before it has heard a majority of the others', () => {
    const leader = new SoloNode().becomeReadyLeader()

    expect(leader.remove(1).memberships).toMatchObject([{ refusal: 'leader_not_ready' }])
    leader.acknowledge(3, 1)

    expect(leader.remove(1).memberships).toMatchObject([{ refusal: 'is_leader' }])
  })

  test('a forced removal waits for nobody', () => {
    const leader = new SoloNode().becomeReadyLeader()

    expect(leader.remove(2, { isForced: true }).memberships).toMatchObject([{ index: 2 }])
  })

  test('a removed id is kept, so that it never comes back', () => {
    const leader = new SoloNode({ removed: [8] }).becomeReadyLeader()

    leader.remove(3)

    expect(currentMembership(leader.raft).removed).toEqual([3, 8])
  })

  test('no two stretches of replication have the same session', () => {
    const leader = new SoloNode().becomeReadyLeader()
    leader.add(4)
    const sessions = [...leader.raft.progress.values()].map(({ session }) => session)
    leader.receive(appendEntries({ term: 9 }))
    leader.persist()

    leader.becomeLeader()
    sessions.push(...[...leader.raft.progress.values()].map(({ session }) => session))

    expect(sessions).toHaveLength(6)
    expect(new Set(sessions).size).toBe(6)
  })

  test('an acknowledgement from before the removal cannot count afterwards', () => {
    const leader = new SoloNode({ voters: [1, 2, 3, 4, 5] }).becomeReadyLeader()
    const late = appendReply(leader, 5, { matchIndex: 2 })
    leader.remove(5)
    leader.persist()

    leader.receive(late)
    leader.acknowledge(2, 2)

    expect(leader.raft.commitIndex).toBe(1)
  })

  test('only a leader changes anything', () => {
    expect(new SoloNode().add(4).memberships).toMatchObject([{ refusal: 'not_leader' }])
  })
})

describe('learners (thesis §4.2.1)', () => {
  test('a new node is a learner, and gets the log', () => {
    const leader = new SoloNode().becomeReadyLeader()

    const { messages } = leader.add(4)

    expect(currentMembership(leader.raft).members.at(-1)).toMatchObject({ id: 4, voter: false })
    expect(messages).toContainEqual(expect.objectContaining({ to: 4, type: 'AppendEntries' }))
  })

  test('one that has caught up within an election timeout becomes a voter', () => {
    const leader = new SoloNode({ learners: [4] }).becomeReadyLeader()

    maintain(leader)
    expect(voterIds(leader.raft)).toEqual([1, 2, 3])
    leader.acknowledge(4, 1)
    maintain(leader)

    expect(voterIds(leader.raft)).toEqual([1, 2, 3, 4])
  })

  test('one that took longer is given another round, up to where the log ends by then', () => {
    const leader = new SoloNode({ learners: [4] }).becomeReadyLeader()
    leader.now += TIMEOUT_MS
    leader.propose(1, 2)
    replicated(leader, 2)
    leader.acknowledge(4, 1)

    maintain(leader)
    expect(voterIds(leader.raft)).toEqual([1, 2, 3])
    leader.now += TIMEOUT_MS / 2
    leader.acknowledge(2, 3)
    leader.acknowledge(4, 3)
    maintain(leader)

    expect(voterIds(leader.raft)).toEqual([1, 2, 3, 4])
  })

  test('one that has fallen silent is not promoted', () => {
    const leader = new SoloNode({ learners: [4] }).becomeReadyLeader()
    leader.acknowledge(4, 1)
    leader.now += TIMEOUT_MS
    leader.acknowledge(2, 1)

    maintain(leader)

    expect(voterIds(leader.raft)).toEqual([1, 2, 3])
  })

  test('two are promoted one after the other', () => {
    const leader = new SoloNode({ learners: [4, 5] }).becomeReadyLeader()
    leader.acknowledge(4, 1)
    leader.acknowledge(5, 1)

    maintain(leader)
    maintain(leader)
    expect(voterIds(leader.raft)).toEqual([1, 2, 3, 4])
    replicated(leader, 2, 3)
    leader.acknowledge(5, 2)
    maintain(leader)

    expect(voterIds(leader.raft)).toEqual([1, 2, 3, 4, 5])
  })

  test('the data directory of a member is recorded once it is known, and never changed', () => {
    const leader = new SoloNode().becomeReadyLeader()
    leader.step({ type: 'peerSeen', id: 2, incarnation: 'a', schemas: { min: 1, max: 1 } })
    maintain(leader)
    replicated(leader, 2)

    leader.step({ type: 'peerSeen', id: 2, incarnation: 'b', schemas: { min: 1, max: 1 } })
    maintain(leader)

    expect(currentMembership(leader.raft).members.find(({ id }) => id === 2)?.incarnation).toBe('a')
  })

  test('a learner that has become a voter by a configuration it does not have yet still votes', () => {
    const learner = new SoloNode({ id: 4, learners: [4] })

    const effects = learner.receive(requestVote({ to: 4 }))

    expect(allMessages(effects)).toMatchObject([{ voteGranted: true }])
    expect(learner.receive(voteReply({ to: 4 })).messages).toEqual([])
  })
})
