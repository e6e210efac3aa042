import { describe, expect, test } from 'vitest'
import { AuditRetention } from '../src/audit-retention.ts'
import type { Outcome } from '../src/ipam/outcome.ts'
import { Harness, ManualClock, START, silentLog } from './state/harness.ts'

const HOUR_MS = 60 * 60 * 1_000
const KEPT_MS = 24 * HOUR_MS

/** Retention over a real state machine; what is proposed is applied at once. */
async function openRetention({ isLeader = true } = {}) {
  const ipam = await Harness.open()
  const clock = new ManualClock()
  const proposed: number[] = []
  const node = {
    isLeader,
    schemaVersion: 1,
    propose: async (payload: Uint8Array) => {
      const entry = ipam.append('command', payload)
      proposed.push(entry.index)
      return { result: ipam.machine.apply(entry) as Outcome, index: entry.index, isOnlyCopy: true }
    },
  }
  const failures: unknown[] = []
  const retention = new AuditRetention({
    node,
    stateMachine: ipam.machine,
    clock: {
      now: () => 0,
      wallTime: () => ipam.time,
      setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
      setSoon: (callback) => clock.setSoon(callback),
    },
    logger: silentLog,
    onFatal: (error) => failures.push(error),
    keptMs: KEPT_MS,
  })
  retention.start()
  /** What a minute is for. */
  const check = async (): Promise<void> => {
    clock.runTimers()
    // It waits for reads of the database, and for as many entries as it needs.
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  return { ipam, proposed, failures, retention, clock, check }
}

describe('audit retention', () => {
  test('forgets what is older than it has to be kept, and not before it is so by a good deal', async () => {
    const { ipam, proposed, failures, check } = await openRetention()
    ipam.createNetwork('old', '10.0.0.0/24')
    ipam.time += 2 * HOUR_MS
    ipam.createNetwork('new', '10.1.0.0/24')

    ipam.time = START + KEPT_MS + HOUR_MS
    await check()
    const early = [...proposed]
    ipam.time += 1
    await check()

    expect(failures).toEqual([])
    expect(early).toEqual([])
    expect((await ipam.audit()).map(({ resource }) => resource)).toEqual(['new', 'audit'])
  })

  test('goes on until all is forgotten that is old enough, an entry after the other', async () => {
    const { ipam, proposed, check } = await openRetention()
    ipam.createNetwork('first', '10.0.0.0/24')
    for (let i = 0; i < 1_200; i++) ipam.machine.apply(ipam.append('noop', Buffer.alloc(0)))
    ipam.createNetwork('last', '10.1.0.0/24')
    ipam.time += KEPT_MS + 2 * HOUR_MS

    await check()

    expect(proposed).toHaveLength(3)
    expect((await ipam.audit()).map(({ action }) => action)).toEqual(['audit_pruned'])
  })

  test('is the leader’s to propose', async () => {
    const { ipam, proposed, check } = await openRetention({ isLeader: false })
    ipam.createNetwork('old', '10.0.0.0/24')
    ipam.time += KEPT_MS + 2 * HOUR_MS

    await check()

    expect(proposed).toEqual([])
    expect(await ipam.audit()).toHaveLength(1)
  })

  test('ends with the node', async () => {
    const { retention, clock } = await openRetention()

    retention.stop()

    expect(clock.timers).toBe(0)
  })
})
