import { describe, expect } from 'vitest'
import { committedMembership, currentMembership, isVoter, voterIds } from '../../raft/core/membership.ts'
import { scenario } from './harness/scenario.ts'

describe('membership changes', () => {
  scenario(
    'bug-of-2015',
    {
      title:
        'two leaders cannot each change the membership without a majority in common: the second waits for its no-op',
      source: '§4.1; raft-dev t4xj6dJTP6E (2015), atomix/copycat#23',
      voters: [1, 2, 3, 4],
      learners: [5],
      shown: { isConfigShown: true },
    },
    (cluster) => {
      cluster.unrecorded('Node 1 leads term 1; node 5 is a learner that has all.', () => cluster.elect(1))
      cluster.note('Node 1 makes node 5 a voter, and only node 5 hears of it: two of five.')
      cluster.cut('1→2', '1→3', '1→4')
      cluster.maintain(1)
      cluster.deliver('1→5')
      cluster.crash(1)
      expect(voterIds(cluster.raft(5))).toEqual([1, 2, 3, 4, 5])

      cluster.unrecorded('Nodes 2, 3 and 4 know of four voters, and elect node 2 for term 2.', () => {
        cluster.dropAll('*→*')
        cluster.tick(100, [])
        cluster.timeout(2)
        for (const link of ['2→3', '2→4', '*→2', '2→3', '2→4', '*→2'] as const) cluster.deliver(link)
      })
      cluster.showNodes()
      cluster.note(
        'Without node 1, nodes 2 and 3 would be a majority of three; and nodes 1, 4 and 5 are one of five.',
      )
      expect(cluster.remove(2, 1)).toMatchObject({ refusal: 'leader_not_ready' })
      cluster.deliver('2→3')
      cluster.deliver('3→2')
      cluster.note('The no-op on two of four is not enough. On three it is: node 4 has it as well.')
      expect(cluster.remove(2, 1)).toMatchObject({ refusal: 'leader_not_ready' })
      cluster.deliver('2→4')
      cluster.deliver('4→2')
      expect(cluster.remove(2, 1)).toMatchObject({ index: 3, term: 2 })
      cluster.unrecorded('Nodes 2 and 3 commit the removal.', () => {
        cluster.dropAll('2→4')
        cluster.dropAll('2→5')
        cluster.deliver('2→3')
        cluster.deliver('3→2')
      })
      cluster.showNodes()
      expect(cluster.commitIndex(2)).toBe(3)

      cluster.note(
        'Node 1 returns with its configuration of five. Node 4 has a newer log than it: no majority.',
      )
      cluster.dropAll('*→*')
      cluster.heal()
      cluster.restart(1)
      cluster.tick(100, [])
      for (let attempt = 0; attempt < 2; attempt++) {
        cluster.timeout(1)
        for (const link of ['1→4', '1→5', '*→1'] as const) cluster.deliver(link)
        cluster.dropAll('1→*')
      }
      expect(cluster.raft(1).role).not.toBe('leader')
      expect(cluster.raft(1).role).not.toBe('candidate')
    },
  )

  scenario(
    'learner-that-must-vote',
    {
      title: 'a node that believes that it is a learner votes all the same: the candidate may know better',
      source: '§4.2.1; etcd-io/etcd PR 10998',
      voters: [1, 2],
      learners: [3],
      shown: { isConfigShown: true },
    },
    (cluster) => {
      cluster.unrecorded('Node 1 leads, and node 3 is a learner that has all.', () => cluster.elect(1))
      cluster.note('Node 3 becomes a voter: nodes 1 and 2 commit it, and it does not hear of it.')
      cluster.cut('1→3')
      cluster.maintain(1)
      cluster.deliverAll()
      expect(cluster.commitIndex(1)).toBe(2)
      expect(isVoter(cluster.raft(3), 3)).toBe(false)

      cluster.note('Node 1 crashes. Of three voters two are left, and node 3 is one of them.')
      cluster.crash(1)
      cluster.tick(100, [])
      cluster.timeout(2)
      cluster.deliverAll()

      expect(cluster.raft(2)).toMatchObject({ role: 'leader', currentTerm: 2 })
      expect(isVoter(cluster.raft(3), 3)).toBe(true)
    },
  )

  scenario(
    'config-rolled-back',
    {
      title: 'a configuration is in force when it is appended, and out of force when it is replaced',
      source: '§4.1; openraft#1808, etcd-io/etcd#11284',
      voters: [1, 2, 3, 4, 5],
      shown: { isConfigShown: true },
    },
    (cluster) => {
      cluster.unrecorded('Node 1 leads. Of what it does next only node 3 hears.', () => {
        cluster.elect(1)
        cluster.cut('1→2', '1→4', '1→5')
      })
      cluster.remove(1, 5)
      cluster.deliver('1→3')
      expect(voterIds(cluster.raft(3))).toEqual([1, 2, 3, 4])
      expect(committedMembership(cluster.raft(3)).members).toHaveLength(5)

      cluster.unrecorded('Nodes 4 and 5 elect node 2 for term 2.', () => {
        cluster.isolate(1)
        cluster.hold('2→3')
        cluster.timeout(2)
        cluster.deliverAll()
        while (cluster.underWay('2→3')[0]?.type !== 'AppendEntries') cluster.intercept('2→3')
      })
      cluster.note('Its no-op replaces the removal: node 5 is a voter again, and is not forbidden to be one.')
      cluster.deliverOne('2→3')

      expect(cluster.log(3)).toBe('1 2')
      expect(currentMembership(cluster.raft(3))).toEqual(committedMembership(cluster.raft(3)))
      expect(voterIds(cluster.raft(3))).toEqual([1, 2, 3, 4, 5])
    },
  )

  scenario(
    'learner-promotion-by-rounds',
    {
      title: 'a learner becomes a voter after a round that took less than an election timeout',
      source: '§4.2.1; etcd-io/etcd#15096',
      voters: [1, 2, 3],
      shown: { isConfigShown: true },
    },
    (cluster) => {
      cluster.unrecorded('Node 1 leads.', () => cluster.elect(1))
      cluster.note('Node 4 is added, and counts for nothing yet: two of three still decide.')
      expect(cluster.add(1, 4)).toMatchObject({ index: 2 })
      cluster.unrecorded('It gets the log, and answers after 120 ms. The log grows meanwhile.', () => {
        for (const link of ['1→4', '4→1', '1→4'] as const) cluster.deliver(link)
        cluster.hold('4→1', '1→4')
        cluster.run(120)
        cluster.propose(1)
        cluster.deliverAll()
      })
      cluster.deliver('4→1')
      cluster.note('The first round is over, and was too slow. The second goes up to 3:1.')
      cluster.maintain(1)
      expect(cluster.raft(1).progress.get(4)).toMatchObject({ matchIndex: 2, roundTarget: 3 })
      expect(isVoter(cluster.raft(1), 4)).toBe(false)

      cluster.unrecorded('Now it answers at once.', () => {
        cluster.heal()
        cluster.deliverAll()
        cluster.run(10)
      })
      cluster.maintain(1)
      expect(voterIds(cluster.raft(1))).toEqual([1, 2, 3, 4])
      cluster.unrecorded('The change is committed by three of four.', () => cluster.run(10))
      cluster.showNodes()
      expect(isVoter(cluster.raft(4), 4)).toBe(true)
    },
  )
})
