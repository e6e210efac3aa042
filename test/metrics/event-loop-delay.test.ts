import { expect, test } from 'vitest'
import { EventLoopDelay } from '../../src/metrics/event-loop-delay.ts'
import { Turns } from '../raft/turns.ts'

test('the event loop is as late as a timer comes after it was due, and the end of it is the end', () => {
  const turns = new Turns()
  const eventLoop = new EventLoopDelay(turns.clock)
  eventLoop.start()

  for (const ms of [20, 20 + 130, 20]) turns.pass(ms)
  eventLoop.stop()

  const { counts, sumMs } = eventLoop.delays
  expect([counts.reduce((a, b) => a + b), sumMs]).toEqual([3, 130])
  expect(turns.timerCount).toBe(0)
})
