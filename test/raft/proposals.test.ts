import { describe, expect, test } from 'vitest'
import { StateDivergedError } from '../../raft/errors.ts'
import { DEFAULT_PROPOSAL_LIMITS } from '../../raft/proposal-limits.ts'
import type { ForwardRequests } from '../../raft/types.ts'
import { COMMAND, Desk, RESULTS, refusedWith, resultOf } from './desk.ts'

describe('a proposal of this node', () => {
  test('is answered with what apply made of it', async () => {
    const desk = new Desk()
    const done = desk.proposals.submit(COMMAND)
    desk.append(5, 2)

    desk.proposals.handleApplied(5, 2, 'result')

    expect(await done).toEqual({ result: 'result', index: 5, isOnlyCopy: true })
  })

  test('whose place in the log another leader took was certainly not applied: it is proposed again', async () => {
    const desk = new Desk()
    const done = desk.proposals.submit(COMMAND)
    desk.append(5, 2)

    desk.proposals.handleApplied(5, 3, 'of another')
    expect(desk.proposals.hasParked).toBe(true)
    desk.append(9, 4)
    desk.proposals.handleApplied(9, 4, 'ours')

    expect(await done).toEqual({ result: 'ours', index: 9, isOnlyCopy: true })
  })

  test('keeps waiting when leadership is lost: its place in the log will tell', async () => {
    const desk = new Desk()
    const done = desk.proposals.submit(COMMAND)
    desk.append(5, 2)
    desk.leaderId = 2
    desk.proposals.returnToPeers()
    desk.proposals.forward(2)
    expect(desk.sent).toEqual([])

    desk.proposals.handleApplied(5, 2, 'yes')

    expect(await done).toMatchObject({ result: 'yes' })
  })

  test('is a transfer that says from whom to whom, as soon as another node leads', async () => {
    const desk = new Desk()
    const done = desk.proposals.submit({ type: 'transfer', target: null })
    const [event] = desk.proposals.takeEvents(0)
    if (event?.type !== 'transfer') throw new Error('a transfer was expected')
    desk.proposals.handleTransferFate({ id: event.id, refusal: null, message: '' })

    desk.proposals.handleLeader(3)

    expect(await done).toMatchObject({ result: { from: 1, to: 3 } })
  })

  test('is a transfer that another node made, from that node to the one that it names', async () => {
    const [asked, leader] = [new Desk(), new Desk({ id: 2 })]
    const done = asked.proposals.submit({ type: 'transfer', target: null })
    asked.proposals.forward(2)
    if (asked.forwarded === undefined) throw new Error('nothing was forwarded')
    leader.proposals.handleForwardRequests(asked.forwarded, { isLeader: true })
    const [event] = leader.proposals.takeEvents(0)
    if (event?.type !== 'transfer') throw new Error('a transfer was expected')
    leader.proposals.handleTransferFate({ id: event.id, refusal: null, message: '' })

    leader.proposals.handleLeader(3)
    if (leader.replied === undefined) throw new Error('nothing was answered')
    asked.proposals.handleForwardReplies(leader.replied)

    expect(await done).toMatchObject({ result: { from: 2, to: 3 } })
  })

  test('is no transfer that was made if this node leads again', async () => {
    const desk = new Desk()
    const done = desk.proposals.submit({ type: 'transfer', target: null })
    const [event] = desk.proposals.takeEvents(0)
    if (event?.type !== 'transfer') throw new Error('a transfer was expected')
    desk.proposals.handleTransferFate({ id: event.id, refusal: null, message: '' })

    desk.proposals.handleLeader(1)

    await expect(done).rejects.toMatchObject({ reason: 'transfer_failed' })
  })

  test.each([
    {
      why: 'its place in the log is inside a snapshot that was installed',
      lose: (d: Desk) => d.proposals.handleSnapshotInstalled(7),
    },
    {
      why: 'its place in the log was given to a later proposal',
      lose: (d: Desk) => {
        void d.proposals.submit(COMMAND).catch(() => {})
        d.append(5, 4)
      },
    },
    {
      why: 'it took too long',
      lose: (d: Desk) => {
        d.now += DEFAULT_PROPOSAL_LIMITS.requestTimeoutMs
        d.proposals.handleTick()
      },
    },
    { why: 'the node closes', lose: (d: Desk) => d.proposals.close() },
  ])('may or may not be applied when $why', async ({ lose }) => {
    const desk = new Desk()
    const done = desk.proposals.submit(COMMAND)
    desk.append(5, 2)

    lose(desk)

    await expect(done).rejects.toMatchObject({ applied: 'unknown' })
  })

  test.each([
    {
      why: 'no leader was found in time',
      code: 'RAFT_NOT_LEADER',
      lose: (d: Desk) => {
        d.now += DEFAULT_PROPOSAL_LIMITS.requestTimeoutMs
        d.proposals.handleTick()
      },
    },
    {
      why: 'the node closes before anybody had it',
      code: 'RAFT_CLOSED',
      lose: (d: Desk) => d.proposals.close(),
    },
    {
      why: 'too much waits for a majority',
      code: 'RAFT_OVERLOADED',
      lose: (d: Desk) => {
        const [event] = d.proposals.takeEvents(0)
        if (event?.type === 'propose') d.proposals.handleProposalFate({ id: event.id, refusal: 'overloaded' })
      },
    },
    {
      why: 'no quorum has room for it',
      code: 'RAFT_DISK_LOW',
      lose: (d: Desk) => d.refuseWithoutRoom([2, 3]),
    },
  ])('is certainly not applied when $why', async ({ code, lose }) => {
    const desk = new Desk()
    const done = desk.proposals.submit(COMMAND)

    lose(desk)

    await expect(done).rejects.toMatchObject({ code, applied: 'no' })
  })

  test('is turned away at once above the maximum', async () => {
    const desk = new Desk({ limits: { waitingRequestsMax: 1 } })
    void desk.proposals.submit(COMMAND)

    await expect(desk.proposals.submit(COMMAND)).rejects.toMatchObject({
      code: 'RAFT_OVERLOADED',
      applied: 'no',
    })
  })

  test('is turned away if its bytes have no room beside those that wait, and let in if they just have', async () => {
    const desk = new Desk({ limits: { waitingBytesMax: 10 } })
    void desk.proposals.submit(ofBytes(6))

    await expect(desk.proposals.submit(ofBytes(5))).rejects.toMatchObject({ code: 'RAFT_OVERLOADED' })
    void desk.proposals.submit(ofBytes(4))

    expect(desk.proposals.underway).toMatchObject({ count: 2, bytes: 10 })
  })
})

function ofBytes(count: number) {
  return { ...COMMAND, payload: Buffer.alloc(count) }
}

describe('a proposal that is forwarded', () => {
  test('is under way at the leader until it is answered', async () => {
    const desk = new Desk()
    const done = desk.proposals.submit(COMMAND)
    desk.proposals.forward(2)
    expect(desk.proposals.underway).toMatchObject({ count: 1, forwarded: 1 })

    desk.reply(1, resultOf('x', 7))

    await done
    expect(desk.proposals.underway).toMatchObject({ count: 0, forwarded: 0 })
  })

  function forwarded(): { desk: Desk; done: Promise<unknown>; id: number } {
    const desk = new Desk()
    desk.leaderId = 2
    const done = desk.proposals.submit(COMMAND)
    desk.proposals.forward(2)
    return { desk, done, id: desk.forwarded?.requests[0]?.id ?? 0 }
  }

  test('all that waits leaves as one frame', () => {
    const desk = new Desk()
    for (let i = 0; i < 3; i++) void desk.proposals.submit(COMMAND)

    desk.proposals.forward(2)

    expect(desk.sent).toHaveLength(1)
    expect(desk.forwarded?.requests).toHaveLength(3)
  })

  test('is answered with the leader’s result', async () => {
    const { desk, done, id } = forwarded()

    desk.reply(id, resultOf({ a: 1 }, 4))

    expect(await done).toEqual({ result: { a: 1 }, index: 4, isOnlyCopy: true })
  })

  test('is not answered by another node, nor by the answer to a request of an earlier process', async () => {
    const { desk, id } = forwarded()

    desk.reply(id, resultOf('wrong', 4), 3)
    desk.reply(id + 1_000, resultOf('wrong', 4))

    expect(desk.proposals.waitingCount).toBe(1)
  })

  test('ids do not begin where those of the process before began', () => {
    const [one, two] = [new Desk({ firstId: 70 }), new Desk({ firstId: 9_000 })]
    for (const desk of [one, two]) {
      void desk.proposals.submit(COMMAND)
      desk.proposals.forward(2)
    }

    expect(one.forwarded?.requests[0]?.id).not.toBe(two.forwarded?.requests[0]?.id)
  })

  test('waits for a connection: what was not sent is certainly not applied', () => {
    const desk = new Desk()
    desk.isConnected = false
    void desk.proposals.submit(COMMAND)

    desk.proposals.forward(2)
    expect(desk.proposals.hasParked).toBe(true)
    desk.isConnected = true
    desk.proposals.forward(2)

    expect(desk.forwarded?.requests).toHaveLength(1)
  })

  test('may or may not be applied when the connection is lost', async () => {
    const { desk, done } = forwarded()

    desk.proposals.handlePeerLost(2)

    await expect(done).rejects.toMatchObject({ applied: 'unknown' })
  })

  test.each(['RAFT_NOT_LEADER', 'RAFT_PROPOSAL_DROPPED', 'RAFT_CLOSED'])(
    'is tried again after %s, elsewhere or later',
    (code) => {
      const { desk, id } = forwarded()

      desk.reply(id, refusedWith(code))
      expect(desk.proposals.hasParked).toBe(false)
      desk.proposals.handleTick()

      expect(desk.proposals.hasParked).toBe(true)
    },
  )

  test('sent back by a leader that hands over is tried again as soon as another one is known', () => {
    const { desk, id } = forwarded()
    desk.proposals.handleLeader(2)
    desk.reply(id, refusedWith('RAFT_NOT_LEADER'))

    desk.proposals.handleLeader(2)
    expect(desk.proposals.hasParked).toBe(false)
    desk.leaderId = 3
    desk.proposals.handleLeader(3)

    expect(desk.proposals.hasParked).toBe(true)
  })

  test('is not tried again, and certainly not applied, when no quorum has room for it', async () => {
    const { desk, done, id } = forwarded()

    desk.reply(id, { type: 'error', code: 'RAFT_DISK_LOW', message: 'node 2 is low', leaderId: null })

    await expect(done).rejects.toMatchObject({
      code: 'RAFT_DISK_LOW',
      applied: 'no',
      message: 'node 2 is low',
    })
  })

  test('is certainly not applied when it is too large for the leader, whose program may take less', async () => {
    const { desk, done, id } = forwarded()

    desk.reply(id, refusedWith('RAFT_COMMAND_TOO_LARGE'))

    await expect(done).rejects.toMatchObject({ code: 'RAFT_COMMAND_TOO_LARGE', applied: 'no' })
  })

  test('a word that is unknown here leaves the outcome unknown', async () => {
    const { desk, done, id } = forwarded()

    desk.reply(id, refusedWith('RAFT_FROM_THE_FUTURE'))

    await expect(done).rejects.toMatchObject({ applied: 'unknown' })
  })
})

describe('a leader and what its followers forward', () => {
  const request: ForwardRequests = {
    type: 'ForwardRequests',
    from: 2,
    to: 1,
    requests: [{ id: 77, request: COMMAND, trace: null }],
  }

  test('the result goes back under the follower’s id', () => {
    const desk = new Desk()
    desk.proposals.handleForwardRequests(request, { isLeader: true })
    desk.append(5, 2)

    desk.proposals.handleApplied(5, 2, 'done')

    expect(desk.replied).toMatchObject({
      to: 2,
      replies: [{ id: 77, outcome: { type: 'result', index: 5 } }],
    })
  })

  test.each([
    { why: 'four times the requests', limits: { waitingRequestsMax: 1 }, letIn: 4 },
    // The last one may go beyond, as it is a command.
    { why: 'four times the bytes', limits: { waitingBytesMax: 5 }, letIn: 2 },
  ])('it lets in $why that its own callers may have waiting', ({ limits, letIn }) => {
    const desk = new Desk({ limits })
    const requests = [1, 2, 3, 4, 5].map((id) => ({ id, request: ofBytes(10), trace: null }))

    desk.proposals.handleForwardRequests({ ...request, requests }, { isLeader: true })

    expect(desk.proposals.underway.count).toBe(letIn)
    expect(desk.replied?.replies).toMatchObject(
      requests.slice(letIn).map(({ id }) => ({ id, outcome: { code: 'RAFT_OVERLOADED' } })),
    )
  })

  test('a command above the leader’s own maximum goes into no log: whoever reads it there must be able to', () => {
    const desk = new Desk({ limits: { commandBytesMax: 10 } })
    const requests = [10, 11].map((bytes) => ({ id: bytes, request: ofBytes(bytes), trace: null }))

    desk.proposals.handleForwardRequests({ ...request, requests }, { isLeader: true })

    expect(desk.proposals.takeEvents(0)).toMatchObject([{ payload: { length: 10 } }])
    const message = '11 bytes; a command has at most 10'
    expect(desk.replied?.replies).toMatchObject([
      { id: 11, outcome: { type: 'error', code: 'RAFT_COMMAND_TOO_LARGE', message } },
    ])
  })

  test('whether it needs room on disk goes to the core with it', () => {
    const desk = new Desk()
    const release = { ...COMMAND, traits: { isIdempotent: false, needsRoom: false } }
    const requests = [...request.requests, { id: 78, request: release, trace: null }]

    desk.proposals.handleForwardRequests({ ...request, requests }, { isLeader: true })

    expect(desk.proposals.takeEvents(0)).toMatchObject([{ needsRoom: true }, { needsRoom: false }])
  })

  test('no room on the disks of a quorum goes back as such, naming those that are low', () => {
    const desk = new Desk()
    desk.proposals.handleForwardRequests(request, { isLeader: true })

    desk.refuseWithoutRoom([2, 3])

    const message = 'nodes 2, 3 are low on disk, and no quorum has room for more'
    expect(desk.replied?.replies).toMatchObject([{ id: 77, outcome: { code: 'RAFT_DISK_LOW', message } }])
  })

  test('a node that does not lead says so at once, and who does', () => {
    const desk = new Desk()
    desk.leaderId = 3

    desk.proposals.handleForwardRequests(request, { isLeader: false })

    expect(desk.replied?.replies).toMatchObject([
      { id: 77, outcome: { code: 'RAFT_NOT_LEADER', leaderId: 3 } },
    ])
  })

  test('what is not in the log when leadership is lost goes back to whoever forwarded it', () => {
    const desk = new Desk()
    desk.proposals.handleForwardRequests(request, { isLeader: true })

    desk.proposals.returnToPeers()

    expect(desk.replied?.replies).toMatchObject([{ id: 77, outcome: { code: 'RAFT_NOT_LEADER' } }])
  })

  test('what another leader has replaced is reported as never applied, not tried again here', () => {
    const desk = new Desk()
    desk.proposals.handleForwardRequests(request, { isLeader: true })
    desk.append(5, 2)

    desk.proposals.handleApplied(5, 3, 'of another')

    expect(desk.replied?.replies).toMatchObject([{ outcome: { code: 'RAFT_PROPOSAL_DROPPED' } }])
    expect(desk.proposals.hasParked).toBe(false)
  })
})

describe('a node whose state is found to be wrong', () => {
  const diverged = (): StateDivergedError => new StateDivergedError(5)
  const request = (id: number): ForwardRequests => {
    return { type: 'ForwardRequests', from: 2, to: 1, requests: [{ id, request: COMMAND, trace: null }] }
  }

  test('fails what its callers wait for: certainly not applied if it is in no log, else unknown', async () => {
    const desk = new Desk()
    const inLog = desk.proposals.submit(COMMAND)
    desk.append(5, 2)
    const parked = desk.proposals.submit(COMMAND)

    desk.proposals.distrustState(diverged)

    await expect(inLog).rejects.toMatchObject({ code: 'RAFT_PROPOSAL_UNCERTAIN', applied: 'unknown' })
    await expect(parked).rejects.toMatchObject({ code: 'RAFT_STATE_DIVERGED', applied: 'no' })
    expect(desk.proposals.waitingCount).toBe(0)
  })

  test('gives back to its peers what is in no log, so that they try the next leader', () => {
    const desk = new Desk()
    desk.proposals.handleForwardRequests(request(77), { isLeader: true })
    desk.append(5, 2)
    desk.proposals.handleForwardRequests(request(78), { isLeader: true })

    desk.proposals.distrustState(diverged)

    expect(desk.replied?.replies).toMatchObject([
      { id: 78, outcome: { code: 'RAFT_NOT_LEADER' } },
      { id: 77, outcome: { code: 'RAFT_PROPOSAL_UNCERTAIN' } },
    ])
  })

  test('answers nobody with what it applies, until another state is in its place', async () => {
    const desk = new Desk()
    desk.proposals.distrustState(diverged)
    const before = desk.proposals.submit(COMMAND)
    desk.append(5, 2)
    desk.proposals.handleApplied(5, 2, 'wrong')
    await expect(before).rejects.toMatchObject({ applied: 'unknown' })

    desk.proposals.trustState()
    const after = desk.proposals.submit(COMMAND)
    desk.append(6, 2)
    desk.proposals.handleApplied(6, 2, 'right')

    expect(await after).toMatchObject({ result: 'right', index: 6 })
  })

  test('passes on what another leader answers, for that was decided there', async () => {
    const desk = new Desk()
    const done = desk.proposals.submit(COMMAND)
    desk.proposals.forward(2)
    const [{ id } = { id: 0 }] = desk.forwarded?.requests ?? []
    desk.proposals.distrustState(diverged)

    const outcome = { type: 'result', result: RESULTS.encodeResult('right'), index: 9 } as const
    desk.proposals.handleForwardReplies({
      type: 'ForwardReplies',
      from: 2,
      to: 1,
      replies: [{ id, outcome }],
    })

    expect(await done).toEqual({ result: 'right', index: 9, isOnlyCopy: true })
  })
})
