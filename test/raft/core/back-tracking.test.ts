import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lastIndexWithTermAtMost } from '../../../raft/core/log.ts'
import type { RaftMessage, Term } from '../../../raft/types.ts'
import { allMessages, appendEntries, appendReply, SoloNode } from './solo-node.ts'

/** How many rejections it takes until a fresh leader with `leader` has repaired a follower with `follower`. */
function repair(leader: readonly Term[], follower: readonly Term[]): { rejections: number; log: Term[] } {
  const term = Math.max(leader.at(-1) ?? 0, follower.at(-1) ?? 0) + 1
  const one = new SoloNode({ id: 1, voters: [1, 2, 3], terms: leader, currentTerm: term }).becomeLeader()
  const two = new SoloNode({ id: 2, voters: [1, 2, 3], terms: follower, currentTerm: term })
  let rejections = 0
  const queue: RaftMessage[] = [...one.elapse(10).messages]
  for (let turns = 0; turns < 1_000; turns++) {
    const message = queue.shift()
    if (message === undefined) break
    if (message.type === 'AppendEntriesReply' && !message.success) rejections += 1
    if (message.to === 2) queue.push(...allMessages(two.receive(message)), ...allMessages(two.persist()))
    if (message.to === 1) queue.push(...allMessages(one.receive(message)))
  }
  return { rejections, log: Array.from({ length: two.raft.log.lastIndex }, (_, i) => termOf(two, i + 1)) }
}

function termOf({ raft }: SoloNode, index: number): Term {
  return raft.log.terms.findLast((run) => run.firstIndex <= index)?.term ?? 0
}

describe('a leader finds where a follower agrees (thesis §3.5)', () => {
  test.each([
    { why: 'the same', leader: [1, 1], follower: [1, 1], rejections: 0 },
    { why: 'shorter', leader: [1, 1, 1, 1], follower: [1], rejections: 1 },
    { why: 'empty', leader: [1, 1, 2], follower: [], rejections: 1 },
    { why: 'longer', leader: [1], follower: [1, 1, 1], rejections: 0 },
    {
      why: 'of an earlier term where the leader has a later one',
      leader: [1, 1, 2, 2],
      follower: [1, 1, 1],
      rejections: 1,
    },
    {
      why: 'of a later term that the leader never saw',
      leader: [1, 1, 1, 3],
      follower: [1, 2, 2, 2],
      rejections: 2,
    },
    {
      why: 'of many terms, all unknown to the leader',
      leader: [1, 1, 1, 1, 9],
      follower: [1, 2, 3, 4, 5],
      rejections: 3,
    },
  ])(
    'a follower whose log is $why is repaired after $rejections rejections',
    ({ leader, follower, rejections }) => {
      const repaired = repair(leader, follower)

      const term = Math.max(...leader, ...follower) + 2
      expect(repaired.log).toEqual([...leader, term])
      expect(repaired.rejections).toBeLessThanOrEqual(rejections)
    },
  )

  test('any two logs meet, in no more rounds than they have terms', () => {
    const terms = fc
      .array(fc.integer({ min: 1, max: 20 }), { maxLength: 20 })
      .map((all) => all.toSorted((a, b) => a - b))
    fc.assert(
      fc.property(terms, terms, (leader, follower) => {
        const common = leader.findIndex((term, i) => term !== follower[i])
        // The same index and term mean the same prefix (Log Matching): make it so.
        const from = common === -1 ? leader.length : common
        const apart = follower.map((term, i) => (i < from ? term : term * 2 + 41))
        const others = leader.map((term, i) => (i < from ? term : term * 2 + 40))

        const repaired = repair(others, apart)

        expect(repaired.log.slice(0, -1)).toEqual(others)
        expect(repaired.rejections).toBeLessThanOrEqual(new Set([...others, ...apart]).size + 1)
      }),
    )
  })

  test('the last index with a term of at most t is what a scan finds', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 15 }),
        fc.nat(20),
        fc.nat(10),
        (unsorted, index, term) => {
          const terms = unsorted.toSorted((a, b) => a - b)
          const { log } = new SoloNode({ terms }).raft

          const scanned = terms.findLastIndex((at, i) => i < index && at <= term) + 1

          expect(lastIndexWithTermAtMost(log, index, term)).toBe(scanned)
        },
      ),
    )
  })

  test('a rejection of what is already known to match is an old one, and ignored', () => {
    const leader = new SoloNode({ terms: [1, 1, 1] }).becomeLeader()
    leader.acknowledge(2, 4)
    leader.propose(1)

    leader.receive(
      appendReply(leader, 2, { success: false, rejectedIndex: 3, conflictIndex: 1, conflictTerm: 1 }),
    )

    expect(leader.raft.progress.get(2)).toMatchObject({ state: 'replicate', nextIndex: 6 })
  })

  test('a follower that has lost what it acknowledged is asked again, then reported, and not trusted with less', () => {
    const leader = new SoloNode({ terms: [1, 1, 1] }).becomeLeader()
    leader.acknowledge(2, 4)
    const rejection = { success: false, rejectedIndex: 4, conflictIndex: 1, conflictTerm: 1 }

    const once = leader.receive(appendReply(leader, 2, rejection))
    const twice = leader.receive(appendReply(leader, 2, rejection))

    expect(once.lostEntries).toEqual([])
    expect(twice.lostEntries).toEqual([{ peer: 2, matchIndex: 4, conflictIndex: 1 }])
    expect(leader.raft.progress.get(2)).toMatchObject({ matchIndex: 4, nextIndex: 5 })
  })

  test.each([
    { why: 'has nothing', follower: [] },
    { why: 'ends before the base', follower: [1, 1, 1] },
    { why: 'has another term at the base', follower: [1, 1, 1, 1, 1, 1, 1] },
  ])('a follower that $why is sent a snapshot', ({ follower }) => {
    const base = { lastIndex: 5, lastTerm: 2 }
    const leader = new SoloNode({ base, terms: [2, 2], currentTerm: 3 }).becomeLeader()
    const two = new SoloNode({ id: 2, terms: follower, currentTerm: 3 })

    for (let turn = 0; turn < 5 && leader.raft.progress.get(2)?.state !== 'snapshot'; turn++) {
      const requests = leader.elapse(10).messages.filter(({ to }) => to === 2)
      for (const reply of allMessages(two.receive(...requests))) leader.receive(reply)
    }

    expect(leader.raft.progress.get(2)?.state).toBe('snapshot')
  })

  test('a rejection answers with the session and the read round of what it rejects', () => {
    const follower = new SoloNode({ terms: [1] })

    const effects = follower.receive(
      appendEntries({ prevLogIndex: 5, prevLogTerm: 1, session: 9, readRound: 4 }),
    )

    expect(allMessages(effects)).toMatchObject([
      {
        type: 'AppendEntriesReply',
        success: false,
        rejectedIndex: 5,
        conflictIndex: 1,
        session: 9,
        readRound: 4,
      },
    ])
  })
})
