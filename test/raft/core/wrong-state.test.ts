import { describe, expect, test } from 'vitest'
import type { Event } from '../../../raft/core/event.ts'
import { isVoter } from '../../../raft/core/membership.ts'
import { allMessages, requestVote, SoloNode, TIMEOUT_MS } from './solo-node.ts'

function wrongStates(...nodes: number[]): Event {
  return { type: 'wrongStates', nodes, transferId: 70 }
}

describe('a node whose state machine is wrong', () => {
  test('hands leadership over', () => {
    const leader = new SoloNode().becomeReadyLeader()

    const { messages } = leader.step(wrongStates(1))

    expect(messages).toMatchObject([{ type: 'TimeoutNow', to: 2 }])
    expect(leader.propose(1).proposals).toEqual([{ id: 1, refusal: 'transferring' }])
  })

  test('steps down when nobody takes over in time', () => {
    const leader = new SoloNode().becomeReadyLeader()
    leader.step(wrongStates(1))

    for (const ms of [TIMEOUT_MS - 1, 1]) {
      leader.now += ms
      leader.acknowledge(2, 1)
    }
    leader.elapse(1)

    expect(leader.raft.role).toBe('follower')
  })

  test('steps down at once where nobody could take over', () => {
    const leader = new SoloNode().becomeReadyLeader()

    leader.step(wrongStates(1, 2, 3))

    expect(leader.raft.role).toBe('follower')
    expect(leader.raft.currentTerm).toBe(2)
  })

  test('lets a transfer that an operator asked for go on', () => {
    const leader = new SoloNode().becomeReadyLeader()
    leader.step({ type: 'transfer', id: 50, target: 3 })

    leader.step(wrongStates(1))

    expect(leader.raft.transfer).toMatchObject({ id: 50, target: 3 })
    expect(leader.raft.role).toBe('leader')
  })

  test('gives up its campaign', () => {
    const candidate = new SoloNode()
    candidate.elapse(TIMEOUT_MS)
    expect(candidate.raft.role).toBe('preCandidate')

    candidate.step(wrongStates(1))

    expect(candidate.raft.role).toBe('follower')
  })

  test('does not campaign, neither by itself nor when it is asked to', () => {
    const node = new SoloNode()
    node.step(wrongStates(1))

    const effects = [node.elapse(TIMEOUT_MS), node.elapse(TIMEOUT_MS)]
    effects.push(node.receive({ type: 'TimeoutNow', from: 2, to: 1, term: 1 }))

    expect(effects.flatMap(allMessages)).toEqual([])
    expect(node.raft).toMatchObject({ role: 'follower', currentTerm: 1 })
  })

  test('votes, for its log is right', () => {
    const node = new SoloNode()
    node.step(wrongStates(1))

    const effects = node.receive(requestVote({ from: 2, term: 2 }))

    expect(allMessages(effects)).toMatchObject([{ type: 'RequestVoteReply', to: 2, voteGranted: true }])
  })

  test.each([
    { wrong: [4], isPromoted: false },
    { wrong: [], isPromoted: true },
  ])('becomes no voter: with $wrong wrong, learner 4 does so: $isPromoted', ({ wrong, isPromoted }) => {
    const leader = new SoloNode({ learners: [4] }).becomeReadyLeader()
    leader.acknowledge(4, leader.raft.log.lastIndex)
    leader.step(wrongStates(...wrong))

    leader.step({ type: 'maintain', time: 0 })

    expect(isVoter(leader.raft, 4)).toBe(isPromoted)
  })

  test('leads again after its state was replaced', () => {
    const node = new SoloNode()
    node.step(wrongStates(1))

    node.step(wrongStates())
    node.becomeLeader()

    expect(node.raft.role).toBe('leader')
  })
})

describe('a leader that knows of a wrong state', () => {
  test('hands over to another node', () => {
    const leader = new SoloNode().becomeReadyLeader()
    leader.step(wrongStates(2))
    leader.acknowledge(2, 1)

    leader.step({ type: 'transfer', id: 50, target: null })

    expect(leader.raft.transfer).toMatchObject({ target: 3 })
  })

  test('refuses to hand over to that node, with the reason', () => {
    const leader = new SoloNode().becomeReadyLeader()
    leader.step(wrongStates(2))

    expect(leader.step({ type: 'transfer', id: 50, target: 2 }).transfers).toEqual([
      {
        id: 50,
        refusal: 'state_diverged',
        message: 'the state of node 2 is not what the majority has; choose another',
      },
    ])
  })

  test('goes on counting what that node stores', () => {
    const leader = new SoloNode().becomeReadyLeader()
    leader.step(wrongStates(2))
    leader.propose(1)
    leader.persist()

    leader.acknowledge(2, leader.raft.log.lastIndex)

    expect(leader.raft.commitIndex).toBe(leader.raft.log.lastIndex)
  })
})
