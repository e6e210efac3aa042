import { describe, expect, test } from 'vitest'
import type { RaftMessage } from '../../../raft/types.ts'
import {
  allMessages,
  appendEntries,
  appendReply,
  entriesOf,
  requestVote,
  SoloNode,
  settle,
  TIMEOUT_MS,
  voteReply,
} from './solo-node.ts'

/** A candidate of term 2 in a cluster of three whose vote for itself is being written. */
function unsavedCandidate(): SoloNode {
  const node = new SoloNode()
  node.elapse(TIMEOUT_MS)
  node.receive(voteReply({ isPreVote: true }))
  return node
}

describe('leader election (thesis §3.4)', () => {
  test('a follower that hears nothing for an election timeout asks for pre-votes, and changes no term', () => {
    const node = new SoloNode()
    expect(allMessages(node.elapse(TIMEOUT_MS - 1))).toEqual([])

    const effects = node.elapse(1)

    expect(effects.messages).toMatchObject([
      { type: 'RequestVote', to: 2, term: 2, isPreVote: true },
      { type: 'RequestVote', to: 3, term: 2, isPreVote: true },
    ])
    expect(effects.batch).toBeNull()
    expect(node.raft).toMatchObject({ currentTerm: 1, votedFor: null, role: 'preCandidate' })
  })

  test('a vote from outside of the membership changes nothing, not even the term', () => {
    const node = unsavedCandidate()
    node.persist()

    node.receive(voteReply({ from: 9, term: 8, voteGranted: false }))
    node.receive(voteReply({ from: 9 }))

    expect(node.raft).toMatchObject({ role: 'candidate', currentTerm: 2 })
  })

  test('a candidate’s vote requests leave only when its own vote is on disk', () => {
    const node = new SoloNode()
    node.elapse(TIMEOUT_MS)

    const effects = node.receive(voteReply({ isPreVote: true }))

    expect(effects.messages).toEqual([])
    expect(effects.batch?.hardState).toEqual({ currentTerm: 2, votedFor: 1 })
    expect(effects.batch?.messages).toMatchObject([
      { type: 'RequestVote', to: 2, term: 2, isPreVote: false },
      { type: 'RequestVote', to: 3, term: 2, isPreVote: false },
    ])
  })

  test('a candidate counts its own vote once it is on disk', () => {
    const node = unsavedCandidate()
    node.receive(voteReply())
    expect(node.raft.role).toBe('candidate')

    node.persist()

    expect(node.raft.role).toBe('leader')
  })

  test('a candidate does not count its own vote because an earlier write has reached the disk', () => {
    const node = new SoloNode()
    node.receive(appendEntries({ term: 1, entries: entriesOf([1]) }))
    node.elapse(TIMEOUT_MS)
    node.receive(voteReply({ isPreVote: true }))
    node.receive(voteReply())

    node.step({ type: 'persisted', batchNumber: node.raft.nextBatch - 2 })
    expect(node.raft.role).toBe('candidate')
    node.persist()

    expect(node.raft.role).toBe('leader')
  })

  test('a single voter elects itself, without a message, once its vote is on disk', () => {
    const node = new SoloNode({ voters: [1] })

    expect(allMessages(node.elapse(TIMEOUT_MS))).toEqual([])
    expect(node.raft.role).toBe('candidate')
    node.persist()

    expect(node.raft.role).toBe('leader')
    expect(node.raft.commitIndex).toBe(0)
    node.persist()
    expect(node.raft.commitIndex).toBe(1)
  })

  test('a new leader opens its term with a no-op', () => {
    const node = unsavedCandidate()
    node.persist()

    const effects = node.receive(voteReply())

    expect(effects.batch?.entries).toMatchObject([{ index: 1, term: 2, type: 'noop' }])
    expect(effects.messages).toMatchObject([
      { type: 'AppendEntries', to: 2, entries: [{ index: 1 }] },
      { type: 'AppendEntries', to: 3, entries: [{ index: 1 }] },
    ])
  })

  test('votes of an earlier campaign do not count', () => {
    const node = unsavedCandidate()
    node.persist()
    node.elapse(TIMEOUT_MS)
    node.receive(voteReply({ isPreVote: true, term: 3 }))
    node.persist()
    expect(node.raft).toMatchObject({ role: 'candidate', currentTerm: 3 })

    node.receive(voteReply({ term: 2 }))

    expect(node.raft.role).toBe('candidate')
  })

  test.each([
    { why: 'a pre-vote', reply: voteReply({ isPreVote: true, term: 3 }) },
    { why: 'a late pre-vote for this very term', reply: voteReply({ from: 3, isPreVote: true }) },
    { why: 'a vote of a learner', reply: voteReply({ from: 4 }) },
    { why: 'a vote of nobody that we know', reply: voteReply({ from: 9 }) },
  ])('$why does not count as a vote', ({ reply }) => {
    const node = new SoloNode({ learners: [4] })
    node.elapse(TIMEOUT_MS)
    node.receive(voteReply({ isPreVote: true }))
    node.persist()

    node.receive(reply)

    expect(node.raft.role).toBe('candidate')
  })

  test('a candidate that a majority rejects steps back, and keeps its vote', () => {
    const node = unsavedCandidate()
    node.persist()

    node.receive(voteReply({ voteGranted: false }), voteReply({ from: 3, voteGranted: false }))

    expect(node.raft).toMatchObject({ role: 'follower', currentTerm: 2, votedFor: 1 })
  })

  test('a candidate follows a leader of its own term', () => {
    const node = unsavedCandidate()
    node.persist()

    node.receive(appendEntries())

    expect(node.raft).toMatchObject({ role: 'follower', leaderId: 2, votedFor: 1 })
  })

  test.each([
    { why: 'a learner', options: { voters: [2, 3], learners: [1] } },
    { why: 'a node that no configuration names', options: { voters: [2, 3] } },
  ])('$why does not campaign', ({ options }) => {
    const node = new SoloNode(options)

    expect(allMessages(node.elapse(10 * TIMEOUT_MS))).toEqual([])
  })

  test('a node that comes back from its disk is a follower, whatever it was, and bound by its vote', () => {
    const node = new SoloNode({ currentTerm: 5, votedFor: 1 })

    expect(node.raft.role).toBe('follower')
    expect(allMessages(node.receive(requestVote({ term: 5 })))).toMatchObject([{ voteGranted: false }])
  })
})

describe('votes (thesis §3.4, §3.6.1)', () => {
  test('a node votes at most once in a term, and repeats its answer', () => {
    const node = new SoloNode()

    expect(allMessages(node.receive(requestVote({ from: 2 })))).toMatchObject([{ to: 2, voteGranted: true }])
    expect(allMessages(node.receive(requestVote({ from: 3 })))).toMatchObject([{ to: 3, voteGranted: false }])
    expect(allMessages(node.receive(requestVote({ from: 2 })))).toMatchObject([{ to: 2, voteGranted: true }])
  })

  test('a vote leaves only when it is on disk', () => {
    const node = new SoloNode()

    const effects = node.receive(requestVote({ term: 4 }))

    expect(effects.messages).toEqual([])
    expect(effects.batch).toMatchObject({
      hardState: { currentTerm: 4, votedFor: 2 },
      messages: [{ type: 'RequestVoteReply', voteGranted: true }],
    })
  })

  test('so does one in a term that is on disk already', () => {
    const node = new SoloNode({ currentTerm: 4 })

    const effects = node.receive(requestVote({ term: 4 }))

    expect(effects.messages).toEqual([])
    expect(effects.batch?.hardState).toEqual({ currentTerm: 4, votedFor: 2 })
  })

  test.each([
    { why: 'shorter', ours: [1, 1], lastLogIndex: 1, lastLogTerm: 1, voteGranted: false },
    { why: 'equal', ours: [1, 1], lastLogIndex: 2, lastLogTerm: 1, voteGranted: true },
    { why: 'shorter but newer', ours: [1, 1], lastLogIndex: 1, lastLogTerm: 2, voteGranted: true },
    { why: 'longer but older', ours: [1, 2], lastLogIndex: 3, lastLogTerm: 1, voteGranted: false },
  ])(
    'a candidate whose log is $why gets vote and pre-vote: $voteGranted',
    ({ ours, voteGranted, ...log }) => {
      for (const isPreVote of [true, false]) {
        const node = new SoloNode({ terms: ours, currentTerm: 2 })

        const effects = node.receive(requestVote({ term: 3, isPreVote, ...log }))

        expect(allMessages(effects)).toMatchObject([{ type: 'RequestVoteReply', isPreVote, voteGranted }])
      }
    },
  )

  test('a node answers a candidate that its own, maybe older configuration does not name (etcd PR 10998)', () => {
    const node = new SoloNode({ voters: [2, 3], learners: [1] })

    expect(allMessages(node.receive(requestVote({ from: 7 })))).toMatchObject([{ to: 7, voteGranted: true }])
  })

  test('a step back within a term does not clear the vote', () => {
    const node = new SoloNode()
    node.receive(requestVote({ from: 2, term: 2 }))

    node.receive(appendEntries({ from: 3, term: 2 }))

    expect(node.raft.votedFor).toBe(2)
  })
})

describe('terms (thesis §3.3)', () => {
  test.each<{ why: string; message: RaftMessage }>([
    { why: 'a vote request', message: requestVote({ term: 7 }) },
    { why: 'a rejected pre-vote', message: voteReply({ term: 7, isPreVote: true, voteGranted: false }) },
    { why: 'an AppendEntries', message: appendEntries({ term: 7 }) },
  ])('$why of a later term makes a node follow that term', ({ message }) => {
    const node = new SoloNode()

    const effects = node.receive(message)

    expect(node.raft).toMatchObject({ currentTerm: 7, role: 'follower' })
    expect(effects.batch?.hardState?.currentTerm).toBe(7)
  })

  test.each<{ why: string; message: RaftMessage }>([
    { why: 'a pre-vote request', message: requestVote({ term: 7, isPreVote: true }) },
    { why: 'a granted pre-vote', message: voteReply({ term: 7, isPreVote: true }) },
  ])('$why of a later term does not: nobody has that term yet (§9.6)', ({ message }) => {
    const node = new SoloNode()

    node.receive(message)

    expect(node.raft.currentTerm).toBe(1)
  })

  test('nothing that carries a term leaves before that term is on disk', () => {
    const node = new SoloNode()
    node.receive(appendEntries({ term: 5 }))

    const effects = node.receive(
      appendEntries({ term: 5, prevLogIndex: 9, prevLogTerm: 5 }),
      requestVote({ from: 3, term: 5, isPreVote: true }),
      appendEntries({ from: 3, term: 4 }),
    )
    node.step({ type: 'readIndex', id: 1 })

    expect(effects.messages).toEqual([])
    expect(effects.batch?.messages.length).toBeGreaterThanOrEqual(3)
    expect(allMessages(node.persist())).toEqual([])
    expect(node.receive(appendEntries({ term: 5 })).messages).toHaveLength(1)
  })

  test('a leader of an earlier term is told ours', () => {
    const node = new SoloNode({ currentTerm: 5 })

    const effects = node.receive(appendEntries({ term: 4, session: 3 }))

    expect(allMessages(effects)).toMatchObject([
      { type: 'AppendEntriesReply', success: false, term: 5, session: 3 },
    ])
  })
})

describe('pre-vote, stickiness and check-quorum (thesis §4.2.3, §6.2, §9.6)', () => {
  test('a node that hears its leader grants neither votes nor pre-votes, and keeps its term', () => {
    const node = new SoloNode()
    node.receive(appendEntries())
    node.persist()
    node.elapse(TIMEOUT_MS - 1)

    const asked = node.receive(
      requestVote({ from: 3, term: 9 }),
      requestVote({ from: 3, term: 9, isPreVote: true }),
    )

    expect(allMessages(asked)).toMatchObject([{ isPreVote: true, voteGranted: false, term: 2 }])
    expect(node.raft.currentTerm).toBe(2)
  })

  test('it grants them an election timeout after it last heard the leader', () => {
    const node = new SoloNode()
    node.receive(appendEntries())
    node.now += TIMEOUT_MS

    const effects = node.receive(requestVote({ from: 3, term: 9 }))

    expect(allMessages(effects)).toMatchObject([{ voteGranted: true, term: 9 }])
  })

  test('the campaign that a leader asked for is heard even then (§3.10)', () => {
    const node = new SoloNode()
    node.receive(appendEntries())

    const effects = node.receive(requestVote({ from: 3, term: 3, isTransfer: true }))

    expect(allMessages(effects)).toMatchObject([{ voteGranted: true, term: 3 }])
  })

  test('a pre-candidate that is behind learns the term from the rejection, and is heard in the next round', () => {
    const behind = new SoloNode({ id: 1, currentTerm: 1 })
    const ahead = [2, 3].map((id) => new SoloNode({ id, currentTerm: 8 }))

    for (let round = 0; round < 2; round++) {
      const effects = behind.elapse(TIMEOUT_MS * 2)
      settle([behind, ...ahead], allMessages(effects))
    }

    expect(behind.raft).toMatchObject({ role: 'leader', currentTerm: 9 })
  })

  test('a leader that no majority answers for an election timeout steps down, in its term', () => {
    const leader = new SoloNode({ voters: [1, 2, 3, 4, 5] }).becomeReadyLeader()
    const { currentTerm } = leader.raft
    leader.now += TIMEOUT_MS
    leader.acknowledge(2, 1)

    leader.elapse(0)

    expect(leader.raft).toMatchObject({ role: 'follower', currentTerm, votedFor: 1, leaderId: null })
  })

  test('a leader that a majority answers stays', () => {
    const leader = new SoloNode({ voters: [1, 2, 3, 4, 5] }).becomeReadyLeader()

    for (let i = 0; i < 10; i++) {
      leader.now += TIMEOUT_MS / 2
      leader.acknowledge(2, 1)
      leader.acknowledge(3, 1)
      leader.elapse(0)
    }

    expect(leader.raft.role).toBe('leader')
  })

  test('a leader is not deposed by a node that is not its peer (a removed one)', () => {
    const leader = new SoloNode().becomeReadyLeader()

    leader.receive(requestVote({ from: 9, term: 99 }), appendReply(leader, 9, { term: 99, session: 5 }))

    expect(leader.raft.role).toBe('leader')
  })
})
