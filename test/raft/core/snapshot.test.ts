import { describe, expect, test } from 'vitest'
import type { Effects } from '../../../raft/core/effects.ts'
import { lowestInstalling } from '../../../raft/core/install-snapshot.ts'
import { currentMembership } from '../../../raft/core/membership.ts'
import {
  allMessages,
  appendEntries,
  entriesOf,
  installReply,
  installSnapshot,
  membershipEntry,
  metaAt,
  requestVote,
  SoloNode,
  TIMEOUT_MS,
} from './solo-node.ts'

const BASE = { lastIndex: 5, lastTerm: 1 }

/** A ready leader whose log starts after 5, and whose peer 3 has nothing. */
function leaderWithLaggard(): SoloNode {
  const leader = new SoloNode({ base: BASE, terms: [1], appliedIndex: 5 }).becomeReadyLeader()
  leader.acknowledge(3, 0, { success: false, rejectedIndex: 6, conflictIndex: 0, conflictTerm: 0 })
  return leader
}

function sessionOf(leader: SoloNode, peer: number): number {
  return leader.raft.progress.get(peer)?.session ?? 0
}

describe('a leader sends a snapshot (thesis ch. 5)', () => {
  test('to a peer whose next entry is compacted away', () => {
    const leader = new SoloNode({ base: BASE, terms: [1], appliedIndex: 5 }).becomeReadyLeader()

    const rejection = { success: false, rejectedIndex: 6, conflictIndex: 2, conflictTerm: 1 }
    const effects = leader.acknowledge(3, 0, rejection)

    expect(effects.snapshots).toEqual([{ to: 3, session: sessionOf(leader, 3) }])
    expect(leader.elapse(10).snapshots).toEqual([])
  })

  test('and heartbeats meanwhile, that tell what is coming', () => {
    const leader = leaderWithLaggard()
    leader.step({ type: 'snapshotStarted', to: 3, session: sessionOf(leader, 3), lastIndex: 6 })

    const { messages } = leader.elapse(10)

    expect(messages).toContainEqual(expect.objectContaining({ type: 'InstallSnapshot', to: 3, lastIndex: 6 }))
  })

  test('a peer that answers them counts as healthy, and confirms reads', () => {
    const leader = leaderWithLaggard()
    leader.step({ type: 'readIndex', id: 1 })

    const effects = leader.receive(installReply(leader, 3, { success: false }))

    expect(effects.reads).toEqual([{ id: 1, readIndex: 7 }])
  })

  test('and goes on with the entries after it once it is installed', () => {
    const leader = leaderWithLaggard()
    leader.step({ type: 'snapshotStarted', to: 3, session: sessionOf(leader, 3), lastIndex: 6 })

    const effects = leader.receive(installReply(leader, 3, { lastIndex: 6 }))

    expect(leader.raft.progress.get(3)).toMatchObject({ matchIndex: 6, state: 'probe' })
    expect(effects.messages).toMatchObject([{ to: 3, prevLogIndex: 6, entries: [{ index: 7 }] }])
  })

  test('a late word about an earlier snapshot does not stand for the one under way', () => {
    const leader = leaderWithLaggard()
    leader.step({ type: 'snapshotStarted', to: 3, session: sessionOf(leader, 3), lastIndex: 6 })

    leader.receive(installReply(leader, 3, { lastIndex: 4 }))

    expect(leader.raft.progress.get(3)).toMatchObject({ matchIndex: 4, state: 'snapshot' })
  })

  test('again if the log has been compacted past the one that it installed', () => {
    const leader = leaderWithLaggard()
    leader.step({ type: 'snapshotStarted', to: 3, session: sessionOf(leader, 3), lastIndex: 6 })
    leader.persist()
    leader.step({ type: 'compacted', base: metaAt(7, 2) })

    const effects = leader.receive(installReply(leader, 3, { lastIndex: 6 }))

    expect(effects.snapshots).toHaveLength(1)
    expect(leader.raft.progress.get(3)).toMatchObject({ matchIndex: 6, state: 'snapshot', snapshotIndex: 0 })
  })

  test.each<{ why: string; fail: (leader: SoloNode) => Effects }>([
    {
      why: 'could not be sent',
      fail: (leader) =>
        leader.step({ type: 'snapshotSent', to: 3, session: sessionOf(leader, 3), isSent: false }),
    },
    {
      why: 'arrived and is not being installed',
      fail: (leader) => {
        leader.step({ type: 'snapshotSent', to: 3, session: sessionOf(leader, 3), isSent: true })
        return leader.receive(installReply(leader, 3, { success: false, lastIndex: 0 }))
      },
    },
  ])('one that $why is tried again after asking the peer what it has', ({ fail }) => {
    const leader = leaderWithLaggard()
    leader.step({ type: 'snapshotStarted', to: 3, session: sessionOf(leader, 3), lastIndex: 6 })

    expect(fail(leader).snapshots).toEqual([])
    expect(leader.elapse(10).messages).toContainEqual(
      expect.objectContaining({ type: 'AppendEntries', to: 3, prevLogIndex: 7 }),
    )

    const rejection = { success: false, rejectedIndex: 7, conflictIndex: 0, conflictTerm: 0 }
    expect(leader.acknowledge(3, 0, rejection).snapshots).toHaveLength(1)
  })

  test('one that is being installed is not sent again', () => {
    const leader = leaderWithLaggard()
    const session = sessionOf(leader, 3)
    leader.step({ type: 'snapshotStarted', to: 3, session, lastIndex: 6 })
    leader.step({ type: 'snapshotSent', to: 3, session, isSent: true })

    leader.receive(installReply(leader, 3, { success: false, lastIndex: 6 }))

    expect(leader.raft.progress.get(3)?.state).toBe('snapshot')
  })

  test('goes on being installed, whatever the peer has answered before it had all bytes', () => {
    const leader = leaderWithLaggard()
    const session = sessionOf(leader, 3)
    leader.step({ type: 'snapshotStarted', to: 3, session, lastIndex: 6 })
    const early = installReply(leader, 3, { success: false, lastIndex: 0 })
    leader.step({ type: 'snapshotSent', to: 3, session, isSent: true })

    leader.receive(early)

    expect(leader.raft.progress.get(3)?.state).toBe('snapshot')
    expect(lowestInstalling(leader.raft)).toBe(6)
  })

  test('no more once the peer has reached the log by what was under way', () => {
    const leader = leaderWithLaggard()

    leader.acknowledge(3, 4)
    expect(leader.raft.progress.get(3)?.state).toBe('snapshot')
    leader.acknowledge(3, 5)

    expect(leader.raft.progress.get(3)).toMatchObject({ state: 'replicate', nextIndex: 8 })
  })

  describe('keeps its log for a peer that puts one in place', () => {
    function installing(): SoloNode {
      const leader = leaderWithLaggard()
      const session = sessionOf(leader, 3)
      leader.step({ type: 'snapshotStarted', to: 3, session, lastIndex: 6 })
      leader.step({ type: 'snapshotSent', to: 3, session, isSent: true })
      return leader
    }

    test('until it has', () => {
      const leader = installing()
      expect(lowestInstalling(leader.raft)).toBe(6)

      leader.receive(installReply(leader, 3, { lastIndex: 6 }))

      expect(lowestInstalling(leader.raft)).toBe(Infinity)
    })

    test('and does not wait for one that is silent', () => {
      const leader = installing()
      leader.now += TIMEOUT_MS
      leader.acknowledge(2, 6)

      expect(lowestInstalling(leader.raft)).toBe(Infinity)
    })

    test('nor for one that takes a million entries long', () => {
      const leader = installing()
      leader.raft.log.lastIndex = 1_000_007

      expect(lowestInstalling(leader.raft)).toBe(Infinity)
    })
  })

  test('what a driver says of an earlier session changes nothing', () => {
    const leader = leaderWithLaggard()

    leader.step({ type: 'snapshotStarted', to: 3, session: 999, lastIndex: 6 })

    expect(leader.raft.progress.get(3)?.snapshotIndex).toBe(0)
  })
})

describe('a follower installs a snapshot (thesis ch. 5)', () => {
  /** Follows node 2 in term 2 with a log of `terms`. */
  function follower(terms: number[] = []): SoloNode {
    const node = new SoloNode({ terms, currentTerm: 2 })
    node.receive(installSnapshot())
    return node
  }

  function received(node: SoloNode, lastIndex: number, lastTerm: number, from = 2): Effects {
    return node.step({ type: 'snapshotReceived', from, term: 2, meta: metaAt(lastIndex, lastTerm) })
  }

  test('that takes the place of its log', () => {
    const node = follower([1, 1])
    expect(received(node, 9, 2).install).toMatchObject({ lastIndex: 9 })

    const effects = node.step({ type: 'snapshotInstalled', meta: metaAt(9, 2) })

    expect(node.raft.log).toMatchObject({ lastIndex: 9, durableIndex: 9 })
    expect(node.raft).toMatchObject({ commitIndex: 9, releasedIndex: 9 })
    expect(allMessages(effects)).toMatchObject([{ type: 'AppendEntriesReply', success: true, matchIndex: 9 }])
  })

  test('and keeps its log if that goes on from there (Figure 5.3)', () => {
    const node = follower([1, 1, 2, 2])

    const effects = received(node, 3, 2)

    expect(effects.install).toBeNull()
    expect(effects.committed).toHaveLength(3)
    expect(node.raft.log.lastIndex).toBe(4)
  })

  test('whose configuration is in force from then on (openraft#1808)', () => {
    const node = follower()
    received(node, 9, 2)
    const meta = { ...metaAt(9, 2, [1, 2, 3, 4, 5]), membershipIndex: 7 }

    node.step({ type: 'snapshotInstalled', meta })

    expect(node.raft.log.base.membership.members).toHaveLength(5)
  })

  test('and a configuration that its log had before is forgotten with the log (scylladb#9551)', () => {
    const node = new SoloNode()
    const change = membershipEntry(1, 2, { voters: [1, 2, 3], learners: [6] })
    node.receive(appendEntries({ term: 2, entries: [change] }))
    node.persist()
    received(node, 9, 2)

    const meta = { ...metaAt(9, 2, [1, 2, 3, 4, 5]), membershipIndex: 7 }
    node.step({ type: 'snapshotInstalled', meta })

    expect(currentMembership(node.raft)).toEqual(meta.membership)
  })

  test.each([
    { why: 'from a node that does not lead', from: 3, lastIndex: 9 },
    { why: 'of what it has already', from: 2, lastIndex: 0 },
  ])('not one $why', ({ from, lastIndex }) => {
    expect(received(follower(), lastIndex, lastIndex && 2, from).install).toBeNull()
  })

  test('not one that is older than what is committed here (etcd-io/etcd#18055)', () => {
    const node = follower()
    node.receive(appendEntries({ entries: entriesOf([2, 2, 2]), leaderCommit: 3 }))
    node.persist()

    expect(received(node, 2, 2).install).toBeNull()
    expect(node.raft.commitIndex).toBe(3)
  })

  test('one at a time', () => {
    const node = follower()
    received(node, 9, 2)

    expect(received(node, 12, 2).install).toBeNull()
  })

  test('while it does, it takes no entry, does not campaign, and answers heartbeats', () => {
    const node = follower()
    received(node, 9, 2)

    const answers = node.receive(
      appendEntries({ entries: entriesOf([2]) }),
      installSnapshot({ lastIndex: 9 }),
    )

    expect(node.raft.log.lastIndex).toBe(0)
    expect(allMessages(answers)).toMatchObject([
      { type: 'AppendEntriesReply', success: false },
      { type: 'InstallSnapshotReply', success: false, lastIndex: 9 },
    ])
    expect(allMessages(node.elapse(10 * TIMEOUT_MS))).toEqual([])
  })

  test('a vote is possible meanwhile: it binds to nothing that is not on disk', () => {
    const node = follower()
    received(node, 9, 2)
    node.now += TIMEOUT_MS

    expect(allMessages(node.receive(requestVote({ from: 3, term: 3 })))).toMatchObject([
      { voteGranted: true },
    ])
  })

  test('says that it is done only of what is on its disk', () => {
    const node = follower()
    node.receive(appendEntries({ entries: entriesOf([2, 2]), leaderCommit: 2 }))
    const request = installSnapshot({ lastIndex: 2 })

    expect(allMessages(node.receive(request))).toMatchObject([{ success: false }])
    node.persist()

    expect(allMessages(node.receive(request))).toMatchObject([{ success: true, lastIndex: 2 }])
  })

  test('a batch that was written before it is confirmed after it, and means nothing any more', () => {
    const node = follower()
    node.receive(appendEntries({ entries: entriesOf(Array<number>(12).fill(2)) }))
    received(node, 9, 2)
    node.step({ type: 'snapshotInstalled', meta: metaAt(9, 2) })

    node.persist()

    expect(node.raft.log.durableIndex).toBe(9)
  })
})
