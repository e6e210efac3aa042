import { describe, expect, test } from 'vitest'
import type { Event } from '../../../raft/core/event.ts'
import { allMessages, appendEntries, requestVote, SoloNode, settle, TIMEOUT_MS } from './solo-node.ts'

const DRAIN: Event = { type: 'drain', isDrained: true, transferId: 70 }
const WRONG: Event = { type: 'wrongStates', nodes: [2], transferId: 70 }

/** Node 1 is down for good. Node 2 should not lead, and has what node 3 lacks. */
function survivors(event: Event): [SoloNode, SoloNode] {
  const two = new SoloNode({ id: 2, terms: [1, 1] })
  two.step(event)
  return [two, new SoloNode({ id: 3, terms: [1] })]
}

function pass(nodes: readonly SoloNode[], timeouts: number): void {
  for (let i = 0; i < 2 * timeouts; i++) {
    settle(
      nodes,
      nodes.flatMap((node) => allMessages(node.elapse(TIMEOUT_MS / 2))),
    )
  }
}

/** Somebody without an entry asks whether it could win. */
function refuse(node: SoloNode, times: number): void {
  for (let i = 0; i < times; i++) node.receive(requestVote({ from: 3, term: 2, isPreVote: true }))
}

describe('where nobody else can win', () => {
  test('a drained node leads', () => {
    const [two, three] = survivors(DRAIN)

    pass([two, three], 20)

    expect(two.raft.role).toBe('leader')
    expect(three.raft.commitIndex).toBe(two.raft.log.lastIndex)
  })

  test('a node whose state is wrong brings its log to one that can lead, and takes nothing meanwhile', () => {
    const [two, three] = survivors(WRONG)
    let isOpen = false
    for (let i = 0; i < 40; i++) {
      pass([two, three], 0.5)
      isOpen ||= two.raft.role === 'leader' && two.raft.transfer === null
    }

    expect(three.raft.role).toBe('leader')
    expect(three.raft.commitIndex).toBe(three.raft.log.lastIndex)
    expect(isOpen).toBe(false)
  })

  test.each([
    { why: 'it has refused a few', act: (node: SoloNode) => refuse(node, 2), campaigns: false },
    { why: 'it has refused so many', act: (node: SoloNode) => refuse(node, 3), campaigns: true },
    {
      why: 'a leader was heard since',
      act: (node: SoloNode) => {
        refuse(node, 3)
        node.receive(appendEntries({ term: 2, prevLogIndex: 2, prevLogTerm: 1 }))
        node.persist()
      },
      campaigns: false,
    },
  ])('is found out by refusing candidates: $why, so it campaigns: $campaigns', ({ act, campaigns }) => {
    const node = new SoloNode({ terms: [1, 1] })
    node.step(DRAIN)
    act(node)

    node.elapse(2 * TIMEOUT_MS)

    expect(node.raft.role).toBe(campaigns ? 'preCandidate' : 'follower')
  })
})
