import { describe, expect, test } from 'vitest'
import { COMMIT_NOTICE_MS, commitNoticeDueAt } from '../../../raft/core/commit-notice.ts'
import type { Effects } from '../../../raft/core/effects.ts'
import { SoloNode } from './solo-node.ts'

/** A leader of three whose entry 2 node 2 has just made the majority's, and nobody has been told. */
function committed(): { leader: SoloNode; effects: Effects } {
  const leader = new SoloNode().becomeReadyLeader()
  leader.acknowledge(3, 1)
  leader.elapse(COMMIT_NOTICE_MS)
  leader.propose(1)
  leader.persist()
  return { leader, effects: leader.acknowledge(2, 2) }
}

/** Time passes, and nothing happens. */
function wait(leader: SoloNode, ms: number): Effects {
  leader.now += ms
  return leader.step()
}

describe('of a commit', () => {
  test('nobody is told at once', () => {
    const { leader, effects } = committed()

    expect([leader.raft.commitIndex, effects.messages]).toEqual([2, []])
    expect(commitNoticeDueAt(leader.raft)).toBe(leader.now + COMMIT_NOTICE_MS)
  })

  test('the next entries tell all peers', () => {
    const { leader } = committed()

    expect(leader.propose(2).messages).toMatchObject([
      { to: 2, leaderCommit: 2, entries: [{ index: 3 }] },
      { to: 3, leaderCommit: 2, entries: [{ index: 3 }] },
    ])
    expect(commitNoticeDueAt(leader.raft)).toBeNull()
  })

  test('messages of their own tell them when no entry has come in time, and only once', () => {
    const { leader } = committed()

    expect(wait(leader, COMMIT_NOTICE_MS - 1).messages).toEqual([])
    expect(wait(leader, 1).messages).toMatchObject([
      { to: 2, leaderCommit: 2, entries: [] },
      { to: 3, leaderCommit: 2, entries: [] },
    ])
    expect(commitNoticeDueAt(leader.raft)).toBeNull()
    expect(wait(leader, COMMIT_NOTICE_MS).messages).toEqual([])
  })

  test('a read tells them at once, for it may wait for that very commit', () => {
    const { leader } = committed()

    expect(leader.step({ type: 'readIndex', id: 1 }).messages).toMatchObject([
      { to: 2, leaderCommit: 2 },
      { to: 3, leaderCommit: 2 },
    ])
  })

  test.each([
    { what: 'a command', event: { type: 'propose', payload: new Uint8Array([1]), needsRoom: false } },
    {
      what: 'a change of the members',
      event: { type: 'changeMembership', change: { type: 'add', id: 4, addr: 'node-4:1' }, note: '' },
    },
  ] as const)('a peer is told at once that waits for the answer to $what, and no other', ({ event }) => {
    const leader = new SoloNode().becomeReadyLeader()
    leader.acknowledge(3, 1)
    leader.elapse(COMMIT_NOTICE_MS)
    leader.step({ ...event, id: 1, peer: 3, time: 0 })
    leader.persist()

    const { messages } = leader.acknowledge(2, 2)

    expect(leader.raft.commitIndex).toBe(2)
    expect(messages).toMatchObject([{ to: 3, leaderCommit: 2, entries: [] }])
    const later = wait(leader, COMMIT_NOTICE_MS).messages.filter(({ to }) => to <= 3)
    expect(later).toMatchObject([{ to: 2, leaderCommit: 2 }])
  })

  test('that is one of many, the time runs from the first', () => {
    const { leader } = committed()
    wait(leader, 1)
    leader.propose(2)
    leader.persist()
    leader.acknowledge(2, 3)
    const dueAt = commitNoticeDueAt(leader.raft)
    wait(leader, 1)

    expect(commitNoticeDueAt(leader.raft)).toBe(dueAt)
  })

  test('nobody is told by a leader that has lost its office', () => {
    const { leader } = committed()
    leader.receive({ type: 'TimeoutNow', from: 2, to: 1, term: leader.raft.currentTerm + 1 })

    expect(commitNoticeDueAt(leader.raft)).toBeNull()
  })

  test('a peer that gets a snapshot is not told, for it cannot use it', () => {
    const base = { lastIndex: 5, lastTerm: 1 }
    const leader = new SoloNode({ base, terms: [1], appliedIndex: 5 }).becomeReadyLeader()
    leader.acknowledge(3, 0, { success: false, rejectedIndex: 6, conflictIndex: 0, conflictTerm: 0 })
    expect(leader.raft.progress.get(3)).toMatchObject({ state: 'snapshot', sentCommit: 5 })

    const { messages } = wait(leader, COMMIT_NOTICE_MS)

    expect(messages.filter(({ to }) => to === 3)).toEqual([])
    expect(commitNoticeDueAt(leader.raft)).toBeNull()
  })
})
