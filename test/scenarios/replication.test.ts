import { describe, expect } from 'vitest'
import type { Cluster } from './harness/cluster.ts'
import { scenario } from './harness/scenario.ts'

/**
 * (a) to (c) of Figure 3.7: entry 2:2 is on three of five nodes, and not committed. The figure's entries are the
 * no-ops of the terms here; a message has one entry.
 */
function replicateOldTerm(cluster: Cluster): void {
  cluster.unrecorded('(a) Node 1 leads term 2, and only node 2 has its entry 2:2.', () => {
    cluster.timeout(1)
    for (const link of ['1→*', '*→1', '1→*', '*→1', '1→2', '2→1'] as const) cluster.deliver(link)
    cluster.dropAll('*→*')
  })
  cluster.showNodes()
  cluster.unrecorded(
    '(b) Node 1 crashes. Nodes 3, 4 and 5 elect node 5 for term 3, and it appends 2:3.',
    () => {
      cluster.crash(1)
      cluster.timeout(5)
      for (const link of ['5→3', '5→4', '*→5', '5→3', '5→4', '*→5'] as const) cluster.deliver(link)
      cluster.dropAll('*→*')
    },
  )
  cluster.showNodes()
  cluster.unrecorded('(c) Node 5 crashes. Node 1 is back and elected for term 4, and appends 3:4.', () => {
    cluster.crash(5)
    cluster.restart(1)
    cluster.timeout(1)
    for (const link of ['1→*', '*→1'] as const) cluster.deliver(link)
    cluster.timeout(1)
    for (const link of ['1→*', '*→1', '1→*', '*→1'] as const) cluster.deliver(link)
    cluster.dropAll('1→4')
    cluster.dropAll('1→5')
  })
  cluster.showNodes()
  cluster.note('It replicates 2:2 to node 3. Three of five have it on disk, and still it is not committed.')
  cluster.holdDisk(2)
  cluster.deliver('1→2')
  cluster.deliver('2→1')
  cluster.deliver('1→3')
  cluster.deliver('3→1')
  cluster.deliver('1→3')
  cluster.holdDisk(3)
  cluster.deliver('3→1')
  cluster.deliver('1→3')
}

const FIGURE_3_7 = {
  voters: [1, 2, 3, 4, 5],
  disks: { 1: { terms: [1] }, 2: { terms: [1] }, 3: { terms: [1] }, 4: { terms: [1] }, 5: { terms: [1] } },
  limits: { appendBytesMax: 1 },
}

describe('commitment', () => {
  scenario(
    'figure-3.7-d',
    {
      title:
        'an entry of an earlier term that a majority has is not committed by counting, and may be replaced',
      source: '§3.6.2, Figure 3.7 (a) to (d)',
      ...FIGURE_3_7,
    },
    (cluster) => {
      replicateOldTerm(cluster)
      expect([1, 2, 3].map((id) => cluster.log(id))).toEqual(['1 2 4', '1 2 | 4', '1 2 | 4'])
      expect(cluster.raft(1).progress.get(2)?.matchIndex).toBe(2)
      expect(cluster.raft(1).progress.get(3)?.matchIndex).toBe(2)
      expect(cluster.commitIndex(1)).toBe(0)

      cluster.unrecorded(
        '(d) All crash. Without node 1, node 5 is elected for term 5 by all the others.',
        () => {
          cluster.dropAll('*→*')
          for (const id of [1, 2, 3, 4]) cluster.crash(id)
          for (const id of [2, 3, 4, 5]) cluster.restart(id)
          cluster.releaseDisk(2)
          cluster.releaseDisk(3)
          cluster.timeout(5)
          for (const link of ['5→*', '*→5'] as const) cluster.deliver(link)
          cluster.timeout(5)
          for (const link of ['5→*', '*→5', '5→*', '*→5'] as const) cluster.deliver(link)
        },
      )
      cluster.showNodes()
      cluster.note(
        'It replaces 2:2 on nodes 2 and 3 by its own 2:3. Had 2:2 been committed, it would be lost.',
      )
      cluster.cut('5→1', '5→4')
      cluster.deliverAll()

      expect(cluster.log(2)).toBe('1 3 5')
      expect(cluster.log(3)).toBe('1 3 5')
      expect(cluster.commitIndex(5)).toBe(3)
    },
  )

  scenario(
    'figure-3.7-e',
    {
      title:
        'an entry of the own term on a majority commits everything before it, and nobody without it is elected',
      source: '§3.6.2, Figure 3.7 (e), Figure 3.8',
      ...FIGURE_3_7,
    },
    (cluster) => {
      cluster.unrecorded('(a) to (c) as before.', () => replicateOldTerm(cluster))
      cluster.showNodes()
      cluster.note('(e) 3:4 is on the disks of nodes 2 and 3 as well: it is committed, and 2:2 with it.')
      cluster.persist(2)
      cluster.persist(3)
      cluster.deliver('2→1')
      cluster.deliver('3→1')
      expect(cluster.commitIndex(1)).toBe(3)

      cluster.note(
        'Node 1 crashes. Node 5, with its entry of term 3, learns the term, and gets one vote only.',
      )
      cluster.crash(1)
      cluster.dropAll('*→*')
      cluster.releaseDisk(2)
      cluster.releaseDisk(3)
      cluster.restart(5)
      cluster.unrecorded('Its first pre-vote only tells it the term.', () => {
        cluster.timeout(5)
        cluster.deliverAll()
      })
      cluster.tick(99, [])
      cluster.timeout(5)
      cluster.deliverAll()
      expect(cluster.raft(5).role).not.toBe('leader')

      cluster.unrecorded('Node 2 can be elected, and nothing is lost.', () => cluster.elect(2))
      cluster.showNodes()
      expect(cluster.log(5)).toBe('1 2 4 5')
    },
  )
})

describe('log replication', () => {
  scenario(
    'figure-3.6',
    {
      title: 'a leader brings every kind of conflicting log to its own, a whole term a round',
      source: '§3.5, Figure 3.6',
      voters: [1, 2, 3, 4, 5, 6, 7],
      disks: {
        1: { terms: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6], currentTerm: 7 },
        2: { terms: [1, 1, 1, 4, 4, 5, 5, 6, 6] },
        3: { terms: [1, 1, 1, 4] },
        4: { terms: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6] },
        5: { terms: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7] },
        6: { terms: [1, 1, 1, 4, 4, 4, 4] },
        7: { terms: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3] },
      },
    },
    (cluster) => {
      cluster.unrecorded(
        'The leader of term 8 is elected by nodes 2, 3, 6 and itself; followers (a) to (f) are 2 to 7.',
        () => {
          cluster.timeout(1)
          for (const link of ['1→*', '*→1', '1→*', '*→1'] as const) cluster.deliver(link)
        },
      )
      cluster.showNodes()
      for (const [id, why] of [
        [2, '(a) lacks one entry'],
        [3, '(b) lacks many'],
        [4, '(c) has one too many'],
        [5, '(d) has entries of a term that the leader never saw'],
        [6, '(e) has some of a term too many, and lacks the rest'],
        [7, '(f) has two terms of its own: the hints skip each in one round'],
      ] as const) {
        cluster.note(`Node ${id}: ${why}.`)
        let rounds = 0
        while (cluster.log(id) !== cluster.log(1)) {
          cluster.deliver(`1→${id}`)
          cluster.deliver(`${id}→1`)
          rounds += 1
        }
        expect(rounds).toBeLessThanOrEqual(3)
        cluster.dropAll(`1→${id}`)
      }

      for (const id of [2, 3, 4, 5, 6, 7]) expect(cluster.log(id)).toBe('1 1 1 4 4 5 5 6 6 6 8')
    },
  )

  scenario(
    'commit-only-what-is-verified',
    {
      title: 'a follower commits nothing beyond the last entry that this message has verified',
      source: '§3.5; atomix/copycat#265, cockroachdb/cockroach#122100',
      voters: [1, 2, 3],
      disks: { 1: { terms: [1, 2, 2] }, 2: { terms: [1, 2, 2] }, 3: { terms: [1, 1, 1, 1], currentTerm: 2 } },
    },
    (cluster) => {
      cluster.unrecorded(
        'Node 1 leads term 3 with entries 1 to 4 committed. Node 3 has three entries of an old leader.',
        () => {
          cluster.timeout(1)
          for (const link of ['1→2', '2→1', '1→*', '*→1', '1→2', '2→1'] as const) cluster.deliver(link)
          cluster.dropAll('*→*')
        },
      )
      cluster.showNodes()
      expect(cluster.commitIndex(1)).toBe(4)

      cluster.tick(10, [1])
      cluster.deliver('1→3')
      cluster.deliver('3→1')
      const append = cluster.intercept('1→3')
      cluster.note('A heartbeat after 1:1, for a read, verifies entry 1 alone, whatever it says of commit 4.')
      cluster.read(1)
      cluster.deliver('1→3')
      expect(append).toMatchObject({ prevLogIndex: 1, leaderCommit: 4 })
      expect(cluster.log(3)).toBe('1 1 1 1')
      expect(cluster.commitIndex(3)).toBe(1)

      cluster.note('Only with the entries themselves does it commit further.')
      cluster.deliverLate(append)

      expect(cluster.log(3)).toBe('1 2 2 3')
      expect(cluster.commitIndex(3)).toBe(4)
    },
  )

  scenario(
    'late-duplicate',
    {
      title: 'an AppendEntries that comes late and twice takes back nothing that came after it',
      source: '§3.5, Figure 3.1',
      voters: [1, 2, 3],
    },
    (cluster) => {
      cluster.unrecorded('Node 1 leads; its no-op is everywhere. Node 3 is cut off.', () => {
        cluster.elect(1)
        cluster.isolate(3)
      })
      cluster.propose(1)
      const late = cluster.intercept('1→2')
      cluster.propose(1)
      cluster.note('Node 2 misses 2:1, asks for it, and gets both.')
      cluster.deliver('1→2')
      cluster.deliver('2→1')
      cluster.deliver('1→2')
      expect(cluster.log(2)).toBe('1 1 1')
      expect(cluster.commitIndex(2)).toBe(1)

      cluster.note('Now the first message arrives, twice. Nothing of it is committed, and still 3:1 stays.')
      cluster.deliverLate(late)
      cluster.deliverLate(late)
      expect(cluster.log(2)).toBe('1 1 1')

      cluster.deliver('2→1')
      expect(cluster.raft(1).progress.get(2)?.matchIndex).toBe(3)
      expect(cluster.commitIndex(1)).toBe(3)
    },
  )
})
