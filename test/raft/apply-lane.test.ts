import { describe, expect, test } from 'vitest'
import { ApplyLane } from '../../raft/apply-lane.ts'
import type { Clock, StateMachine } from '../../raft/ports.ts'
import type { Entry } from '../../raft/types.ts'

/** Turns are taken when the test says so. */
class Turns {
  readonly #waiting: (() => void)[] = []

  readonly clock: Pick<Clock, 'now' | 'setSoon'> = {
    now: () => 0,
    setSoon: (callback) => void this.#waiting.push(callback),
  }

  take(): void {
    for (const callback of this.#waiting.splice(0)) callback()
  }
}

function entriesFrom(first: number, count: number, payloadBytes = 1): Entry[] {
  return Array.from({ length: count }, (_, i) => {
    return { index: first + i, term: 1, time: 0, type: 'command', payload: new Uint8Array(payloadBytes) }
  })
}

function openLane(limits: { unappliedEntriesMax: number; unappliedBytesMax: number }) {
  const turns = new Turns()
  const applied: number[] = []
  const machine: Pick<StateMachine, 'apply' | 'waitForCapacity'> = {
    apply: ({ index }) => applied.push(index),
    waitForCapacity: () => null,
  }
  const lane = new ApplyLane({
    limits,
    stateMachine: machine as StateMachine,
    clock: turns.clock as Clock,
    onApplied: () => {},
    onSlice: () => {},
    onFatal: (error) => {
      throw error
    },
  })
  return { lane, turns, applied }
}

async function isSettled(promise: Promise<void>): Promise<boolean> {
  return Promise.race([promise.then(() => true), Promise.resolve().then(() => Promise.resolve(false))])
}

describe('the apply lane', () => {
  test.each([
    { why: 'by entries', limits: { unappliedEntriesMax: 100, unappliedBytesMax: 1e9 }, payloadBytes: 1 },
    { why: 'by bytes', limits: { unappliedEntriesMax: 1e9, unappliedBytesMax: 10_000 }, payloadBytes: 100 },
  ])('is full while as much waits as its limit, $why', async ({ limits, payloadBytes }) => {
    const { lane, turns, applied } = openLane(limits)
    lane.push(entriesFrom(1, 256 + 99, payloadBytes))
    expect([applied.length, lane.isFull]).toEqual([256, false])
    await lane.room()
    lane.push(entriesFrom(356, 257, payloadBytes))
    expect([applied.length, lane.isFull]).toEqual([256, true])

    const room = lane.room()
    turns.take()
    expect([applied.length, lane.isFull, await isSettled(room)]).toEqual([512, true, false])
    turns.take()
    expect([applied.length, lane.isFull, lane.queuedBytes]).toEqual([612, false, 0])
    await room
  })

  test('lets nobody wait who is stopped', async () => {
    const { lane } = openLane({ unappliedEntriesMax: 1, unappliedBytesMax: 1e9 })
    lane.push(entriesFrom(1, 300))
    const room = lane.room()
    lane.stop()

    await room
    await lane.room()
  })
})
