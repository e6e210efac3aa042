import { describe, expect } from 'vitest'
import { currentMembership, voterIds } from '../../raft/core/membership.ts'
import { scenario } from './harness/scenario.ts'

describe('snapshots', () => {
  scenario(
    'transfer-to-a-node-that-needs-a-snapshot',
    {
      title:
        'a transfer to a node that needs a snapshot waits for it, and the node campaigns with the whole log',
      source: '§3.10, ch. 5',
      voters: [1, 2, 3],
    },
    (cluster) => {
      cluster.unrecorded('Node 1 leads; node 3 missed an entry that the log has forgotten.', () => {
        cluster.elect(1)
        cluster.cut('1→3')
        cluster.propose(1)
        cluster.run(20)
        cluster.compact(1, 2)
        cluster.heal()
      })
      cluster.tick(10, [1])
      cluster.deliverAll()
      cluster.startSnapshot('1→3')
      const transfer = cluster.transfer(1, 3)
      cluster.unrecorded('Heartbeats go on meanwhile.', () => cluster.run(20))
      expect(cluster.raft(1)).toMatchObject({ role: 'leader', currentTerm: 1 })
      cluster.finishSnapshot('1→3')
      cluster.tick(10, [1])
      cluster.deliverAll()

      expect(cluster.raft(3)).toMatchObject({ role: 'leader', currentTerm: 2 })
      expect(cluster.log(3)).toBe('[2:1] 2')
      expect(cluster.transferResult(transfer)).toBeNull()
    },
  )

  scenario(
    'snapshot-of-an-earlier-leader',
    {
      title: 'a snapshot that arrives when another node leads is not installed; the new leader goes on',
      source: '§3.10, ch. 5; etcd-io/etcd#18055',
      voters: [1, 2, 3],
    },
    (cluster) => {
      cluster.unrecorded('Node 1 leads, and begins to send a snapshot to node 3.', () => {
        cluster.elect(1)
        cluster.cut('1→3')
        cluster.propose(1)
        cluster.run(20)
        cluster.compact(1, 2)
        cluster.heal()
        cluster.tick(10, [1])
        cluster.deliverAll()
        cluster.startSnapshot('1→3')
      })
      cluster.showNodes()
      cluster.unrecorded('It hands over to node 2, of which node 3 hears.', () => {
        cluster.hold('2→3')
        cluster.transfer(1, 2)
        cluster.deliverAll()
        while (cluster.underWay('2→3')[0]?.type !== 'AppendEntries') cluster.deliverOne('2→3')
        cluster.deliverOne('2→3')
      })
      cluster.finishSnapshot('1→3')
      expect(cluster.log(3)).toBe('1')
      expect(cluster.raft(3).installing).toBeNull()

      cluster.note('Node 2 still has the entries.')
      cluster.heal()
      cluster.deliverAll()
      cluster.tick(10, [2])
      cluster.deliverAll()
      expect(cluster.log(3)).toBe('1 1 2')
    },
  )

  scenario(
    'snapshot-over-a-stale-suffix',
    {
      title: 'a snapshot in place of a longer, stale log takes its entries and its configuration with it',
      source: 'ch. 5, §4.1; openraft#1808, scylladb/scylladb#9551',
      voters: [1, 2, 3, 4, 5],
      shown: { isConfigShown: true },
    },
    (cluster) => {
      cluster.unrecorded(
        'Node 1 leads; it removes node 5 and appends two more, all of which only node 3 gets.',
        () => {
          cluster.elect(1)
          cluster.cut('1→2', '1→4', '1→5')
          cluster.remove(1, 5)
          cluster.propose(1)
          cluster.propose(1)
          cluster.deliver('1→3')
          cluster.isolate(1)
        },
      )
      cluster.unrecorded(
        'Nodes 2, 4 and 5 elect node 2 for term 2, commit 3:2, and forget what led there.',
        () => {
          cluster.isolate(3)
          cluster.elect(2)
          cluster.propose(2)
          cluster.run(100)
          cluster.compact(2, 3)
        },
      )
      cluster.showNodes()
      expect(cluster.log(3)).toBe('1 1m 1 1')

      cluster.heal()
      cluster.cut('1→*', '*→1')
      cluster.tick(10, [2])
      cluster.deliverAll()
      cluster.tick(10, [2])
      cluster.deliverAll()
      cluster.startSnapshot('2→3')
      cluster.finishSnapshot('2→3')
      cluster.tick(10, [2])
      cluster.deliverAll()

      expect(cluster.log(3)).toBe('[3:2]')
      expect(voterIds(cluster.raft(3))).toEqual([1, 2, 3, 4, 5])
      expect(currentMembership(cluster.raft(3)).removed).toEqual([])
      expect(cluster.raft(2).progress.get(3)).toMatchObject({ state: 'replicate', matchIndex: 3 })
    },
  )

  scenario(
    'conflict-at-the-last-included-index',
    {
      title:
        'a log that differs exactly where the leader’s begins gets a snapshot at once, and no endless probing',
      source: 'ch. 5; hashicorp/raft#697',
      voters: [1, 2, 3],
      disks: { 1: { terms: [1, 2, 2] }, 2: { terms: [1, 2, 2] }, 3: { terms: [1, 1, 1], currentTerm: 2 } },
    },
    (cluster) => {
      cluster.unrecorded('Node 1 leads term 3; its log starts after 3:2. Node 3 has 3:1.', () => {
        cluster.timeout(1)
        for (const link of ['1→2', '2→1', '1→*', '*→1', '1→2', '2→1'] as const) cluster.deliver(link)
        cluster.compact(1, 3)
        cluster.dropAll('1→2')
      })
      cluster.showNodes()
      cluster.deliverOne('1→3')
      cluster.deliver('3→1')
      expect(cluster.raft(1).progress.get(3)?.state).toBe('snapshot')

      cluster.startSnapshot('1→3')
      cluster.finishSnapshot('1→3')
      cluster.unrecorded('A heartbeat later it is up to date.', () => cluster.run(20))
      cluster.showNodes()

      expect(cluster.log(3)).toBe('[4:3]')
      expect(cluster.commitIndex(3)).toBe(4)
    },
  )

  scenario(
    'crash-during-an-install',
    {
      title: 'a crash before a snapshot is in place leaves the old log, and the snapshot is asked for again',
      source: 'ch. 5; etcd-io/etcd#10219',
      voters: [1, 2, 3],
      disks: { 1: { terms: [1, 2, 2] }, 2: { terms: [1, 2, 2] }, 3: { terms: [1, 1, 1], currentTerm: 2 } },
    },
    (cluster) => {
      cluster.unrecorded(
        'Node 1 leads term 3; its log starts after 3:2, and node 3 has the whole snapshot.',
        () => {
          cluster.timeout(1)
          for (const link of ['1→2', '2→1', '1→*', '*→1', '1→2', '2→1'] as const) cluster.deliver(link)
          cluster.compact(1, 3)
          cluster.deliverAll()
          cluster.startSnapshot('1→3')
        },
      )
      cluster.holdDisk(3)
      cluster.finishSnapshot('1→3')
      cluster.note('While it is being put in place no entry is accepted, and nothing acknowledged.')
      cluster.tick(10, [1])
      cluster.deliverAll()
      expect(cluster.raft(3).installing).not.toBeNull()
      cluster.crash(3)
      cluster.restart(3)
      cluster.releaseDisk(3)
      expect(cluster.log(3)).toBe('1 1 1')

      cluster.note('Its answer says that nothing is being put in place: node 1 starts over.')
      cluster.tick(10, [1])
      cluster.deliverAll()
      cluster.tick(10, [1])
      cluster.deliverAll()
      cluster.startSnapshot('1→3')
      cluster.finishSnapshot('1→3')
      cluster.unrecorded('This time it is.', () => cluster.run(20))
      cluster.showNodes()

      expect(cluster.log(3)).toBe('[4:3]')
    },
  )
})
