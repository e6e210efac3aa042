import { describe, expect } from 'vitest'
import { scenario } from './harness/scenario.ts'

describe('linearizable reads', () => {
  scenario(
    'read-waits-for-the-no-op',
    {
      title: 'a new leader answers no read before its no-op is committed',
      source: '§6.4; etcd-io/etcd#7331',
      voters: [1, 2, 3],
      disks: { 1: { terms: [1, 1] }, 2: { terms: [1, 1] }, 3: { terms: [1] } },
    },
    (cluster) => {
      cluster.unrecorded(
        'Entry 2:1 was committed, and acknowledged, by a leader of term 1. Node 1 leads term 2.',
        () => {
          cluster.timeout(1)
          for (const link of ['1→*', '*→1', '1→*', '*→1'] as const) cluster.deliver(link)
        },
      )
      cluster.note('It does not know that 2:1 is committed. An answer now would miss it.')
      const read = cluster.read(1)
      expect(cluster.commitIndex(1)).toBe(0)
      cluster.deliver('1→2')
      expect(cluster.readResult(read)).toBeUndefined()
      cluster.note('With the no-op it knows. The read still needs a round of heartbeats that began after it.')
      cluster.deliverAll()

      expect(cluster.readResult(read)).toBe(3)
    },
  )

  scenario(
    'read-round',
    {
      title: 'a late answer to an earlier heartbeat does not confirm a read that came after it',
      source: '§6.4; etcd-io/etcd#20418',
      voters: [1, 2, 3],
    },
    (cluster) => {
      cluster.unrecorded('Node 1 leads.', () => cluster.elect(1))
      const first = cluster.read(1)
      cluster.deliver('1→2')
      const late = cluster.intercept('2→1')
      cluster.dropAll('1→3')
      cluster.note('The answer to the first round is under way when the second read comes.')
      const second = cluster.read(1)
      cluster.deliverLate(late)
      expect(cluster.readResult(first)).toBe(1)
      expect(cluster.readResult(second)).toBeUndefined()

      cluster.deliver('1→3')
      cluster.deliver('3→1')
      expect(cluster.readResult(second)).toBe(1)
    },
  )

  scenario(
    'follower-read',
    {
      title: 'a follower asks the leader for an index, and reads when it has applied that far',
      source: '§6.4',
      voters: [1, 2, 3],
    },
    (cluster) => {
      cluster.unrecorded(
        'Node 1 leads, and has committed 2:1 with node 2. Node 3 does not have it yet.',
        () => {
          cluster.elect(1)
          cluster.propose(1)
          cluster.hold('1→3')
          cluster.deliverAll()
        },
      )
      const read = cluster.read(3)
      cluster.deliver('3→1')
      cluster.deliver('1→2')
      cluster.deliver('2→1')
      cluster.deliver('1→3')

      expect(cluster.readResult(read)).toBe(2)
      expect(cluster.raft(3).releasedIndex).toBe(2)
    },
  )
})
