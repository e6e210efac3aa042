import { describe, expect, test } from 'vitest'
import { CorruptLogError } from '../../raft/errors.ts'
import type { SnapshotFile, SnapshotStore } from '../../raft/ports.ts'
import { metaAt } from './log-store.ts'

export async function* chunksOf(...texts: readonly string[]): AsyncIterable<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}

export async function textOf(file: SnapshotFile): Promise<string[]> {
  const texts: string[] = []
  for await (const chunk of file.chunks()) texts.push(Buffer.from(chunk).toString())
  return texts
}

/** What every `SnapshotStore` does. @param makeStore Resolves with what makes stores over the same storage. */
export function describeSnapshotStore(name: string, makeStore: () => Promise<() => SnapshotStore>): void {
  async function openNew() {
    const make = await makeStore()
    const store = make()
    expect(await store.open()).toBeNull()
    return { store, make }
  }
  /** A snapshot of another node, as bytes. */
  async function foreign(index: number, ...texts: string[]) {
    const { store } = await openNew()
    const file = await store.create(metaAt(index), chunksOf(...texts))
    const bytes = await file.read(0, file.sizeBytes + 10)
    const { identity, sizeBytes } = file
    await file.close()
    return { bytes, offer: { identity, lastIndex: index, sizeBytes } }
  }

  describe(`a snapshot store: ${name}`, () => {
    test('keeps a snapshot with its meta', async () => {
      const { store, make } = await openNew()
      const created = await store.create(metaAt(5), chunksOf('one', '', 'two', 'x'.repeat(3_000_000)))
      expect(await textOf(created)).toEqual(['one', 'two', 'x'.repeat(3_000_000)])
      await created.close()

      const found = await make().open()

      expect(found?.meta).toEqual(metaAt(5))
      expect(found?.identity).toBe(created.identity)
      expect(found && (await textOf(found))).toEqual(['one', 'two', 'x'.repeat(3_000_000)])
      await found?.close()
    })

    test('keeps one without any content', async () => {
      const { store } = await openNew()
      const file = await store.create(metaAt(5), chunksOf())
      expect(await textOf(file)).toEqual([])
      await file.close()
    })

    test('keeps only the newest', async () => {
      const { store, make } = await openNew()
      const older = await store.create(metaAt(5), chunksOf('older'))
      await (await store.create(metaAt(9), chunksOf('newer'))).close()

      // Somebody may still be reading it.
      expect(await textOf(older)).toEqual(['older'])
      await older.close()
      const found = await make().open()
      expect(found && (await textOf(found))).toEqual(['newer'])
      await found?.close()
    })

    test('forgets one whose making failed', async () => {
      const { store, make } = await openNew()
      async function* failing(): AsyncIterable<Uint8Array> {
        yield Buffer.from('half')
        throw new Error('no more')
      }

      await expect(store.create(metaAt(5), failing())).rejects.toThrow('no more')

      expect(await make().open()).toBeNull()
      await (await store.create(metaAt(5), chunksOf('whole'))).close()
    })

    test('receives what another one has sent', async () => {
      const { bytes, offer } = await foreign(8, 'a', 'b')
      const { store, make } = await openNew()
      const receiver = await store.receive(offer)
      expect(receiver.offset).toBe(0)
      for (let at = 0; at < bytes.length; at += 7) await receiver.write(bytes.subarray(at, at + 7))

      const file = await receiver.finish()

      expect(file.meta).toEqual(metaAt(8))
      expect(file.identity).toBe(offer.identity)
      expect(await textOf(file)).toEqual(['a', 'b'])
      await file.close()
      const found = await make().open()
      expect(found?.identity).toBe(offer.identity)
      await found?.close()
    })

    test('goes on where an interrupted one stopped', async () => {
      const { bytes, offer } = await foreign(8, 'x'.repeat(5000), 'y'.repeat(5000))
      const { store, make } = await openNew()
      const first = await store.receive(offer)
      await first.write(bytes.subarray(0, 8000))
      await first.suspend()
      const again = make()
      expect(await again.open()).toBeNull()

      const second = await again.receive(offer)

      expect(second.offset).toBeGreaterThan(5000)
      expect(second.offset).toBeLessThanOrEqual(8000)
      await second.write(bytes.subarray(second.offset))
      const file = await second.finish()
      expect(await textOf(file)).toEqual(['x'.repeat(5000), 'y'.repeat(5000)])
      await file.close()
    })

    test('starts anew for another snapshot', async () => {
      const one = await foreign(8, 'one'.repeat(1000))
      const other = await foreign(8, 'two'.repeat(1000))
      const { store } = await openNew()
      const first = await store.receive(one.offer)
      await first.write(one.bytes.subarray(0, 2000))

      const second = await store.receive(other.offer)

      expect(second.offset).toBe(0)
      await expect(first.write(one.bytes.subarray(2000))).rejects.toThrow('no longer received')
      await second.write(other.bytes)
      await (await second.finish()).close()
    })

    test('discards what does not verify', async () => {
      const { bytes, offer } = await foreign(8, 'a'.repeat(2000), 'b'.repeat(2000))
      const { store } = await openNew()
      const receiver = await store.receive(offer)
      const damaged = Buffer.from(bytes)
      damaged[3000] = (damaged[3000] ?? 0) ^ 1
      await receiver.write(damaged)

      await expect(receiver.finish()).rejects.toThrow(CorruptLogError)

      expect(await store.open()).toBeNull()
      expect((await store.receive(offer)).offset).toBe(0)
    })

    test('discards one that is not the one announced', async () => {
      const { bytes, offer } = await foreign(8, 'a')
      const { store } = await openNew()
      const short = await store.receive(offer)
      await short.write(bytes.subarray(0, bytes.length - 1))
      await expect(short.finish()).rejects.toThrow(CorruptLogError)

      const otherIndex = await store.receive({ ...offer, lastIndex: 9 })
      await otherIndex.write(bytes.subarray(otherIndex.offset))
      await expect(otherIndex.finish()).rejects.toThrow(CorruptLogError)
    })

    test('takes no more bytes than were announced', async () => {
      const { bytes, offer } = await foreign(8, 'a')
      const { store } = await openNew()
      const receiver = await store.receive(offer)
      await receiver.write(bytes)
      await expect(receiver.write(Buffer.from('x'))).rejects.toThrow('after its end')
    })

    test('holds nothing once it is cleared', async () => {
      const { store, make } = await openNew()
      await (await store.create(metaAt(5), chunksOf('a'))).close()

      await store.clear()

      expect(await make().open()).toBeNull()
    })
  })
}
