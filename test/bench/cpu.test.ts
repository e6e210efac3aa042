/** Whose the processor time between two moments is. */
import { expect, test } from 'vitest'
import { type CpuTimes, cpuUsed } from '../../bench/load/cpu.ts'

function times(serversMs: readonly [number, number][]): CpuTimes {
  return { driverMs: 0, serversMs: new Map(serversMs), machineMs: 0 }
}

test.each([
  { why: 'it has run all the time', before: [[1, 500]], after: [[1, 800]], used: 300 },
  { why: 'it was started in between', before: [], after: [[2, 300]], used: 300 },
  {
    why: 'another one has ended, which takes nothing from it',
    before: [
      [1, 9_000],
      [2, 0],
    ],
    after: [[2, 300]],
    used: 300,
  },
] satisfies {
  why: string
  before: [number, number][]
  after: [number, number][]
  used: number
}[])('what a server has used counts whole: $why', ({ before, after, used }) => {
  expect(cpuUsed(times(before), times(after)).serversMs).toBe(used)
})
