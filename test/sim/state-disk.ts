/**
 * The LevelDB of a simulated machine: `memory-level`, whose synced batches take their time, may never come to pass when
 * the process dies meanwhile, and may fail. What LevelDB does with unsynced writes is not simulated, for we make none.
 */
import { MemoryLevel } from 'memory-level'
import type { StateDatabase, StateStorage } from '../../src/state/storage.ts'
import type { SimProcess } from './process.ts'
import type { Random } from './random.ts'

/** Within which it is noticed that it hangs no more. */
const HANG_CHECK_MS = 100

type Rows = MemoryLevel<string, Buffer>

/** What of the state outlives a process. */
export class StateDisk {
  /** Of each synced batch. */
  meanSyncMs = 2
  /** Nothing is opened, and no batch ends; the log of the machine goes on, and so do reads, as from a cache. */
  isHung = false
  /** What was asked of LevelDB, done or not. */
  readonly work = { batches: 0, rows: 0, bytes: 0, reads: 0 }
  #rows = emptyRows()
  #failIn: number | null = null

  /** The batch after `count` others fails with EIO, and the process must end. */
  failAfter(count: number): void {
    this.#failIn = count
  }

  /** For one life of one process: what it asked for and did not see done may or may not happen when it dies. */
  mount(process: SimProcess, random: Random): StateStorage {
    return {
      open: async () => {
        while (this.isHung) await new Promise<void>((resolve) => process.schedule(HANG_CHECK_MS, resolve))
        await this.#rows.open()
        return this.#mounted(this.#rows, process, random)
      },
      destroy: async () => {
        if (process.isAlive) this.#rows = emptyRows()
      },
    }
  }

  /** A copy of everything, as of now. */
  async image(): Promise<StateDisk> {
    const copy = new StateDisk()
    await this.#rows.open()
    await copy.#rows.open()
    const batch = copy.#rows.batch()
    for (const [key, value] of await this.#rows.iterator().all()) batch.put(key, Buffer.from(value))
    await batch.write()
    return copy
  }

  /** Bit rot that no checksum of LevelDB has found, or a hand that should have stayed away. */
  async overwrite(change: (rows: Rows) => Promise<void>): Promise<void> {
    await this.#rows.open()
    await change(this.#rows)
  }

  #mounted(rows: Rows, process: SimProcess, random: Random): StateDatabase {
    const inFlight = new Set<() => Promise<void>>()
    const write = (apply: () => Promise<void>): Promise<void> => {
      inFlight.add(apply)
      return new Promise((resolve, reject) => {
        const end = (): void => {
          if (this.isHung) {
            process.schedule(HANG_CHECK_MS, end)
            return
          }
          inFlight.delete(apply)
          if (this.#isFailing()) reject(Object.assign(new Error('EIO: state'), { code: 'EIO' }))
          else apply().then(resolve, reject)
        }
        process.schedule(random.exponential(this.meanSyncMs), end)
      })
    }
    void process.died.then(() => {
      // Some of it reaches the disk, and the process never learns it.
      for (const apply of inFlight) if (random.chance(0.5)) void apply()
    })
    const { work } = this
    return new Proxy(rows, {
      get(target, name) {
        if (name === 'batch') return () => gatedBatch(target, { write, work })
        if (name === 'getSync') work.reads += 1
        if (name === 'put') return (key: string, row: Buffer) => write(() => target.put(key, row))
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }

  #isFailing(): boolean {
    if (this.#failIn === null) return false
    this.#failIn -= 1
    if (this.#failIn >= 0) return false
    this.#failIn = null
    return true
  }
}

/** The part of a chained batch that the state machine uses. */
interface GatedBatch {
  put(key: string, row: Buffer): GatedBatch
  del(key: string): GatedBatch
  write(): Promise<void>
}

function gatedBatch(
  rows: Rows,
  { write, work }: { write: (apply: () => Promise<void>) => Promise<void>; work: StateDisk['work'] },
): GatedBatch {
  const operations: ({ type: 'put'; key: string; value: Buffer } | { type: 'del'; key: string })[] = []
  const batch: GatedBatch = {
    put(key, value) {
      operations.push({ type: 'put', key, value })
      return batch
    },
    del(key) {
      operations.push({ type: 'del', key })
      return batch
    },
    write: () => {
      work.batches += 1
      work.rows += operations.length
      for (const operation of operations) {
        work.bytes += operation.key.length + (operation.type === 'put' ? operation.value.length : 0)
      }
      return write(() => rows.batch(operations))
    },
  }
  return batch
}

function emptyRows(): Rows {
  return new MemoryLevel<string, Buffer>({ valueEncoding: 'buffer' })
}
