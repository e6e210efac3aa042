import { describe, expect, test } from 'vitest'
import { DiskWatch } from '../../raft/disk-watch.ts'

const TIMING = { heartbeatMs: 100, electionMinMs: 1_000, electionMaxMs: 2_000 }

/** A disk that answers when the test says so. */
class Watched {
  now = 0
  asked = 0
  readonly lines: string[] = []
  readonly watch: DiskWatch
  #answer: { resolve: (freeBytes: number) => void; reject: (error: Error) => void } | null = null

  constructor({ lowBytes = 1_000 } = {}) {
    const log = (_fields: object, message: string): void => void this.lines.push(message)
    this.watch = new DiskWatch({
      disk: {
        freeBytes: () => {
          this.asked += 1
          return new Promise((resolve, reject) => {
            this.#answer = { resolve, reject }
          })
        },
      },
      lowBytes,
      timing: TIMING,
      logger: { info: log, warn: log, error: log },
    })
  }

  tick({ ms = 1_000, stallMs = 0 } = {}) {
    this.now += ms
    return this.watch.health({ now: this.now, stallMs })
  }

  async answer(freeBytes: number | Error): Promise<void> {
    if (freeBytes instanceof Error) this.#answer?.reject(freeBytes)
    else this.#answer?.resolve(freeBytes)
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}

describe('the free space of a disk', () => {
  test('is low below the limit, and enough again only above five quarters of it', async () => {
    const disk = new Watched({ lowBytes: 1_000 })
    const seen: boolean[] = []
    for (const freeBytes of [1_000, 999, 1_000, 1_250, 1_251, 1_000, 0]) {
      disk.tick()
      await disk.answer(freeBytes)
      seen.push(disk.tick({ ms: 0 }).isLow)
    }

    expect(seen).toEqual([false, true, true, true, false, false, true])
    expect(disk.lines).toEqual([
      'the disk is low on space',
      'the disk has space again',
      'the disk is low on space',
    ])
  })

  test('is asked for once a second, and never twice at once', async () => {
    const disk = new Watched()
    disk.tick()
    for (let i = 0; i < 100; i++) disk.tick({ ms: 50 })
    expect(disk.asked).toBe(1)

    await disk.answer(5_000)
    disk.tick({ ms: 50 })
    disk.tick({ ms: 999 })
    expect(disk.asked).toBe(2)
  })

  test('stays as it was while nobody can say, which is logged once', async () => {
    const disk = new Watched()
    disk.tick()
    await disk.answer(1)
    for (let i = 0; i < 3; i++) {
      disk.tick()
      await disk.answer(new Error('EIO'))
    }

    expect(disk.tick().isLow).toBe(true)
    expect(disk.lines).toEqual(['the disk is low on space', 'the free space of the disk is unknown'])
  })

  test('is nobody’s business with a limit of 0', () => {
    const disk = new Watched({ lowBytes: 0 })

    expect(disk.tick().isLow).toBe(false)
    expect(disk.asked).toBe(0)
  })
})

test('a stall of the disk is logged when it begins and when it ends', () => {
  const disk = new Watched()

  for (const stallMs of [0, 500, 501, 5_000, 20, 0]) disk.tick({ stallMs })

  expect(disk.lines).toEqual(['the disk is stalled', 'the disk keeps up again'])
})

test('the core is told whole milliseconds', () => {
  expect(new Watched().tick({ stallMs: 12.3 }).stallMs).toBe(12)
})
