import { describe, expect, test } from 'vitest'
import { snapshotMetaAt } from '../../../raft/core/log.ts'
import { encodedEntryBytes } from '../../../raft/entry.ts'
import {
  allMessages,
  appendEntries,
  appendReply,
  entriesOf,
  entry,
  membershipEntry,
  metaAt,
  SoloNode,
} from './solo-node.ts'

const ENTRY_BYTES = encodedEntryBytes(entry(1, 1))

/** A ready leader with ten old entries that are on disk and not in memory, and its no-op at 11. */
function leaderWithColdLog(): SoloNode {
  return new SoloNode({ terms: Array<number>(10).fill(1), appliedIndex: 10 }).becomeReadyLeader()
}

/** `peer` turns out to have nothing after `index`. */
function fallBehind(leader: SoloNode, peer: number, index: number) {
  const { nextIndex } = leader.raft.progress.get(peer) ?? { nextIndex: 0 }
  const rejection = { success: false, rejectedIndex: nextIndex - 1, conflictIndex: index, conflictTerm: 1 }
  return leader.receive(appendReply(leader, peer, rejection))
}

describe('entries that have left the memory', () => {
  test('are read from disk for a peer that lags, and sent when they are here', () => {
    const leader = leaderWithColdLog()

    const asked = fallBehind(leader, 3, 4)

    const session = leader.raft.progress.get(3)?.session ?? 0
    expect(asked.fetches).toMatchObject([{ to: 3, session, first: 5, last: 11 }])
    const entries = entriesOf([1, 1, 1], 5)
    const effects = leader.step({ type: 'fetched', to: 3, session, entries })
    expect(effects.messages).toMatchObject([{ to: 3, prevLogIndex: 4, prevLogTerm: 1, entries }])
  })

  test('are asked from disk only as far as the disk certainly has them', () => {
    const leader = leaderWithColdLog()
    leader.propose(1, 2, 3) // 12 to 14: on their way to the disk.

    const { fetches } = fallBehind(leader, 3, 4)

    expect(fetches).toMatchObject([{ first: 5, last: 11 }])
  })

  test('are asked for once at a time', () => {
    const leader = leaderWithColdLog()
    fallBehind(leader, 3, 4)

    expect(leader.propose(1).fetches).toEqual([])
    expect(leader.elapse(10).fetches).toEqual([])
  })

  test('and that the disk is letting go of are asked for again at the next heartbeat, not at once', () => {
    const leader = leaderWithColdLog()
    const [asked] = fallBehind(leader, 3, 4).fetches
    const session = asked?.session ?? 0

    const effects = leader.step({ type: 'fetched', to: 3, session, entries: [] })

    expect(effects.fetches).toEqual([])
    expect(leader.elapse(10).fetches).toMatchObject([{ to: 3, first: 5 }])
  })

  test.each([
    { why: 'from an earlier leadership', session: 0 },
    { why: 'of a peer that is unknown', to: 9 },
  ])('are dropped when they come $why', ({ session, to = 3 }) => {
    const leader = leaderWithColdLog()
    fallBehind(leader, 3, 4)

    const known = leader.raft.progress.get(3)?.session ?? 0
    const event = { type: 'fetched', to, session: session ?? known, entries: entriesOf([1], 5) } as const

    expect(leader.step(event).messages).toEqual([])
  })

  test('are not sent if the peer has moved on meanwhile', () => {
    const leader = leaderWithColdLog()
    const [asked] = fallBehind(leader, 3, 4).fetches
    leader.acknowledge(3, 7)

    const effects = leader.step({
      type: 'fetched',
      to: 3,
      session: asked?.session ?? 0,
      entries: entriesOf([1], 5),
    })

    expect(effects.messages).toEqual([])
    expect(effects.fetches).toMatchObject([{ first: 8 }])
  })
})

describe('the cache of entries', () => {
  test('lets go of what is committed and durable once it is above its maximum, oldest first', () => {
    const leader = new SoloNode({ limits: { cacheBytesMax: 3 * ENTRY_BYTES } }).becomeReadyLeader()
    leader.propose(1, 2, 3, 4, 5)
    leader.persist()

    leader.acknowledge(2, 6)

    const { log } = leader.raft
    expect(log.cacheBytes).toBeLessThanOrEqual(3 * ENTRY_BYTES)
    expect(log.cache.at(-1)?.index).toBe(6)
    expect(log.cache[log.cacheStart]?.index).toBe(4)
  })

  test('keeps what is not committed, however much that is', () => {
    const leader = new SoloNode({ limits: { cacheBytesMax: 0 } }).becomeReadyLeader()

    leader.propose(1, 2, 3, 4, 5)
    leader.persist()

    expect(leader.raft.log.cache.length - leader.raft.log.cacheStart).toBe(5)
  })

  test('holds on to no more dropped entries than it has live ones', () => {
    const leader = new SoloNode({ limits: { cacheBytesMax: 2 * ENTRY_BYTES } }).becomeReadyLeader()

    for (let index = 2; index <= 300; index++) {
      leader.propose(1)
      leader.persist()
      leader.acknowledge(2, index)
    }

    expect(leader.raft.log.cache.length).toBeLessThanOrEqual(6)
  })

  test('gives peers that are in step the same array, which is then encoded once', () => {
    const leader = new SoloNode().becomeReadyLeader()
    leader.acknowledge(3, 1)

    const [two, three] = leader.propose(1, 2).messages

    expect(two?.type === 'AppendEntries' && three?.type === 'AppendEntries').toBe(true)
    expect(two?.type === 'AppendEntries' ? two.entries : 2).toBe(
      three?.type === 'AppendEntries' ? three.entries : 3,
    )
  })
})

describe('compaction', () => {
  test('keeps terms and configurations of what stays', () => {
    const node = new SoloNode({ terms: [1, 1, 2], appliedIndex: 0 })
    const change = membershipEntry(4, 2, { voters: [1, 2, 3], learners: [4] })
    node.receive(
      appendEntries({
        prevLogIndex: 3,
        prevLogTerm: 2,
        entries: [change, entry(5, 2), entry(6, 3)],
        leaderCommit: 6,
        term: 3,
      }),
    )
    node.persist()

    const { membership } = JSON.parse(new TextDecoder().decode(change.payload))
    node.step({ type: 'compacted', base: { ...metaAt(4, 2), membership, membershipIndex: 4 } })

    const { log } = node.raft
    expect(log.base.lastIndex).toBe(4)
    expect(log.terms).toEqual([
      { firstIndex: 5, term: 2 },
      { firstIndex: 6, term: 3 },
    ])
    expect(log.memberships).toEqual([])
    expect(log.base.membership.members.map(({ id }) => id)).toEqual([1, 2, 3, 4])
  })

  test('goes with the configuration in force where it ends, not with a later one (canonical/raft#250)', () => {
    const node = new SoloNode({ terms: [1, 1] })
    const change = membershipEntry(3, 1, { voters: [1, 2, 3], learners: [4] })
    node.receive(appendEntries({ term: 1, prevLogIndex: 2, prevLogTerm: 1, entries: [change, entry(4, 1)] }))
    const { log } = node.raft

    expect(snapshotMetaAt(log, 2)).toMatchObject({ membership: log.base.membership, membershipIndex: 0 })
    expect(snapshotMetaAt(log, 3)).toMatchObject({ membershipIndex: 3 })
    expect(snapshotMetaAt(log, 4).membership.members).toHaveLength(4)
  })

  test('of the whole log leaves a log that goes on', () => {
    const node = new SoloNode({ terms: [1, 1], appliedIndex: 2 })
    node.step({ type: 'compacted', base: metaAt(2, 1) })

    node.receive(appendEntries({ prevLogIndex: 2, prevLogTerm: 1, entries: [entry(3, 2)], leaderCommit: 3 }))

    expect(allMessages(node.persist())).toMatchObject([{ success: true, matchIndex: 3 }])
  })

  test('to a point that is behind changes nothing', () => {
    const node = new SoloNode({ terms: [1], base: { lastIndex: 5, lastTerm: 1 }, appliedIndex: 6 })

    node.step({ type: 'compacted', base: metaAt(3, 1) })

    expect(node.raft.log.base.lastIndex).toBe(5)
  })

  test('an AppendEntries from before the base is checked from the base on: all up to there is committed', () => {
    const node = new SoloNode({ terms: [1], base: { lastIndex: 5, lastTerm: 1 }, appliedIndex: 6 })

    const entries = [...entriesOf([1, 1, 1, 1], 3), entry(7, 2)]
    node.receive(appendEntries({ prevLogIndex: 2, prevLogTerm: 1, entries, leaderCommit: 7 }))

    expect(allMessages(node.persist())).toMatchObject([{ success: true, matchIndex: 7 }])
    expect(node.raft.commitIndex).toBe(7)
  })
})
