import { describe, expect, test } from 'vitest'
import type { Effects } from '../../raft/core/effects.ts'
import { StepCounts } from '../../raft/step-counts.ts'
import { appendEntries, SoloNode, TIMEOUT_MS, voteReply } from './core/solo-node.ts'

/** A core whose every step is counted. */
class Counted {
  readonly node = new SoloNode()
  readonly counts = new StepCounts()

  note(effects: Effects): void {
    this.counts.note(this.node.raft, effects, this.node.now)
  }

  /** Node 2 votes for this one, twice. */
  win(): this {
    this.note(this.node.elapse(TIMEOUT_MS))
    this.note(this.node.receive(voteReply({ isPreVote: true, term: this.node.raft.currentTerm + 1 })))
    this.note(this.node.persist())
    this.note(this.node.receive(voteReply({ term: this.node.raft.currentTerm })))
    return this
  }
}

describe('what happened to a node', () => {
  test('a won election is one pre-vote, one campaign, one victory and one leader change', () => {
    const { counts, node } = new Counted().win()

    expect(node.raft.role).toBe('leader')
    expect(counts.happened).toMatchObject({ preVotes: 1, campaigns: 1, elected: 1, stepDowns: 0 })
    expect(counts.happened.leaderChanges).toBe(1)
  })

  test('each pre-vote that leads to nothing counts, and is no campaign', () => {
    const counted = new Counted()

    for (let round = 0; round < 3; round++) counted.note(counted.node.elapse(TIMEOUT_MS))

    expect(counted.counts.happened).toMatchObject({ preVotes: 3, campaigns: 0, leaderChanges: 0 })
  })

  test('each term in which it stands is a campaign', () => {
    const counted = new Counted()
    counted.note(counted.node.elapse(TIMEOUT_MS))
    counted.note(counted.node.receive(voteReply({ isPreVote: true, term: 2 })))

    for (let round = 0; round < 2; round++) counted.note(counted.node.elapse(TIMEOUT_MS))
    counted.note(counted.node.receive(voteReply({ isPreVote: true, term: 3 })))

    expect(counted.counts.happened).toMatchObject({ campaigns: 2, elected: 0 })
  })

  test('a leader that hears of a later term steps down once, and its successor is a leader change', () => {
    const counted = new Counted().win()
    const { node, counts } = counted
    const heartbeat = appendEntries({ from: 3, term: node.raft.currentTerm + 1, entries: [] })

    counted.note(node.receive(heartbeat))
    counted.note(node.receive(heartbeat))

    expect(counts.happened).toMatchObject({ stepDowns: 1, leaderChanges: 2, elected: 1 })
  })

  test('the same leader in a later term is another leader change, and in the same term none', () => {
    const counted = new Counted()
    const { node, counts } = counted

    for (const term of [2, 2, 3]) counted.note(node.receive(appendEntries({ from: 2, term, entries: [] })))

    expect(counts.happened.leaderChanges).toBe(2)
  })

  test('commitment is timed from the step that appended a batch to the one that committed it', () => {
    const counted = new Counted().win()
    const { node, counts } = counted
    node.now += 4
    counted.note(node.propose(1, 2))
    counted.note(node.persist())
    expect(counts.commit.counts.reduce((a, b) => a + b)).toBe(0)

    node.now += 3
    counted.note(node.acknowledge(2, node.raft.log.lastIndex))

    // The no-op waited for 7 ms, the batch of two for 3.
    expect(counts.commit.sumMs).toBe(10)
    expect(counts.commit.counts.reduce((a, b) => a + b)).toBe(2)
  })

  test('what a leader had appended when it was deposed is not timed, also if it leads again', () => {
    const counted = new Counted().win()
    const { node, counts } = counted
    counted.note(node.propose(1))
    counted.note(node.persist())
    const { currentTerm, log } = node.raft
    counted.note(node.receive(appendEntries({ ...inStep(node), term: currentTerm + 1 })))
    counted.note(node.persist())

    counted.win()
    counted.note(node.persist())
    counted.note(node.acknowledge(2, log.lastIndex))

    expect(node.raft.commitIndex).toBe(log.lastIndex)
    expect(counts.commit.counts.reduce((a, b) => a + b)).toBe(1)
  })

  test('a leader that nobody answers times a bounded number of batches', () => {
    const counted = new Counted().win()
    const { node, counts } = counted
    for (let id = 1; id <= 2_000; id++) counted.note(node.propose(id))
    counted.note(node.persist())

    counted.note(node.acknowledge(2, node.raft.log.lastIndex))

    expect(node.raft.commitIndex).toBe(node.raft.log.lastIndex)
    expect(counts.commit.counts.reduce((a, b) => a + b)).toBe(1_024)
  })
})

/** A heartbeat of node 3 to `node`, whose log is the same. */
function inStep({ raft: { log } }: SoloNode): Parameters<typeof appendEntries>[0] {
  const prevLogTerm = log.terms.at(-1)?.term ?? 0
  return { from: 3, prevLogIndex: log.lastIndex, prevLogTerm, entries: [], leaderCommit: 0 }
}
