import { describe, expect, test } from 'vitest'
import { SLICE_BYTES } from '../../src/state/slices.ts'
import { Harness, imageOf, ManualClock, metaAt, openMachine } from './harness.ts'
import { MemoryStorage } from './memory-storage.ts'

/** As much as a snapshot chunk holds. */
const CHUNK_BYTES = 256 * 1024
/** A layer of the overlay, and what the last entry adds to it. */
const LAYER_BYTES = 1024 * 1024
const DIRTY_BYTES = 8 * LAYER_BYTES

/** Says at which turn of the event loop it is called. */
class TurnCounter {
  #turn = 0
  #isOver = false

  constructor() {
    const count = (): void => {
      this.#turn += 1
      if (!this.#isOver) setImmediate(count)
    }
    setImmediate(count)
  }

  get turn(): number {
    return this.#turn
  }

  stop(): void {
    this.#isOver = true
  }
}

/** All rows are in memory still: LevelDB has nothing that one would have to wait for. */
async function unflushed(): Promise<Harness> {
  const limits = { dirtyBytesMax: Infinity, eagerBytes: Infinity }
  const machine = await openMachine(new MemoryStorage(), { clock: new ManualClock(), limits })
  const ipam = new Harness(machine)
  const description = 'x'.repeat(10_000)
  for (let i = 0; i < DIRTY_BYTES / 20_000; i++) {
    const cidr = `10.${i >> 8}.${i & 255}.0/24`
    ipam.createNetwork(`net-${i}`, cidr, { description })
  }
  return ipam
}

describe('a snapshot of rows that are all in memory', () => {
  test('gives one chunk in a turn of the event loop, and sorts one layer', async () => {
    const { machine } = await unflushed()
    const image = await machine.snapshot()
    const turns = new TurnCounter()
    const bytesByTurn = new Map<number, number>()
    const rowsBytes: number[] = []

    for await (const { length } of image.chunks()) {
      bytesByTurn.set(turns.turn, (bytesByTurn.get(turns.turn) ?? 0) + length)
      rowsBytes.push(length)
    }

    turns.stop()
    await image.release()
    const [firstChunkTurn = 0] = bytesByTurn.keys()
    expect(rowsBytes.length).toBeGreaterThan(20)
    expect(Math.max(...bytesByTurn.values())).toBeLessThan(CHUNK_BYTES + SLICE_BYTES)
    expect(firstChunkTurn).toBeGreaterThanOrEqual(DIRTY_BYTES / LAYER_BYTES / 2)
  })

  test('is restored at most one chunk in a turn of the event loop', async () => {
    const { machine } = await unflushed()
    const { appliedIndex, chunks } = await imageOf(machine)
    const target = await openMachine(new MemoryStorage())
    const turns = new TurnCounter()
    const bytesByTurn = new Map<number, number>()
    async function* counted(): AsyncGenerator<Uint8Array> {
      for (const chunk of chunks) {
        bytesByTurn.set(turns.turn, (bytesByTurn.get(turns.turn) ?? 0) + chunk.length)
        yield chunk
      }
    }

    await target.restore(metaAt(appliedIndex), counted())

    turns.stop()
    expect(chunks.length).toBeGreaterThan(20)
    expect(Math.max(...bytesByTurn.values())).toBeLessThan(CHUNK_BYTES + SLICE_BYTES)
    expect(await target.stateDigest()).toBe(await machine.stateDigest())
  })
})
