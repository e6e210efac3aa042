import { describe, expect } from 'vitest'
import { scenario } from './harness/scenario.ts'

describe('partitions', () => {
  scenario(
    'partial-partition',
    {
      title: 'a node that cannot hear the leader, but sees who does, deposes nobody',
      source: '§9.6, §4.2.3; Cloudflare 2020, cockroachdb/cockroach#104042',
      voters: [1, 2, 3],
    },
    (cluster) => {
      cluster.unrecorded('Node 1 leads. The link between nodes 1 and 2 is cut; node 3 sees both.', () => {
        cluster.elect(1)
        cluster.cut('1→2', '2→1')
      })
      cluster.unrecorded('Heartbeats reach node 3 until node 2 has waited long enough.', () =>
        cluster.run(90),
      )
      cluster.timeout(2)
      cluster.deliverAll()
      expect(cluster.raft(2)).toMatchObject({ role: 'preCandidate', currentTerm: 1 })

      cluster.unrecorded('It goes on like that for a second, and node 1 goes on leading.', () =>
        cluster.run(1_000),
      )
      expect(cluster.propose(1)).toMatchObject({ index: 2, term: 1 })
      cluster.deliverAll()

      expect(cluster.raft(1)).toMatchObject({ role: 'leader', currentTerm: 1, commitIndex: 2 })
      expect(cluster.raft(3)).toMatchObject({ leaderId: 1, currentTerm: 1 })
      expect(cluster.raft(2).currentTerm).toBe(1)
    },
  )

  scenario(
    'leader-seen-by-a-minority',
    {
      title: 'a leader that only one follower hears steps down, and the others elect one that all hear',
      source: '§6.2; Cloudflare 2020',
      voters: [1, 2, 3, 4, 5],
    },
    (cluster) => {
      cluster.unrecorded(
        'Node 1 leads. Its links to nodes 3, 4 and 5 are cut; node 2 sees everybody.',
        () => {
          cluster.elect(1)
          cluster.cut('1→3', '1→4', '1→5', '3→1', '4→1', '5→1')
          cluster.run(90)
        },
      )
      cluster.note('Of five voters it has heard two for an election timeout.')
      cluster.tick(10, [1])
      cluster.tick(100, [1])
      expect(cluster.raft(1)).toMatchObject({ role: 'follower', currentTerm: 1, leaderId: null })

      cluster.unrecorded('Node 2 does not stick to it any longer: node 3 is elected.', () => {
        cluster.dropAll('*→*')
        cluster.timeout(3)
        cluster.deliverAll()
      })
      cluster.showNodes()
      expect(cluster.raft(3)).toMatchObject({ role: 'leader', currentTerm: 2 })
      expect(cluster.raft(2).leaderId).toBe(3)
    },
  )

  scenario(
    'isolated-leader',
    {
      title:
        'an isolated leader answers no read and steps down; what it appended alone is replaced when it is back',
      source: '§6.2, §3.5',
      voters: [1, 2, 3],
    },
    (cluster) => {
      cluster.unrecorded('Node 1 leads.', () => cluster.elect(1))
      cluster.isolate(1)
      const proposal = cluster.propose(1)
      const read = cluster.read(1)
      expect(cluster.readResult(read)).toBeUndefined()
      cluster.unrecorded(
        'It looks every election timeout. At the first look its followers were heard 90 ms ago.',
        () => {
          cluster.tick(90, [1])
        },
      )
      cluster.tick(100, [1])
      expect(cluster.raft(1)).toMatchObject({ role: 'follower', leaderId: null })
      expect(cluster.readResult(read)).toBeNull()
      expect(cluster.propose(1)).toMatchObject({ refusal: 'not_leader' })

      cluster.unrecorded('Meanwhile node 2 is elected, and commits an entry of its own.', () => {
        cluster.elect(2)
        cluster.propose(2)
        cluster.run(10)
      })
      cluster.showNodes()
      cluster.heal()
      cluster.tick(10, [2])
      cluster.deliverAll()

      expect(proposal).toMatchObject({ index: 2, term: 1 })
      expect(cluster.log(1)).toBe('1 2 2')
      expect(cluster.raft(1)).toMatchObject({ leaderId: 2, commitIndex: 3 })
    },
  )

  scenario(
    'returning-follower',
    {
      title: 'a follower that was cut off for long comes back without a higher term, and disturbs nobody',
      source: '§9.6',
      voters: [1, 2, 3],
    },
    (cluster) => {
      cluster.unrecorded(
        'Node 1 leads; node 3 is cut off for a second and asks for pre-votes all the time.',
        () => {
          cluster.elect(1)
          cluster.isolate(3)
          cluster.run(1_000)
        },
      )
      cluster.showNodes()
      expect(cluster.raft(3)).toMatchObject({ role: 'preCandidate', currentTerm: 1 })
      cluster.heal()
      cluster.timeout(3)
      cluster.deliverAll()
      expect(cluster.raft(1)).toMatchObject({ role: 'leader', currentTerm: 1 })

      cluster.note('The next heartbeat makes it a follower again.')
      cluster.tick(10, [1])
      cluster.deliverAll()

      expect(cluster.raft(3)).toMatchObject({ role: 'follower', leaderId: 1, currentTerm: 1 })
    },
  )
})
