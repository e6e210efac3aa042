import { describe, expect, test } from 'vitest'
import { SnapshotFiles } from '../../../raft/storage/snapshot-files.ts'
import { metaAt } from '../../contract/log-store.ts'
import { chunksOf, textOf } from '../../contract/snapshot-store.ts'
import { MemoryDisk } from '../../sim/memory-disk.ts'
import { prng } from './log-model.ts'

const MIB = 1024 * 1024
const CAPACITY_BYTES = 40 * MIB
const RESERVED_BYTES = 10 * MIB
const OLDER = 'the older one'

/** A store on a small disk that holds an older snapshot. */
async function openStore({ reservedBytes = RESERVED_BYTES } = {}) {
  const device = new MemoryDisk({ random: prng(1), capacityBytes: CAPACITY_BYTES })
  const disk = device.mount()
  const store = new SnapshotFiles({ disk, directory: 'snapshots', reservedBytes })
  await store.open()
  await (await store.create(metaAt(5), chunksOf(OLDER))).close()
  return { device, disk, store }
}

type Opened = Awaited<ReturnType<typeof openStore>>

/** Another user of the disk. */
async function occupy({ disk }: Opened, bytes: number): Promise<void> {
  const file = await disk.open('other', { create: true })
  await file?.allocate(bytes)
}

async function* mebibytes(count: number): AsyncIterable<Uint8Array> {
  for (let i = 0; i < count; i++) yield Buffer.alloc(MIB, i)
}

async function foreign(count: number) {
  const disk = new MemoryDisk({ random: prng(2) }).mount()
  const store = new SnapshotFiles({ disk, directory: 'snapshots' })
  await store.open()
  const file = await store.create(metaAt(9), mebibytes(count))
  const bytes = await file.read(0, file.sizeBytes)
  return { bytes, offer: { identity: file.identity, lastIndex: 9, sizeBytes: file.sizeBytes } }
}

/** What a restart finds. */
async function expectOlder({ disk }: Opened): Promise<void> {
  const found = await new SnapshotFiles({ disk, directory: 'snapshots' }).open()
  expect(found && (await textOf(found))).toEqual([OLDER])
  await found?.close()
}

describe('a snapshot that is made while the disk fills up', () => {
  test('ends before it takes what log and state machine may need, and leaves nothing behind', async () => {
    const opened = await openStore()
    const freeBefore = await opened.disk.freeBytes()
    let lowest = freeBefore
    async function* chunks(): AsyncIterable<Uint8Array> {
      for await (const chunk of mebibytes(39)) {
        lowest = Math.min(lowest, await opened.disk.freeBytes())
        yield chunk
      }
    }

    await expect(opened.store.create(metaAt(9), chunks())).rejects.toThrow('bytes of the disk')

    // One interval may pass between two looks.
    expect(lowest).toBeGreaterThan(RESERVED_BYTES - 9 * MIB)
    expect(await opened.disk.freeBytes()).toBe(freeBefore)
    await expectOlder(opened)
  })

  test('is not even begun when there is too little room', async () => {
    const opened = await openStore()
    await occupy(opened, CAPACITY_BYTES - RESERVED_BYTES)
    const operations = opened.device.operations

    await expect(opened.store.create(metaAt(9), chunksOf('small'))).rejects.toThrow('bytes of the disk')

    // The file was made, and removed.
    expect(opened.device.operations - operations).toBeLessThanOrEqual(4)
  })

  test('fails with the disk’s own word where nothing is reserved, and the next one may succeed', async () => {
    const opened = await openStore({ reservedBytes: 0 })

    await expect(opened.store.create(metaAt(9), mebibytes(41))).rejects.toThrow('ENOSPC')

    await expectOlder(opened)
    const file = await opened.store.create(metaAt(9), chunksOf('small'))
    expect(await textOf(file)).toEqual(['small'])
  })
})

describe('a snapshot that is received while the disk fills up', () => {
  test('is refused before its bytes come if it would take what is reserved', async () => {
    const { bytes, offer } = await foreign(12)
    const opened = await openStore()
    await occupy(opened, CAPACITY_BYTES - RESERVED_BYTES - bytes.length)

    await expect(opened.store.receive(offer)).rejects.toThrow('bytes of the disk')

    await expectOlder(opened)
  })

  test('is interrupted when others have filled the disk meanwhile, and goes on from there later', async () => {
    const { bytes, offer } = await foreign(20)
    const opened = await openStore()
    const first = await opened.store.receive(offer)
    await first.write(bytes.subarray(0, 7 * MIB))
    await occupy(opened, 25 * MIB)

    await expect(first.write(bytes.subarray(7 * MIB, 9 * MIB))).rejects.toThrow('bytes of the disk')
    await first.suspend()
    await expectOlder(opened)
    await opened.disk.remove('other')

    const second = await opened.store.receive(offer)
    expect(second.offset).toBeGreaterThan(7 * MIB)
    await second.write(bytes.subarray(second.offset))
    const file = await second.finish()
    expect((await file.read(0, file.sizeBytes)).equals(bytes)).toBe(true)
  })

  test('goes on after a write that the disk took in part', async () => {
    const { bytes, offer } = await foreign(4)
    const opened = await openStore({ reservedBytes: 0 })
    const first = await opened.store.receive(offer)
    await first.write(bytes.subarray(0, 2 * MIB))
    opened.device.failAt(opened.device.operations + 1, 'short-write')

    await expect(first.write(bytes.subarray(2 * MIB, 3 * MIB))).rejects.toThrow('ENOSPC')
    await first.suspend()

    const second = await opened.store.receive(offer)
    await second.write(bytes.subarray(second.offset))
    const file = await second.finish()
    expect((await file.read(0, file.sizeBytes)).equals(bytes)).toBe(true)
  })
})
