/** Where requests wait on a node, and what leaves for the leader in which order. */
import { describe, expect, test } from 'vitest'
import { DEFAULT_PROPOSAL_LIMITS } from '../../raft/proposal-limits.ts'
import type { ForwardedRequest, ForwardRequests } from '../../raft/types.ts'
import { COMMAND, Desk, IDEMPOTENT, refusedWith, resultOf } from './desk.ts'

const { askAgainMs, requestTimeoutMs } = DEFAULT_PROPOSAL_LIMITS

function command(bytes: number): typeof COMMAND {
  return { ...COMMAND, payload: Buffer.alloc(bytes) }
}

/** Ids of each frame that was sent to a leader. */
function framesOf(desk: Desk): number[][] {
  return desk.sent
    .filter((message): message is ForwardRequests => message.type === 'ForwardRequests')
    .map(({ requests }) => requests.map(({ id }) => id))
}

function submitAll(desk: Desk, ...all: readonly ForwardedRequest[]): void {
  for (const work of all) desk.proposals.submit(work).catch(() => {})
}

function fromPeer(ids: readonly number[], request: ForwardedRequest = COMMAND): ForwardRequests {
  return {
    type: 'ForwardRequests',
    from: 2,
    to: 1,
    requests: ids.map((id) => ({ id, request, trace: null })),
  }
}

describe('what waits for a leader', () => {
  test.each([
    { why: 'as many as fit go together', sizes: [4, 4, 4, 4, 4], frames: [[1, 2], [3, 4], [5]] },
    { why: 'one that fills a frame goes alone', sizes: [10, 10], frames: [[1], [2]] },
    { why: 'one that is larger than a frame goes alone', sizes: [4, 11, 4], frames: [[1], [2], [3]] },
  ])('leaves in frames within their limit: $why', ({ sizes, frames }) => {
    const desk = new Desk({ limits: { forwardBytesMax: 10 } })
    submitAll(desk, ...sizes.map(command))

    desk.proposals.forward(2)

    expect(framesOf(desk)).toEqual(frames)
  })

  test('keeps its order when a frame is not taken', () => {
    const desk = new Desk({ limits: { forwardBytesMax: 10 } })
    submitAll(desk, command(9), command(9), command(9))
    desk.isConnected = false
    desk.proposals.forward(2)

    desk.isConnected = true
    desk.proposals.forward(2)

    expect(framesOf(desk)).toEqual([[1], [2], [3]])
  })

  test('goes ahead of what came later, also if a leader has sent it back', () => {
    const desk = new Desk()
    desk.leaderId = 2
    submitAll(desk, COMMAND)
    desk.proposals.forward(2)
    desk.reply(1, refusedWith('RAFT_NOT_LEADER'))
    submitAll(desk, COMMAND)

    desk.proposals.handleTick()
    desk.proposals.forward(2)

    expect(framesOf(desk)).toEqual([[1], [1, 2]])
  })

  test('is certainly in no log if its leader has sent it back, however long that was ago', async () => {
    const desk = new Desk()
    desk.leaderId = 3
    const done = desk.proposals.submit(IDEMPOTENT)
    desk.proposals.forward(2)
    desk.reply(1, refusedWith('RAFT_NOT_LEADER'))

    desk.pass(askAgainMs)
    desk.pass(requestTimeoutMs)

    await expect(done).rejects.toMatchObject({ applied: 'no' })
  })

  test('is not touched by the loss of a node that does not have it', async () => {
    const desk = new Desk()
    submitAll(desk, COMMAND)
    desk.proposals.forward(2)
    const other = desk.proposals.submit(COMMAND)
    desk.proposals.forward(3)

    desk.proposals.handlePeerLost(2)
    expect(desk.proposals.waitingCount).toBe(1)
    desk.reply(2, resultOf('there', 9), 3)

    expect(await other).toMatchObject({ result: 'there' })
  })
})

describe('how much waits on a node', () => {
  test('is bounded in bytes, and what is answered takes none any more', async () => {
    const desk = new Desk({ limits: { waitingBytesMax: 10 } })
    submitAll(desk, command(5), command(5))
    await expect(desk.proposals.submit(command(1))).rejects.toMatchObject({ code: 'RAFT_OVERLOADED' })

    desk.proposals.forward(2)
    desk.reply(1, resultOf('x', 7))
    submitAll(desk, command(5))

    expect(desk.proposals.underway).toMatchObject({ count: 2, bytes: 10 })
  })

  test('leaves peers a share of their own, and that is bounded as well', () => {
    const desk = new Desk({ limits: { waitingRequestsMax: 1 } })
    submitAll(desk, COMMAND)

    desk.proposals.handleForwardRequests(fromPeer([71, 72, 73, 74, 75]), { isLeader: true })

    expect(desk.replied?.replies).toMatchObject([
      { id: 74, outcome: { code: 'RAFT_OVERLOADED' } },
      { id: 75, outcome: { code: 'RAFT_OVERLOADED' } },
    ])
    expect(desk.proposals.waitingCount).toBe(4)
  })
})

describe('a change of the membership', () => {
  const removal = {
    type: 'membership',
    change: { type: 'remove', id: 1, isForced: false },
    note: '',
  } as const

  function given(desk: Desk): number {
    const [event] = desk.proposals.takeEvents(0)
    if (event?.type !== 'changeMembership') throw new Error('a change was expected')
    return event.id
  }

  test('that waits for another one goes back to the peer that has sent it, when leadership is lost', () => {
    const desk = new Desk()
    desk.proposals.handleForwardRequests(fromPeer([77], removal), { isLeader: true })
    const fate = { refusal: 'change_in_flight', message: 'another one is under way' }
    desk.proposals.handleMembershipFate({ id: given(desk), ...fate })

    desk.leaderId = 3
    desk.proposals.returnToPeers()

    expect(desk.replied?.replies).toMatchObject([{ id: 77, outcome: { code: 'RAFT_NOT_LEADER' } }])
    expect(desk.proposals.waitingCount).toBe(0)
  })

  test('that removes the leader goes on when another one leads', () => {
    const desk = new Desk()
    submitAll(desk, removal)
    const next = desk.proposals.handleMembershipFate({ id: given(desk), refusal: 'is_leader', message: '' })

    desk.proposals.handleTransferFate({ id: next?.transferId ?? 0, refusal: null, message: '' })
    desk.leaderId = 2
    desk.proposals.forward(2)

    expect(framesOf(desk)).toEqual([[1]])
  })

  test('that removes the leader is refused for the reason for which that cannot hand over', async () => {
    const desk = new Desk()
    const done = desk.proposals.submit(removal)
    const next = desk.proposals.handleMembershipFate({ id: given(desk), refusal: 'is_leader', message: '' })

    const fate = { refusal: 'no_target', message: 'no other voter could take over' }
    desk.proposals.handleTransferFate({ id: next?.transferId ?? 0, ...fate })

    await expect(done).rejects.toMatchObject({ reason: 'no_target', message: fate.message })
    expect(desk.proposals.hasParked).toBe(false)
  })
})

test('a transfer to one node has failed when another one leads', async () => {
  const desk = new Desk()
  const done = desk.proposals.submit({ type: 'transfer', target: 3 })
  const [event] = desk.proposals.takeEvents(0)
  if (event?.type !== 'transfer') throw new Error('a transfer was expected')
  desk.proposals.handleTransferFate({ id: event.id, refusal: null, message: '' })

  desk.proposals.handleLeader(2)

  await expect(done).rejects.toMatchObject({
    reason: 'transfer_failed',
    message: 'node 2 became the leader, not node 3',
  })
})
