/** Leases that end at the same moment leave room for whoever writes meanwhile: counted in entries of the log, and in simulated time. */
import { beforeAll, describe, expect, test } from 'vitest'
import { cachedEntries } from '../../raft/core/log.ts'
import type { Command } from '../../src/ipam/command.ts'
import { decodeCommand } from '../../src/ipam/command-codec.ts'
import { ALLOCATION_DEFAULTS, NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'
import type { Allocation, AuditEntry } from '../../src/ipam/records.ts'
import { listAudit, page, tokenOf } from '../state/harness.ts'
import type { Machine } from './cluster.ts'
import { quietCluster, runIn } from './quiet-cluster.ts'
import { until } from './until.ts'

const LEASES = 800
const BATCH = 200
const TTL_MS = 3_000
const CALLER = { user: 'alice', requestId: null }
/** Everybody waits while an entry is applied: its expiries are to be no more than a few writes. */
const PER_ENTRY_MAX = 64
/** Entries of expiries that a write may find before it in the log. */
const BETWEEN_WRITES_MAX = 8
const UNDER_WAY_MAX = 4
/** Until the last one has ended, after its time. */
const LATE_MS_MAX = 5_000
/** Of those that come due one by one, 1,600 a second. */
const SPREAD_MS = 500

interface Course {
  readonly rows: readonly AuditEntry[]
  /** Entries of expiries in the log of the leader that are not committed: the most of any moment. */
  readonly underWay: number
}

/**
 * @param options.diskMs How long a sync takes, on each node.
 * @param options.spreadMs From when the first of them comes due until the last does.
 */
async function run({
  diskMs,
  spreadMs,
}: {
  readonly diskMs: number
  readonly spreadMs: number
}): Promise<Course> {
  const cluster = quietCluster({ retainedEntriesMin: 100_000 })
  let course: Course | null = null
  const scenario = async (): Promise<void> => {
    for (const id of [1, 2, 3]) void cluster.start(id)
    await until(cluster, 'there is a leader', () => cluster.leaders.length === 1)
    const [leader] = cluster.leaders
    if (leader?.running == null) throw new Error('nobody leads')
    const { service, stateMachine } = leader.running
    const execute = (command: Command): Promise<unknown> => service.execute(command, CALLER, null)
    await fill(execute, spreadMs)
    for (const id of [1, 2, 3]) cluster.machine(id).meanDiskMs = diskMs
    let isOver = false
    const writing = (async () => {
      for (let i = 0; !isOver; i++) await execute(allocate('busy', `busy-${i}`, null))
    })()
    let underWay = 0
    const isAllOver = (): boolean => {
      underWay = Math.max(underWay, expiriesUnderWay(leader))
      return stateMachine.nextExpiry === null
    }
    await until(cluster, 'all have expired', isAllOver, { waitMsMax: TTL_MS + LATE_MS_MAX, lookMs: 1 })
    isOver = true
    await writing
    const { rows } = await listAudit(stateMachine, {}, page(10_000))
    course = { rows, underWay }
  }
  await runIn(cluster, scenario)
  if (course === null) throw new Error('it did not come to its end')
  return course
}

async function fill(execute: (command: Command) => Promise<unknown>, spreadMs: number): Promise<void> {
  for (const [id, cidr] of [
    ['leased', '10.0.0.0/16'],
    ['busy', '10.1.0.0/16'],
  ] as const) {
    await execute({ type: 'createNetwork', ...NETWORK_DEFAULTS, id, cidr })
  }
  for (let done = 0; done < LEASES; done += BATCH) {
    const items = Array.from({ length: BATCH }, (_, i) => {
      const ttlMs = TTL_MS + Math.floor(((done + i) * spreadMs) / LEASES)
      return allocate('leased', `lease-${done + i}`, ttlMs)
    })
    await execute({ type: 'allocateBatch', items })
  }
}

function allocate(networkId: string, name: string, ttlMs: number | null) {
  const request = { ...ALLOCATION_DEFAULTS, token: tokenOf(name), network: { id: networkId }, ttlMs }
  return { type: 'allocateAddresses', ...request } as const
}

function expiriesUnderWay({ raft }: Machine): number {
  if (raft === null) return 0
  const entries = cachedEntries(raft.log, raft.commitIndex + 1, raft.log.lastIndex)
  return entries.filter(({ payload }) => decodeCommand(payload)?.command.type === 'expireAllocations').length
}

/** By entry, in the order of the log. */
function byEntry(rows: readonly AuditEntry[]): AuditEntry[][] {
  const entries = new Map<number, AuditEntry[]>()
  for (const row of rows) entries.set(row.index, [...(entries.get(row.index) ?? []), row])
  return [...entries.values()]
}

/** Milliseconds of the log's time between each entry of expiries and the next. */
function gaps(rows: readonly AuditEntry[]): number[] {
  const times = byEntry(rows.filter(({ action }) => action === 'ip_expired')).map(
    ([row]) => row?.timestamp ?? 0,
  )
  return times.slice(1).map((time, i) => time - (times[i] ?? 0))
}

describe.each([
  { why: 'the log is quick', diskMs: 1 },
  { why: 'each round of the log takes long', diskMs: 10 },
])(`${LEASES} leases that end at once, while $why`, ({ diskMs }) => {
  let course: Course
  beforeAll(async () => {
    course = await run({ diskMs, spreadMs: 0 })
  })
  const ended = (): AuditEntry[] => course.rows.filter(({ action }) => action === 'ip_expired')

  test('all end, once each and not before their time, within seconds', () => {
    expect(new Set(ended().map(({ resource }) => resource)).size).toBe(LEASES)
    expect(ended()).toHaveLength(LEASES)
    for (const { timestamp, before } of ended()) {
      expect(before).toMatchObject({ expiresAt: expect.any(Number) })
      expect((before as Allocation).expiresAt).toBeLessThanOrEqual(timestamp)
    }
  })

  test('end a few in each entry', () => {
    const sizes = byEntry(ended()).map((rows) => rows.length)

    expect(Math.max(...sizes)).toBeLessThanOrEqual(PER_ENTRY_MAX)
  })

  test('let others’ writes in between', () => {
    const from = course.rows.findIndex(({ action }) => action === 'ip_expired')
    const to = course.rows.findLastIndex(({ action }) => action === 'ip_expired')
    const during = byEntry(course.rows.slice(from, to + 1)).map(([row]) => row?.action === 'ip_expired')
    let most = 0
    let inRow = 0
    for (const isExpiry of during) {
      inRow = isExpiry ? inRow + 1 : 0
      most = Math.max(most, inRow)
    }

    expect(during).toContain(false)
    expect(most).toBeLessThanOrEqual(BETWEEN_WRITES_MAX)
  })

  test('are not all in the log at the same time', () => {
    expect(course.underWay).toBeGreaterThan(0)
    expect(course.underWay).toBeLessThanOrEqual(UNDER_WAY_MAX)
  })
})

test('leases that come due one after the other end as evenly, and not in bursts', async () => {
  const { rows } = await run({ diskMs: 1, spreadMs: SPREAD_MS })

  expect(rows.filter(({ action }) => action === 'ip_expired')).toHaveLength(LEASES)
  expect(Math.max(...gaps(rows))).toBeLessThan(50)
})

test('where many have come due, they end at a quicker pace until there are few', async () => {
  const { rows } = await run({ diskMs: 1, spreadMs: 0 })
  const first = gaps(rows).slice(0, 10)
  const last = gaps(rows).slice(-5)

  expect(first).toHaveLength(10)
  expect(mean(first)).toBeLessThan(mean(last) / 2)
})

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
