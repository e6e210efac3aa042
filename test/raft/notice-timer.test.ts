import { describe, expect, test } from 'vitest'
import { COMMIT_NOTICE_MS } from '../../raft/core/commit-notice.ts'
import { NoticeTimer } from '../../raft/notice-timer.ts'
import { SoloNode } from './core/solo-node.ts'
import { Turns } from './turns.ts'

/** A leader that has committed what its peers have not heard of, and its timer. */
function followed() {
  const turns = new Turns()
  const leader = new SoloNode().becomeReadyLeader()
  const delays: number[] = []
  let steps = 0
  const timer = new NoticeTimer({
    raft: leader.raft,
    clock: {
      now: () => leader.now,
      setTimer: (delayMs, callback) => {
        delays.push(delayMs)
        return turns.clock.setTimer(delayMs, callback)
      },
    },
    onDue: () => {
      steps += 1
      leader.step()
    },
  })
  const pass = (ms: number): void => {
    leader.now += ms
    turns.pass(ms)
  }
  pass(COMMIT_NOTICE_MS)
  leader.step()
  const commit = (index: number): void => {
    leader.propose(index)
    leader.persist()
    leader.acknowledge(2, index)
    timer.follow()
  }
  commit(2)
  return { turns, leader, timer, delays, pass, commit, stepCount: () => steps }
}

describe('the timer of notices', () => {
  test('asks for a step when one is due', () => {
    const { turns, pass, stepCount } = followed()

    pass(COMMIT_NOTICE_MS - 1)
    expect(stepCount()).toBe(0)
    pass(1)

    expect([stepCount(), turns.timerCount]).toEqual([1, 0])
  })

  test('asks for none while commits follow each other, and is set only once for them', () => {
    const { turns, pass, commit, stepCount } = followed()

    for (let index = 3; index < 50; index++) {
      pass(1)
      commit(index)
      expect(turns.timerCount).toBe(1)
    }

    expect(stepCount()).toBe(0)
  })

  test('is still set for the last commit', () => {
    const { pass, commit, stepCount } = followed()
    pass(COMMIT_NOTICE_MS - 1)
    commit(3)

    pass(1)
    expect(stepCount()).toBe(0)
    pass(COMMIT_NOTICE_MS - 1)
    expect(stepCount()).toBe(1)
  })

  test('waits for whole milliseconds: what is left of a rounded sum may be too little to move a clock', () => {
    const { turns, leader, delays, stepCount } = followed()
    leader.now += COMMIT_NOTICE_MS - 1e-9
    turns.pass(COMMIT_NOTICE_MS)

    expect([stepCount(), delays]).toEqual([0, [COMMIT_NOTICE_MS, 1]])
  })

  test('is not set again when it is stopped', () => {
    const { turns, timer } = followed()

    timer.stop()

    expect(turns.timerCount).toBe(0)
  })
})
