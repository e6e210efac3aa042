import { describe, expect, test } from 'vitest'
import type { Disk, DiskFile } from '../../../raft/ports.ts'
import { MemoryDisk, PowerLossError } from '../../sim/memory-disk.ts'
import { prng } from './log-model.ts'

const SECTOR_BYTES = 512

async function makeFile(disk: Disk, path = 'f'): Promise<DiskFile> {
  const file = await disk.open(path, { create: true })
  if (file === null) throw new Error('a created file is missing')
  return file
}

async function makeDurable(device: MemoryDisk, bytes: Buffer): Promise<DiskFile> {
  const disk = device.mount()
  const file = await makeFile(disk)
  file.write(0, bytes)
  await file.sync()
  await disk.syncDirectory('')
  return file
}

describe('the disk in memory', () => {
  test('loses, keeps or tears by sector what was not synced', async () => {
    const outcomes = new Set<string>()
    for (let seed = 1; seed <= 200; seed++) {
      const device = new MemoryDisk({ random: prng(seed) })
      const file = await makeDurable(device, Buffer.alloc(3 * SECTOR_BYTES, 'o'))
      file.write(0, Buffer.alloc(3 * SECTOR_BYTES, 'n'))
      device.crash('random')
      const bytes = device.contents().get('f') ?? Buffer.alloc(0)
      outcomes.add([0, 1, 2].map((sector) => String.fromCharCode(bytes[sector * SECTOR_BYTES] ?? 0)).join(''))
    }
    expect([...outcomes].toSorted()).toEqual(['nnn', 'nno', 'non', 'noo', 'onn', 'ono', 'oon', 'ooo'])
  })

  test('loses nothing that was synced', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const device = new MemoryDisk({ random: prng(seed) })
      await makeDurable(device, Buffer.from('durable'))
      device.crash('random')
      expect(device.contents().get('f')?.toString()).toBe('durable')
    }
  })

  test('keeps what was synced, even when a sync that began before ends after it', async () => {
    const waiting: (() => void)[] = []
    const device = new MemoryDisk({
      random: () => 0,
      delay: (kind) =>
        kind === 'sync' ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(),
    })
    const disk = device.mount()
    const file = await makeFile(disk)
    file.write(0, Buffer.from('older'))
    const first = file.sync()
    file.write(0, Buffer.from('newer, and longer'))
    const second = file.sync()
    const named = disk.syncDirectory('')

    waiting[1]?.()
    await second
    waiting[0]?.()
    await first
    await named
    device.crash('drop')

    const after = await device.mount().open('f', { create: false })
    expect(String(await after?.read(0, 100))).toBe('newer, and longer')
  })

  test('may forget a name until its directory is synced', async () => {
    const names = new Set<string>()
    for (let seed = 1; seed <= 50; seed++) {
      const device = new MemoryDisk({ random: prng(seed) })
      await makeDurable(device, Buffer.from('durable'))
      await device.mount().rename('f', 'g')
      device.crash('random')
      names.add([...device.contents().keys()].join())
    }
    expect([...names].toSorted()).toEqual(['f', 'g'])
  })

  test('calls clean, after a sync that failed, what it never wrote', async () => {
    const device = new MemoryDisk({ random: prng(1) })
    const file = await makeDurable(device, Buffer.from('old'))
    file.write(0, Buffer.from('new'))
    device.failAt(device.operations + 1, 'EIO')
    await expect(file.sync()).rejects.toThrow('EIO')
    await file.sync()
    expect((await file.read(0, 3)).toString()).toBe('new')

    device.crash('random')

    expect(device.contents().get('f')?.toString()).toBe('old')
  })

  test('answers no process from before a crash', async () => {
    const device = new MemoryDisk({ random: prng(1) })
    const file = await makeDurable(device, Buffer.from('old'))
    const sync = file.sync()
    device.crash('keep')

    await expect(sync).rejects.toThrow(PowerLossError)
    expect(() => file.write(0, Buffer.from('x'))).toThrow(PowerLossError)
    await expect(file.read(0, 1)).rejects.toThrow(PowerLossError)
  })

  test('is full at its capacity', async () => {
    const device = new MemoryDisk({ random: prng(1), capacityBytes: 1000 })
    const disk = device.mount()
    const file = await makeFile(disk)
    file.write(0, Buffer.alloc(600))
    expect(await disk.freeBytes()).toBe(400)
    expect(() => file.write(600, Buffer.alloc(401))).toThrow('ENOSPC')
  })
})
