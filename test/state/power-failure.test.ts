import { expect, test } from 'vitest'
import type { StateDatabase } from '../../src/state/storage.ts'
import { Harness, imageOf, metaAt, openMachine, streamOf } from './harness.ts'
import { MemoryStorage } from './memory-storage.ts'

type Batch = ReturnType<StateDatabase['batch']>

/** Forgets in a power failure whatever no synced write came after. */
class VolatileStorage extends MemoryStorage {
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

test('what is flushed outlives a power failure', async () => {
  const storage = new VolatileStorage()
  const ipam = await Harness.open(storage)
  ipam.createNetwork('net-1', '10.0.0.0/24')
  ipam.allocate('alloc-1', 'net-1')
  await ipam.machine.flush()

  const restarted = await openMachine(await storage.afterPowerFailure())

  expect(restarted.durableIndex).toBe(ipam.machine.durableIndex)
  expect(await restarted.stateDigest()).toBe(await ipam.machine.stateDigest())
})

test('whenever the power fails, the database is the state at the index that it names', async () => {
  const storage = new VolatileStorage()
  const ipam = await Harness.open(storage)
  const digests = new Map([[0, await ipam.machine.stateDigest()]])
  ipam.createNetwork('net-1', '10.0.0.0/24')
  for (let i = 0; i < 5; i++) {
    ipam.allocate(`alloc-${i}`, 'net-1')
    digests.set(ipam.machine.appliedIndex, await ipam.machine.stateDigest())
    await ipam.machine.flush()
  }

  expect(storage.images.length).toBeGreaterThan(4)
  for (const image of storage.images) {
    const restarted = await openMachine(await image.copy())
    expect(await restarted.stateDigest()).toBe(digests.get(restarted.durableIndex))
  }
})

test('what is restored outlives a power failure', async () => {
  const source = await Harness.open()
  source.createNetwork('net-1', '10.0.0.0/20')
  for (let i = 0; i < 100; i++) source.allocate(`alloc-${i}`, 'net-1')
  const { appliedIndex, chunks } = await imageOf(source.machine)
  const storage = new VolatileStorage()
  const target = await openMachine(storage)
  await target.restore(metaAt(appliedIndex), streamOf(chunks))

  const restarted = await openMachine(await storage.afterPowerFailure())

  expect(restarted.durableIndex).toBe(appliedIndex)
  expect(await restarted.stateDigest()).toBe(await source.machine.stateDigest())
})
