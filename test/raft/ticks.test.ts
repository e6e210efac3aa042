import { describe, expect, test } from 'vitest'
import { Ticks } from '../../raft/ticks.ts'
import { Turns } from './turns.ts'

const TICK_MS = 50

function started() {
  const turns = new Turns()
  const ticks: number[] = []
  const beat = new Ticks({ clock: turns.clock, tickMs: TICK_MS, onTick: (ms) => ticks.push(ms) })
  beat.start()
  return { turns, ticks, beat }
}

/** What a timer puts off by two turns. */
function takeTwo(turns: Turns): void {
  turns.take()
  turns.take()
}

describe('a tick', () => {
  test('comes again and again, and says how much time has passed', () => {
    const { turns, ticks } = started()

    for (const ms of [TICK_MS, TICK_MS, TICK_MS + 9]) {
      turns.pass(ms)
      takeTwo(turns)
    }

    expect(ticks).toEqual([50, 50, 59])
  })

  test('after a pause of the process comes behind the messages that have waited', () => {
    const { turns, ticks } = started()
    let ticksBefore = -1
    turns.pass(5_000)
    // After its timers the event loop polls: what has waited in the sockets asks for a turn.
    turns.clock.setSoon(() => {
      ticksBefore = ticks.length
    })

    takeTwo(turns)

    expect([ticksBefore, ticks.length]).toEqual([0, 1])
  })

  test('after a pause of the process does not count what the process has slept through', () => {
    const { turns, ticks } = started()

    turns.pass(60_000)
    takeTwo(turns)
    turns.pass(TICK_MS)
    takeTwo(turns)

    expect(ticks).toEqual([2 * TICK_MS, TICK_MS])
  })

  test.each([
    { why: 'before it is due', passMs: TICK_MS - 1 },
    { why: 'when it is due and has not come', passMs: TICK_MS },
  ])('does not come after the end, $why', ({ passMs }) => {
    const { turns, ticks, beat } = started()
    turns.pass(passMs)

    beat.stop()
    takeTwo(turns)
    turns.pass(TICK_MS)
    takeTwo(turns)

    expect(ticks).toEqual([])
    expect(turns.timerCount).toBe(0)
  })
})
