import { describe, expect, test } from 'vitest'
import { SoloNode, TIMEOUT_MS } from './solo-node.ts'

const LOW = { stallMs: 0, isLow: true }
const WELL = { stallMs: 0, isLow: false }

/** A leader of `voters`, of whom `low` are low on disk and `silent` have not answered for an election timeout. */
function leader({
  voters,
  low,
  silent,
}: {
  voters: readonly number[]
  low: readonly number[]
  silent: readonly number[]
}): SoloNode {
  const node = new SoloNode({ voters, learners: [9] }).becomeReadyLeader()
  node.now += TIMEOUT_MS
  for (const peer of voters) {
    if (peer !== 1 && !silent.includes(peer))
      node.acknowledge(peer, 1, { disk: low.includes(peer) ? LOW : WELL })
  }
  node.disk = low.includes(1) ? LOW : WELL
  node.elapse(0)
  return node
}

describe('room on disk', () => {
  test.each([
    { why: 'all have room', voters: [1, 2, 3], low: [], silent: [], isTaken: true },
    { why: 'one peer is low', voters: [1, 2, 3], low: [2], silent: [], isTaken: true },
    { why: 'the leader is low', voters: [1, 2, 3], low: [1], silent: [], isTaken: true },
    { why: 'two peers are low', voters: [1, 2, 3], low: [2, 3], silent: [], isTaken: false },
    { why: 'leader and peer are low', voters: [1, 2, 3], low: [1, 2], silent: [], isTaken: false },
    { why: 'every quorum needs one that is low', voters: [1, 2, 3], low: [2], silent: [3], isTaken: false },
    { why: 'one is silent, none low', voters: [1, 2, 3], low: [], silent: [3], isTaken: true },
    { why: 'the only voter is low', voters: [1], low: [1], silent: [], isTaken: false },
    { why: 'half are low', voters: [1, 2, 3, 4], low: [3, 4], silent: [], isTaken: false },
    { why: 'two of five are low', voters: [1, 2, 3, 4, 5], low: [1, 5], silent: [], isTaken: true },
    { why: 'three of five are low', voters: [1, 2, 3, 4, 5], low: [1, 4, 5], silent: [], isTaken: false },
  ])('a command that needs some is taken: $isTaken, when $why', ({ isTaken, ...options }) => {
    const node = leader(options)

    const { proposals } = node.store(7)

    if (isTaken) expect(proposals).toMatchObject([{ id: 7, index: 2 }])
    else expect(proposals).toEqual([{ id: 7, refusal: 'disk_low', lowVoters: options.low }])
  })

  test('is asked of nobody that does not vote', () => {
    const node = leader({ voters: [1, 2, 3], low: [3], silent: [] })
    node.acknowledge(9, 1, { disk: LOW })

    expect(node.store(7).proposals).toMatchObject([{ index: 2 }])
  })

  test('is not needed for anything else: other commands, reads, changes and transfers go on', () => {
    const node = leader({ voters: [1, 2, 3], low: [1, 2, 3], silent: [] })

    expect(node.propose(1).proposals).toMatchObject([{ index: 2 }])
    expect(node.add(4).memberships).toMatchObject([{ index: 3 }])
    node.step({ type: 'readIndex', id: 9 })
    expect(node.acknowledge(2, 3, { disk: LOW }).reads).toMatchObject([{ id: 9, readIndex: 1 }])
    expect(node.step({ type: 'transfer', id: 50, target: 2 }).transfers).toEqual([])
    expect(node.raft.transfer?.target).toBe(2)
  })

  test('is there again as soon as a quorum says so', () => {
    const node = leader({ voters: [1, 2, 3], low: [2, 3], silent: [] })
    expect(node.store(7).proposals).toMatchObject([{ refusal: 'disk_low' }])

    node.acknowledge(2, 1, { disk: WELL })

    expect(node.store(8).proposals).toMatchObject([{ id: 8, index: 2 }])
  })
})
