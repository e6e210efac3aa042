import { describe, expect, test } from 'vitest'
import type { Effects } from '../../../raft/core/effects.ts'
import { allMessages, appendEntries, appendReply, requestVote, SoloNode, TIMEOUT_MS } from './solo-node.ts'

function drain(node: SoloNode, isDrained = true): Effects {
  return node.step({ type: 'drain', isDrained, transferId: 70 })
}

describe('a drained node', () => {
  test('does not campaign, however long nobody leads', () => {
    const node = new SoloNode()
    drain(node)

    for (let i = 0; i < 10; i++) expect(allMessages(node.elapse(2 * TIMEOUT_MS))).toEqual([])
    expect(node.raft.role).toBe('follower')
  })

  test('gives up a campaign that has begun', () => {
    const node = new SoloNode()
    node.elapse(TIMEOUT_MS)
    expect(node.raft.role).toBe('preCandidate')

    drain(node)

    expect(node.raft.role).toBe('follower')
  })

  test('does not take over when it is told to, as the leader may not know yet', () => {
    const node = new SoloNode({ currentTerm: 2 })
    drain(node)

    const effects = node.receive({ type: 'TimeoutNow', from: 2, to: 1, term: 2 })

    expect(allMessages(effects)).toEqual([])
    expect(node.raft.currentTerm).toBe(2)
  })

  test('still votes', () => {
    const node = new SoloNode()
    drain(node)

    const effects = node.receive(requestVote({ from: 3, term: 1 }))

    expect(allMessages(effects)).toMatchObject([{ voteGranted: true }])
  })

  test('tells the leader at once', () => {
    const node = new SoloNode({ currentTerm: 2 })
    node.receive(appendEntries({}))

    expect(allMessages(drain(node))).toMatchObject([{ type: 'AppendEntriesReply', to: 2, isDrained: true }])
    expect(allMessages(drain(node, false))).toMatchObject([{ isDrained: false }])
  })

  test('campaigns again once that is undone', () => {
    const node = new SoloNode()
    drain(node)
    drain(node, false)

    node.elapse(2 * TIMEOUT_MS)

    expect(node.raft.role).toBe('preCandidate')
  })
})

describe('a leader that is drained', () => {
  test('hands over to the voter that has most', () => {
    const leader = new SoloNode().becomeReadyLeader()

    expect(drain(leader).messages).toContainEqual(expect.objectContaining({ type: 'TimeoutNow', to: 2 }))
  })

  test('hears why if nobody could take over', () => {
    const leader = new SoloNode().becomeReadyLeader()
    leader.receive(appendReply(leader, 2, { matchIndex: 1, isDrained: true }))
    leader.receive(appendReply(leader, 3, { matchIndex: 1, isDrained: true }))

    expect(drain(leader).transfers).toMatchObject([{ id: 70, refusal: 'no_target' }])
  })
})

describe('a leader whose peer is drained', () => {
  test('does not choose it', () => {
    const leader = new SoloNode().becomeReadyLeader()
    leader.acknowledge(3, 0)
    leader.receive(appendReply(leader, 2, { matchIndex: 1, isDrained: true }))

    leader.step({ type: 'transfer', id: 50, target: null })

    expect(leader.raft.transfer?.target).toBe(3)
  })

  test('refuses to hand over to it, until it says otherwise', () => {
    const leader = new SoloNode().becomeReadyLeader()
    leader.receive(appendReply(leader, 2, { matchIndex: 1, isDrained: true }))
    const refused = leader.step({ type: 'transfer', id: 50, target: 2 })

    leader.receive(appendReply(leader, 2, { matchIndex: 1, isDrained: false }))
    leader.step({ type: 'transfer', id: 51, target: 2 })

    expect(refused.transfers).toMatchObject([{ id: 50, refusal: 'draining' }])
    expect(leader.raft.transfer?.target).toBe(2)
  })
})
