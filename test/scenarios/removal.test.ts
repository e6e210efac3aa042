import { describe, expect } from 'vitest'
import { committedMembership, currentMembership, voterIds } from '../../raft/core/membership.ts'
import { scenario } from './harness/scenario.ts'

/** Of a node that knows no pre-vote, and boasts. */
const VOTE_REQUEST = {
  type: 'RequestVote',
  term: 9,
  isPreVote: false,
  isTransfer: false,
  lastLogIndex: 99,
  lastLogTerm: 8,
} as const

describe('removed nodes', () => {
  scenario(
    'remove-the-leader',
    {
      title: 'a leader hands over before it is removed, and asks in vain when it has been',
      source: '§4.2.2, §4.2.3',
      voters: [1, 2, 3],
      shown: { isConfigShown: true },
    },
    (cluster) => {
      cluster.unrecorded('Node 1 leads.', () => cluster.elect(1))
      expect(cluster.remove(1, 1)).toMatchObject({ refusal: 'is_leader' })
      cluster.unrecorded('It hands over to node 2.', () => {
        cluster.transfer(1, 2)
        cluster.run(10)
      })
      cluster.showNodes()
      expect(cluster.remove(2, 1)).toMatchObject({ index: 3, term: 2 })
      cluster.deliverAll()
      expect(voterIds(cluster.raft(2))).toEqual([2, 3])
      expect(cluster.commitIndex(2)).toBe(3)

      cluster.note('Node 1 never hears of its removal, nor of any leader again. Nobody listens.')
      cluster.unrecorded('The others go on for a while.', () => cluster.run(100))
      cluster.timeout(1)
      cluster.deliverAll()
      expect(cluster.raft(2)).toMatchObject({ role: 'leader', currentTerm: 2 })
    },
  )

  scenario(
    'removal-after-an-election',
    {
      title: 'a new leader removes nobody until a majority of those who stay has answered it',
      source: '§4.1',
      voters: [1, 2, 3],
      shown: { isConfigShown: true },
    },
    (cluster) => {
      cluster.unrecorded('Node 3 is down when node 1 is elected: by node 2.', () => {
        cluster.crash(3)
        cluster.timeout(1)
        cluster.deliverAll()
      })
      cluster.showNodes()
      expect(cluster.commitIndex(1)).toBe(1)
      cluster.note('Without node 2 there would be nobody but node 3 to agree, and who knows how that is?')
      expect(cluster.remove(1, 2)).toMatchObject({ refusal: 'leader_not_ready' })
      expect(cluster.remove(1, 1)).toMatchObject({ refusal: 'leader_not_ready' })
      expect(voterIds(cluster.raft(1))).toEqual([1, 2, 3])

      cluster.note('It is back, and the first heartbeat that it answers says so.')
      cluster.restart(3)
      cluster.unrecorded('A heartbeat goes around.', () => cluster.run(10))
      expect(cluster.remove(1, 2)).toMatchObject({ index: 2, term: 1 })
      cluster.deliverAll()
      expect(cluster.commitIndex(1)).toBe(2)
    },
  )

  scenario(
    'disruptive-server',
    {
      title: 'a removed node with a higher term, which missed its removal, deposes no leader',
      source: '§4.2.3; etcd-io/etcd#11038, hashicorp/raft#476',
      voters: [1, 2, 3, 4],
    },
    (cluster) => {
      cluster.unrecorded('Node 1 leads; node 4 is cut off.', () => {
        cluster.elect(1)
        cluster.isolate(4)
      })
      cluster.unrecorded('Node 4 is removed, and goes on campaigning.', () => {
        cluster.remove(1, 4)
        cluster.run(100)
      })
      cluster.showNodes()
      cluster.heal()
      cluster.note('With a pre-vote it finds nobody who has not heard of a leader.')
      cluster.timeout(4)
      cluster.deliverAll()
      expect(cluster.raft(4)).toMatchObject({ role: 'follower', currentTerm: 1 })

      cluster.note(
        'Nor does a real campaign for term 9, as of a node that knows no pre-vote, move anybody’s term.',
      )
      for (const to of [1, 2, 3]) cluster.deliverLate({ ...VOTE_REQUEST, from: 4, to })

      for (const id of [1, 2, 3]) expect(cluster.raft(id)).toMatchObject({ currentTerm: 1, leaderId: 1 })
    },
  )

  scenario(
    'late-ack-of-a-removed-node',
    {
      title: 'an acknowledgement from before its sender was removed counts for nothing',
      source: '§4.1; tikv/raft-rs#571, drmingdrmer/raft-rejoin-bug',
      voters: [1, 2, 3, 4],
      shown: { isConfigShown: true, isSessionShown: true },
    },
    (cluster) => {
      cluster.unrecorded('Node 1 leads. Entry 2:1 reaches node 4, whose answer is slow.', () => {
        cluster.elect(1)
        cluster.propose(1)
        cluster.hold('1→2', '1→3', '4→1')
        cluster.deliverAll()
      })
      cluster.note('Node 4 is removed. From here on two of nodes 1, 2 and 3 decide, and only node 1 has 2:1.')
      cluster.remove(1, 4)
      cluster.deliver('4→1')
      expect(cluster.raft(1).progress.has(4)).toBe(false)
      expect(cluster.commitIndex(1)).toBe(1)

      cluster.deliver('1→2')
      cluster.deliver('2→1')
      expect(cluster.commitIndex(1)).toBe(3)
    },
  )

  scenario(
    'removed-id-never-returns',
    {
      title:
        'an id that was removed is refused for good, by every later leader, also when the log has forgotten why',
      source: '§4.1; Jepsen RethinkDB 2.2.3, tikv/raft-rs#571',
      voters: [1, 2, 3],
      shown: { isConfigShown: true },
    },
    (cluster) => {
      cluster.unrecorded('Node 1 leads.', () => cluster.elect(1))
      cluster.remove(1, 3)
      cluster.unrecorded('Node 2 commits it too.', () => cluster.run(20))
      expect(cluster.add(1, 3)).toMatchObject({ refusal: 'node_removed' })

      cluster.note('The log of node 2 starts after the removal; it restarts, and is elected.')
      cluster.compact(2, 2)
      cluster.crash(2)
      cluster.restart(2)
      cluster.unrecorded('Node 1, which also restarts, votes for it.', () => {
        cluster.crash(1)
        cluster.restart(1)
        cluster.tick(100, [])
        cluster.elect(2)
      })
      expect(cluster.add(2, 3)).toMatchObject({ refusal: 'node_removed' })
    },
  )

  scenario(
    'uncommitted-removal',
    {
      title: 'a removal that is not committed does not shut out the node that it removes',
      source: '§4.1; seed 345 of the simulator',
      voters: [1, 2, 3],
      shown: { isConfigShown: true },
    },
    (cluster) => {
      cluster.unrecorded('Node 1 leads, and is cut off.', () => {
        cluster.elect(1)
        cluster.isolate(1)
      })
      cluster.remove(1, 2)
      expect(voterIds(cluster.raft(1))).toEqual([1, 3])
      cluster.unrecorded('Node 3 elects node 2, the very one that node 1 has removed, for term 2.', () => {
        cluster.elect(2)
      })
      cluster.showNodes()
      cluster.note('Who is let in is a matter of the committed configuration, in which nobody is removed.')
      expect(committedMembership(cluster.raft(1)).removed).toEqual([])
      cluster.heal()
      cluster.tick(10, [2])
      cluster.deliverAll()

      expect(cluster.log(1)).toBe('1 2')
      expect(currentMembership(cluster.raft(1))).toMatchObject({ removed: [] })
      expect(cluster.raft(1).leaderId).toBe(2)
    },
  )
})
