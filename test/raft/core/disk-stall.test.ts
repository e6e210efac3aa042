import { describe, expect, test } from 'vitest'
import type { AppendEntriesReply } from '../../../raft/types.ts'
import {
  allMessages,
  appendEntries,
  requestVote,
  SoloNode,
  type SoloOptions,
  settle,
  TIMEOUT_MS,
  voteReply,
} from './solo-node.ts'

const HALF_MS = TIMEOUT_MS / 2
const WELL = { stallMs: 0, isLow: false }
const stalledFor = (stallMs: number) => ({ stallMs, isLow: false })

/** A leader of term 2 whose peers have everything and are well, but for `fields` of a reply of peer 3. */
function leader(options: SoloOptions = {}, fields: Partial<AppendEntriesReply> = {}): SoloNode {
  const node = new SoloNode(options).becomeReadyLeader()
  for (const peer of node.raft.progress.keys()) {
    node.acknowledge(peer, node.raft.log.lastIndex, peer === 3 ? fields : {})
  }
  return node
}

/** Peers answer, and say that their disks are `peers`; ours is `own`. */
function tick(node: SoloNode, own: number, peers: Readonly<Record<number, number>> = {}) {
  node.now += 1
  for (const peer of node.raft.progress.keys()) {
    node.acknowledge(peer, node.raft.log.lastIndex, { disk: stalledFor(peers[peer] ?? 0) })
  }
  node.disk = stalledFor(own)
  return node.elapse(0)
}

describe('a leader whose disk is stalled', () => {
  test('hands over to the voter that has the most, and tells nobody else of it', () => {
    const node = leader()
    node.propose(1)
    node.acknowledge(3, 2)
    node.disk = stalledFor(HALF_MS + 1)

    const effects = node.elapse(1)

    expect(node.raft.transfer?.target).toBe(3)
    expect(effects.messages).toContainEqual(expect.objectContaining({ type: 'TimeoutNow', to: 3 }))
    expect(effects.transfers).toEqual([])
  })

  test('is one from half an election timeout on, not before', () => {
    const node = leader()

    tick(node, HALF_MS)
    expect(node.raft.transfer).toBeNull()
    expect(node.propose(1).proposals).toMatchObject([{ index: 2 }])

    tick(node, HALF_MS + 1)
    expect(node.raft.transfer).not.toBeNull()
  })

  test('takes no proposals and no changes; both are for the next leader', () => {
    // With nobody to hand over to, so that no transfer is under way.
    const node = leader()
    tick(node, HALF_MS + 1, { 2: HALF_MS + 1, 3: HALF_MS + 1 })
    expect(node.raft.transfer).toBeNull()

    expect(node.propose(1).proposals).toEqual([{ id: 1, refusal: 'transferring' }])
    expect(node.add(4).memberships).toMatchObject([{ refusal: 'not_leader' }])
  })

  test('changes no membership by itself', () => {
    const node = leader({ learners: [4] })
    tick(node, HALF_MS + 1)

    const { batch } = node.step({ type: 'maintain', time: 0 })

    expect(batch).toBeNull()
  })

  test('sends heartbeats for as long as it leads', () => {
    const node = leader()
    tick(node, HALF_MS + 1)

    const { messages } = node.elapse(10)

    expect(messages).toMatchObject([
      { type: 'AppendEntries', to: 2 },
      { type: 'AppendEntries', to: 3 },
    ])
  })

  test('steps down in its term, with its vote, when nobody has taken over in an election timeout', () => {
    const node = leader()
    tick(node, HALF_MS + 1)
    node.now += TIMEOUT_MS - 2
    tick(node, HALF_MS + TIMEOUT_MS)
    expect(node.raft.role).toBe('leader')

    const effects = tick(node, HALF_MS + TIMEOUT_MS + 1)

    expect(node.raft).toMatchObject({ role: 'follower', leaderId: null, currentTerm: 2, votedFor: 1 })
    expect(effects.batch).toBeNull()
    expect(effects.transfers).toEqual([])
  })

  test('goes on when its disk recovers before the target could campaign', () => {
    const node = leader()
    node.propose(1)
    node.disk = stalledFor(HALF_MS + 1)
    node.elapse(1)
    expect(node.raft.transfer).toMatchObject({ target: 2, isTimeoutSent: false })

    node.disk = WELL
    node.elapse(1)

    expect(node.raft.transfer).toBeNull()
    expect(node.propose(2).proposals).toMatchObject([{ index: 3 }])
  })

  test('stays leader if the target does not take over and the disk has recovered meanwhile', () => {
    const node = leader()
    tick(node, HALF_MS + 1)
    expect(node.raft.transfer?.isTimeoutSent).toBe(true)

    tick(node, 0)
    node.now += TIMEOUT_MS
    tick(node, 0)

    expect(node.raft).toMatchObject({ role: 'leader', transfer: null })
    expect(node.propose(1).proposals).toMatchObject([{ index: 2 }])
  })

  test.each([
    { why: 'the first is stalled itself', peers: { 2: HALF_MS + 1 }, ids: [1, 2, 3, 4, 5], target: 3 },
    { why: 'the first is hardly faster', peers: { 2: HALF_MS - 1 }, ids: [1, 2, 3, 4, 5], target: 3 },
    { why: 'the others are no quorum', peers: { 2: HALF_MS + 1 }, ids: [1, 2, 3], target: undefined },
    { why: 'the only other voter cannot be elected without us', peers: {}, ids: [1, 2], target: undefined },
    {
      why: 'all disks are as slow',
      peers: { 2: HALF_MS - 9, 3: HALF_MS - 9, 4: HALF_MS - 9, 5: HALF_MS - 9 },
      ids: [1, 2, 3, 4, 5],
      target: undefined,
    },
  ])('to whom it hands over when $why', ({ peers, ids, target }) => {
    const node = leader({ voters: ids })

    tick(node, HALF_MS + 1, peers)

    expect(node.raft.role).toBe('leader')
    expect(node.raft.transfer?.target).toBe(target)
  })

  test('does not hand over to a learner, nor to whoever has been silent', () => {
    const node = leader({ voters: [1, 2, 3, 4], learners: [5] })
    node.now += TIMEOUT_MS - 1
    for (const peer of [3, 4, 5]) node.acknowledge(peer, 1)
    node.now += 1
    node.disk = stalledFor(HALF_MS + 1)

    node.elapse(0)
    // Three of four are needed, and two voters answer.
    expect(node.raft.transfer).toBeNull()

    node.acknowledge(2, 1)
    node.elapse(0)
    expect(node.raft.transfer?.target).toBe(2)
  })

  test('still confirms reads while nobody can take over', () => {
    const node = leader()
    const slow = { disk: stalledFor(HALF_MS + 1) }
    tick(node, HALF_MS + 1, { 2: HALF_MS + 1, 3: HALF_MS + 1 })

    node.step({ type: 'readIndex', id: 9 })

    expect(node.acknowledge(2, 1, slow).reads).toEqual([{ id: 9, readIndex: 1 }])
  })

  test('leads on if it is the only voter, and takes proposals', () => {
    const node = new SoloNode({ voters: [1], learners: [2] }).becomeReadyLeader()
    node.disk = stalledFor(100 * TIMEOUT_MS)

    node.elapse(1)

    expect(node.raft).toMatchObject({ role: 'leader', transfer: null })
    expect(node.propose(1).proposals).toMatchObject([{ index: 2 }])
  })

  test('is replaced by the target without waiting for anybody’s timeout, and does not come back', () => {
    const nodes = [1, 2, 3].map((id) => new SoloNode({ id }))
    const [one, two] = nodes as [SoloNode, SoloNode, SoloNode]
    settle(nodes, allMessages(one.elapse(TIMEOUT_MS)))
    one.disk = stalledFor(HALF_MS + 1)

    settle(nodes, allMessages(one.elapse(1)))
    expect(nodes.map(({ raft }) => raft.role)).toEqual(['follower', 'leader', 'follower'])
    settle(nodes, allMessages(one.elapse(10 * TIMEOUT_MS)))

    expect(two.raft).toMatchObject({ role: 'leader', currentTerm: 3 })
    expect(one.raft.currentTerm).toBe(3)
  })
})

describe('a node that does not lead and whose disk is stalled', () => {
  test('does not ask for votes, and does when the disk has recovered', () => {
    const node = new SoloNode()
    node.disk = stalledFor(HALF_MS + 1)
    expect(node.elapse(TIMEOUT_MS).messages).toEqual([])

    node.disk = WELL

    expect(node.elapse(TIMEOUT_MS).messages).toMatchObject([
      { type: 'RequestVote', isPreVote: true },
      { type: 'RequestVote', isPreVote: true },
    ])
  })

  test('asks for no votes again as a candidate', () => {
    const node = new SoloNode()
    node.elapse(TIMEOUT_MS)
    node.receive(voteReply({ isPreVote: true, term: 2 }))
    expect(node.raft.role).toBe('candidate')
    node.disk = stalledFor(HALF_MS + 1)

    const effects = node.elapse(TIMEOUT_MS)

    expect(allMessages(effects)).toEqual([])
    expect(node.raft.currentTerm).toBe(2)
  })

  test('does not go on from a pre-vote that it wins too late', () => {
    const node = new SoloNode()
    node.elapse(TIMEOUT_MS)
    node.disk = stalledFor(HALF_MS + 1)
    node.elapse(1)

    node.receive(voteReply({ isPreVote: true, term: 2 }))

    expect(node.raft).toMatchObject({ role: 'follower', currentTerm: 1 })
  })

  test('does not campaign when the leader asks it to', () => {
    const node = new SoloNode({ currentTerm: 2 })
    node.receive(appendEntries())
    node.disk = stalledFor(HALF_MS + 1)
    node.elapse(1)

    node.receive({ type: 'TimeoutNow', from: 2, to: 1, term: 2 })

    expect(node.raft).toMatchObject({ role: 'follower', currentTerm: 2 })
  })

  test('votes for others', () => {
    const node = new SoloNode()
    node.disk = stalledFor(HALF_MS + 1)
    node.elapse(1)

    const { batch } = node.receive(requestVote())

    expect(batch?.messages).toMatchObject([{ type: 'RequestVoteReply', voteGranted: true }])
  })

  test('tells the leader in each reply', () => {
    const node = new SoloNode({ currentTerm: 2 })
    node.disk = { stallMs: 70, isLow: true }
    node.elapse(1)

    expect(node.receive(appendEntries()).messages).toMatchObject([
      { type: 'AppendEntriesReply', success: true, disk: node.disk },
    ])
    expect(node.receive(appendEntries({ prevLogIndex: 9, prevLogTerm: 2 })).messages).toMatchObject([
      { type: 'AppendEntriesReply', success: false, disk: node.disk },
    ])
    expect(
      node.receive({
        type: 'InstallSnapshot',
        from: 2,
        to: 1,
        term: 2,
        lastIndex: 0,
        session: 7,
        readRound: 0,
      }).messages,
    ).toMatchObject([{ type: 'InstallSnapshotReply', disk: node.disk }])
  })
})

describe('a leader that hands over for another reason', () => {
  test('passes over a voter whose disk is stalled', () => {
    const node = leader()
    node.acknowledge(2, 1, { disk: stalledFor(HALF_MS + 1) })

    node.step({ type: 'transfer', id: 50, target: null })

    expect(node.raft.transfer?.target).toBe(3)
  })

  test('refuses to hand over to one', () => {
    const node = leader({}, { disk: stalledFor(HALF_MS + 1) })

    expect(node.step({ type: 'transfer', id: 50, target: 3 }).transfers).toEqual([
      { id: 50, refusal: 'not_healthy', message: 'the disk of node 3 is stalled; choose another' },
    ])
  })

  test('prefers room on the disk where everything else is equal', () => {
    const node = leader()
    node.acknowledge(2, 1, { disk: { stallMs: 0, isLow: true } })

    node.step({ type: 'transfer', id: 50, target: null })

    expect(node.raft.transfer?.target).toBe(3)
  })
})
