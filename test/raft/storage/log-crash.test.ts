import { describe, expect, test } from 'vitest'
import type { RecoveredLog } from '../../../raft/ports.ts'
import { SegmentedLog } from '../../../raft/storage/segmented-log.ts'
import { type Fault, MemoryDisk } from '../../sim/memory-disk.ts'
import { apply, carryOut, checkAgainst, EMPTY, type Model, prng, type Work, WorkSource } from './log-model.ts'

const SEGMENT_BYTES = 4096
const WORK_COUNT = 20

function openLog(device: MemoryDisk): { log: SegmentedLog; opened: Promise<RecoveredLog> } {
  const log = new SegmentedLog({ disk: device.mount(), directory: 'log', segmentBytes: SEGMENT_BYTES })
  return { log, opened: log.open() }
}

interface Run {
  readonly device: MemoryDisk
  /** What was acknowledged. */
  readonly model: Model
  /** What was on its way when the disk failed. */
  readonly pending: Work | null
}

/** Gives a new log `WORK_COUNT` pieces of work, or as many as it takes until operation `failAt` fails. */
async function run(seed: number, fail: { at: number; fault: Fault } | null): Promise<Run> {
  const device = new MemoryDisk({ random: prng(seed + 1_000_000) })
  if (fail !== null) device.failAt(fail.at, fail.fault)
  const work = new WorkSource(prng(seed))
  let model = EMPTY
  let pending: Work | null = null
  const { log, opened } = openLog(device)
  try {
    await opened
    for (let count = 0; count < WORK_COUNT; count++) {
      pending = work.next()
      await carryOut(log, pending)
      model = apply(model, pending)
      pending = null
    }
    await log.close()
  } catch (error) {
    if (fail === null) throw error
  }
  return { device, model, pending }
}

/** Which of the two outcomes of the interrupted work is on disk. */
async function recoverOutcome({ device, model, pending }: Run): Promise<Model> {
  const { log, opened } = openLog(device)
  const recovered = await opened
  const outcomes = pending === null ? [model] : [model, apply(model, pending)]
  const errors: unknown[] = []
  for (const outcome of outcomes) {
    try {
      await checkAgainst(outcome, log, recovered)
      await log.close()
      return outcome
    } catch (error) {
      errors.push(error)
    }
  }
  throw new AggregateError(
    errors,
    `neither before nor after ${pending?.type}: ${errors.map(String).join('\n')}`,
  )
}

async function continueWith(device: MemoryDisk, model: Model, seed: number): Promise<Model> {
  const { log, opened } = openLog(device)
  await opened
  const work = new WorkSource(prng(seed), model)
  let current = model
  for (let count = 0; count < 6; count++) {
    const next = work.next()
    await carryOut(log, next)
    current = apply(current, next)
  }
  return current
}

async function reopen(device: MemoryDisk): Promise<RecoveredLog> {
  const { log, opened } = openLog(device)
  const recovered = await opened
  await log.close()
  return recovered
}

async function countOperations(seed: number): Promise<number> {
  return (await run(seed, null)).device.operations
}

describe('a log that loses power (thesis §3.8)', () => {
  test.each([1, 2, 3])(
    'keeps what was acknowledged, and each batch whole or not at all, at every step of seed %i',
    async (seed) => {
      const operations = await countOperations(seed)
      for (let at = 1; at <= operations; at++) {
        const crashed = await run(seed, { at, fault: 'crash' })
        const model = await recoverOutcome(crashed).catch((error) => {
          throw new Error(`crash at operation ${at} of ${operations}`, { cause: error })
        })
        crashed.device.crash('drop')
        // What open has reported must not depend on luck any more.
        await recoverOutcome({ device: crashed.device, model, pending: null })
        const continued = await continueWith(crashed.device, model, seed + at)
        crashed.device.crash('random')
        await recoverOutcome({ device: crashed.device, model: continued, pending: null })
      }
    },
  )

  test.each([11])('recovers from losing it again at every step of the recovery, seed %i', async (seed) => {
    const operations = await countOperations(seed)
    for (let at = 1; at <= operations; at += 5) {
      for (let again = 1, isWhole = false; !isWhole; again++) {
        const crashed = await run(seed, { at, fault: 'crash' })
        crashed.device.failAt(crashed.device.operations + again, 'crash')
        const { log, opened } = openLog(crashed.device)
        isWhole = await opened.then(
          () => log.close().then(() => true),
          () => false,
        )
        crashed.device.clearFaults()
        crashed.device.crash('random')
        await recoverOutcome(crashed)
      }
    }
  })

  test('reports the same when it is recovered twice, with nothing torn the second time', async () => {
    const seed = 31
    for (let at = 1, end = await countOperations(seed); at <= end; at += 2) {
      const { device } = await run(seed, { at, fault: 'crash' })
      const first = await reopen(device)
      const second = await reopen(device)
      expect(second).toEqual({ ...first, tornBytes: 0 })
    }
  })
})

describe('a log whose disk reports an error', () => {
  test.each<Fault>(['EIO', 'ENOSPC', 'short-write'])(
    'accepts nothing after %s, and keeps what was acknowledged before',
    async (fault) => {
      const seed = 21
      const operations = await countOperations(seed)
      for (let at = 1; at <= operations; at++) {
        const failed = await run(seed, { at, fault })
        failed.device.kill()
        const model = await recoverOutcome(failed)
        failed.device.crash('drop')
        await recoverOutcome({ device: failed.device, model, pending: null })
      }
    },
  )

  test('rejects every call after one that failed', async () => {
    const device = new MemoryDisk({ random: prng(1) })
    const { log, opened } = openLog(device)
    await opened
    const work = new WorkSource(prng(1))
    await carryOut(log, work.next())
    device.failAt(device.operations + 2, 'EIO')

    await expect(log.append({ hardState: { currentTerm: 1, votedFor: 1 }, entries: [] })).rejects.toThrow(
      'EIO',
    )

    await expect(log.append({ hardState: { currentTerm: 2, votedFor: 1 }, entries: [] })).rejects.toThrow(
      'EIO',
    )
    await expect(log.read({ first: 1, last: 1, bytesMax: 1 })).rejects.toThrow('EIO')
    await log.close()
  })
})
