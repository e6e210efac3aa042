import { describe, expect } from 'vitest'
import { scenario } from './harness/scenario.ts'

describe('leader election', () => {
  scenario(
    'quiet-election',
    {
      title: 'a follower that hears nothing asks, campaigns, leads and commits its no-op',
      source: '§3.4, pre-vote §9.6',
      voters: [1, 2, 3],
    },
    (cluster) => {
      cluster.note(
        'Nobody has a higher term before the pre-vote is won, and no vote leaves before it is on disk.',
      )
      cluster.timeout(1)
      cluster.deliverAll()
      cluster.note('The next heartbeat tells the last follower what is committed.')
      cluster.tick(10)
      cluster.deliverAll()

      for (const id of [1, 2, 3]) {
        expect(cluster.raft(id)).toMatchObject({ leaderId: 1, currentTerm: 1, commitIndex: 1 })
      }
    },
  )

  scenario(
    'split-vote',
    {
      title: 'a split vote elects nobody, and the shortest of the next timeouts resolves it',
      source: '§3.4',
      voters: [1, 2, 3],
    },
    (cluster) => {
      cluster.note('All three time out at the same moment: each votes for itself.')
      for (const [id, ms] of [
        [1, 170],
        [2, 130],
        [3, 190],
      ] as const) {
        cluster.setElectionTimeout(id, ms)
      }
      cluster.tick(100)
      cluster.deliverAll()
      for (const id of [1, 2, 3]) {
        expect(cluster.raft(id)).toMatchObject({ role: 'follower', currentTerm: 1, votedFor: id })
      }

      cluster.note('Of the next timeouts, 170, 130 and 190 ms, that of node 2 is over first.')
      cluster.tick(130)
      cluster.deliverAll()

      for (const id of [1, 2, 3]) {
        expect(cluster.raft(id)).toMatchObject({ leaderId: 2, currentTerm: 2, votedFor: 2 })
      }
    },
  )

  scenario(
    'pre-vote-rejection-carries-term',
    {
      title: 'a candidate that is behind in term learns the term from a rejected pre-vote, and is elected',
      source: '§9.6; canonical/raft#279',
      voters: [1, 2, 3],
      disks: { 1: { terms: [1], currentTerm: 5 }, 2: { terms: [1] }, 3: { terms: [1, 1], currentTerm: 1 } },
    },
    (cluster) => {
      cluster.note(
        'Node 2 is down. Only node 3 has the longer log, and only node 1 the higher term: each needs the other.',
      )
      cluster.crash(2)
      cluster.timeout(1)
      cluster.deliverAll()
      expect(cluster.raft(1).role).toBe('preCandidate')

      cluster.note('Node 3 asks about term 2. If nobody told it of term 5, it would do so for ever.')
      cluster.timeout(3)
      cluster.deliverAll()
      expect(cluster.raft(3)).toMatchObject({ role: 'follower', currentTerm: 5 })

      cluster.timeout(3)
      cluster.deliverAll()

      expect(cluster.raft(3)).toMatchObject({ role: 'leader', currentTerm: 6 })
    },
  )

  scenario(
    'vote-is-durable',
    {
      title: 'a vote leaves only when it is on disk, so that no crash makes a node vote twice in a term',
      source: '§3.8; hashicorp/raft#661',
      voters: [1, 2, 3],
    },
    (cluster) => {
      cluster.holdDisk(3)
      cluster.unrecorded('Nodes 1 and 2 both campaign for term 1; the disk of node 3 is slow.', () => {
        cluster.tick(100, [1, 2])
        for (const link of ['1→2', '1→3', '2→1', '2→3', '*→1', '*→2'] as const) cluster.deliver(link)
      })
      const request = cluster.intercept('1→3')
      cluster.deliverLate(request)
      expect(cluster.raft(3).votedFor).toBe(1)
      cluster.note('A crash before the vote is on disk: nobody has heard of it, and node 3 is free.')
      cluster.crash(3)
      cluster.restart(3)
      expect(cluster.raft(3)).toMatchObject({ currentTerm: 0, votedFor: null })
      cluster.deliver('2→3')
      cluster.persist(3)

      cluster.note('A crash after it: node 3 remembers, and node 1, asking again, is told no.')
      cluster.crash(3)
      cluster.restart(3)
      cluster.deliverLate(request)
      cluster.deliver('3→*')

      expect(cluster.raft(3)).toMatchObject({ currentTerm: 1, votedFor: 2 })
      expect(cluster.raft(1).role).not.toBe('leader')
      expect(cluster.raft(2).role).toBe('leader')
    },
  )
})
