import { describe, expect, test } from 'vitest'
import type { PeerIdentity } from '../../raft/ports.ts'
import type { RaftMessage } from '../../raft/types.ts'
import { Witness } from '../../raft/witness.ts'
import {
  appendEntries,
  appendReply,
  installSnapshot,
  requestVote,
  SoloNode,
  voteReply,
} from './core/solo-node.ts'

const CONFIRM_MS = 100

function peer(boot: Partial<PeerIdentity['boot']> = {}, incarnation = 'disk-2'): PeerIdentity {
  return {
    nodeId: 2,
    incarnation,
    addr: 'node-2:1',
    schemas: { min: 1, max: 1 },
    boot: { id: 1, term: 1, lastIndex: 0, ...boot },
  }
}

/** Node 2 is connected, with its first boot. */
function witness(...messages: RaftMessage[]): Witness {
  const witness = new Witness({ confirmMs: CONFIRM_MS })
  witness.notePeer(peer())
  for (const message of messages) witness.noteMessage(message)
  return witness
}

/** Leads five nodes in term 2; entries up to 3 are committed, the log ends at 4, node 2 acknowledged `matchIndex`. */
function leader({ matchIndex }: { matchIndex: number }): SoloNode {
  const leader = new SoloNode({ voters: [1, 2, 3, 4, 5] }).becomeReadyLeader()
  leader.propose(1, 2)
  leader.persist()
  for (const peer of [3, 4]) leader.acknowledge(peer, 3)
  leader.propose(3)
  leader.persist()
  leader.acknowledge(2, matchIndex)
  return leader
}

describe('a peer that comes back', () => {
  test.each([
    { why: 'as it was', boot: { term: 2, lastIndex: 3 }, reason: null },
    { why: 'with more', boot: { term: 5, lastIndex: 9 }, reason: null },
    { why: 'without an entry that is committed', boot: { term: 2, lastIndex: 2 }, reason: 'rolled_back' },
    { why: 'before a term that it spoke in', boot: { term: 1, lastIndex: 3 }, reason: 'rolled_back' },
    { why: 'with nothing', boot: { term: 0, lastIndex: 0 }, reason: 'rolled_back' },
  ])('$why is judged: $reason', ({ boot, reason }) => {
    const node = leader({ matchIndex: 3 })
    const known = witness(appendReply(node, 2))
    known.noteProgress(node.raft)

    expect(known.judge(peer({ id: 2, ...boot }), 0)?.reason ?? null).toBe(reason)
  })

  test('is told the numbers, and what to do', () => {
    const node = leader({ matchIndex: 3 })
    const known = witness(appendReply(node, 2))
    known.noteProgress(node.raft)

    expect(known.judge(peer({ id: 2, term: 1, lastIndex: 2 }), 0)?.message).toBe(
      'node 2 has gone back in time: its data directory ends at entry 2 in term 1, and it had acknowledged entry 3 and spoken in term 2; remove node 2 and join the machine under a new id with an empty data directory',
    )
  })

  test.each([
    { why: 'it asked for votes, and for its own first', message: requestVote({ term: 5 }), term: 5 },
    { why: 'it gave its vote', message: voteReply({ term: 5 }), term: 5 },
    { why: 'it leads', message: appendEntries({ term: 5 }), term: 5 },
    { why: 'it leads', message: installSnapshot({ term: 5 }), term: 5 },
    {
      why: 'it knows better than a candidate',
      message: voteReply({ term: 5, isPreVote: true, voteGranted: false }),
      term: 5,
    },
    {
      why: 'it asks for a term that nobody has yet',
      message: requestVote({ term: 5, isPreVote: true }),
      term: 0,
    },
    { why: 'it promises a vote in such a term', message: voteReply({ term: 5, isPreVote: true }), term: 0 },
    {
      why: 'it asks for a read, which binds it to nothing',
      message: { type: 'ReadIndexRequest', from: 2, to: 1, term: 5, requestId: 1 } as const,
      term: 0,
    },
  ])('must know term $term if $why ($message.type)', ({ message, term }) => {
    const known = witness(message)

    expect(known.judge(peer({ id: 2, term: 4 }), 0) === null).toBe(term <= 4)
    expect(known.judge(peer({ id: 2, term }), 0)).toBeNull()
  })

  test.each([
    {
      why: 'what it acknowledged and no majority has: another leader may have replaced it',
      matchIndex: 4,
      lastIndex: 3,
      isGood: true,
    },
    { why: 'what it acknowledged and is committed', matchIndex: 3, lastIndex: 2, isGood: false },
    {
      why: 'what is committed without it',
      matchIndex: 1,
      lastIndex: 1,
      isGood: true,
    },
  ])('may lack $why: $isGood', ({ matchIndex, lastIndex, isGood }) => {
    const node = leader({ matchIndex })
    const known = witness()
    known.noteProgress(node.raft)

    expect(node.raft.commitIndex).toBe(3)
    expect(known.judge(peer({ id: 2, term: 9, lastIndex }), 0) === null).toBe(isGood)
  })

  test.each([
    {
      why: 'what it had on its disk, committed',
      leaderDurable: 8,
      leaderCommit: 7,
      lastIndex: 6,
      isGood: false,
    },
    {
      why: 'what it had on its disk, and no majority',
      leaderDurable: 8,
      leaderCommit: 7,
      lastIndex: 7,
      isGood: true,
    },
    { why: 'what others had on their disks', leaderDurable: 5, leaderCommit: 7, lastIndex: 5, isGood: true },
  ])('may, as a leader, lack $why: $isGood', ({ leaderDurable, leaderCommit, lastIndex, isGood }) => {
    const known = witness(appendEntries({ term: 1, leaderDurable, leaderCommit }))

    expect(known.judge(peer({ id: 2, term: 9, lastIndex }), 0) === null).toBe(isGood)
  })

  test('is not judged by what the same process has done since it started', () => {
    const known = witness(appendEntries({ term: 9, leaderDurable: 7, leaderCommit: 7 }))

    expect(known.judge(peer(), 0)).toBeNull()
  })

  test('is judged by what came late from an earlier process, too', () => {
    const known = witness()
    known.notePeer(peer({ id: 2, term: 4 }))
    known.noteMessage(voteReply({ term: 5 }))

    expect(known.judge(peer({ id: 3, term: 4 }), 0)?.reason).toBe('rolled_back')
  })

  test('is not judged by a hello of an earlier process that is read after its own', () => {
    const known = witness()
    known.notePeer(peer({ id: 2, term: 4 }))
    known.noteMessage(appendEntries({ term: 4, leaderDurable: 7, leaderCommit: 7 }))

    expect(known.judge(peer({ id: 1 }), 0)).toBeNull()
  })

  test('is not judged by what another data directory under its id held', () => {
    const known = witness(voteReply({ term: 5 }))

    expect(known.judge(peer({ id: 2 }, 'disk-2b'), 0)).toBeNull()
    known.notePeer(peer({ id: 2 }, 'disk-2b'))

    expect(known.judge(peer({ id: 3 }, 'disk-2b'), 0)).toBeNull()
  })

  test('is taken by a node that knows nothing of it', () => {
    expect(new Witness({ confirmMs: CONFIRM_MS }).judge(peer(), 0)).toBeNull()
  })
})

describe('a finding', () => {
  const bad = peer({ id: 2, term: 1 })

  test('is confirmed when the node comes again and nothing better was heard of it meanwhile', () => {
    const known = witness(voteReply({ term: 5 }))

    expect(known.judge(bad, 0)?.isConfirmed).toBe(false)
    expect(known.judge(bad, CONFIRM_MS - 1)?.isConfirmed).toBe(false)
    expect(known.judge(bad, CONFIRM_MS)?.isConfirmed).toBe(true)
  })

  test('is not confirmed while the node itself is heard: somebody has started a copy of its disk', () => {
    const known = witness(voteReply({ term: 5 }))
    known.judge(bad, 0)

    known.noteMessage(voteReply({ term: 5 }))

    expect(known.judge(bad, CONFIRM_MS)).toMatchObject({ reason: 'rolled_back', isConfirmed: false })
  })

  test('of a follower counts anew when it leads: it did not hear the node, which may be alive', () => {
    const known = witness(voteReply({ term: 5 }))
    known.judge(bad, 0)

    const { raft } = leader({ matchIndex: 1 })
    known.noteProgress(raft)

    expect(known.judge(bad, CONFIRM_MS)?.isConfirmed).toBe(false)
    known.noteProgress(raft)
    expect(known.judge(bad, 2 * CONFIRM_MS)?.isConfirmed).toBe(true)
  })

  test('is one about each start', () => {
    const known = witness(voteReply({ term: 5 }))
    known.judge(bad, 0)

    expect(known.judge(peer({ id: 3, term: 1 }), CONFIRM_MS)?.isConfirmed).toBe(false)
  })
})

test('a node remembers a bounded number of peers, those that came last', () => {
  const known = witness(voteReply({ term: 5 }))

  for (let nodeId = 3; nodeId < 300; nodeId++) known.notePeer({ ...peer(), nodeId })

  expect(known.judge(peer({ id: 2 }), 0)).toBeNull()
})
