import type { StateDatabase } from '../../src/state/storage.ts'
import { MemoryStorage } from './memory-storage.ts'

type Batch = ReturnType<StateDatabase['batch']>

/** Forgets in a power failure whatever no synced write came after. */
export class VolatileStorage extends MemoryStorage {
  /** What a power failure would have left, after each synced write. */
  readonly images: MemoryStorage[] = []
  #durable = new MemoryStorage()
  readonly #watched = new WeakSet<StateDatabase>()

  override async open(): Promise<StateDatabase> {
    const database = await super.open()
    if (this.#watched.has(database)) return database
    this.#watched.add(database)
    const put = database.put.bind(database) as (...args: unknown[]) => Promise<void>
    const batch = database.batch.bind(database) as () => Batch
    const watchedPut = async (key: string, value: Buffer, options?: object): Promise<void> => {
      await put(key, value, options)
      await this.#noteWrite(options)
    }
    const watchedBatch = (): Batch => {
      const chained = batch()
      const write = chained.write.bind(chained) as (options?: object) => Promise<void>
      return Object.assign(chained, {
        write: async (options?: object): Promise<void> => {
          await write(options)
          await this.#noteWrite(options)
        },
      })
    }
    return Object.assign(database, {
      put: watchedPut as StateDatabase['put'],
      batch: watchedBatch as StateDatabase['batch'],
    })
  }

  override async destroy(): Promise<void> {
    await super.destroy()
    this.#durable = new MemoryStorage()
  }

  afterPowerFailure(): Promise<MemoryStorage> {
    return this.#durable.copy()
  }

  async #noteWrite(options: object | undefined): Promise<void> {
    if (options !== undefined && 'sync' in options && options.sync === true) {
      this.#durable = await this.copy()
      this.images.push(this.#durable)
    }
  }
}
