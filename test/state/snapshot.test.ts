import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { CorruptStateError } from '../../src/state/errors.ts'
import { Harness, imageOf, listAudit, listNetworks, metaAt, openMachine, streamOf } from './harness.ts'
import { MemoryStorage } from './memory-storage.ts'

let source: Harness
let image: { appliedIndex: number; chunks: Buffer[] }
let bytes: Buffer
let digest: string

beforeAll(async () => {
  source = await Harness.open()
  source.createNetwork('net-1', '10.0.0.0/20')
  for (let i = 0; i < 300; i++)
    source.allocate(`alloc-${i}`, 'net-1', { hostname: 'x'.repeat(i), ttlMs: i + 1 })
  for (let i = 0; i < 100; i++) source.release(`alloc-${3 * i}`)
  source.applyMembership({
    members: [
      { id: 1, addr: 'a:1', voter: true, incarnation: 'x', schemas: { min: 1, max: 2 }, isRolledBack: true },
    ],
    removed: [7],
    schemaVersion: 3,
  })
  image = await imageOf(source.machine)
  bytes = Buffer.concat(image.chunks)
  digest = await source.machine.stateDigest()
})

describe('a snapshot', () => {
  test('restores to the same state, however its bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5000 }), async (chunkBytes) => {
        const chunks: Buffer[] = []
        for (let i = 0; i < bytes.length; i += chunkBytes) chunks.push(bytes.subarray(i, i + chunkBytes))
        const target = await openMachine(new MemoryStorage())

        await target.restore(metaAt(image.appliedIndex), streamOf(chunks))

        expect(await target.stateDigest()).toBe(digest)
        expect(target.appliedIndex).toBe(image.appliedIndex)
        expect(target.durableIndex).toBe(image.appliedIndex)
      }),
      { numRuns: 10 },
    )
  })

  test('has the same bytes on every node that has the same state', async () => {
    const replica = await openMachine(new MemoryStorage())
    for (const entry of source.log) {
      replica.apply(entry)
      if (entry.index % 50 === 0) await replica.flush()
    }

    expect(Buffer.concat((await imageOf(replica)).chunks).equals(bytes)).toBe(true)
  })

  test('is of the index at which it was asked for, while later entries are applied', async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('net-1', '10.0.0.0/20')
    for (let i = 0; i < 50; i++) ipam.allocate(`alloc-${i}`, 'net-1')
    const digestThen = await ipam.machine.stateDigest()

    const pending = ipam.machine.snapshot()
    for (let i = 0; i < 50; i++) ipam.release(`alloc-${i}`)
    const image = await pending
    expect(ipam.machine.durableIndex).toBeGreaterThanOrEqual(image.appliedIndex)
    await ipam.machine.flush()
    const chunks: Uint8Array[] = []
    for await (const chunk of image.chunks()) chunks.push(chunk)
    await image.release()

    const target = await openMachine(new MemoryStorage())
    expect(image.appliedIndex).toBe(51)
    await target.restore(metaAt(51), streamOf(chunks))
    expect(await target.stateDigest()).toBe(digestThen)
  })

  test('replaces everything that was there, and the machine goes on from it', async () => {
    const storage = new MemoryStorage()
    const target = await Harness.open(storage)
    target.createNetwork('net-old', '10.0.0.0/16')
    target.allocate('alloc-old', 'net-old')

    await target.machine.restore(metaAt(image.appliedIndex), streamOf(image.chunks))

    expect(await target.machine.query({ type: 'network', id: 'net-old' })).toBeNull()
    expect(await target.machine.query({ type: 'allocation', id: 'alloc-old' })).toBeNull()
    expect(target.machine.nextExpiry).toBe(source.machine.nextExpiry)
    expect(target.allocate('alloc-new', 'net-1').changedIndex).toBe(image.appliedIndex + 1)
    await target.machine.close()
    expect((await openMachine(storage)).appliedIndex).toBe(image.appliedIndex + 1)
  })

  test('that is not of the offered index, or no snapshot, changes nothing', async () => {
    const target = await Harness.open()
    target.createNetwork('net-1', '10.0.0.0/16')

    const { machine } = target
    await expect(machine.restore(metaAt(7), streamOf(image.chunks))).rejects.toThrow(CorruptStateError)
    await expect(machine.restore(metaAt(7), streamOf([Buffer.from('nonsense….')]))).rejects.toThrow(
      'not a snapshot',
    )
    await expect(machine.restore(metaAt(7), streamOf([]))).rejects.toThrow(CorruptStateError)

    expect(target.machine.appliedIndex).toBe(1)
    expect(target.createNetwork('net-2', '10.1.0.0/16').changedIndex).toBe(2)
  })

  test('that breaks off leaves an empty state, also after a restart', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 60, max: bytes.length - 1 }), async (length) => {
        const storage = new MemoryStorage()
        const target = await Harness.open(storage)
        target.createNetwork('net-1', '10.0.0.0/16')
        const part = streamOf([bytes.subarray(0, length)])

        await expect(target.machine.restore(metaAt(image.appliedIndex), part)).rejects.toThrow(
          CorruptStateError,
        )

        expect(target.machine.durableIndex).toBe(0)
        expect(target.machine.appliedIndex).toBe(0)
        expect((await openMachine(await storage.copy())).durableIndex).toBe(0)
        await target.machine.restore(metaAt(image.appliedIndex), streamOf(image.chunks))
        expect(await target.machine.stateDigest()).toBe(digest)
      }),
      { numRuns: 20 },
    )
  })

  test('whose restore the power interrupts leaves durable index 0, and nothing of the half-made state', async () => {
    const storage = new MemoryStorage()
    const target = await Harness.open(storage)
    target.createNetwork('net-1', '10.0.0.0/16')
    await target.machine.flush()
    const disks: MemoryStorage[] = []
    // Small chunks are gathered into batches of 1 MiB, so make many large ones.
    const large = await largeImage()
    async function* watched(): AsyncGenerator<Uint8Array> {
      for (const chunk of large.chunks) {
        yield chunk
        disks.push(await storage.copy())
      }
    }

    await target.machine.restore(metaAt(large.appliedIndex), watched())

    const reopened = await Promise.all(disks.map((disk) => Harness.open(disk)))
    expect(reopened.length).toBeGreaterThan(8)
    for (const { machine } of reopened) {
      expect(machine.durableIndex).toBe(0)
      expect(machine.appliedIndex).toBe(0)
      expect((await listNetworks(machine)).rows).toEqual([])
      expect((await listAudit(machine)).rows).toEqual([])
    }
    expect(target.machine.durableIndex).toBe(large.appliedIndex)
  })

  test('a restore waits for reads under way, and reads wait for the restore', async () => {
    const target = await Harness.open()
    target.createNetwork('net-old', '10.0.0.0/16')

    const before = listNetworks(target.machine)
    const restored = target.machine.restore(metaAt(image.appliedIndex), streamOf(image.chunks))
    const during = listNetworks(target.machine)

    expect((await before).rows.map(({ id }) => id)).toEqual(['net-old'])
    expect((await during).rows.map(({ id }) => id)).toEqual(['net-1'])
    await restored
  })

  test('that breaks off answers nobody with the empty state: neither who waited for it, nor who asks later', async () => {
    const target = await Harness.open()
    target.createNetwork('net-old', '10.0.0.0/16')

    const restored = target.machine.restore(
      metaAt(image.appliedIndex),
      streamOf([bytes.subarray(0, bytes.length - 1)]),
    )
    const during = listNetworks(target.machine)

    expect(await Promise.allSettled([restored, during])).toMatchObject([
      { reason: expect.any(CorruptStateError) },
      { reason: expect.any(CorruptStateError) },
    ])
    await expect(listNetworks(target.machine)).rejects.toThrow(CorruptStateError)
    await expect(target.machine.oldestAudit()).rejects.toThrow(CorruptStateError)
    expect(target.machine.access).toBeNull()
    await target.machine.restore(metaAt(image.appliedIndex), streamOf(image.chunks))
    expect((await listNetworks(target.machine)).rows.map(({ id }) => id)).toEqual(['net-1'])
    expect(target.machine.access).not.toBeNull()
  })

  test('an image that is still read when a restore begins breaks', async () => {
    const target = await Harness.open()
    for (let i = 0; i < 20; i++) target.createNetwork(`net-${i}`, `10.${i}.0.0/16`)
    const open = await target.machine.snapshot()
    const chunks = open.chunks()[Symbol.asyncIterator]()
    await target.machine.restore(metaAt(image.appliedIndex), streamOf(image.chunks))

    await expect(chunks.next()).rejects.toThrow()
    await open.release()
  })

  test.each([
    { what: 'snapshot', at: 8, found: 2 },
    { what: 'state', at: 12 + 6 + '!applied'.length + 1, found: 100 },
  ])(
    'in a newer format of the $what is found out from its beginning, before anything gives way to it',
    async (format) => {
      const { what, at, found } = format
      const target = await openMachine(new MemoryStorage())
      const newer = Buffer.from(bytes)
      newer[at] = found

      const refusalOf = (snapshot: Buffer): Promise<string | null> => {
        return target.refusalOf(metaAt(image.appliedIndex), beginningOf(snapshot))
      }

      expect(await refusalOf(newer)).toMatch(
        new RegExp(`^the ${what} is in format .*install newer software$`),
      )
      expect(await refusalOf(bytes)).toBeNull()
      expect(target.appliedIndex).toBe(0)
    },
  )

  test.each([
    { why: 'its magic', at: 0, message: 'not a snapshot' },
    { why: 'its version', at: 8, message: 'the snapshot is in format 0' },
    { why: 'the order of rows', at: 12 + 6, message: 'starts with' },
  ])('with damage to $why is refused', async ({ at, message }) => {
    const damaged = Buffer.from(bytes)
    damaged[at] = (damaged[at] ?? 0) ^ 1
    const target = await openMachine(new MemoryStorage())

    await expect(target.restore(metaAt(image.appliedIndex), streamOf([damaged]))).rejects.toThrow(message)
  })
})

/** What comes later may be of any length, and is not asked for. */
async function* beginningOf(snapshot: Buffer): AsyncGenerator<Uint8Array> {
  yield snapshot.subarray(0, 200)
  throw new Error('more was read than the beginning')
}

async function largeImage(): Promise<{ appliedIndex: number; chunks: Buffer[] }> {
  const ipam = await Harness.open()
  const description = 'x'.repeat(200_000)
  for (let i = 0; i < 30; i++) {
    ipam.createNetwork(`net-${i}`, `10.${i}.0.0/16`, { description })
  }
  return imageOf(ipam.machine)
}
