import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { levelStorage, writeBufferBytesOf } from '../../src/state/level-storage.ts'
import { EVERY_STATUS, Harness, imageOf, listAllocations, metaAt, streamOf } from './harness.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ipam-state-'))
})
afterEach(() => rm(directory, { recursive: true }))

async function filled(name: string): Promise<Harness> {
  const ipam = await Harness.open(levelStorage(join(directory, name)))
  ipam.createNetwork('net-1', '10.0.0.0/16')
  ipam.createNetwork('net-2', '2001:db8::/64')
  for (let i = 0; i < 2000; i++) {
    ipam.allocate(`alloc-${i}`, i % 2 === 0 ? 'net-1' : 'net-2', { ttlMs: i % 5 === 0 ? 1000 + i : null })
    if (i % 3 === 0) ipam.release(`alloc-${i / 3}`)
    if (i % 500 === 0) await ipam.machine.flush()
  }
  return ipam
}

test('on LevelDB, the state is the same after closing and opening', async () => {
  const before = await filled('a')
  const digest = await before.machine.stateDigest()
  const { nextExpiry, appliedIndex } = before.machine
  const stats = await before.machine.query({ type: 'networkStats', id: 'net-2' })
  await before.machine.close()

  const after = await Harness.open(levelStorage(join(directory, 'a')))

  expect(await after.machine.stateDigest()).toBe(digest)
  expect(await after.machine.query({ type: 'networkStats', id: 'net-2' })).toEqual(stats)
  expect(after.machine).toMatchObject({ nextExpiry, appliedIndex, durableIndex: appliedIndex })
  await after.machine.close()
})

test('on LevelDB, a snapshot replaces the state, and every list agrees with that of its source', async () => {
  const source = await filled('a')
  const image = await imageOf(source.machine)
  const storage = levelStorage(join(directory, 'b'))
  const target = await Harness.open(storage)
  target.createNetwork('net-old', '10.0.0.0/8')
  await target.machine.flush()

  await target.machine.restore(metaAt(image.appliedIndex), streamOf(image.chunks))

  expect(await target.machine.stateDigest()).toBe(await source.machine.stateDigest())
  for (const networkId of [null, 'net-1', 'net-2']) {
    for (const statuses of [EVERY_STATUS, ['allocated'] as const]) {
      const filter = { networkId, statuses }
      expect(await listAllocations(target.machine, filter)).toEqual(
        await listAllocations(source.machine, filter),
      )
    }
  }
  await source.machine.close()
  await target.machine.close()
  expect(await readdir(directory)).toEqual(['a', 'b'])
})

test('rows without an applied row are what an interrupted restore left: they are removed', async () => {
  const storage = levelStorage(join(directory, 'a'))
  const database = await storage.open()
  await database.put('nonsense', Buffer.from('x'))
  await database.close()

  const ipam = await Harness.open(storage)
  expect(ipam.machine.durableIndex).toBe(0)
  ipam.createNetwork('net-1', '10.0.0.0/8')
  await ipam.machine.close()

  const after = await storage.open()
  expect(after.getSync('nonsense')).toBeUndefined()
  await after.close()
})

test('a removal that was interrupted is finished by the next opening', async () => {
  const storage = levelStorage(join(directory, 'a'))
  await (await filled('a')).machine.close()
  await (await filled('a.discarded')).machine.close()
  await rm(join(directory, 'a.discarded', 'CURRENT'))

  const database = await storage.open()

  expect(await readdir(directory)).toEqual(['a'])
  await database.close()
  await storage.destroy()
  await storage.destroy()
  expect(await readdir(directory)).toEqual([])
})

test('nodes that write the same rows do not write them out at the same moment', () => {
  const MIB = 1024 * 1024
  for (let id = 1; id <= 1_000; id++) {
    const sizes = [0, 1, 2, 3, 4].map((next) => writeBufferBytesOf(id + next) / MIB).toSorted((a, b) => a - b)
    const gaps = sizes.slice(1).map((size, i) => size - (sizes[i] ?? 0))
    expect(Math.min(...gaps)).toBeGreaterThan(2)
    expect(sizes[0]).toBeGreaterThanOrEqual(24)
    expect(sizes.at(-1)).toBeLessThanOrEqual(40)
  }
})
