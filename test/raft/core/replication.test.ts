import { describe, expect, test } from 'vitest'
import type { Term } from '../../../raft/types.ts'
import { allMessages, appendEntries, appendReply, entriesOf, entry, SoloNode } from './solo-node.ts'

function termsOf({ raft }: SoloNode): Term[] {
  const { log } = raft
  return log.cache.slice(log.cacheStart).map(({ term }) => term)
}

describe('a follower appends (thesis §3.5)', () => {
  test.each<{ why: string; ours: Term[]; prev: number; theirs: Term[]; expected: Term[] }>([
    { why: 'to an empty log', ours: [], prev: 0, theirs: [1, 2], expected: [1, 2] },
    { why: 'at the end', ours: [1, 1], prev: 2, theirs: [2], expected: [1, 1, 2] },
    {
      why: 'what it has already: nothing changes',
      ours: [1, 1, 1],
      prev: 1,
      theirs: [1],
      expected: [1, 1, 1],
    },
    { why: 'an overlap: only what is new', ours: [1, 1], prev: 1, theirs: [1, 2], expected: [1, 1, 2] },
    { why: 'over a conflict: all after it goes', ours: [1, 1, 1, 1], prev: 1, theirs: [2], expected: [1, 2] },
    { why: 'over a conflict further on', ours: [1, 1, 1, 1], prev: 1, theirs: [1, 2], expected: [1, 1, 2] },
    {
      why: 'nothing where the previous entry differs',
      ours: [1, 1],
      prev: 2,
      theirs: [2],
      expected: [1, 1, 2],
    },
  ])('$why', ({ ours, prev, theirs, expected }) => {
    const node = new SoloNode({ terms: ours })

    const prevLogTerm = ours[prev - 1] ?? 0
    node.receive(appendEntries({ prevLogIndex: prev, prevLogTerm, entries: entriesOf(theirs, prev + 1) }))

    expect(termsOf(node)).toEqual(expected)
  })

  test('a delayed duplicate does not truncate what came after it', () => {
    const node = new SoloNode()
    const first = appendEntries({ entries: entriesOf([2]) })
    node.receive(first)
    node.receive(appendEntries({ prevLogIndex: 1, prevLogTerm: 2, entries: entriesOf([2, 2], 2) }))

    node.receive(first)

    expect(termsOf(node)).toEqual([2, 2, 2])
  })

  test('a replacement is one batch that starts at the conflict', () => {
    const node = new SoloNode({ terms: [1, 1, 1] })

    const { batch } = node.receive(
      appendEntries({ prevLogIndex: 1, prevLogTerm: 1, entries: entriesOf([2, 2], 2) }),
    )

    expect(batch?.entries.map(({ index, term }) => [index, term])).toEqual([
      [2, 2],
      [3, 2],
    ])
  })

  test('appended and replaced within one step, the batch holds the last word', () => {
    const node = new SoloNode()

    const { batch } = node.receive(
      appendEntries({ entries: entriesOf([2, 2, 2]) }),
      appendEntries({ term: 3, from: 3, prevLogIndex: 1, prevLogTerm: 2, entries: entriesOf([3], 2) }),
    )

    expect(batch?.entries.map(({ term }) => term)).toEqual([2, 3])
    expect(batch?.hardState).toEqual({ currentTerm: 3, votedFor: null })
  })
})

describe('a follower acknowledges', () => {
  test('only what is on its disk', () => {
    const node = new SoloNode({ currentTerm: 2 })

    expect(allMessages(node.receive(appendEntries({ entries: entriesOf([2, 2]) })))).toEqual([])

    expect(allMessages(node.persist())).toMatchObject([{ success: true, matchIndex: 2 }])
  })

  test('only what this leader has verified, however long its log is', () => {
    const node = new SoloNode({ terms: [1, 1, 1, 1] })

    const effects = node.receive(appendEntries({ prevLogIndex: 2, prevLogTerm: 1 }))

    expect(allMessages(effects)).toMatchObject([{ success: true, matchIndex: 2 }])
  })

  test('to a new leader nothing that only the old one has verified', () => {
    const node = new SoloNode({ terms: [1, 1, 1] })
    node.receive(appendEntries({ prevLogIndex: 3, prevLogTerm: 1 }))
    node.persist()

    const effects = node.receive(
      appendEntries({ from: 3, term: 3, prevLogIndex: 1, prevLogTerm: 1, session: 8 }),
    )

    expect(allMessages(effects)).toMatchObject([{ to: 3, success: true, matchIndex: 1, session: 8 }])
  })

  test('many messages of one step once', () => {
    const node = new SoloNode({ currentTerm: 2 })
    node.receive(appendEntries())

    node.receive(
      appendEntries({ entries: entriesOf([2]) }),
      appendEntries({ prevLogIndex: 1, prevLogTerm: 2, entries: entriesOf([2], 2), readRound: 3 }),
    )

    expect(allMessages(node.persist())).toMatchObject([{ matchIndex: 2, readRound: 3 }])
  })

  test('a heartbeat at once, with what is durable by then', () => {
    const node = new SoloNode({ currentTerm: 2 })
    node.receive(appendEntries({ entries: entriesOf([2, 2]) }))

    const effects = node.receive(appendEntries({ prevLogIndex: 2, prevLogTerm: 2 }))

    expect(effects.messages).toMatchObject([{ success: true, matchIndex: 0 }])
  })

  test('nothing of a suffix that was replaced while it was being written', () => {
    const node = new SoloNode({ currentTerm: 2 })
    node.receive(appendEntries({ entries: entriesOf([2, 2, 2]) }))
    const [late] = node.raft.unpersisted
    node.receive(
      appendEntries({ term: 3, from: 3, prevLogIndex: 1, prevLogTerm: 2, entries: entriesOf([3, 3, 3], 2) }),
    )

    const effects = node.step({ type: 'persisted', batchNumber: late?.number ?? 0 })

    expect(node.raft.log.durableIndex).toBe(1)
    expect(
      allMessages(effects).filter((message) => 'matchIndex' in message && message.matchIndex > 1),
    ).toEqual([])
    expect(allMessages(node.persist())).toMatchObject([{ matchIndex: 4, term: 3 }])
  })
})

describe('commitment (thesis §3.6.2)', () => {
  test('an entry is committed once a majority has it on disk', () => {
    const leader = new SoloNode({ voters: [1, 2, 3, 4, 5] }).becomeLeader()
    leader.acknowledge(2, 1)
    expect(leader.raft.commitIndex).toBe(0)

    const effects = leader.acknowledge(3, 1)

    expect(leader.raft.commitIndex).toBe(1)
    expect(effects.committed).toMatchObject([{ index: 1, type: 'noop' }])
  })

  test('a leader counts itself only once the entry is on its own disk (§10.2.1)', () => {
    const leader = new SoloNode().becomeReadyLeader()
    leader.propose(1)
    leader.acknowledge(2, 2)
    expect(leader.raft.commitIndex).toBe(1)

    leader.persist()

    expect(leader.raft.commitIndex).toBe(2)
  })

  test('a majority of the others commits what the leader itself has not written, but it is applied there only then', () => {
    const leader = new SoloNode().becomeReadyLeader()
    leader.propose(1)

    leader.acknowledge(2, 2)
    const { committed } = leader.acknowledge(3, 2)

    expect(leader.raft.commitIndex).toBe(2)
    expect(committed).toEqual([])
    expect(leader.persist().committed).toMatchObject([{ index: 2 }])
  })

  test('an entry of an earlier term is not committed by counting, only by one of the leader’s own (Figure 3.7)', () => {
    const leader = new SoloNode({ terms: [1, 2], currentTerm: 3 }).becomeLeader()

    leader.acknowledge(2, 2)
    leader.acknowledge(3, 2)
    expect(leader.raft.commitIndex).toBe(0)
    leader.acknowledge(2, 3)

    expect(leader.raft.commitIndex).toBe(3)
  })

  test('a learner does not count', () => {
    const leader = new SoloNode({ learners: [4, 5] }).becomeLeader()

    leader.acknowledge(4, 1)
    leader.acknowledge(5, 1)

    expect(leader.raft.commitIndex).toBe(0)
  })

  test('an acknowledgement of another session does not count', () => {
    const leader = new SoloNode().becomeLeader()

    leader.acknowledge(2, 1, { session: 999 })

    expect(leader.raft.commitIndex).toBe(0)
    expect(leader.raft.progress.get(2)?.matchIndex).toBe(0)
  })

  test.each([
    { why: 'what the message verified', leaderCommit: 4, prev: 2, sent: 1, expected: 3 },
    { why: 'what the leader has committed', leaderCommit: 2, prev: 2, sent: 2, expected: 2 },
    { why: 'a heartbeat’s previous entry', leaderCommit: 4, prev: 2, sent: 0, expected: 2 },
  ])('a follower commits up to $why and no further', ({ leaderCommit, prev, sent, expected }) => {
    const node = new SoloNode({ terms: [1, 1, 1, 1] })

    const entries = entriesOf(Array<number>(sent).fill(1), prev + 1)
    node.receive(appendEntries({ prevLogIndex: prev, prevLogTerm: 1, entries, leaderCommit }))

    expect(node.raft.commitIndex).toBe(expected)
  })

  test('a follower applies what is committed once it is on its own disk', () => {
    const node = new SoloNode({ currentTerm: 2 })

    const { committed } = node.receive(appendEntries({ entries: entriesOf([2, 2]), leaderCommit: 2 }))

    expect(committed).toEqual([])
    expect(node.persist().committed).toHaveLength(2)
  })

  test('the commit index never goes back', () => {
    const node = new SoloNode({ terms: [1, 1] })
    node.receive(appendEntries({ prevLogIndex: 2, prevLogTerm: 1, leaderCommit: 2 }))

    node.receive(appendEntries({ prevLogIndex: 1, prevLogTerm: 1, leaderCommit: 1 }))

    expect(node.raft.commitIndex).toBe(2)
  })

  test('a committed entry is never replaced: that is our bug, and the process ends', () => {
    const node = new SoloNode({ terms: [1, 1] })
    node.receive(appendEntries({ prevLogIndex: 2, prevLogTerm: 1, leaderCommit: 2 }))

    const conflict = appendEntries({ prevLogIndex: 1, prevLogTerm: 1, entries: [entry(2, 2)] })

    expect(() => node.receive(conflict)).toThrow(/replace a committed/)
  })
})

describe('a leader replicates (thesis §3.5)', () => {
  test('all proposals of a step as one write and one message to each peer', () => {
    const leader = new SoloNode().becomeReadyLeader()
    leader.acknowledge(3, 1)

    const effects = leader.propose(1, 2, 3)

    expect(effects.batch?.entries).toHaveLength(3)
    expect(effects.messages).toMatchObject([
      { to: 2, prevLogIndex: 1, entries: [{ index: 2 }, { index: 3 }, { index: 4 }] },
      { to: 3, prevLogIndex: 1, entries: [{ index: 2 }, { index: 3 }, { index: 4 }] },
    ])
    expect(effects.proposals).toEqual([
      { id: 1, index: 2, term: 2 },
      { id: 2, index: 3, term: 2 },
      { id: 3, index: 4, term: 2 },
    ])
  })

  test('before its own disk is done, in parallel with it (§10.2.1)', () => {
    const leader = new SoloNode().becomeReadyLeader()

    expect(leader.propose(1).messages.length).toBeGreaterThan(0)
    expect(leader.propose(2).messages).toMatchObject([{ to: 2, prevLogIndex: 2 }])
  })

  test('one message at a time while it probes, and asks again with the next heartbeat', () => {
    const leader = new SoloNode().becomeReadyLeader()

    expect(leader.propose(1).messages.filter(({ to }) => to === 3)).toEqual([])
    expect(leader.elapse(9).messages).toEqual([])
    expect(leader.elapse(1).messages).toMatchObject([
      { to: 2, entries: [] },
      { to: 3, entries: [{}, {}] },
    ])
  })

  test('no more unacknowledged messages than the limit', () => {
    const leader = new SoloNode({ limits: { inflightMessagesMax: 2 } }).becomeReadyLeader()

    for (let id = 1; id <= 5; id++) leader.propose(id)
    expect(leader.raft.progress.get(2)?.inflight).toHaveLength(2)
    const effects = leader.acknowledge(2, 2)

    expect(effects.messages).toMatchObject([{ to: 2, prevLogIndex: 3 }])
  })

  test('entries that fill more than a message in several', () => {
    const leader = new SoloNode({ limits: { appendBytesMax: 70 } }).becomeReadyLeader()

    const { messages } = leader.propose(1, 2, 3)

    const sizes = messages
      .filter(({ to }) => to === 2)
      .map((m) => (m.type === 'AppendEntries' ? m.entries.length : 0))
    expect(sizes).toEqual([2, 1])
  })

  test('a heartbeat to each peer when nothing else left for that long', () => {
    const leader = new SoloNode().becomeReadyLeader()
    leader.acknowledge(3, 1)
    leader.elapse(10)

    expect(leader.elapse(5).messages).toEqual([])
    expect(leader.elapse(5).messages).toMatchObject([
      { to: 2, entries: [] },
      { to: 3, entries: [] },
    ])
  })

  test('what was lost on the way, after the next heartbeat is rejected', () => {
    const leader = new SoloNode().becomeReadyLeader()
    leader.propose(1)
    leader.elapse(10)

    const rejection = { success: false, rejectedIndex: 2, conflictIndex: 1, conflictTerm: 2 }
    const effects = leader.receive(appendReply(leader, 2, rejection))

    expect(effects.messages).toMatchObject([{ to: 2, prevLogIndex: 1, entries: [{ index: 2 }] }])
  })

  test.each([
    { why: 'entries', limits: { uncommittedEntriesMax: 2 } },
    { why: 'bytes', limits: { uncommittedBytesMax: 60 } },
  ])(
    'refuses proposals above the maximum of uncommitted $why, and takes them again after a commit',
    ({ limits }) => {
      const leader = new SoloNode({ limits }).becomeReadyLeader()

      expect(leader.propose(1, 2, 3).proposals[2]).toEqual({ id: 3, refusal: 'overloaded' })
      leader.persist()
      leader.acknowledge(2, 3)

      expect(leader.propose(4).proposals).toEqual([{ id: 4, index: 4, term: 2 }])
    },
  )

  test('refuses them also while it is its own disk that has not taken the bytes: they are in memory, whoever has them', () => {
    const leader = new SoloNode({ limits: { uncommittedBytesMax: 60 } }).becomeReadyLeader()
    leader.propose(1, 2)
    for (const peer of [2, 3]) leader.acknowledge(peer, 3)
    expect(leader.raft.commitIndex).toBe(3)

    expect(leader.propose(3).proposals).toEqual([{ id: 3, refusal: 'overloaded' }])

    leader.persist()
    expect(leader.propose(4).proposals).toMatchObject([{ id: 4, index: 4 }])
  })

  test('nothing on a follower', () => {
    expect(new SoloNode().propose(1).proposals).toEqual([{ id: 1, refusal: 'not_leader' }])
  })

  test('times that never go back, whatever the clock says', () => {
    const leader = new SoloNode().becomeReadyLeader()
    const payload = new Uint8Array()

    const { batch } = leader.step(
      { type: 'propose', id: 1, peer: null, payload, needsRoom: false, time: 500 },
      { type: 'propose', id: 2, peer: null, payload, needsRoom: false, time: 400 },
    )

    expect(batch?.entries.map(({ time }) => time)).toEqual([500, 500])
  })
})
