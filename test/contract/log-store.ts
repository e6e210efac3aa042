import { describe, expect, test } from 'vitest'
import type { LogStore } from '../../raft/ports.ts'
import type { Entry, EntryType, LogIndex, SnapshotMeta, Term } from '../../raft/types.ts'

export function entryAt(
  index: LogIndex,
  {
    term = 1,
    type = 'command',
    text = `entry ${index}`,
  }: { term?: Term; type?: EntryType; text?: string } = {},
): Entry {
  return { index, term, time: 1_700_000_000_000 + index, type, payload: Buffer.from(text) }
}

export function entriesFrom(first: LogIndex, last: LogIndex, term: Term = 1): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, i) => entryAt(first + i, { term }))
}

/** With its payload as text: a test framework compares buffers byte by byte, slowly. */
export function plain(entries: readonly Entry[]): object[] {
  return entries.map(({ payload, ...rest }) => ({ ...rest, text: Buffer.from(payload).toString('latin1') }))
}

export function metaAt(lastIndex: LogIndex, lastTerm: Term = lastIndex === 0 ? 0 : 1): SnapshotMeta {
  const member = {
    id: 1,
    addr: '127.0.0.1:5001',
    voter: true,
    incarnation: 'abc',
    schemas: { min: 1, max: 2 },
    isRolledBack: true,
  }
  const membership = { members: [member], removed: [7], schemaVersion: 3 }
  return { lastIndex, lastTerm, lastTime: 1_700_000_000_000, membership, membershipIndex: 0 }
}

/** What every `LogStore` does. @param makeStore Resolves with what makes stores over the same storage. */
export function describeLogStore(name: string, makeStore: () => Promise<() => LogStore>): void {
  async function openNew(): Promise<{ store: LogStore; make: () => LogStore }> {
    const make = await makeStore()
    const store = make()
    await store.open()
    await store.initialize(metaAt(0))
    return { store, make }
  }
  async function reopen(store: LogStore, make: () => LogStore) {
    await store.close()
    const again = make()
    return { again, recovered: await again.open() }
  }
  async function textsOf(store: LogStore, first: LogIndex, last: LogIndex): Promise<string[]> {
    const entries = await store.read({ first, last, bytesMax: Infinity })
    return entries.map(({ payload }) => Buffer.from(payload).toString())
  }

  describe(`a log store: ${name}`, () => {
    test('a new one knows nothing', async () => {
      const store = (await makeStore())()

      expect(await store.open()).toEqual({
        hardState: { currentTerm: 0, votedFor: null },
        base: null,
        lastIndex: 0,
        terms: [],
        membershipEntries: [],
        tornBytes: 0,
      })
      await store.close()
    })

    test('remembers its base, its hard state and its entries', async () => {
      const { store, make } = await openNew()
      await store.append({ hardState: { currentTerm: 3, votedFor: 2 }, entries: entriesFrom(1, 4, 2) })
      const change = entryAt(6, { term: 3, type: 'membership', text: 'members' })
      await store.append({
        hardState: null,
        entries: [entryAt(5, { term: 3, type: 'noop', text: '' }), change],
      })
      await store.append({ hardState: { currentTerm: 4, votedFor: null }, entries: [] })

      const { again, recovered } = await reopen(store, make)

      expect(recovered).toMatchObject({
        hardState: { currentTerm: 4, votedFor: null },
        base: metaAt(0),
        lastIndex: 6,
        terms: [
          { firstIndex: 1, term: 2 },
          { firstIndex: 5, term: 3 },
        ],
        tornBytes: 0,
      })
      expect(recovered.membershipEntries).toEqual([change])
      expect(plain(await again.read({ first: 1, last: 6, bytesMax: Infinity }))).toEqual(
        plain([...entriesFrom(1, 4, 2), entryAt(5, { term: 3, type: 'noop', text: '' }), change]),
      )
      await again.close()
    })

    test('entries replace those already there from the first one on (§3.5)', async () => {
      const { store, make } = await openNew()
      const lost = entryAt(5, { type: 'membership' })
      await store.append({ hardState: null, entries: [...entriesFrom(1, 4), lost, ...entriesFrom(6, 10)] })

      await store.append({ hardState: null, entries: entriesFrom(4, 5, 2) })

      expect(plain(await store.read({ first: 3, last: 5, bytesMax: Infinity }))).toEqual(
        plain([entryAt(3), ...entriesFrom(4, 5, 2)]),
      )
      const { again, recovered } = await reopen(store, make)
      expect(recovered.lastIndex).toBe(5)
      expect(recovered.terms).toEqual([
        { firstIndex: 1, term: 1 },
        { firstIndex: 4, term: 2 },
      ])
      expect(recovered.membershipEntries).toEqual([])
      expect(await textsOf(again, 1, 5)).toHaveLength(5)
      await again.close()
    })

    test('reads up to the wanted size, and always one entry', async () => {
      const { store } = await openNew()
      const text = 'x'.repeat(1000)
      const entries = Array.from({ length: 200 }, (_, i) => entryAt(i + 1, { text }))
      for (let i = 0; i < 200; i += 7)
        await store.append({ hardState: null, entries: entries.slice(i, i + 7) })

      expect(plain(await store.read({ first: 10, last: 200, bytesMax: 1 }))).toEqual(
        plain(entries.slice(9, 10)),
      )
      expect(plain(await store.read({ first: 10, last: 200, bytesMax: 5500 }))).toEqual(
        plain(entries.slice(9, 14)),
      )
      expect(plain(await store.read({ first: 1, last: 200, bytesMax: 10_000_000 }))).toEqual(plain(entries))
      expect(plain(await store.read({ first: 200, last: 200, bytesMax: 10_000_000 }))).toEqual(
        plain(entries.slice(199)),
      )
      await store.close()
    })

    test('reads while an append is in flight', async () => {
      const { store } = await openNew()
      await store.append({ hardState: null, entries: entriesFrom(1, 50) })

      const read = store.read({ first: 1, last: 50, bytesMax: Infinity })
      const append = store.append({ hardState: null, entries: entriesFrom(51, 60) })

      expect(plain(await read)).toEqual(plain(entriesFrom(1, 50)))
      await append
      expect(plain(await store.read({ first: 49, last: 60, bytesMax: Infinity }))).toEqual(
        plain(entriesFrom(49, 60)),
      )
      await store.close()
    })

    test('never mixes entries from before and after a replacement in one read', async () => {
      const { store } = await openNew()
      for (let first = 1; first <= 400; first += 10) {
        await store.append({ hardState: null, entries: entriesFrom(first, first + 9) })
      }

      const read = store.read({ first: 1, last: 400, bytesMax: Infinity })
      await store.append({ hardState: null, entries: entriesFrom(200, 400, 2) })

      const entries = await read
      expect(plain(entries)).toEqual(plain(entriesFrom(1, entries.length)))
      await store.close()
    })

    test('ends a read early, but well, when a compaction overtakes it', async () => {
      const { store } = await openNew()
      for (let first = 1; first <= 400; first += 10) {
        await store.append({ hardState: null, entries: entriesFrom(first, first + 9) })
      }

      const read = store.read({ first: 1, last: 400, bytesMax: Infinity })
      await store.compact(metaAt(399))

      const entries = await read
      expect(entries.length).toBeGreaterThan(0)
      expect(plain(entries)).toEqual(plain(entriesFrom(1, entries.length)))
      await store.close()
    })

    test('knows after which index there are so many bytes, and what is before can be forgotten', async () => {
      const { store, make } = await openNew()
      for (let first = 1; first <= 400; first += 10) {
        await store.append({ hardState: null, entries: entriesFrom(first, first + 9) })
      }
      const bytesAfter = async (index: number): Promise<number> => {
        const entries =
          index === 400 ? [] : await store.read({ first: index + 1, last: 400, bytesMax: Infinity })
        return entries.reduce((bytes, { payload }) => bytes + payload.length, 0)
      }
      const all = await bytesAfter(0)

      const half = store.indexBefore(all / 2)

      expect(store.indexBefore(1e9)).toBe(0)
      expect(half).toBeGreaterThanOrEqual(0)
      expect(half).toBeLessThan(400)
      if (half > 0) await store.compact(metaAt(half))
      const { again } = await reopen(store, make)
      expect(plain(await again.read({ first: half + 1, last: 400, bytesMax: Infinity }))).toEqual(
        plain(entriesFrom(half + 1, 400)),
      )
      await again.close()
    })

    test('forgets a prefix, and reports a base after which nothing is missing', async () => {
      const { store, make } = await openNew()
      for (let first = 1; first <= 400; first += 10) {
        await store.append({ hardState: null, entries: entriesFrom(first, first + 9) })
      }
      await store.append({ hardState: { currentTerm: 9, votedFor: 3 }, entries: [] })

      await store.compact(metaAt(300))
      await store.compact(metaAt(200))

      expect(plain(await store.read({ first: 301, last: 400, bytesMax: Infinity }))).toEqual(
        plain(entriesFrom(301, 400)),
      )
      const { again, recovered } = await reopen(store, make)
      expect(recovered.hardState).toEqual({ currentTerm: 9, votedFor: 3 })
      expect(recovered.lastIndex).toBe(400)
      const base = recovered.base?.lastIndex ?? 0
      expect([0, 300]).toContain(base)
      expect(recovered.terms).toEqual([{ firstIndex: base + 1, term: 1 }])
      expect(plain(await again.read({ first: base + 1, last: 400, bytesMax: Infinity }))).toEqual(
        plain(entriesFrom(base + 1, 400)),
      )
      await again.close()
    })

    test.each([
      { why: 'after', lastIndex: 1000 },
      { why: 'within', lastIndex: 7 },
    ])(
      'is empty after a reset to a base $why what it held, and keeps its vote (ch. 5)',
      async ({ lastIndex }) => {
        const { store, make } = await openNew()
        await store.append({ hardState: { currentTerm: 5, votedFor: 4 }, entries: entriesFrom(1, 40, 5) })

        await store.reset(metaAt(lastIndex, 6))
        await store.append({ hardState: null, entries: [entryAt(lastIndex + 1, { term: 6 })] })

        const { again, recovered } = await reopen(store, make)
        expect(recovered).toEqual({
          hardState: { currentTerm: 5, votedFor: 4 },
          base: metaAt(lastIndex, 6),
          lastIndex: lastIndex + 1,
          terms: [{ firstIndex: lastIndex + 1, term: 6 }],
          membershipEntries: [],
          tornBytes: 0,
        })
        await again.close()
      },
    )

    test('keeps a batch larger than anything it has reserved', async () => {
      const { store, make } = await openNew()
      const large = entryAt(1, { text: 'x'.repeat(3_000_000) })
      await store.append({ hardState: null, entries: [large] })
      await store.append({ hardState: null, entries: [entryAt(2)] })

      const { again } = await reopen(store, make)

      expect(plain(await again.read({ first: 1, last: 2, bytesMax: Infinity }))).toEqual(
        plain([large, entryAt(2)]),
      )
      await again.close()
    })

    test('refuses entries that leave a gap', async () => {
      const { store } = await openNew()
      await expect(store.append({ hardState: null, entries: [entryAt(2)] })).rejects.toThrow(
        'does not follow',
      )
    })

    test('does nothing once it is closed', async () => {
      const { store } = await openNew()
      await store.close()

      await expect(store.append({ hardState: null, entries: [entryAt(1)] })).rejects.toThrow()
      await expect(store.read({ first: 1, last: 1, bytesMax: 1 })).rejects.toThrow()
    })
  })
}
