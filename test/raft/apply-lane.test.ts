import { describe, expect, test } from 'vitest'
import { ApplyLane } from '../../raft/apply-lane.ts'
import type { StateMachine } from '../../raft/ports.ts'
import type { Entry } from '../../raft/types.ts'
import { isSettled, Turns } from './turns.ts'

function entriesFrom(first: number, count: number, payloadBytes = 1): Entry[] {
  return Array.from({ length: count }, (_, i) => {
    return { index: first + i, term: 1, time: 0, type: 'command', payload: new Uint8Array(payloadBytes) }
  })
}

const NO_LIMITS = { unappliedEntriesMax: 1e9, unappliedBytesMax: 1e9 }

/** A lane into a state machine that has room, unless `capacity` is a promise, and fails at the entry `failingAt`. */
function openLane(limits: { unappliedEntriesMax: number; unappliedBytesMax: number } = NO_LIMITS) {
  const turns = new Turns()
  const applied: number[] = []
  const errors: unknown[] = []
  const control = { capacity: null as Promise<void> | null, failingAt: 0 }
  const machine: Pick<StateMachine, 'apply' | 'waitForCapacity'> = {
    apply: ({ index }) => {
      if (index === control.failingAt) throw new Error(`entry ${index} cannot be applied`)
      applied.push(index)
    },
    waitForCapacity: () => control.capacity,
  }
  const lane = new ApplyLane({
    limits,
    stateMachine: machine as StateMachine,
    clock: turns.clock,
    onApplied: () => {},
    onSlice: () => {},
    onFatal: (error) => errors.push(error),
  })
  return { lane, turns, applied, errors, control }
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

  test('applies nothing while the state machine has no room, also of what comes meanwhile', async () => {
    const { lane, turns, applied, control } = openLane()
    let makeRoom = (): void => {}
    control.capacity = new Promise((resolve) => {
      makeRoom = resolve
    })
    lane.push(entriesFrom(1, 1))
    const idle = lane.idle()

    lane.push(entriesFrom(2, 1))
    turns.take()
    expect([applied, await isSettled(idle)]).toEqual([[1], false])
    control.capacity = null
    makeRoom()
    await idle

    expect(applied).toEqual([1, 2])
  })

  test('counts for how long the state machine has had no room, from the last time that it had', async () => {
    const { lane, control } = openLane()
    let makeRoom = (): void => {}
    const fill = (): void => {
      control.capacity = new Promise((resolve) => {
        makeRoom = () => {
          control.capacity = null
          resolve()
        }
      })
    }
    lane.elapse(100)
    expect(lane.stallMs).toBe(0)

    fill()
    lane.push(entriesFrom(1, 1))
    lane.elapse(300)
    expect(lane.stallMs).toBe(300)
    makeRoom()
    await lane.idle()
    expect(lane.stallMs).toBe(0)

    fill()
    lane.push(entriesFrom(2, 1))
    lane.elapse(50)
    expect(lane.stallMs).toBe(50)
  })

  test('is idle when all that was pushed is applied, and no sooner', async () => {
    const { lane, turns, applied } = openLane()
    lane.push(entriesFrom(1, 2 * 256 + 1))
    const idle = lane.idle()
    turns.take()
    expect([applied.length, await isSettled(idle)]).toEqual([512, false])

    turns.take()
    await idle

    expect(applied).toHaveLength(513)
  })

  test('ends at an entry that cannot be applied: none after it is, and nobody waits for room', async () => {
    const { lane, turns, applied, errors, control } = openLane({ ...NO_LIMITS, unappliedEntriesMax: 1 })
    control.failingAt = 258
    lane.push(entriesFrom(1, 600))
    const room = lane.room()

    turns.take()
    await room
    lane.push(entriesFrom(601, 1))
    turns.take()

    expect(errors).toEqual([new Error('entry 258 cannot be applied')])
    expect(applied.at(-1)).toBe(257)
  })
})
