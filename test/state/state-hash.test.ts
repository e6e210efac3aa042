import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Command } from '../../src/ipam/command.ts'
import { ALLOCATION_DEFAULTS, NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'
import { Overlay } from '../../src/state/overlay.ts'
import { NOTHING_APPLIED } from '../../src/state/row-codec.ts'
import { StateHash } from '../../src/state/state-hash.ts'
import { ALICE, Harness, imageOf, metaAt, openMachine, START, streamOf, tokenOf } from './harness.ts'
import { MemoryStorage } from './memory-storage.ts'

const MAC = '02:00:00:00:00:01'

/** Entries of every kind that writes, refuses or does nothing. */
async function sourceLog(): Promise<Harness> {
  const ipam = await Harness.open()
  ipam.createNetwork('net-1', '10.0.0.0/24')
  ipam.machine.apply(ipam.append('noop', new Uint8Array()))
  for (let i = 0; i < 30; i++) {
    ipam.allocate(`alloc-${i}`, 'net-1', {
      hostname: 'h'.repeat(i % 7),
      ttlMs: i % 2 === 0 ? 1_000 + i : null,
    })
  }
  for (let i = 0; i < 10; i++) ipam.release(`alloc-${2 * i + 1}`)
  ipam.apply({ type: 'deleteNetwork', id: 'net-1', ifChangedIndex: null })
  const member = { id: 1, addr: 'a:1', voter: true, incarnation: 'x', schemas: null, isRolledBack: false }
  ipam.applyMembership({ members: [member], removed: [7], schemaVersion: 1 })
  ipam.time += 2_000
  ipam.expire()
  applyToSecondNetwork(ipam)
  return ipam
}

/** The commands that `sourceLog` has not used yet. */
function applyToSecondNetwork(ipam: Harness): void {
  const texts = { description: 'Racks of Halle 2', tags: ['lab'], metadata: { site: 'halle' } }
  const places = { gateway: '10.1.0.1', reserved: ['10.1.0.8-10.1.0.15'], cooldownMs: 500 }
  const network = { id: 'net-2' }
  ipam.createNetwork('net-2', '10.1.0.0/24', { ...texts, ...places, strategy: 'random' })
  const carved = { parentId: 'net-2', ids: ['net-3', 'net-4'], prefixLength: 28, ...texts }
  const commands: Command[] = [
    { type: 'carveNetworks', ...carved },
    { type: 'updateNetwork', id: 'net-3', changes: { strategy: 'next', tags: [] }, ifChangedIndex: null },
    {
      type: 'allocateBatch',
      items: ['x', 'y'].map((id) => ({ ...ALLOCATION_DEFAULTS, ...texts, token: tokenOf(id), network })),
    },
    {
      type: 'allocateBatch',
      items: ['z', 'x'].map((id) => ({ ...ALLOCATION_DEFAULTS, token: tokenOf(id), network })),
    },
    {
      type: 'updateAllocation',
      id: 'x',
      changes: { hostname: 'web', metadata: { site: null } },
      ifChangedIndex: null,
    },
    { type: 'renewAllocation', id: 'x', ttlMs: 1_000, ifChangedIndex: null },
    { type: 'releaseAllocation', id: 'y', ifChangedIndex: null },
    {
      type: 'importItems',
      items: [
        { ...NETWORK_DEFAULTS, kind: 'network', id: 'net-5', cidr: '10.1.0.0/24' },
        {
          ...ALLOCATION_DEFAULTS,
          kind: 'allocation',
          token: tokenOf('w'),
          network: { id: 'net-3' },
          mac: MAC,
        },
      ],
      isAtomic: false,
      skipsExisting: false,
    },
    { type: 'deleteNetwork', id: 'net-4', ifChangedIndex: null },
    { type: 'pruneAudit', before: START + 1, limit: 2_000 },
  ]
  for (const [i, command] of commands.entries()) {
    ipam.time += 100
    const stamp = { keyDigest: `key-${i}`, fingerprint: 'f' }
    for (const fingerprint of ['f', 'f', 'g']) ipam.apply(command, ALICE, null, { ...stamp, fingerprint })
  }
  ipam.time += 2_000
  ipam.expire()
}

const source = await sourceLog()

describe('the running hash of the state', () => {
  test('is the same in any rhythm of flushes and restarts', async () => {
    const after = fc.array(fc.constantFrom('go on', 'flush', 'restart', 'crash'), {
      minLength: source.log.length,
      maxLength: source.log.length,
    })
    await fc.assert(
      fc.asyncProperty(after, async (steps) => {
        let storage = new MemoryStorage()
        let machine = await openMachine(storage)
        for (const [i, entry] of source.log.entries()) {
          for (const missed of source.log.slice(machine.appliedIndex, i)) machine.apply(missed)
          machine.apply(entry)
          if (steps[i] === 'flush') await machine.flush()
          if (steps[i] === 'restart') {
            await machine.close()
            machine = await openMachine(storage)
          }
          if (steps[i] === 'crash') {
            storage = await storage.copy()
            machine = await openMachine(storage)
          }
        }
        for (const missed of source.log.slice(machine.appliedIndex)) machine.apply(missed)

        expect(machine.stateHash).toBe(source.machine.stateHash)
      }),
      { numRuns: 40 },
    )
  })

  test('comes with a snapshot, and goes on from there', async () => {
    const middle = Math.floor(source.log.length / 2)
    const sender = await openMachine(new MemoryStorage())
    for (const entry of source.log.slice(0, middle)) sender.apply(entry)
    const image = await imageOf(sender)
    const storage = new MemoryStorage()
    const receiver = await openMachine(storage)
    receiver.apply({ index: 1, term: 1, time: START, type: 'noop', payload: new Uint8Array() })

    await receiver.restore(metaAt(image.appliedIndex), streamOf(image.chunks))

    expect(receiver.stateHash).toBe(sender.stateHash)
    const reopened = await openMachine(storage)
    for (const entry of source.log.slice(middle)) reopened.apply(entry)
    expect(reopened.stateHash).toBe(source.machine.stateHash)
  })

  test('differs after a row was lost that a later entry depends on, though the log is the same', async () => {
    const storage = new MemoryStorage()
    const ipam = await Harness.open(storage)
    ipam.createNetwork('net-1', '10.0.0.0/24')
    ipam.allocate('alloc-1', 'net-1')
    await ipam.machine.close()
    const damaged = await storage.copy()
    const database = await damaged.open()
    for await (const key of database.keys({ gte: 'r', lt: 's' })) await database.del(key)

    const [intact, wrong] = [await openMachine(storage), await openMachine(damaged)]
    expect(wrong.stateHash).toBe(intact.stateHash)
    const entry = ipam.append('command', new Uint8Array())
    for (const machine of [intact, wrong]) machine.apply({ ...entry, type: 'noop' })
    expect(wrong.stateHash).toBe(intact.stateHash)
    for (const machine of [intact, wrong]) {
      const next = new Harness(machine)
      next.allocate('alloc-2', 'net-1')
    }
    expect(wrong.stateHash).not.toBe(intact.stateHash)
  })

  test('is not that of another entry, though no row differs', async () => {
    const hashes = await Promise.all(
      [
        { term: 1, time: START },
        { term: 2, time: START },
        { term: 1, time: START + 1 },
        { term: 1, time: START + 2 ** 32 },
      ].map(async ({ term, time }) => {
        const machine = await openMachine(new MemoryStorage())
        machine.apply({ index: 1, term, time, type: 'noop', payload: new Uint8Array() })
        return machine.stateHash
      }),
    )

    expect(new Set(hashes).size).toBe(4)
  })

  test('depends on every byte of every row, on their order, and on what is deleted', () => {
    const row = fc.tuple(
      fc.string({ unit: 'binary-ascii', maxLength: 9 }),
      fc.option(fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes))),
    )
    const rows = fc.array(row, { maxLength: 4 })
    fc.assert(
      fc.property(rows, rows, (a, b) => {
        const isSame = JSON.stringify(a) === JSON.stringify(b)
        expect(hashOf(a) === hashOf(b)).toBe(isSame)
      }),
      { numRuns: 2_000 },
    )
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 40 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (bytes, at, flip) => {
          const other = Buffer.from(bytes)
          const offset = at % bytes.length
          other[offset] = (other[offset] ?? 0) ^ flip

          expect(hashOf([['a', other]])).not.toBe(hashOf([['a', Buffer.from(bytes)]]))
        },
      ),
      { numRuns: 2_000 },
    )
  })

  test('has what an entry deletes in it', () => {
    const [deleting, idle] = [new Overlay(NOTHING_APPLIED), new Overlay(NOTHING_APPLIED)]
    deleting.put('a', null)
    for (const overlay of [deleting, idle]) overlay.commit({ index: 1, term: 1, time: START })

    expect(deleting.point.hash).not.toBe(idle.point.hash)
  })

  test('has what is withdrawn in it, whether or not the row was flushed before', () => {
    const [flushed, waiting] = [new Overlay(NOTHING_APPLIED), new Overlay(NOTHING_APPLIED)]
    for (const overlay of [flushed, waiting]) {
      overlay.put('a', Buffer.of(1))
      overlay.commit({ index: 1, term: 1, time: START })
    }
    flushed.beginFlush()
    flushed.endFlush()
    for (const overlay of [flushed, waiting]) {
      overlay.withdraw('a')
      overlay.commit({ index: 2, term: 1, time: START })
    }

    expect(flushed.point.hash).toBe(waiting.point.hash)
  })

  test('is part of the format: changing it makes nodes of two versions differ', () => {
    const rows: [string, Buffer | null][] = [
      ['a0000000000000a0000', Buffer.from('seven b')],
      ['e', Buffer.alloc(0)],
      ['r0', null],
    ]

    expect(hashOf(rows).toString(16)).toBe('71ec92ead1435ba6')
  })

  test('is the same in all programs: whatever else an entry writes, texts included, is a new schema version', async () => {
    const ipam = await sourceLog()
    const sessionId = ipam.openSession()
    for (const [sequence, id] of ['none', 'alloc-1', 'none'].entries()) {
      const stamp = { sessionId, sequence: sequence + 1, floor: 1 }
      ipam.apply({ type: 'releaseAllocation', id, ifChangedIndex: null }, ALICE, stamp)
    }

    expect(ipam.machine.stateHash).toBe('06b37614cc7ba728')
  })

  test('is the same for a command that is refused everywhere', async () => {
    const machines = [await Harness.open(), await Harness.open()]
    for (const ipam of machines) {
      expect(
        ipam.apply({ type: 'releaseAllocation', id: 'alloc-none', ifChangedIndex: null }, ALICE).ok,
      ).toBe(false)
    }

    expect(machines[0]?.machine.stateHash).toBe(machines[1]?.machine.stateHash)
  })
})

describe('the mark of a state that is wrong', () => {
  const divergence = { index: 5, hash: 'aa', majorityHash: 'bb' }

  test('outlives a crash, and is in no snapshot and no digest', async () => {
    const storage = new MemoryStorage()
    const ipam = await Harness.open(storage)
    ipam.createNetwork('net-1', '10.0.0.0/24')
    await ipam.machine.flush()
    const digest = await ipam.machine.stateDigest()

    await ipam.machine.markDiverged(divergence)

    const reopened = await openMachine(await storage.copy())
    expect(reopened.divergence).toEqual(divergence)
    expect(await reopened.stateDigest()).toBe(digest)
    const image = await imageOf(reopened)
    const target = await openMachine(new MemoryStorage())
    await target.restore(metaAt(image.appliedIndex), streamOf(image.chunks))
    expect(target.divergence).toBeNull()
  })

  test('goes with the state that it is about', async () => {
    const image = await imageOf(source.machine)
    const storage = new MemoryStorage()
    const machine = await openMachine(storage)
    await machine.markDiverged(divergence)

    await machine.restore(metaAt(image.appliedIndex), streamOf(image.chunks))

    expect(machine.divergence).toBeNull()
    expect((await openMachine(storage)).divergence).toBeNull()
  })
})

function hashOf(rows: readonly (readonly [string, Buffer | null])[]): bigint {
  const hash = new StateHash(0n)
  for (const [key, row] of rows) hash.addRow(key, row)
  return hash.endEntry({ index: 1, term: 1, time: START })
}
