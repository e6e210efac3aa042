/**
 * What each allocation costs a node that starts: rows to read, and memory. Counted on some ten thousand of them, so that a million stay
 * within seconds and half a gigabyte; `bench/scale.ts` measures that.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { beforeAll, describe, expect, test } from 'vitest'
import { CountingStorage } from './counting-storage.ts'
import { accepted, allocateCommand, Harness, openMachine } from './harness.ts'
import { MemoryStorage } from './memory-storage.ts'

const FEW = 5_000
const MANY = 30_000
const PER_NETWORK = 1_000
const BUILD_MS_MAX = 60_000
/** It is 40 to 45: 24 are those of an expiry. One JavaScript object for each allocation would be twice that. */
const BYTES_EACH_MAX = 90
/** Records of the newest host names, 5,120 at most, and what there is of networks, sessions and the checkpoint. */
const READS_MAX = 7_000

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

async function bytesInUse(): Promise<number> {
  // What was closed is let go of in later turns.
  for (let i = 0; i < 3; i++) {
    collect()
    await turns(2)
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Each with a host name and an expiry; half of them all over their networks. */
async function stored(count: number): Promise<MemoryStorage> {
  const storage = new MemoryStorage()
  const ipam = await Harness.open(storage)
  for (let n = 0; n < count / PER_NETWORK; n++) {
    const id = `net-${n}`
    ipam.createNetwork(id, `10.${n}.0.0/16`, { strategy: n % 2 === 0 ? 'random' : 'lowest' })
    const items = Array.from({ length: PER_NETWORK }, (_, i) => {
      return allocateCommand(`${n}-${i}`, id, {
        hostname: `host-${n}-${i}.example`,
        ttlMs: 1_000_000 + 60 * i,
      })
    })
    accepted(ipam.apply({ type: 'allocateBatch', items }))
    await ipam.machine.flush()
  }
  // The checkpoint is made in turns of its own.
  await turns(200)
  await ipam.machine.close()
  return storage
}

async function bytesOfMemory(storage: MemoryStorage): Promise<number> {
  // What is made once and stays is none of it.
  await (await openMachine(storage)).close()
  const before = await bytesInUse()
  const machine = await openMachine(storage)
  const bytes = (await bytesInUse()) - before
  await machine.close()
  return bytes
}

describe('a node that starts', () => {
  let few: MemoryStorage
  let many: MemoryStorage
  beforeAll(async () => {
    few = await stored(FEW)
    many = await stored(MANY)
  }, BUILD_MS_MAX)

  test('does not read a row for each allocation', async () => {
    const storage = new CountingStorage(many)

    const machine = await openMachine(storage)

    const { keys, rows } = storage.reads
    expect(machine.figures.expiringCount, 'it has them').toBe(MANY)
    expect(keys + rows, 'reads are not counted').toBeGreaterThan(MANY / PER_NETWORK)
    expect(keys + rows).toBeLessThan(READS_MAX)
    await machine.close()
  })

  test('has a few bytes of memory for each', async () => {
    const each = ((await bytesOfMemory(many)) - (await bytesOfMemory(few))) / (MANY - FEW)

    expect(each, 'memory is not measured').toBeGreaterThan(10)
    expect(each).toBeLessThan(BYTES_EACH_MAX)
  })
})
