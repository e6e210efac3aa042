import { describe, expect, test } from 'vitest'
import { COMMAND, Desk, refusedWith, resultOf } from './desk.ts'

/** Nobody is surprised by what a test lets fail. */
function submit(desk: Desk): void {
  desk.proposals.submit(COMMAND).catch(() => {})
}

function outcomesOf(desk: Desk): Record<string, number> {
  const all = desk.proposals.outcomes.all().filter(({ count }) => count > 0)
  return Object.fromEntries(all.map(({ origin, outcome, count }) => [`${origin} ${outcome}`, count]))
}

describe('what became of requests', () => {
  test('each is counted once, when it is answered, by what its caller was told', () => {
    const desk = new Desk({ limits: { waitingRequestsMax: 3 } })
    desk.leaderId = 2
    for (let i = 0; i < 4; i++) submit(desk)
    expect(outcomesOf(desk)).toEqual({ 'local RAFT_OVERLOADED': 1 })
    expect(desk.proposals.underway).toMatchObject({ count: 3, forwarded: 0 })

    desk.proposals.forward(2)
    expect(desk.proposals.underway.forwarded).toBe(3)
    desk.now = 30
    desk.reply(1, resultOf('a', 1))
    desk.reply(2, refusedWith('RAFT_OVERLOADED'))
    desk.reply(2, refusedWith('RAFT_OVERLOADED'))
    desk.proposals.close()

    expect(outcomesOf(desk)).toEqual({
      'local applied': 1,
      'local RAFT_OVERLOADED': 2,
      'local RAFT_PROPOSAL_UNCERTAIN': 1,
    })
    expect(desk.proposals.underway).toEqual({ count: 0, bytes: 0, forwarded: 0 })
  })

  test('only what was applied for own callers is timed', () => {
    const desk = new Desk()
    desk.leaderId = 1
    desk.leadingTerm = 1
    submit(desk)
    desk.proposals.handleForwardRequests(
      { type: 'ForwardRequests', from: 2, to: 1, requests: [{ id: 9, request: COMMAND, trace: null }] },
      { isLeader: true },
    )
    desk.append(1, 1)

    desk.now = 20
    desk.proposals.handleApplied(1, 1, 'a')
    desk.proposals.handleApplied(2, 1, 'b')

    expect(outcomesOf(desk)).toEqual({ 'local applied': 1, 'peer applied': 1 })
    expect(desk.proposals.outcomes.durations.sumMs).toBe(20)
  })
})
