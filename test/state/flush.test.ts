import { describe, expect, test } from 'vitest'
import type { StateDatabase } from '../../src/state/storage.ts'
import { Harness, listAllocations, listNetworks, ManualClock, openMachine } from './harness.ts'
import { MemoryStorage } from './memory-storage.ts'

/** A disk whose writes end when the test says so. */
class SlowStorage extends MemoryStorage {
  readonly writes: { end: () => void; fail: (error: Error) => void }[] = []

  override async open(): Promise<StateDatabase> {
    const database = await super.open()
    const batch = database.batch.bind(database) as () => ReturnType<StateDatabase['batch']>
    const slowBatch = () => {
      const slow = batch()
      const write = slow.write.bind(slow)
      slow.write = async () => {
        await new Promise<void>((resolve, reject) => this.writes.push({ end: resolve, fail: reject }))
        await write()
      }
      return slow
    }
    return Object.assign(database, { batch: slowBatch as unknown as StateDatabase['batch'] })
  }
}

async function open(limits = {}): Promise<{ ipam: Harness; storage: SlowStorage; clock: ManualClock }> {
  const storage = new SlowStorage()
  const clock = new ManualClock()
  return { ipam: new Harness(await openMachine(storage, { clock, limits })), storage, clock }
}

/** Lets everything run that does not wait for a test. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

describe('write-behind', () => {
  test('one timer starts a flush of everything that was applied until it ran', async () => {
    const { ipam, storage, clock } = await open()
    ipam.createNetwork('net-1', '10.0.0.0/24')
    ipam.allocate('alloc-1', 'net-1')
    expect(clock.timers).toBe(1)
    expect(storage.writes).toHaveLength(0)

    clock.runTimers()
    expect(storage.writes).toHaveLength(1)
    expect(ipam.machine.durableIndex).toBe(0)
    storage.writes[0]?.end()
    await settle()

    expect(ipam.machine.durableIndex).toBe(2)
    expect(clock.timers).toBe(0)
  })

  test('one batch is in flight; what is applied meanwhile is the next', async () => {
    const { ipam, storage, clock } = await open()
    ipam.createNetwork('net-1', '10.0.0.0/24')
    clock.runTimers()
    ipam.allocate('alloc-1', 'net-1')
    ipam.allocate('alloc-2', 'net-1')
    const flushed = ipam.machine.flush()
    expect(storage.writes).toHaveLength(1)

    storage.writes[0]?.end()
    await settle()
    expect(ipam.machine.durableIndex).toBe(1)
    expect(storage.writes).toHaveLength(2)
    storage.writes[1]?.end()
    await flushed

    expect(ipam.machine.durableIndex).toBe(3)
  })

  test('rows in flight, and rows deleted in flight, read as they were applied', async () => {
    const { ipam, storage, clock } = await open()
    ipam.createNetwork('net-1', '10.0.0.0/24')
    ipam.allocate('alloc-1', 'net-1')
    clock.runTimers()
    ipam.release('alloc-1')

    const active = await listAllocations(ipam.machine)
    const one = await ipam.machine.query({ type: 'allocation', id: ipam.idOf('alloc-1') })

    expect(active.rows).toEqual([])
    expect(one?.status).toBe('released')
    expect(storage.writes).toHaveLength(1)
  })

  test('above the bound nothing more is taken until a flush has made room', async () => {
    const { ipam, storage } = await open({ dirtyBytesMax: 4000, eagerBytes: 2000 })
    ipam.createNetwork('net-1', '10.0.0.0/24')
    expect(ipam.machine.waitForCapacity()).toBeNull()
    for (let i = 0; i < 5; i++) ipam.allocate(`alloc-${i}`, 'net-1')
    const capacity = ipam.machine.waitForCapacity()
    expect(capacity).not.toBeNull()
    expect(storage.writes).toHaveLength(1) // Started by itself, at `eagerBytes`.

    storage.writes[0]?.end()
    await settle()
    storage.writes[1]?.end()
    await capacity

    expect(ipam.machine.waitForCapacity()).toBeNull()
  })

  test('a flush that leaves too much makes no room', async () => {
    const { ipam, storage } = await open({ dirtyBytesMax: 4000, eagerBytes: 500 })
    ipam.createNetwork('net-1', '10.0.0.0/24')
    for (let i = 0; storage.writes.length === 0; i++) ipam.allocate(`alloc-${i}`, 'net-1')
    // Applied while the first batch is written: of these none is in it.
    for (let i = 0; ipam.machine.waitForCapacity() === null || i < 40; i++)
      ipam.allocate(`late-${i}`, 'net-1')
    let hasRoom = false
    void ipam.machine.waitForCapacity()?.then(() => {
      hasRoom = true
    })

    storage.writes[0]?.end()
    await settle()
    expect(storage.writes).toHaveLength(2)
    expect(hasRoom).toBe(false)

    storage.writes[1]?.end()
    await settle()
    expect(hasRoom).toBe(true)
  })

  test('what was applied while a batch was written is written without another entry', async () => {
    const { ipam, storage, clock } = await open()
    ipam.createNetwork('net-1', '10.0.0.0/24')
    clock.runTimers()
    ipam.allocate('alloc-1', 'net-1')
    storage.writes[0]?.end()
    await settle()

    expect(ipam.machine.durableIndex).toBe(1)
    clock.runTimers()
    storage.writes[1]?.end()
    await settle()

    expect(ipam.machine.durableIndex).toBe(2)
  })

  test('a large backlog goes in batches of whole entries, each with the index that it reaches', async () => {
    const { ipam, storage } = await open({ eagerBytes: Number.MAX_VALUE })
    const description = 'x'.repeat(300_000)
    for (let i = 0; i < 12; i++) {
      ipam.createNetwork(`net-${i}`, `10.${i}.0.0/16`, { description })
    }
    const flushed = ipam.machine.flush()

    for (let written = 0; written < storage.writes.length; written++) {
      storage.writes[written]?.end()
      await settle()
      const { machine } = await Harness.open(await storage.copy())
      const { rows } = await listNetworks(machine)
      expect(machine.appliedIndex).toBe(ipam.machine.durableIndex)
      expect(rows).toHaveLength(machine.appliedIndex)
    }
    await flushed

    expect(storage.writes.length).toBeGreaterThan(1)
    expect(ipam.machine.durableIndex).toBe(12)
  })

  test('a failure ends it: `failed` rejects, nothing is tried again, the durable index stays', async () => {
    const { ipam, storage, clock } = await open()
    ipam.createNetwork('net-1', '10.0.0.0/24')
    const flushed = ipam.machine.flush()
    storage.writes[0]?.fail(new Error('EIO'))

    await expect(flushed).rejects.toThrow('EIO')
    await expect(ipam.machine.failed).rejects.toThrow('EIO')
    ipam.createNetwork('net-2', '10.1.0.0/24')
    await expect(ipam.machine.flush()).rejects.toThrow('EIO')

    expect(storage.writes).toHaveLength(1)
    expect(clock.timers).toBe(0)
    expect(ipam.machine.durableIndex).toBe(0)
    await ipam.machine.close()
  })

  test('an entry that cannot be applied leaves none of its rows on disk', async () => {
    const storage = new MemoryStorage()
    const ipam = await Harness.open(storage)
    ipam.createNetwork('net-1', '10.0.0.0/24')
    await ipam.machine.flush()

    expect(() => ipam.machine.apply(ipam.append('membership', Buffer.from('{')))).toThrow('not JSON')
    await expect(ipam.machine.failed).rejects.toThrow('not JSON')
    await ipam.machine.close()

    expect((await Harness.open(storage)).machine.appliedIndex).toBe(1)
  })

  test('after an entry that cannot be applied nothing is answered, for half of it may be in memory', async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('net-1', '10.0.0.0/24')

    expect(() => ipam.machine.apply(ipam.append('membership', Buffer.from('{')))).toThrow('not JSON')

    await expect(listNetworks(ipam.machine)).rejects.toThrow('not JSON')
    expect(ipam.machine.access).toBeNull()
  })

  test('entries come in the order of the log, each once', async () => {
    const ipam = await Harness.open()
    const entry = ipam.append('noop', new Uint8Array())
    ipam.machine.apply(entry)

    expect(() => ipam.machine.apply(entry)).toThrow('entry 1 after 1')
    expect(() => ipam.machine.apply({ ...entry, index: 3 })).toThrow('entry 3 after 1')
  })

  test('close makes everything durable and leaves no timer', async () => {
    const storage = new MemoryStorage()
    const clock = new ManualClock()
    const ipam = new Harness(await openMachine(storage, { clock }))
    ipam.time += 77
    ipam.createNetwork('net-1', '10.0.0.0/24')
    await ipam.machine.close()

    const { machine } = await Harness.open(storage)
    expect(clock.timers).toBe(0)
    expect(machine.appliedIndex).toBe(1)
    expect(machine.appliedTime).toBe(ipam.time)
  })
})
