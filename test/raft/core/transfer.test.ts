import { describe, expect, test } from 'vitest'
import { allMessages, appendEntries, SoloNode, settle, TIMEOUT_MS } from './solo-node.ts'

function transfer(node: SoloNode, target: number | null) {
  return node.step({ type: 'transfer', id: 50, target })
}

describe('leadership transfer (thesis §3.10)', () => {
  test('a target that has everything is told to campaign at once', () => {
    const leader = new SoloNode().becomeReadyLeader()

    expect(transfer(leader, 2).messages).toMatchObject([{ type: 'TimeoutNow', to: 2, term: 2 }])
  })

  test('a target that lags is brought up to date first, and told once', () => {
    const leader = new SoloNode().becomeReadyLeader()
    expect(transfer(leader, 3).messages).toEqual([])

    expect(leader.acknowledge(3, 1).messages).toContainEqual(
      expect.objectContaining({ type: 'TimeoutNow', to: 3 }),
    )
    expect(leader.acknowledge(3, 1).messages).toEqual([])
  })

  test.each([
    { why: 'the target is brought up to date', target: 3 },
    { why: 'the target has been told to campaign', target: 2 },
  ])('while it runs no proposal and no change is taken: $why', ({ target }) => {
    const leader = new SoloNode().becomeReadyLeader()
    transfer(leader, target)

    expect(leader.propose(1).proposals).toEqual([{ id: 1, refusal: 'transferring' }])
    expect(leader.add(4).memberships).toMatchObject([{ refusal: 'not_leader' }])
    expect(transfer(leader, 2).transfers).toMatchObject([{ refusal: 'transfer_in_flight' }])
  })

  test('it ends after an election timeout, and the leader goes on', () => {
    const leader = new SoloNode().becomeReadyLeader()
    transfer(leader, 3)
    leader.now += TIMEOUT_MS - 1
    leader.acknowledge(2, 1)

    const effects = leader.elapse(1)

    expect(effects.transfers).toMatchObject([{ id: 50, refusal: 'transfer_timeout' }])
    expect(leader.propose(1).proposals).toMatchObject([{ index: 2 }])
  })

  test('it does not outlive the term', () => {
    const leader = new SoloNode().becomeReadyLeader()
    transfer(leader, 3)

    const effects = leader.receive(appendEntries({ from: 3, term: 3 }))

    expect(effects.transfers).toEqual([{ id: 50, refusal: null, message: '' }])
    expect(leader.raft.transfer).toBeNull()
  })

  test('it ends when its target is removed', () => {
    const leader = new SoloNode().becomeReadyLeader()
    transfer(leader, 3)
    leader.raft.progress.delete(3)

    expect(leader.elapse(1).transfers).toMatchObject([{ refusal: 'transfer_timeout' }])
  })

  test.each([
    { why: 'nobody in particular: the one that has most', target: null, chosen: 2 },
    { why: 'somebody', target: 3, chosen: 3 },
  ])('to $why', ({ target, chosen }) => {
    const leader = new SoloNode().becomeReadyLeader()

    transfer(leader, target)

    expect(leader.raft.transfer?.target).toBe(chosen)
  })

  test.each([
    { why: 'itself', target: 1, refusal: 'is_leader', message: 'node 1 is the leader already' },
    {
      why: 'a learner',
      target: 4,
      refusal: 'not_voter',
      message: 'node 4 is a learner, which votes by itself once it has caught up; the voters are 1, 2, 3',
    },
    {
      why: 'nobody that it knows',
      target: 9,
      refusal: 'not_voter',
      message: 'node 9 is not a member; the members are 1, 2, 3, 4',
    },
  ])('a leader does not hand over to $why, and says who there is', ({ target, refusal, message }) => {
    const leader = new SoloNode({ learners: [4] }).becomeReadyLeader()

    expect(transfer(leader, target).transfers).toEqual([{ id: 50, refusal, message }])
  })

  test('a leader that nobody could follow says whether there is anybody', () => {
    const alone = new SoloNode({ voters: [1] }).becomeReadyLeader()
    const missed = new SoloNode().becomeReadyLeader()
    missed.now += TIMEOUT_MS

    const messages = [alone, missed].map((leader) => transfer(leader, null).transfers[0])

    expect(messages).toMatchObject([
      {
        refusal: 'no_target',
        message:
          'no other voter could take over: node 1 is the only one; add another node first, and wait until it votes',
      },
      {
        refusal: 'no_target',
        message: 'no other voter could take over: each of 2, 3 is silent, drained, stalled or wrong',
      },
    ])
  })

  test('a leader does not hand over to whoever has been silent', () => {
    const leader = new SoloNode().becomeReadyLeader()
    leader.now += TIMEOUT_MS
    leader.acknowledge(2, 1)

    expect(transfer(leader, 3).transfers).toMatchObject([{ refusal: 'not_healthy' }])
  })

  test('a follower cannot hand over', () => {
    expect(transfer(new SoloNode(), 2).transfers).toMatchObject([{ refusal: 'not_leader' }])
  })

  test('the target wins although everybody just heard the old leader, and nobody waits for a timeout', () => {
    const nodes = [1, 2, 3].map((id) => new SoloNode({ id }))
    const [one, two, three] = nodes as [SoloNode, SoloNode, SoloNode]
    settle(nodes, allMessages(one.elapse(TIMEOUT_MS)))
    expect(one.raft.role).toBe('leader')

    settle(nodes, allMessages(transfer(one, 2)))

    expect([one, two, three].map(({ raft }) => raft.role)).toEqual(['follower', 'leader', 'follower'])
  })

  test('a request to campaign of an earlier term is void', () => {
    const node = new SoloNode({ currentTerm: 5 })

    node.receive({ type: 'TimeoutNow', from: 2, to: 1, term: 4 })

    expect(node.raft.role).toBe('follower')
  })
})
