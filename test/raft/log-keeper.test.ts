import { describe, expect, test } from 'vitest'
import type { Event } from '../../raft/core/event.ts'
import { createLog } from '../../raft/core/log.ts'
import { DiskLane } from '../../raft/disk-lane.ts'
import { LogKeeper } from '../../raft/log-keeper.ts'
import { SegmentedLog } from '../../raft/storage/segmented-log.ts'
import type { LogIndex } from '../../raft/types.ts'
import { entriesFrom, metaAt } from '../contract/log-store.ts'
import { MemoryDisk } from '../sim/memory-disk.ts'

const LAST = 400

interface Kept {
  readonly keeper: LogKeeper
  readonly events: Event[]
  /** Reads and syncs wait while it is true. */
  hold(kind: 'read' | 'sync' | null): void
  /** What was let go of so far. */
  base(): LogIndex
}

/** A keeper of 400 entries in segments of some ten. */
async function openKeeper(retained: { entries?: number; bytes?: number } = {}): Promise<Kept> {
  let held: string | null = null
  let waiting: (() => void)[] = []
  const device = new MemoryDisk({
    random: () => 0,
    delay: async (kind) => {
      if (kind === held) await new Promise<void>((resolve) => waiting.push(resolve))
    },
  })
  const store = new SegmentedLog({ disk: device.mount(), directory: 'log', segmentBytes: 8 * 512 })
  await store.open()
  await store.initialize(metaAt(0))
  for (let first = 1; first <= LAST; first += 10) {
    await store.append({ hardState: null, entries: entriesFrom(first, first + 9) })
  }
  const terms = [{ firstIndex: 1, term: 1 }]
  const log = createLog({ base: metaAt(0), lastIndex: LAST, terms, membershipEntries: [], tail: [] })
  const events: Event[] = []
  const onFatal = (error: unknown): void => {
    throw error
  }
  const keeper = new LogKeeper({
    store,
    log,
    disk: new DiskLane({ log: store, onPersisted: () => {}, onFatal }),
    retainedEntriesMin: retained.entries ?? 100,
    retainedBytesMax: retained.bytes ?? 1e9,
    emit: (event) => {
      events.push(event)
      // As the core does it.
      if (event.type === 'compacted') log.base = event.base
    },
    onFatal,
  })
  const hold = (kind: 'read' | 'sync' | null): void => {
    held = kind
    for (const resolve of waiting.splice(0)) resolve()
    waiting = []
  }
  return { keeper, events, hold, base: () => log.base.lastIndex }
}

async function someTurns(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
}

function fetchedIn(events: readonly Event[]): (readonly number[])[] {
  return events.flatMap((event) =>
    event.type === 'fetched' ? [event.entries.map(({ index }) => index)] : [],
  )
}

const WANTED = { to: 2, session: 1, bytesMax: 1e6 }

describe('the log is let go of', () => {
  test.each([
    { why: 'less what is kept for peers that lag', reachable: LAST, base: 300 },
    { why: 'not before it is worth a write', reachable: 124, base: 0 },
    { why: 'as soon as it is', reachable: 125, base: 25 },
  ])('as far as nobody needs it, $why', async ({ reachable, base }) => {
    const kept = await openKeeper()

    kept.keeper.compact(reachable)
    await someTurns()

    expect(kept.base()).toBe(base)
  })

  test('however few entries are left, where these are many bytes', async () => {
    const kept = await openKeeper({ entries: 1_000, bytes: 4 * 8 * 512 })

    kept.keeper.compact(LAST)
    await someTurns()

    expect(kept.base()).toBeGreaterThan(200)
    expect(kept.base()).toBeLessThan(LAST)
  })

  test('not past an entry that is being read for a peer, and past it afterwards', async () => {
    const kept = await openKeeper()
    kept.hold('read')
    kept.keeper.fetch({ ...WANTED, first: 51, last: 60 })

    kept.keeper.compact(LAST)
    await someTurns()
    expect(kept.base()).toBe(50)
    kept.hold(null)
    await kept.keeper.settled()
    kept.keeper.compact(LAST)
    await someTurns()

    expect(kept.base()).toBe(300)
    expect(fetchedIn(kept.events)).toEqual([entriesFrom(51, 60).map(({ index }) => index)])
  })
})

describe('entries for a peer that lags', () => {
  test.each([
    { why: 'gone', first: 300, indexes: [] },
    { why: 'here', first: 301, indexes: [301, 302] },
  ])('are said to be $why', async ({ first, indexes }) => {
    const kept = await openKeeper()
    kept.keeper.compact(LAST)
    await someTurns()

    kept.keeper.fetch({ ...WANTED, first, last: first + 1 })
    await kept.keeper.settled()

    expect(fetchedIn(kept.events)).toEqual([indexes])
  })

  test('are not read while they are being let go of', async () => {
    const kept = await openKeeper()
    kept.hold('sync')
    kept.keeper.compact(LAST)

    kept.keeper.fetch({ ...WANTED, first: 300, last: 310 })
    await kept.keeper.settled()
    expect(fetchedIn(kept.events)).toEqual([[]])

    kept.hold(null)
    await someTurns()
    expect(kept.base()).toBe(300)
  })
})
