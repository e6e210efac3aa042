import { describe, expect } from 'vitest'
import { scenario } from './harness/scenario.ts'

describe('leadership transfer', () => {
  scenario(
    'transfer-to-a-lagging-node',
    {
      title: 'a transfer brings its target up to date before it lets it campaign',
      source: '§3.10',
      voters: [1, 2, 3],
    },
    (cluster) => {
      cluster.unrecorded('Node 1 leads; node 2 lacks an entry.', () => {
        cluster.elect(1)
        cluster.propose(1)
        cluster.hold('1→2')
        cluster.deliverAll()
      })
      const transfer = cluster.transfer(1, 2)
      expect(cluster.transferResult(transfer)).toBeUndefined()
      expect(cluster.underWay('1→2').some(({ type }) => type === 'TimeoutNow')).toBe(false)
      cluster.deliver('1→2')
      cluster.deliver('2→1')
      cluster.note(
        'It has all: it campaigns at once, without a pre-vote, and is answered by voters that hear node 1.',
      )
      cluster.deliver('1→2')
      cluster.deliverAll()

      expect(cluster.raft(2)).toMatchObject({ role: 'leader', currentTerm: 2 })
      expect(cluster.transferResult(transfer)).toBeNull()
      expect(cluster.log(1)).toBe('1 1 2')
    },
  )

  scenario(
    'transfer-to-a-dead-node',
    {
      title:
        'a transfer to a dead node ends after an election timeout; until then reads and writes are refused',
      source: '§3.10; hashicorp/raft#696, openraft#1747',
      voters: [1, 2, 3],
    },
    (cluster) => {
      cluster.unrecorded('Node 1 leads. Node 2 has just crashed, and nobody knows.', () => {
        cluster.elect(1)
        cluster.crash(2)
      })
      const transfer = cluster.transfer(1, 2)
      expect(cluster.propose(1)).toMatchObject({ refusal: 'transferring' })
      const read = cluster.read(1)
      expect(cluster.readResult(read)).toBeNull()
      expect(cluster.add(1, 4)).toMatchObject({ refusal: 'not_leader' })

      cluster.unrecorded('Just before the deadline.', () => cluster.run(90))
      expect(cluster.propose(1)).toMatchObject({ refusal: 'transferring' })
      cluster.tick(10, [1])
      expect(cluster.transferResult(transfer)).toBe('transfer_timeout')

      cluster.note('It leads as before.')
      expect(cluster.propose(1)).toMatchObject({ index: 2, term: 1 })
      cluster.deliverAll()
      expect(cluster.commitIndex(1)).toBe(2)
    },
  )

  scenario(
    'transfer-ends-with-its-term',
    {
      title:
        'a transfer never outlives its term: neither does it gate the next one, nor does its message count in it',
      source: '§3.10; hashicorp/raft#696',
      voters: [1, 2, 3],
    },
    (cluster) => {
      cluster.unrecorded('Node 1 leads, and has been cut off for 50 ms.', () => {
        cluster.elect(1)
        cluster.hold('1→*')
        cluster.tick(50, [1])
        cluster.dropAll('1→*')
      })
      const transfer = cluster.transfer(1, 2)
      const timeoutNow = cluster.intercept('1→2')
      expect(timeoutNow.type).toBe('TimeoutNow')
      cluster.unrecorded('The others elect node 3 for term 2, within the deadline of the transfer.', () => {
        cluster.hold('*→1')
        cluster.timeout(3)
        cluster.deliverAll()
      })
      cluster.note('Node 1 hears of it.')
      cluster.deliver('3→1')
      expect(cluster.transferResult(transfer)).toBeNull()
      cluster.note('The message of term 1 arrives in term 2.')
      cluster.deliverLate(timeoutNow)
      expect(cluster.raft(2)).toMatchObject({ role: 'follower', currentTerm: 2, leaderId: 3 })

      cluster.unrecorded('Node 1 leads again, in term 3.', () => {
        cluster.heal()
        cluster.deliverAll()
        cluster.crash(3)
        cluster.tick(100, [])
        cluster.elect(1)
      })
      expect(cluster.propose(1)).toMatchObject({ term: 3 })
    },
  )
})
