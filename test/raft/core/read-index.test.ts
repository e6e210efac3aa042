import { describe, expect, test } from 'vitest'
import type { Effects } from '../../../raft/core/effects.ts'
import { allMessages, appendEntries, SoloNode, TIMEOUT_MS } from './solo-node.ts'

function read(node: SoloNode, id: number): Effects {
  return node.step({ type: 'readIndex', id })
}

describe('reads without the log (thesis §6.4)', () => {
  test('a leader answers when a quorum has echoed a round that began after the read', () => {
    const leader = new SoloNode().becomeReadyLeader()

    const asked = read(leader, 7)
    expect(asked.reads).toEqual([])
    expect(asked.messages).toMatchObject([
      { to: 2, type: 'AppendEntries', readRound: 1 },
      { to: 3, type: 'AppendEntries', readRound: 1 },
    ])

    expect(leader.acknowledge(2, 1, { readRound: 1 }).reads).toEqual([{ id: 7, readIndex: 1 }])
  })

  test('an echo of an earlier round does not confirm a later read (etcd-io/etcd#20418)', () => {
    const leader = new SoloNode().becomeReadyLeader()
    read(leader, 1)
    read(leader, 2)

    expect(leader.acknowledge(2, 1, { readRound: 1 }).reads).toEqual([{ id: 1, readIndex: 1 }])
    expect(leader.acknowledge(3, 1, { readRound: 1 }).reads).toEqual([])
    expect(leader.acknowledge(3, 1, { readRound: 2 }).reads).toEqual([{ id: 2, readIndex: 1 }])
  })

  test('an echo of another session confirms nothing', () => {
    const leader = new SoloNode().becomeReadyLeader()
    read(leader, 1)

    expect(leader.acknowledge(2, 1, { readRound: 1, session: 999 }).reads).toEqual([])
  })

  test('a follower echoes no round of an earlier leader: it would confirm reads that nobody heard', () => {
    const follower = new SoloNode()
    follower.receive(appendEntries({ term: 2, readRound: 9 }))
    follower.persist()

    const echoed = follower.receive(appendEntries({ from: 3, term: 3, readRound: 1 }))

    expect(allMessages(echoed)).toMatchObject([{ to: 3, term: 3, readRound: 1 }])
  })

  test('all reads of a step share one round', () => {
    const leader = new SoloNode().becomeReadyLeader()

    leader.step({ type: 'readIndex', id: 1 }, { type: 'readIndex', id: 2 })

    expect(leader.acknowledge(2, 1, { readRound: 1 }).reads).toHaveLength(2)
  })

  test('a read waits for the no-op of the term: before it the leader may not know all that is committed', () => {
    const leader = new SoloNode({ terms: [1, 1] }).becomeLeader()
    read(leader, 1)
    expect(leader.raft.leaderRound).toBe(0)

    leader.acknowledge(2, 3)
    expect(leader.acknowledge(2, 3, { readRound: 1 }).reads).toEqual([{ id: 1, readIndex: 3 }])
  })

  test('a single voter answers at once', () => {
    const leader = new SoloNode({ voters: [1] }).becomeLeader()
    leader.persist()

    expect(read(leader, 1).reads).toEqual([{ id: 1, readIndex: 1 }])
  })

  test('a learner’s echo does not count', () => {
    const leader = new SoloNode({ learners: [4, 5] }).becomeReadyLeader()
    read(leader, 1)

    leader.acknowledge(4, 1, { readRound: 1 })

    expect(leader.acknowledge(5, 1, { readRound: 1 }).reads).toEqual([])
  })

  test('a follower asks the leader, and passes its answer on', () => {
    const node = new SoloNode()
    node.receive(appendEntries())
    node.persist()

    expect(read(node, 4).messages).toMatchObject([{ type: 'ReadIndexRequest', to: 2, requestId: 4 }])
    const reply = { type: 'ReadIndexReply', from: 2, to: 1, term: 2, requestId: 4, readIndex: 9 } as const

    expect(node.receive(reply).reads).toEqual([{ id: 4, readIndex: 9 }])
  })

  test('an answer stays good in a later term', () => {
    const node = new SoloNode({ currentTerm: 5 })
    const reply = { type: 'ReadIndexReply', from: 2, to: 1, term: 2, requestId: 4, readIndex: 9 } as const

    expect(node.receive(reply).reads).toEqual([{ id: 4, readIndex: 9 }])
  })

  test('a leader answers a follower’s read like its own', () => {
    const leader = new SoloNode().becomeReadyLeader()
    leader.receive({ type: 'ReadIndexRequest', from: 3, to: 1, term: 2, requestId: 6 })

    const effects = leader.acknowledge(2, 1, { readRound: 1 })

    expect(allMessages(effects)).toContainEqual(
      expect.objectContaining({ type: 'ReadIndexReply', to: 3, requestId: 6, readIndex: 1 }),
    )
  })

  test('a later term in the question deposes nobody: whoever asks may be no member', () => {
    const leader = new SoloNode().becomeReadyLeader()

    leader.receive({ type: 'ReadIndexRequest', from: 9, to: 1, term: 7, requestId: 6 })

    expect(leader.raft).toMatchObject({ role: 'leader', currentTerm: 2 })
  })

  test.each([
    { why: 'a follower that is asked', node: () => new SoloNode() },
    { why: 'a leader that hands leadership over', node: transferring },
  ])('$why cannot say', ({ node }) => {
    const asked = node()

    const request = { type: 'ReadIndexRequest', from: 3, to: 1, term: 1, requestId: 6 } as const
    const effects = asked.receive(request)

    expect(allMessages(effects)).toMatchObject([{ type: 'ReadIndexReply', to: 3, readIndex: null }])
  })

  test('without a leader nobody can say', () => {
    expect(read(new SoloNode(), 1).reads).toEqual([{ id: 1, readIndex: null }])
  })

  test('the reads of a leader that steps down are answered: nobody can say', () => {
    const leader = new SoloNode().becomeReadyLeader()
    read(leader, 1)

    const effects = leader.receive(appendEntries({ term: 9 }))

    expect(effects.reads).toEqual([{ id: 1, readIndex: null }])
  })

  test('a leader that is cut off confirms no read, and then is none any more', () => {
    const leader = new SoloNode().becomeReadyLeader()
    read(leader, 1)

    expect(leader.elapse(TIMEOUT_MS / 2).reads).toEqual([])
    expect(leader.elapse(TIMEOUT_MS / 2).reads).toEqual([{ id: 1, readIndex: null }])
  })

  test('more reads than the maximum are turned away', () => {
    const leader = new SoloNode({ limits: { pendingReadsMax: 1 } }).becomeReadyLeader()
    read(leader, 1)

    expect(read(leader, 2).reads).toEqual([{ id: 2, readIndex: null }])
  })
})

function transferring(): SoloNode {
  const leader = new SoloNode().becomeReadyLeader()
  leader.step({ type: 'transfer', id: 1, target: 2 })
  return leader
}
