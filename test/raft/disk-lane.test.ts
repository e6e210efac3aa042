import { describe, expect, test } from 'vitest'
import type { PersistBatch } from '../../raft/core/effects.ts'
import { DiskLane } from '../../raft/disk-lane.ts'
import { SegmentedLog } from '../../raft/storage/segmented-log.ts'
import { MemoryDisk } from '../sim/memory-disk.ts'
import { entry, membershipOf } from './core/solo-node.ts'

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
