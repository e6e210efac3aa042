/** All that can befall a recovery, on a log with four sectors in a segment: no step may make one that is refused. */
import { describe, test } from 'vitest'
import type { RecoveredLog } from '../../../raft/ports.ts'
import { batchBytes } from '../../../raft/storage/batch.ts'
import { SegmentedLog } from '../../../raft/storage/segmented-log.ts'
import type { Entry } from '../../../raft/types.ts'
import { type DiskImage, type Fault, MemoryDisk } from '../../sim/memory-disk.ts'
import { type Choose, everyChoice } from './every-choice.ts'
import {
  apply,
  baseAt,
  carryOut,
  checkAgainst,
  EMPTY,
  lastIndexOf,
  type Model,
  type Work,
} from './log-model.ts'

const SECTOR_BYTES = 512
const SEGMENT_BYTES = 4 * SECTOR_BYTES

const INITIALIZE: Work = { type: 'initialize', base: baseAt(0, 0) }
const FIRST = appendOf(1, 1)

/** A disk whose crashes are chosen, and nothing else. */
class ChosenDisk {
  readonly device: MemoryDisk
  readonly #choose: Choose
  /** The operation in which the power goes, or all of them for one between two. */
  #crashAt: number | null = null

  constructor(choose: Choose, image: DiskImage | null = null) {
    this.#choose = choose
    this.device = new MemoryDisk({ random: () => this.#random() })
    if (image !== null) this.device.replace(image)
  }

  failAt(operation: number, fault: Fault): void {
    this.device.failAt(operation, fault)
    if (fault === 'crash') this.#crashAt = operation
  }

  /** Faults are over; a process that has failed is gone. */
  restart(): void {
    this.device.clearFaults()
    this.device.kill()
    this.#crashAt = null
  }

  losePower(): void {
    this.#crashAt = this.device.operations
    this.device.crash('random')
    this.#crashAt = null
  }

  #random(): number {
    if (this.#crashAt !== this.device.operations) return 0
    return this.#choose() ? 0 : 0.999
  }
}

function appendOf(index: number, sectors: number): Work {
  const entry = (bytes: number): Entry => {
    return { index, term: 1, time: index, type: 'command', payload: Buffer.alloc(bytes, index) }
  }
  const overhead = batchBytes({ segment: null, base: null, hardState: null, entries: [] })
  const bytes = (sectors - 1) * SECTOR_BYTES + overhead / 4
  return { type: 'append', batch: { hardState: null, entries: [entry(bytes)] } }
}

async function open(device: MemoryDisk): Promise<{ log: SegmentedLog; recovered: RecoveredLog }> {
  const log = new SegmentedLog({ disk: device.mount(), directory: 'log', segmentBytes: SEGMENT_BYTES })
  return { log, recovered: await log.open() }
}

/** @returns Which of `outcomes` the log holds, after it has taken `more` if it was asked to. */
async function check(device: MemoryDisk, outcomes: readonly Model[], more: Work | null): Promise<Model> {
  const { log, recovered } = await open(device)
  const errors: unknown[] = []
  for (const outcome of outcomes) {
    try {
      await checkAgainst(outcome, log, recovered)
      if (more !== null) await carryOut(log, more)
      await log.close()
      return more === null ? outcome : apply(outcome, more)
    } catch (error) {
      errors.push(error)
    }
  }
  throw new AggregateError(errors, errors.map(String).join('\n'))
}

async function carryOutAll(device: MemoryDisk, works: readonly Work[]): Promise<void> {
  const { log } = await open(device)
  for (const work of works) await carryOut(log, work)
  await log.close()
}

function modelOf(works: readonly Work[]): Model {
  return works.reduce(apply, EMPTY)
}

/** Every disk that a power loss in the last of `works` can leave, from its first write to its last sync. */
async function tornDisks(works: readonly Work[]): Promise<DiskImage[]> {
  const before = new MemoryDisk({ random: () => 0 })
  await carryOutAll(before, works.slice(0, -1))
  const after = new MemoryDisk({ random: () => 0 })
  await carryOutAll(after, works)
  const found = new Map<string, DiskImage>()
  for (let at = before.operations + 1; at <= after.operations; at++) {
    await everyChoice(async (choose) => {
      const disk = new ChosenDisk(choose)
      disk.failAt(at, 'crash')
      await carryOutAll(disk.device, works).catch(() => {})
      const image = disk.device.image()
      found.set(keyOf(image), image)
    })
  }
  return [...found.values()]
}

function keyOf({ files }: DiskImage): string {
  return JSON.stringify([...files].map(([name, bytes]) => [name, bytes.toString('hex')]))
}

/** With nothing left to chance. */
function diskOf(image: DiskImage): ChosenDisk {
  return new ChosenDisk(() => false, image)
}

/** Operations of a start, the spare segment of the background included. */
async function countOperations(image: DiskImage): Promise<number> {
  const { device } = diskOf(image)
  await carryOutAll(device, [])
  return device.operations
}

async function failRecovery(disk: ChosenDisk, at: number, fault: Fault): Promise<void> {
  disk.failAt(disk.device.operations + at, fault)
  await carryOutAll(disk.device, []).catch(() => {})
  disk.restart()
}

const CASES: { what: string; works: readonly Work[] }[] = [
  { what: 'a first batch', works: [INITIALIZE] },
  { what: 'a batch of one sector', works: [INITIALIZE, FIRST, appendOf(2, 1)] },
  { what: 'a batch of two sectors', works: [INITIALIZE, FIRST, appendOf(2, 2)] },
  { what: 'the first batch of a segment', works: [INITIALIZE, FIRST, appendOf(2, 3)] },
  { what: 'a reset', works: [INITIALIZE, FIRST, appendOf(2, 3), { type: 'reset', base: baseAt(10, 1) }] },
  {
    what: 'a compaction',
    works: [INITIALIZE, FIRST, appendOf(2, 3), { type: 'compact', base: baseAt(1, 1) }],
  },
]

describe.each(CASES)('a start after $what that a power loss has torn', ({ works }) => {
  const outcomes = [modelOf(works.slice(0, -1)), modelOf(works)]

  test('may fail at any step, and the power go then', async () => {
    for (const image of await tornDisks(works)) {
      const left = new Map<string, DiskImage>()
      for (let at = 1, end = await countOperations(image); at <= end; at++) {
        for (const fault of ['EIO', 'crash'] as const) {
          await everyChoice(async (choose) => {
            const disk = new ChosenDisk(choose, image)
            await failRecovery(disk, at, fault)
            disk.losePower()
            const found = disk.device.image()
            left.set(keyOf(found), found)
          })
        }
      }
      for (const found of left.values()) await check(diskOf(found).device, outcomes, null)
    }
  })

  test.each([1, 2, 3])(
    'may fail at any step: the next one goes on, with %i sectors, and a power loss takes nothing of that',
    async (sectors) => {
      for (const image of await tornDisks(works)) {
        for (let at = 1, end = await countOperations(image); at <= end; at++) {
          await everyChoice(async (choose) => {
            const disk = new ChosenDisk(choose, image)
            await failRecovery(disk, at, 'EIO')
            const model = await check(disk.device, outcomes, null)
            const isNew = model.bases.length === 0
            const next = isNew ? INITIALIZE : appendOf(lastIndexOf(model) + 1, sectors)
            const continued = await check(disk.device, [model], next)
            disk.losePower()
            await check(disk.device, [continued], null)
          })
        }
      }
    },
  )
})
