import { describe, expect, test } from 'vitest'
import { DEFAULT_PROPOSAL_LIMITS } from '../../raft/proposal-limits.ts'
import type { ForwardRequests } from '../../raft/types.ts'
import { COMMAND, Desk, IDEMPOTENT, refusedWith, resultOf } from './desk.ts'

const { askAgainMs, requestTimeoutMs } = DEFAULT_PROPOSAL_LIMITS

interface Asked {
  readonly desk: Desk
  readonly done: Promise<unknown>
  readonly id: number
}

/** A request that was sent to node 2, which leads. */
function forwarded(work: typeof IDEMPOTENT | typeof COMMAND = IDEMPOTENT): Asked {
  const desk = new Desk()
  desk.leaderId = 2
  const done = desk.proposals.submit(work)
  done.catch(() => {})
  desk.proposals.forward(2)
  return { desk, done, id: desk.forwarded?.requests[0]?.id ?? 0 }
}

/** A request that this node, which leads in term 2, has put at index 5 of its log. */
function appended(work: typeof IDEMPOTENT | typeof COMMAND = IDEMPOTENT): Asked {
  const desk = new Desk()
  desk.leaderId = 1
  desk.leadingTerm = 2
  const done = desk.proposals.submit(work)
  done.catch(() => {})
  desk.append(5, 2)
  return { desk, done, id: 1 }
}

/** A request of which a copy may be in the log of node 2; node 3 leads now. */
function maybeLogged(): Asked {
  const asked = forwarded()
  asked.desk.proposals.handlePeerLost(2)
  asked.desk.leaderId = 3
  return asked
}

function stopLeading(desk: Desk): void {
  desk.leaderId = 3
  desk.leadingTerm = null
}

function framesTo(desk: Desk, node: number): ForwardRequests[] {
  return desk.sent.filter((message): message is ForwardRequests => {
    return message.type === 'ForwardRequests' && message.to === node
  })
}

/** How an attempt ends of which nobody can say whether it left an entry in a log. */
const LOSSES = [
  {
    why: 'the connection to the leader is lost',
    begin: forwarded,
    lose: ({ desk }: Asked) => desk.proposals.handlePeerLost(2),
  },
  {
    why: 'the leader is silent for too long',
    begin: forwarded,
    lose: ({ desk }: Asked) => desk.pass(askAgainMs),
  },
  {
    why: 'a leader that leads no more cannot say',
    begin: forwarded,
    lose: ({ desk, id }: Asked) => {
      desk.leaderId = 3
      desk.reply(id, refusedWith('RAFT_PROPOSAL_UNCERTAIN'))
    },
  },
  {
    why: 'the leader says a word that is unknown here',
    begin: forwarded,
    lose: ({ desk, id }: Asked) => {
      desk.reply(id, refusedWith('RAFT_FROM_THE_FUTURE'))
      desk.pass(askAgainMs)
    },
  },
  {
    why: 'a snapshot takes the place of its entry',
    begin: appended,
    lose: ({ desk }: Asked) => {
      stopLeading(desk)
      desk.proposals.handleSnapshotInstalled(7)
    },
  },
  {
    why: 'its entry was cut, and its place given to a later proposal',
    begin: appended,
    lose: ({ desk }: Asked) => {
      desk.proposals.submit(IDEMPOTENT).catch(() => {})
      desk.append(5, 4)
      stopLeading(desk)
    },
  },
  {
    why: 'leadership is lost, and the place of its entry stays undecided',
    begin: appended,
    lose: ({ desk }: Asked) => {
      stopLeading(desk)
      desk.pass(askAgainMs)
    },
  },
] as const

describe('an idempotent request of which nobody can say what became of it', () => {
  test.each(LOSSES)('is sent to the next leader when $why', async ({ begin, lose }) => {
    const asked = begin()
    lose(asked)

    asked.desk.proposals.forward(3)
    asked.desk.reply(asked.id, resultOf('once', 9), 3)

    expect(framesTo(asked.desk, 3)).toMatchObject([{ requests: [{ id: asked.id, request: IDEMPOTENT }] }])
    expect(await asked.done).toEqual({ result: 'once', index: 9, isOnlyCopy: false })
  })

  test.each(LOSSES)('any other request is never sent again when $why', async ({ begin, lose }) => {
    const asked = begin(COMMAND)
    lose(asked)

    asked.desk.proposals.forward(3)
    asked.desk.pass(requestTimeoutMs)

    expect(framesTo(asked.desk, 3).flatMap(({ requests }) => requests.map(({ id }) => id))).not.toContain(
      asked.id,
    )
    await expect(asked.done).rejects.toMatchObject({ applied: 'unknown' })
  })

  test.each(LOSSES)('is answered with unknown when nobody else leads in time after $why', async (row) => {
    const asked = row.begin()
    row.lose(asked)

    asked.desk.pass(requestTimeoutMs)

    await expect(asked.done).rejects.toMatchObject({ applied: 'unknown' })
  })
})

describe('after a copy may be in a log, "certainly not applied" is not said any more', () => {
  test.each([
    { why: 'no leader is found in time', end: ({ desk }: Asked) => desk.pass(requestTimeoutMs) },
    { why: 'the node closes', end: ({ desk }: Asked) => desk.proposals.close() },
    {
      why: 'the next leader is none, and no other is found',
      end: ({ desk, id }: Asked) => {
        desk.proposals.forward(3)
        desk.reply(id, refusedWith('RAFT_NOT_LEADER'), 3)
        desk.pass(requestTimeoutMs)
      },
    },
    {
      why: 'the next leader drops it, and the node closes',
      end: ({ desk, id }: Asked) => {
        desk.proposals.forward(3)
        desk.reply(id, refusedWith('RAFT_PROPOSAL_DROPPED'), 3)
        desk.proposals.close()
      },
    },
    {
      why: 'the next leader has no room until time is up',
      end: ({ desk, id }: Asked) => {
        desk.proposals.forward(3)
        desk.reply(id, refusedWith('RAFT_OVERLOADED'), 3)
        desk.pass(requestTimeoutMs)
      },
    },
    {
      why: 'this node leads, and has no room until time is up',
      end: ({ desk }: Asked) => {
        desk.refuse('overloaded')
        desk.pass(requestTimeoutMs)
      },
    },
    {
      why: 'this node leads, and no quorum has room on disk until time is up',
      end: ({ desk }: Asked) => {
        desk.refuseWithoutRoom([2, 3])
        desk.pass(requestTimeoutMs)
      },
    },
    {
      why: 'this node leads, another takes its place in the log, and time is up',
      end: ({ desk }: Asked) => {
        desk.append(7, 3)
        desk.proposals.handleApplied(7, 4, 'of another')
        desk.pass(requestTimeoutMs)
      },
    },
  ])('when $why', async ({ end }) => {
    const asked = maybeLogged()

    end(asked)

    await expect(asked.done).rejects.toMatchObject({ applied: 'unknown' })
  })

  test.each([
    {
      why: 'the next leader has no room at first',
      refuse: ({ desk, id }: Asked) => {
        desk.proposals.forward(3)
        desk.reply(id, refusedWith('RAFT_OVERLOADED'), 3)
        desk.pass(askAgainMs - 1)
        desk.proposals.forward(3)
        expect(framesTo(desk, 3)).toHaveLength(1)
        desk.pass(1)
      },
    },
    {
      why: 'this node leads and has no room at first',
      refuse: ({ desk }: Asked) => {
        desk.refuse('overloaded')
        expect(desk.proposals.hasParked).toBe(false)
        desk.pass(1)
      },
    },
    {
      why: 'another leads and no quorum has room on disk at first',
      refuse: ({ desk, id }: Asked) => {
        desk.proposals.forward(3)
        desk.reply(id, refusedWith('RAFT_DISK_LOW'), 3)
        desk.pass(DEFAULT_PROPOSAL_LIMITS.askAgainMs)
      },
    },
  ])('it is tried until it is known when $why', async ({ refuse }) => {
    const asked = maybeLogged()
    refuse(asked)

    asked.desk.proposals.forward(3)
    asked.desk.reply(asked.id, resultOf('once', 9), 3)

    expect(await asked.done).toMatchObject({ result: 'once' })
  })
})

describe('a request that never reached any log is certainly not applied', () => {
  test.each([
    {
      why: 'it waited for a leader all the time',
      end: (desk: Desk) => desk.pass(requestTimeoutMs),
    },
    {
      why: 'no connection took it',
      end: (desk: Desk) => {
        desk.isConnected = false
        desk.proposals.forward(2)
        desk.proposals.handlePeerLost(2)
        desk.proposals.close()
      },
    },
    {
      why: 'the leader was none',
      end: (desk: Desk) => {
        desk.proposals.forward(2)
        desk.reply(1, refusedWith('RAFT_NOT_LEADER'))
        desk.pass(requestTimeoutMs)
      },
    },
    {
      why: 'the leader was closing, and this node closes',
      end: (desk: Desk) => {
        desk.proposals.forward(2)
        desk.reply(1, refusedWith('RAFT_CLOSED'))
        desk.proposals.close()
      },
    },
    {
      why: 'the leader had no room',
      end: (desk: Desk) => {
        desk.proposals.forward(2)
        desk.reply(1, refusedWith('RAFT_OVERLOADED'))
      },
    },
    {
      why: 'this node was handing leadership over, and closes',
      end: (desk: Desk) => {
        desk.refuse('transferring')
        desk.proposals.close()
      },
    },
    {
      why: 'another leader took its place in our log, and no leader is found in time',
      end: (desk: Desk) => {
        desk.append(5, 2)
        desk.proposals.handleApplied(5, 3, 'of another')
        desk.pass(requestTimeoutMs)
      },
    },
  ])('when $why', async ({ end }) => {
    const desk = new Desk()
    desk.leaderId = 2
    const done = desk.proposals.submit(IDEMPOTENT)
    done.catch(() => {})

    end(desk)

    await expect(done).rejects.toMatchObject({ applied: 'no' })
  })
})

describe('a late reply', () => {
  test.each([
    { why: 'nobody has the request', move: () => {} },
    { why: 'another leader has it', move: (desk: Desk) => desk.proposals.forward(3) },
    { why: 'it is in our own log', move: (desk: Desk) => desk.append(8, 3) },
  ])('with a result is the answer, also while $why', async ({ move }) => {
    const { desk, done, id } = maybeLogged()
    move(desk)

    desk.reply(id, resultOf('first', 4), 2)
    desk.reply(id, resultOf('second', 9), 3)
    desk.proposals.handleApplied(8, 3, 'third')
    desk.proposals.forward(3)

    expect(await done).toEqual({ result: 'first', index: 4, isOnlyCopy: false })
    expect(desk.proposals.waitingCount).toBe(0)
    expect(framesTo(desk, 3).length).toBeLessThan(2)
  })

  test.each(['RAFT_NOT_LEADER', 'RAFT_OVERLOADED', 'RAFT_PROPOSAL_UNCERTAIN'])(
    'with %s does not undo a later attempt',
    async (code) => {
      const { desk, done, id } = maybeLogged()
      desk.proposals.forward(3)

      desk.reply(id, refusedWith(code), 2)
      desk.pass(1)
      expect(desk.proposals.hasParked).toBe(false)
      desk.reply(id, resultOf('once', 9), 3)

      expect(await done).toMatchObject({ result: 'once' })
    },
  )
})

describe('what is sent again', () => {
  test('goes ahead of what came later', () => {
    const { desk, id } = forwarded()
    void desk.proposals.submit(IDEMPOTENT)
    desk.proposals.handlePeerLost(2)

    desk.proposals.forward(3)

    expect(framesTo(desk, 3).flatMap(({ requests }) => requests.map((request) => request.id))).toEqual([
      id,
      id + 1,
    ])
  })

  test('is sent once for each lost connection, and once in a while to a silent leader', () => {
    const { desk } = forwarded()
    for (let ms = 0; ms < 3 * askAgainMs; ms += 50) {
      desk.pass(50)
      desk.proposals.forward(2)
    }
    expect(framesTo(desk, 2)).toHaveLength(4)

    desk.proposals.handlePeerLost(2)
    desk.isConnected = false
    for (let i = 0; i < 5; i++) desk.proposals.forward(2)
    desk.isConnected = true
    for (let i = 0; i < 5; i++) desk.proposals.forward(2)

    expect(framesTo(desk, 2)).toHaveLength(5)
  })

  test('still counts as waiting', async () => {
    const desk = new Desk({ limits: { waitingRequestsMax: 1 } })
    void desk.proposals.submit(IDEMPOTENT)
    desk.proposals.forward(2)
    desk.proposals.handlePeerLost(2)

    await expect(desk.proposals.submit(IDEMPOTENT)).rejects.toMatchObject({ code: 'RAFT_OVERLOADED' })
  })

  test('is not what a leader has in its own log: it is decided there, however long it takes', () => {
    const { desk } = appended()

    desk.pass(3 * askAgainMs)

    expect(desk.proposals.hasParked).toBe(false)
  })

  const request: ForwardRequests = {
    type: 'ForwardRequests',
    from: 2,
    to: 1,
    requests: [{ id: 77, request: IDEMPOTENT, trace: null }],
  }

  test('is taken once by a leader that still works at it, and again when its answer may have been lost', () => {
    const desk = new Desk()
    desk.proposals.handleForwardRequests(request, { isLeader: true })
    desk.append(5, 2)

    desk.proposals.handleForwardRequests(request, { isLeader: true })
    expect(desk.proposals.hasParked).toBe(false)
    desk.proposals.handleApplied(5, 2, 'done')
    desk.proposals.handleForwardRequests(request, { isLeader: true })

    expect(desk.proposals.hasParked).toBe(true)
  })

  test('is taken again by a leader whose own entry of it is of an earlier term: it may have been cut', () => {
    const desk = new Desk()
    desk.leadingTerm = 2
    desk.proposals.handleForwardRequests(request, { isLeader: true })
    desk.append(5, 2)
    desk.leadingTerm = 4
    desk.pass(askAgainMs)

    desk.proposals.handleForwardRequests(request, { isLeader: true })

    expect(desk.proposals.hasParked).toBe(true)
  })
})
