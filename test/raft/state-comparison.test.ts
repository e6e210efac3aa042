import { describe, expect, test } from 'vitest'
import { CHECKPOINTS_MAX, isCheckpoint, judge, StateComparison } from '../../raft/state-comparison.ts'
import type { EntryType } from '../../raft/types.ts'

const MINUTE = 60_000
const INTERVAL = 1_024

describe('a checkpoint', () => {
  test.each<{
    why: string
    index: number
    type: EntryType
    time: number
    previousTime: number | null
    is: boolean
  }>([
    { why: 'a multiple of the interval', index: 2_048, type: 'command', time: 1, previousTime: 0, is: true },
    { why: 'any other command', index: 2_049, type: 'command', time: 1, previousTime: 0, is: false },
    { why: 'a no-op: somebody new leads', index: 7, type: 'noop', time: 1, previousTime: 0, is: true },
    { why: 'a new configuration', index: 7, type: 'membership', time: 1, previousTime: 0, is: true },
    {
      why: 'the first of a minute of log time',
      index: 7,
      type: 'command',
      time: MINUTE,
      previousTime: MINUTE - 1,
      is: true,
    },
    {
      why: 'the second of a minute',
      index: 7,
      type: 'command',
      time: MINUTE + 1,
      previousTime: MINUTE,
      is: false,
    },
    {
      why: 'the first after a start',
      index: 7,
      type: 'command',
      time: MINUTE,
      previousTime: null,
      is: false,
    },
  ])('$why: $is', ({ index, type, time, previousTime, is }) => {
    const entry = { index, term: 1, time, type, payload: new Uint8Array() }

    expect(isCheckpoint(entry, { interval: INTERVAL, previousTime })).toBe(is)
  })
})

describe('what hashes at one index tell node 1', () => {
  test.each<{
    why: string
    voters: number[]
    hashes: Record<number, string>
    majorityHash: string | null
    agreeing: number[]
    differing: number[]
  }>([
    {
      why: 'nobody else is heard',
      voters: [1, 2, 3],
      hashes: { 1: 'a' },
      majorityHash: null,
      agreeing: [],
      differing: [],
    },
    {
      why: 'a majority agrees',
      voters: [1, 2, 3],
      hashes: { 1: 'a', 2: 'a' },
      majorityHash: 'a',
      agreeing: [2],
      differing: [],
    },
    {
      why: 'two differ, the third may decide',
      voters: [1, 2, 3],
      hashes: { 1: 'a', 3: 'b' },
      majorityHash: null,
      agreeing: [],
      differing: [3],
    },
    {
      why: 'a peer is alone',
      voters: [1, 2, 3],
      hashes: { 1: 'a', 2: 'a', 3: 'b' },
      majorityHash: 'a',
      agreeing: [2],
      differing: [3],
    },
    {
      why: 'this node is alone',
      voters: [1, 2, 3],
      hashes: { 1: 'a', 2: 'b', 3: 'b' },
      majorityHash: 'b',
      agreeing: [],
      differing: [2, 3],
    },
    {
      why: 'all three differ',
      voters: [1, 2, 3],
      hashes: { 1: 'a', 2: 'b', 3: 'c' },
      majorityHash: null,
      agreeing: [],
      differing: [2, 3],
    },
    {
      why: 'of two nobody is the majority',
      voters: [1, 2],
      hashes: { 1: 'a', 2: 'b' },
      majorityHash: null,
      agreeing: [],
      differing: [2],
    },
    {
      why: 'two against two',
      voters: [1, 2, 3, 4],
      hashes: { 1: 'a', 2: 'a', 3: 'b', 4: 'b' },
      majorityHash: null,
      agreeing: [2],
      differing: [3, 4],
    },
    {
      why: 'three against two',
      voters: [1, 2, 3, 4, 5],
      hashes: { 1: 'b', 2: 'a', 3: 'b', 4: 'a', 5: 'a' },
      majorityHash: 'a',
      agreeing: [3],
      differing: [2, 4, 5],
    },
    {
      why: 'two of five are no majority, though all who are heard',
      voters: [1, 2, 3, 4, 5],
      hashes: { 1: 'a', 4: 'b', 5: 'b' },
      majorityHash: null,
      agreeing: [],
      differing: [4, 5],
    },
    {
      why: 'learners do not count',
      voters: [1, 2, 3],
      hashes: { 1: 'a', 2: 'b', 4: 'b', 5: 'b' },
      majorityHash: null,
      agreeing: [],
      differing: [2, 4, 5],
    },
    {
      why: 'a learner compares itself',
      voters: [2, 3, 4],
      hashes: { 1: 'a', 2: 'b', 3: 'b' },
      majorityHash: 'b',
      agreeing: [],
      differing: [2, 3],
    },
    {
      why: 'alone, it is its own majority',
      voters: [1],
      hashes: { 1: 'a' },
      majorityHash: 'a',
      agreeing: [],
      differing: [],
    },
    {
      why: 'a learner does not overrule the only voter',
      voters: [1],
      hashes: { 1: 'a', 2: 'b', 3: 'b' },
      majorityHash: 'a',
      agreeing: [],
      differing: [2, 3],
    },
  ])('$why', ({ voters, hashes, majorityHash, agreeing, differing }) => {
    const heard = new Map(Object.entries(hashes).map(([id, hash]) => [Number(id), hash]))

    expect(judge(5, { self: 1, voters, hashes: heard })).toEqual({
      index: 5,
      hash: hashes[1],
      majorityHash,
      agreeing,
      differing,
    })
  })

  test('is nothing before it has applied that index itself, and what it heard waits for it', () => {
    const comparison = new StateComparison(1)
    comparison.note(2, { index: 5, hash: 'b' })
    comparison.note(3, { index: 5, hash: 'b' })
    expect(comparison.judge(5, [1, 2, 3])).toBeNull()

    comparison.note(1, { index: 5, hash: 'a' })

    expect(comparison.judge(5, [1, 2, 3])).toMatchObject({ majorityHash: 'b', hash: 'a' })
  })

  test('is nothing about what it was before its state was replaced', () => {
    const comparison = new StateComparison(1)
    for (const node of [1, 2, 3]) comparison.note(node, { index: 5, hash: node === 1 ? 'a' : 'b' })

    comparison.forgetOwn()

    expect(comparison.judge(5, [1, 2, 3])).toBeNull()
  })

  test('leaves out who is no member any more', () => {
    const comparison = new StateComparison(1)
    for (const node of [1, 2, 3]) comparison.note(node, { index: 5, hash: node === 3 ? 'b' : 'a' })

    comparison.retain([1, 2])

    expect(comparison.judge(5, [1, 2])).toMatchObject({ agreeing: [2], differing: [] })
  })

  test('reaches back a bounded number of checkpoints, the newest', () => {
    const comparison = new StateComparison(1)

    for (let index = 1; index <= CHECKPOINTS_MAX + 1; index++) comparison.note(1, { index, hash: 'a' })
    comparison.note(1, { index: 1, hash: 'a' })

    expect(comparison.own.map(({ index }) => index)).toEqual(
      Array.from({ length: CHECKPOINTS_MAX }, (_, i) => i + 2),
    )
  })
})
