import { describe, expect, test } from 'vitest'
import { CorruptLogError } from '../../../raft/errors.ts'
import type { SnapshotReceiver, SnapshotStore } from '../../../raft/ports.ts'
import { SnapshotFiles } from '../../../raft/storage/snapshot-files.ts'
import { metaAt } from '../../contract/log-store.ts'
import { chunksOf, textOf } from '../../contract/snapshot-store.ts'
import { MemoryDisk } from '../../sim/memory-disk.ts'
import { prng } from './log-model.ts'

function openStore(device: MemoryDisk): SnapshotStore {
  return new SnapshotFiles({ disk: device.mount(), directory: 'snapshots' })
}

async function stored(device: MemoryDisk): Promise<{ index: number; texts: string[] } | null> {
  const file = await openStore(device).open()
  if (file === null) return null
  const found = { index: file.meta.lastIndex, texts: await textOf(file) }
  await file.close()
  return found
}

const FIRST = { index: 5, texts: ['first', 'x'.repeat(700)] }
const SECOND = { index: 9, texts: ['second', 'y'.repeat(900)] }

/** Stores `FIRST`, then does `next`; counts what was acknowledged. */
async function run(device: MemoryDisk, next: (store: SnapshotStore) => Promise<unknown>): Promise<number> {
  const store = openStore(device)
  let acknowledged = 0
  try {
    await store.open()
    await (await store.create(metaAt(FIRST.index), chunksOf(...FIRST.texts))).close()
    acknowledged++
    await next(store)
    acknowledged++
  } catch {
    // The power is gone.
  }
  return acknowledged
}

async function foreignBytes(): Promise<{ bytes: Buffer; identity: string; sizeBytes: number }> {
  const device = new MemoryDisk({ random: prng(1) })
  const store = openStore(device)
  await store.open()
  const file = await store.create(metaAt(SECOND.index), chunksOf(...SECOND.texts))
  return { bytes: await file.read(0, file.sizeBytes), identity: file.identity, sizeBytes: file.sizeBytes }
}

describe('a snapshot store that loses power (bugs 24, 25, 31)', () => {
  async function checkEveryStep(next: (store: SnapshotStore) => Promise<unknown>): Promise<void> {
    for (const seed of [1, 2, 3]) {
      const whole = new MemoryDisk({ random: prng(seed) })
      expect(await run(whole, next)).toBe(2)
      for (let at = 1; at <= whole.operations; at++) {
        const device = new MemoryDisk({ random: prng(seed) })
        device.failAt(at, 'crash')
        const acknowledged = await run(device, next)
        const expected = [[null, FIRST], [FIRST, SECOND], [SECOND]][acknowledged]
        expect(expected, `operation ${at}, seed ${seed}`).toContainEqual(await stored(device))
        device.crash('random')
        expect(expected).toContainEqual(await stored(device))
        device.crash('random')
        // Nothing is in the way of the next one.
        expect(await run(device, async () => {})).toBe(2)
      }
    }
  }

  test('has the older or the newer one, at every step of making the newer one', async () => {
    await checkEveryStep(async (store) => {
      await store.create(metaAt(SECOND.index), chunksOf(...SECOND.texts))
    })
  })

  test('has the older or the newer one, at every step of receiving the newer one', async () => {
    const { bytes, identity, sizeBytes } = await foreignBytes()
    await checkEveryStep(async (store) => {
      const first = await store.receive({ identity, lastIndex: SECOND.index, sizeBytes })
      await first.write(bytes.subarray(0, 300))
      await first.suspend()
      const second = await store.receive({ identity, lastIndex: SECOND.index, sizeBytes })
      await second.write(bytes.subarray(second.offset))
      await second.finish()
    })
  })

  test('goes on receiving from what is intact, whatever a crash left of it', async () => {
    const { bytes, identity, sizeBytes } = await foreignBytes()
    for (let seed = 1; seed <= 40; seed++) {
      const device = new MemoryDisk({ random: prng(seed) })
      const store = openStore(device)
      await store.open()
      const first = await store.receive({ identity, lastIndex: SECOND.index, sizeBytes })
      await first.write(bytes.subarray(0, 800))
      device.crash('random')

      const again = openStore(device)
      await again.open()
      const second = await again.receive({ identity, lastIndex: SECOND.index, sizeBytes })
      expect(second.offset).toBeLessThanOrEqual(800)
      await second.write(bytes.subarray(second.offset))

      expect(await textOf(await second.finish())).toEqual(SECOND.texts)
    }
  })
})

/** Its sender may lose the connection at any moment, and offer it once more. (Found by seed 4259.) */
describe('a snapshot that is offered again while the file is still in use', () => {
  const ENDINGS = [
    { ending: 'finished', isWhole: true },
    { ending: 'suspended', isWhole: false },
  ]

  test.each(ENDINGS)('waits until the first of it is $ending', async ({ isWhole }) => {
    const { bytes, identity, sizeBytes } = await foreignBytes()
    const offer = { identity, lastIndex: SECOND.index, sizeBytes }
    let underWay = 0
    let mostUnderWay = 0
    const device = new MemoryDisk({
      random: prng(1),
      delay: async () => {
        underWay += 1
        mostUnderWay = Math.max(mostUnderWay, underWay)
        for (let turn = 0; turn < 500; turn++) await Promise.resolve()
        underWay -= 1
      },
    })
    const store = openStore(device)
    await store.open()
    const first = await store.receive(offer)
    await first.write(isWhole ? bytes : bytes.subarray(0, 800))
    mostUnderWay = 0

    const ended = isWhole ? first.finish() : first.suspend()
    const second = await store.receive(offer)
    await second.write(bytes.subarray(second.offset))
    await second.finish()
    await ended

    expect(mostUnderWay).toBe(1)
    device.crash('drop')
    expect(await stored(device)).toEqual(SECOND)
  })
})

test('of two receivers that are asked for at once, as when leadership changes, only the second one writes', async () => {
  const { bytes, identity, sizeBytes } = await foreignBytes()
  const offer = { identity, lastIndex: SECOND.index, sizeBytes }
  const store = openStore(new MemoryDisk({ random: prng(1) }))
  await store.open()

  const [first, second] = await Promise.all([store.receive(offer), store.receive(offer)])

  await expect(first.write(bytes)).rejects.toThrow('no longer received')
  await second.write(bytes)
  expect(await textOf(await second.finish())).toEqual(SECOND.texts)
})

describe('a snapshot whose sync failed while it was received (fsyncgate)', () => {
  test.each([
    { why: 'as it was put aside', end: (receiver: SnapshotReceiver) => receiver.suspend() },
    { why: 'as it was finished', end: (receiver: SnapshotReceiver) => receiver.finish() },
  ])('$why is received anew, for what came is not on disk, whatever later syncs say', async ({ end }) => {
    const { bytes, identity, sizeBytes } = await foreignBytes()
    const offer = { identity, lastIndex: SECOND.index, sizeBytes }
    const device = new MemoryDisk({ random: prng(1) })
    const store = openStore(device)
    await store.open()
    const first = await store.receive(offer)
    await first.write(bytes)
    device.failAt(device.operations + 1, 'EIO')
    await expect(end(first)).rejects.toThrow('EIO')

    const second = await store.receive(offer)
    await second.write(bytes.subarray(second.offset))
    await (await second.finish()).close()
    device.crash('drop')

    expect(await stored(device)).toEqual(SECOND)
  })
})

describe('a snapshot that has changed on disk', () => {
  test('is never read as if it had not, whatever bit it is', async () => {
    const device = new MemoryDisk({ random: prng(1) })
    await run(device, async () => {})
    const [path, bytes] = [...device.contents()][0] ?? ['', Buffer.alloc(0)]
    expect(bytes.length).toBeGreaterThan(700)

    for (let offset = 0; offset < bytes.length; offset++) {
      device.flipBit(path, offset, offset % 8)
      await expect(stored(device), `byte ${offset}`).rejects.toThrow(CorruptLogError)
      device.flipBit(path, offset, offset % 8)
    }

    expect(await stored(device)).toEqual(FIRST)
  })

  test('takes no memory for lengths that are not possible', async () => {
    const device = new MemoryDisk({ random: prng(1) })
    await run(device, async () => {})
    const [path, bytes] = [...device.contents()][0] ?? ['', Buffer.alloc(0)]
    for (const offset of [12, bytes.indexOf('first') - 4]) {
      device.overwrite(path, offset, Uint8Array.of(0xff, 0xff, 0xff, 0x7f))
      await expect(stored(device)).rejects.toThrow(/a (header|chunk) of 2147483647 bytes/)
      device.overwrite(path, offset, bytes.subarray(offset, offset + 4))
    }
  })
})

test('a snapshot that does not fit is refused before its bytes come', async () => {
  const device = new MemoryDisk({ random: prng(1), capacityBytes: 10_000 })
  const store = openStore(device)
  await store.open()
  await expect(store.receive({ identity: 'a', lastIndex: 1, sizeBytes: 20_000 })).rejects.toThrow(
    '10000 are free',
  )
})

test('an identity from the network names no file outside', async () => {
  const device = new MemoryDisk({ random: prng(1) })
  const store = openStore(device)
  await store.open()
  await store.receive({ identity: '../../etc/passwd', lastIndex: 1, sizeBytes: 20 })
  expect([...device.contents().keys()]).toEqual([expect.stringMatching(/^snapshots\/[0-9a-f]{32}\.partial$/)])
})

test('a snapshot file on disk looks as it always did (format version 1)', async () => {
  const device = new MemoryDisk({ random: prng(1) })
  const store = openStore(device)
  await store.open()
  const membership = { members: [], removed: [], schemaVersion: 1 }
  const meta = { lastIndex: 5, lastTerm: 2, lastTime: 3, membership, membershipIndex: 1 }
  const file = await store.create(meta, chunksOf('hi'))
  expect((await file.read(0, file.sizeBytes)).toString('hex')).toMatchInlineSnapshot(
    `"52414654534e415001000000780000007b226c617374496e646578223a352c226c6173745465726d223a322c226c61737454696d65223a332c226d656d62657273686970223a7b226d656d62657273223a5b5d2c2272656d6f766564223a5b5d2c22736368656d6156657273696f6e223a317d2c226d656d62657273686970496e646578223a317d706c6ab9020000006869b4330c7800000000010000000000000002000000000000008fb396b3c59c8123ab8bb6fc18970aaeacbecc15774e6589eaf28a6f2cd6303e0b2f127b"`,
  )
})
