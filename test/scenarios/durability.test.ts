import { describe, expect } from 'vitest'
import { scenario } from './harness/scenario.ts'

describe('what is on disk', () => {
  scenario(
    'commit-before-own-disk',
    {
      title:
        'a leader sends before its own fsync, and commits with two followers while its disk is still busy',
      source: '§10.2.1',
      voters: [1, 2, 3],
    },
    (cluster) => {
      cluster.unrecorded(
        'Node 1 leads; its no-op is committed. Then its disk and that of node 3 become slow.',
        () => {
          cluster.elect(1)
          cluster.tick(10)
          cluster.deliverAll()
        },
      )
      cluster.holdDisk(1)
      cluster.holdDisk(3)
      cluster.propose(1)
      cluster.deliver('1→2')
      cluster.deliver('2→1')
      cluster.deliver('1→3')
      cluster.note('One disk of three has it. Node 3 says nothing before its own has it too.')
      expect(cluster.commitIndex(1)).toBe(1)
      expect(cluster.underWay('3→1')).toEqual([])

      cluster.persist(3)
      cluster.deliver('3→1')
      cluster.note('Two of three: it is committed. Node 1 applies it only when it has it itself.')
      expect(cluster.commitIndex(1)).toBe(2)
      expect(cluster.raft(1).releasedIndex).toBe(1)

      cluster.persist(1)
      expect(cluster.raft(1).releasedIndex).toBe(2)
    },
  )

  scenario(
    'single-node-fsync',
    {
      title: 'a cluster of one elects and commits only what is on its disk',
      source: '§3.8; etcd-io/etcd#14370',
      voters: [1],
    },
    (cluster) => {
      cluster.holdDisk(1)
      cluster.timeout(1)
      expect(cluster.raft(1).role).toBe('candidate')
      cluster.persist(1)
      cluster.persist(1)
      cluster.propose(1)
      expect(cluster.raft(1)).toMatchObject({ role: 'leader', commitIndex: 1 })

      cluster.note('A crash now takes nothing back that was acknowledged: nothing was.')
      cluster.crash(1)
      cluster.restart(1)
      expect(cluster.log(1)).toBe('1')

      cluster.timeout(1)
      cluster.persist(1)
      cluster.persist(1)
      cluster.propose(1)
      cluster.persist(1)
      expect(cluster.commitIndex(1)).toBe(3)
    },
  )

  scenario(
    'leader-restarts-as-follower',
    {
      title: 'a leader that restarts is a follower in the term that it led, and leads no more in it',
      source: '§3.8',
      voters: [1, 2, 3],
    },
    (cluster) => {
      cluster.unrecorded('Node 1 leads term 1.', () => {
        cluster.elect(1)
      })
      cluster.propose(1)
      cluster.deliver('1→*')
      cluster.crash(1)
      cluster.restart(1)
      expect(cluster.raft(1)).toMatchObject({ role: 'follower', currentTerm: 1, votedFor: 1, leaderId: null })

      cluster.note('The acknowledgements of its followers come too late to make it commit anything.')
      cluster.deliver('*→1')
      expect(cluster.raft(1)).toMatchObject({ role: 'follower', commitIndex: 0 })

      cluster.unrecorded('The next term keeps its entry.', () => cluster.elect(1))
      cluster.showNodes()
      expect(cluster.log(1)).toBe('1 1 2')
    },
  )

  scenario(
    'late-write-of-a-truncated-suffix',
    {
      title:
        'a write that is done after its entries were replaced makes nothing durable that it did not hold',
      source: '§3.5; openraft#1960',
      voters: [1, 2, 3, 4, 5],
    },
    (cluster) => {
      cluster.unrecorded(
        'Node 1 leads term 1; its no-op is everywhere. Of the next entries only node 3 hears.',
        () => {
          cluster.elect(1)
          cluster.cut('1→2', '1→4', '1→5')
        },
      )
      cluster.holdDisk(3)
      cluster.propose(1)
      cluster.propose(1)
      cluster.deliver('1→3')
      cluster.unrecorded('Node 2 is elected for term 2 by nodes 4 and 5.', () => {
        cluster.isolate(1)
        cluster.dropAll('3→*')
        cluster.hold('2→3')
        cluster.timeout(2)
        cluster.deliverAll()
        while (cluster.underWay('2→3')[0]?.type !== 'AppendEntries') cluster.intercept('2→3')
      })
      cluster.note('Node 3 replaces its entries while they are still being written.')
      cluster.deliverOne('2→3')
      expect(cluster.log(3)).toBe('1 | 2')

      cluster.note('The old writes are done: of entry 2 the disk has the old one, which counts for nothing.')
      cluster.persistOne(3)
      cluster.persistOne(3)
      expect(cluster.log(3)).toBe('1 | 2')
      expect(cluster.underWay('3→2')).toEqual([])

      cluster.persist(3)
      expect(cluster.log(3)).toBe('1 2')
      cluster.deliver('3→2')
      expect(cluster.raft(2).progress.get(3)?.matchIndex).toBe(2)
    },
  )
})
