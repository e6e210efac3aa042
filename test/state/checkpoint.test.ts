import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { rangeOf } from '../../src/ipam/range.ts'
import { CHECKPOINT_CUT, encodeCheckpoint } from '../../src/state/checkpoint-codec.ts'
import { ExpiryIndex } from '../../src/state/expiry-index.ts'
import {
  ADDRESS_RANGES,
  CHECKPOINT_KEY,
  CHECKPOINT_PARTS,
  checkpointPartKey,
  JOURNAL,
} from '../../src/state/key-space.ts'
import { loadRows } from '../../src/state/load.ts'
import { NetworkTable } from '../../src/state/network-table.ts'
import type { CheckpointLimits } from '../../src/state/space-checkpoints.ts'
import { allocateCommand, Harness, imageOf, metaAt, openMachine, streamOf } from './harness.ts'
import { MemoryStorage } from './memory-storage.ts'
import { VolatileStorage } from './volatile-storage.ts'

/** So small that every network and every few expiries are pieces of their own, with turns between them. */
const FINE: CheckpointLimits = {
  changesMin: 3,
  blockEntriesMax: 2,
  partBytes: 1,
  batchBytes: 1,
  sliceBytes: 1,
}
const NETWORKS = [
  { id: 'net-a', cidr: '10.0.0.0/26' },
  { id: 'net-b', cidr: '10.0.0.16/29' },
  { id: 'net-c', cidr: '2001:db8::/64' },
  { id: 'net-d', cidr: '2001:d00::/24' },
]

/** Everything that is rebuilt from rows or from a checkpoint. */
async function memoryOf(storage: MemoryStorage): Promise<unknown> {
  const { networks, expiries, coolings, checkpoint, point } = await loadRows(await storage.open())
  const spaces = [...networks.all()].map(({ id, prefix, space, ...counts }) => ({
    id,
    allocated: [...space.allocatedIn(rangeOf(prefix))],
    free: [...space.freeBlocks()],
    counts: [counts.activeAllocations, counts.allocations, space.allocatedCount, space.availableCount],
  }))
  const everything = { time: Number.POSITIVE_INFINITY, limit: 1_000 }
  const memory = {
    index: point.index,
    spaces,
    expiries: expiries.due(everything),
    coolings: coolings.due(everything),
  }
  return { memory, hasCheckpoint: checkpoint.head !== null }
}

async function withoutCheckpoint(storage: MemoryStorage): Promise<MemoryStorage> {
  const copy = await storage.copy()
  const database = await copy.open()
  await database.del(CHECKPOINT_KEY)
  for (const range of [CHECKPOINT_PARTS, JOURNAL]) await database.clear(range)
  return copy
}

async function withoutAddressRows(storage: MemoryStorage): Promise<MemoryStorage> {
  const copy = await storage.copy()
  await (await copy.open()).clear(ADDRESS_RANGES)
  return copy
}

function open(storage: MemoryStorage): Promise<Harness> {
  return openMachine(storage, { checkpointLimits: FINE }).then((machine) => new Harness(machine))
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

async function keysIn(storage: MemoryStorage, range: { gte: string; lt: string }): Promise<string[]> {
  return (await storage.open()).keys(range).all()
}

interface Step {
  readonly kind: 'allocate' | 'allocate' | 'release' | 'renew' | 'expire' | 'batch' | 'drop'
  readonly network: number
  readonly number: number
  readonly count: number
  readonly ttlMs: number | null
  readonly turns: number
  readonly flushes: boolean
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('allocate', 'allocate', 'allocate', 'release', 'renew', 'expire', 'batch', 'drop'),
  network: fc.nat(NETWORKS.length - 1),
  number: fc.nat(40),
  count: fc.integer({ min: 1, max: 3 }),
  ttlMs: fc.option(fc.integer({ min: 1, max: 12 })),
  turns: fc.nat(3),
  flushes: fc.boolean(),
})

/** Refusals are part of it: what they take back must not be in the journal. */
function applyStep(ipam: Harness, { kind, network, number, count, ttlMs }: Step): void {
  const { id, cidr } = NETWORKS[network] ?? { id: '', cidr: '' }
  const allocation = `alloc-${number}`
  if (kind === 'allocate') ipam.apply(allocateCommand(allocation, id, { count, ttlMs }))
  else if (kind === 'release') ipam.apply({ type: 'releaseAllocation', id: allocation, ifChangedIndex: null })
  else if (kind === 'renew')
    ipam.apply({ type: 'renewAllocation', id: allocation, ttlMs, ifChangedIndex: null })
  else if (kind === 'expire') ipam.expire(count)
  else if (kind === 'batch') {
    const items = [id, id, 'net-none'].slice(0, count).map((networkId, i) => {
      return allocateCommand(`alloc-${number + 100 * i}`, networkId, { ttlMs })
    })
    ipam.apply({ type: 'allocateBatch', items })
  } else {
    const outcome = ipam.apply({ type: 'deleteNetwork', id, ifChangedIndex: null })
    if (outcome.ok) ipam.createNetwork(`${id}-${ipam.machine.appliedIndex}`, cidr)
  }
}

describe('a checkpoint of memory', () => {
  test('and the journal since give what the rows give, whenever the power fails', async () => {
    let compared = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), async (steps) => {
        const storage = new VolatileStorage()
        const ipam = await open(storage)
        for (const { id, cidr } of NETWORKS)
          ipam.createNetwork(id, cidr, { cooldownMs: id === 'net-a' ? 5 : 0 })
        for (const step of steps) {
          ipam.time += 1
          applyStep(ipam, step)
          if (step.flushes) await ipam.machine.flush()
          await turns(step.turns)
        }
        await ipam.machine.flush()
        await turns(50)

        for (const image of storage.images) {
          const expected = await memoryOf(await withoutCheckpoint(image))
          const actual = (await memoryOf(image)) as { memory: object; hasCheckpoint: boolean }
          expect(actual.memory).toEqual((expected as { memory: object }).memory)
          if (actual.hasCheckpoint) compared += 1
        }
      }),
      { numRuns: 30 },
    )
    expect(compared).toBeGreaterThan(200)
  })

  test('spares reading a row for each allocation', async () => {
    const storage = new MemoryStorage()
    const ipam = await open(storage)
    ipam.createNetwork('net-1', '10.0.0.0/24')
    for (let i = 0; i < 20; i++) ipam.allocate(`alloc-${i}`, 'net-1', { ttlMs: 1_000 + i })
    await ipam.machine.flush()
    await turns(50)
    ipam.release('alloc-3')
    await ipam.machine.flush()

    const bare = await memoryOf(await withoutAddressRows(storage))

    expect(bare).toEqual(await memoryOf(storage))
    expect(bare).toMatchObject({ hasCheckpoint: true })
  })

  test('is what its head says, though a crash has ended an earlier attempt at the same index that had more parts', async () => {
    const storage = new MemoryStorage()
    const ipam = await open(storage)
    ipam.createNetwork('net-1', '10.0.0.0/24')
    for (let i = 0; i < 20; i++) ipam.allocate(`alloc-${i}`, 'net-1', { ttlMs: 1_000 + i })
    await ipam.machine.flush()
    await turns(50)
    const whole = await memoryOf(storage)
    const parts = await keysIn(storage, CHECKPOINT_PARTS)
    const generation = Number.parseInt(parts[0]?.slice(6, 20) ?? '', 16)
    await (await storage.open()).put(checkpointPartKey(generation, parts.length), Buffer.from('left over'))

    expect(await memoryOf(storage)).toEqual(whole)
    expect(whole).toMatchObject({ hasCheckpoint: true })
  })

  test('is not made of a small state', async () => {
    const storage = new MemoryStorage()
    const ipam = await Harness.open(storage)
    ipam.createNetwork('net-1', '10.0.0.0/24')
    ipam.allocate('alloc-1', 'net-1')
    await ipam.machine.flush()
    await turns(50)

    expect(await keysIn(storage, { gte: ' ', lt: '!' })).toEqual([])
  })

  test('ends the journal before it, and the last checkpoint', async () => {
    const storage = new MemoryStorage()
    const ipam = await open(storage)
    ipam.createNetwork('net-1', '10.0.0.0/24')
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 4; i++) ipam.allocate(`alloc-${round}-${i}`, 'net-1', { ttlMs: 1_000 })
      await ipam.machine.flush()
      await turns(50)
    }

    expect((await keysIn(storage, JOURNAL)).length).toBeLessThan(3)
    const generations = (await keysIn(storage, CHECKPOINT_PARTS)).map((key) => key.slice(6, 20))
    expect(new Set(generations).size).toBe(1)
  })

  test('is made of a state that came as a snapshot, and not taken over from the one before', async () => {
    const source = await Harness.open()
    source.createNetwork('net-9', '10.9.0.0/24')
    for (let i = 0; i < 20; i++) source.allocate(`alloc-${i}`, 'net-9', { ttlMs: 1_000 })
    const { appliedIndex, chunks } = await imageOf(source.machine)
    const storage = new MemoryStorage()
    const target = await open(storage)
    target.createNetwork('net-1', '10.0.0.0/24')
    for (let i = 0; i < 5; i++) target.allocate(`alloc-${i}`, 'net-1')
    await target.machine.flush()
    await turns(50)
    await target.machine.restore(metaAt(appliedIndex), streamOf(chunks))
    await turns(100)
    await target.machine.close()

    const memory = await memoryOf(storage)

    expect(memory).toMatchObject({ hasCheckpoint: true, memory: { spaces: [{ id: 'net-9' }] } })
    expect((memory as { memory: object }).memory).toEqual(
      ((await memoryOf(await withoutCheckpoint(storage))) as { memory: object }).memory,
    )
  })

  test('lets others have their turn after every thousand expiries', async () => {
    const expiries = new ExpiryIndex()
    const count = 100_000
    for (let i = 0; i < count; i++) expiries.append(i, { index: i, sequence: 0 })
    let turns = 0
    const clock = {
      setSoon: (resume: () => void) => {
        turns += 1
        setImmediate(resume)
      },
    }
    let bytes = 0
    for await (const part of encodeCheckpoint(
      { networks: new NetworkTable(), expiries },
      clock,
      CHECKPOINT_CUT,
    )) {
      bytes += part.length
    }
    expect(bytes).toBeGreaterThan(count * 17)
    expect(turns).toBeGreaterThanOrEqual(Math.floor(count / 1_024))
  })
})
