import { describe, expect, test } from 'vitest'
import type { PersistBatch } from '../../raft/core/effects.ts'
import { DiskLane, merge } from '../../raft/disk-lane.ts'
import { SegmentedLog } from '../../raft/storage/segmented-log.ts'
import { MemoryDisk } from '../sim/memory-disk.ts'
import { entry, membershipOf } from './core/solo-node.ts'
import { isSettled } from './turns.ts'

/** A lane on a real log, whose disk completes a sync only when the test lets it. */
class Lane {
  readonly lane: DiskLane
  readonly persisted: number[] = []
  isHeld = false
  #held: (() => void)[] = []
  #nextBatch = 1

  private constructor(lane: (self: Lane) => DiskLane) {
    this.lane = lane(this)
  }

  static async open(): Promise<Lane> {
    let self: Lane | null = null
    const device = new MemoryDisk({
      random: () => 0,
      delay: async (kind) => {
        if (kind === 'sync' && self?.isHeld === true)
          await new Promise<void>((resolve) => self?.hold(resolve))
      },
    })
    const log = new SegmentedLog({ disk: device.mount(), directory: 'log' })
    await log.open()
    const membership = membershipOf({ voters: [1] })
    await log.initialize({ lastIndex: 0, lastTerm: 0, lastTime: 0, membership, membershipIndex: 0 })
    self = new Lane((lane) => {
      return new DiskLane({
        log,
        onPersisted: ({ batchNumber }) => lane.persisted.push(batchNumber),
        onFatal: (error) => {
          throw error
        },
      })
    })
    return self
  }

  hold(resolve: () => void): void {
    this.#held.push(resolve)
  }

  push(): void {
    const number = this.#nextBatch
    this.#nextBatch += 1
    const batch: PersistBatch = { number, hardState: null, entries: [entry(number, 1)], messages: [] }
    this.lane.push(batch)
  }

  /** Completes the sync under way; the next one waits again. */
  async release(): Promise<void> {
    for (const resolve of this.#held.splice(0)) resolve()
    await settled()
  }
}

/** All that was ready to run has run. */
async function settled(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}

describe('how long the disk has kept us waiting', () => {
  test('is nothing while nothing is written', async () => {
    const { lane } = await Lane.open()

    lane.elapse(1_000)

    expect(lane.stallMs).toBe(0)
  })

  test('counts from when the oldest batch came, and is over when it is on disk', async () => {
    const disk = await Lane.open()
    disk.isHeld = true
    disk.push()
    await settled()
    disk.lane.elapse(300)
    expect(disk.lane.stallMs).toBe(300)

    await disk.release()

    expect(disk.persisted).toEqual([1])
    expect(disk.lane.stallMs).toBe(0)
  })

  test('includes the time that a batch has spent behind another one', async () => {
    const disk = await Lane.open()
    disk.isHeld = true
    disk.push()
    await settled()
    disk.lane.elapse(100)
    disk.push()
    disk.lane.elapse(200)
    expect(disk.lane.stallMs).toBe(300)

    await disk.release()
    disk.lane.elapse(50)

    expect(disk.persisted).toEqual([1])
    expect(disk.lane.stallMs).toBe(250)
  })

  test('includes the time behind a short task, such as a compaction', async () => {
    const { lane, push } = bound(await Lane.open())
    const task = deferred()
    lane.pushTask(() => task.promise)
    push()

    lane.elapse(300)

    expect(lane.stallMs).toBe(300)
    task.resolve()
  })

  test('leaves out the time behind a long task, such as the installation of a snapshot', async () => {
    const disk = await Lane.open()
    const { lane, push } = bound(disk)
    const task = deferred()
    lane.pushTask(() => task.promise, { isLong: true })
    push()
    lane.elapse(60_000)
    expect(lane.stallMs).toBe(0)

    disk.isHeld = true
    task.resolve()
    await settled()
    lane.elapse(40)

    expect(lane.stallMs).toBe(40)
  })
})

describe('the disk lane', () => {
  test('runs a task behind the batches before it, and writes those after it later', async () => {
    const disk = await Lane.open()
    disk.isHeld = true
    disk.push()
    disk.push()
    disk.lane.pushTask(async () => void disk.persisted.push(-1))
    disk.push()

    await disk.release()
    await disk.release()
    await disk.release()

    expect(disk.persisted).toEqual([1, 2, -1, 3])
  })

  test('finishes what is under way before it has stopped, and drops the rest', async () => {
    const disk = await Lane.open()
    disk.isHeld = true
    disk.push()
    await settled()
    let hasRun = false
    disk.lane.pushTask(async () => {
      hasRun = true
    })

    const stopped = disk.lane.stop()
    expect(await isSettled(stopped)).toBe(false)
    await disk.release()
    await stopped

    expect([hasRun, disk.lane.queuedCount, disk.lane.stallMs]).toEqual([false, 0, 0])
  })
})

describe('batches that have gathered are written as what the disk would hold after all of them', () => {
  const vote = (votedFor: number) => ({ currentTerm: 3, votedFor })
  const batch = (number: number, fields: Partial<PersistBatch>): PersistBatch => {
    return { number, hardState: null, entries: [], messages: [], ...fields }
  }
  const entries = (first: number, last: number, term: number) => {
    return Array.from({ length: last - first + 1 }, (_, i) => entry(first + i, term))
  }

  test.each([
    {
      why: 'the last vote counts',
      batches: [batch(1, { hardState: vote(1) }), batch(2, { hardState: vote(2) })],
      merged: { hardState: vote(2), entries: [] },
    },
    {
      why: 'a batch without term and vote leaves them as they are',
      batches: [batch(1, { hardState: vote(1) }), batch(2, { entries: entries(5, 6, 3) })],
      merged: { hardState: vote(1), entries: entries(5, 6, 3) },
    },
    {
      why: 'entries follow on those of the batch before',
      batches: [batch(1, { entries: entries(5, 6, 3) }), batch(2, { entries: entries(7, 7, 3) })],
      merged: { hardState: null, entries: entries(5, 7, 3) },
    },
    {
      why: 'entries replace all from the first of them on',
      batches: [batch(1, { entries: entries(5, 8, 3) }), batch(2, { entries: entries(6, 6, 4) })],
      merged: { hardState: null, entries: [...entries(5, 5, 3), ...entries(6, 6, 4)] },
    },
    {
      why: 'entries replace those of several batches',
      batches: [
        batch(1, { entries: entries(5, 6, 3) }),
        batch(2, { entries: entries(7, 8, 3) }),
        batch(3, { entries: entries(5, 5, 4) }),
      ],
      merged: { hardState: null, entries: entries(5, 5, 4) },
    },
  ])('$why', ({ batches, merged }) => {
    expect(merge(batches)).toEqual(merged)
  })
})

function bound(disk: Lane): { lane: DiskLane; push: () => void } {
  return { lane: disk.lane, push: () => disk.push() }
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((r) => {
    resolve = r
  })
  return { promise, resolve }
}
