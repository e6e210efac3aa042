import { MemoryLevel } from 'memory-level'
import type { StateDatabase, StateStorage } from '../../src/state/storage.ts'

/** Keeps its rows when the database is closed, as a disk does. */
export class MemoryStorage implements StateStorage {
  #database = newDatabase()

  async open(): Promise<StateDatabase> {
    await this.#database.open()
    return this.#database
  }

  async destroy(): Promise<void> {
    this.#database = newDatabase()
  }

  /** What a disk holds when the power fails now; this one goes on. */
  async copy(): Promise<MemoryStorage> {
    const copy = new MemoryStorage()
    const database = await copy.open()
    const batch = database.batch()
    for await (const [key, value] of (await this.open()).iterator()) batch.put(key, value)
    await batch.write()
    return copy
  }
}

function newDatabase(): MemoryLevel<string, Buffer> {
  return new MemoryLevel<string, Buffer>({ valueEncoding: 'buffer' })
}
