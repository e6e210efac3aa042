import { expect, test } from 'vitest'
import { Harness, imageOf, metaAt, openMachine, streamOf } from './harness.ts'
import { VolatileStorage } from './volatile-storage.ts'

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
