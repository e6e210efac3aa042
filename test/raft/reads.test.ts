import { describe, expect, test } from 'vitest'
import { StateDivergedError } from '../../raft/errors.ts'
import { DEFAULT_READ_LIMITS, Reads } from '../../raft/reads.ts'

class Reader {
  now = 0
  readonly reads: Reads

  constructor({ firstId = 1 } = {}) {
    this.reads = new Reads(DEFAULT_READ_LIMITS, { now: () => this.now, firstId })
  }

  /** The id of the request that is made now; null if none is. */
  ask(): number | null {
    const event = this.reads.takeEvent()
    return event?.type === 'readIndex' ? event.id : null
  }
}

describe('reads that wait (thesis §6.4)', () => {
  test('one is served once the index that the leader named is applied', async () => {
    const { reads, ...reader } = new Reader()
    const read = reads.wait()
    const event = reads.takeEvent()
    expect(event).toEqual({ type: 'readIndex', id: 1 })

    reads.handleReadIndex({ id: 1, readIndex: 8 }, 7)
    reads.handleApplied(8)

    expect(await read).toBe(8)
    expect(reader.now).toBe(0)
  })

  test('one that comes while an index is asked for is not served by that one, but by the next, at once', async () => {
    const reader = new Reader()
    const { reads } = reader
    void reads.wait()
    const first = reader.ask()
    const second = reads.wait()
    expect(reads.hasNext).toBe(false)

    reads.handleReadIndex({ id: first ?? 0, readIndex: 5 }, 5)

    expect(reads.hasNext).toBe(true)
    const next = reader.ask()
    reads.handleReadIndex({ id: next ?? 0, readIndex: 6 }, 6)
    expect(await second).toBe(6)
  })

  test('an answer to the question of an earlier process of this node is not taken for one of ours', async () => {
    const earlier = new Reader({ firstId: 100 })
    void earlier.reads.wait()
    const late = earlier.ask() ?? 0
    const reader = new Reader({ firstId: 9_000 })
    const read = reader.reads.wait()
    const asked = reader.ask() ?? 0

    reader.reads.handleReadIndex({ id: late, readIndex: 1 }, 1)
    reader.reads.handleReadIndex({ id: asked, readIndex: 5 }, 5)

    expect(await read).toBe(5)
  })

  test('a question that is not answered is asked again under a new id, and the late answer counts for nothing', async () => {
    const reader = new Reader()
    const read = reader.reads.wait()
    const lost = reader.ask() ?? 0
    reader.now += DEFAULT_READ_LIMITS.retryMs
    reader.reads.handleTick(0)
    const again = reader.ask() ?? 0
    expect(again).toBeGreaterThan(lost)

    reader.reads.handleReadIndex({ id: lost, readIndex: 1 }, 1)
    reader.reads.handleReadIndex({ id: again, readIndex: 9 }, 9)

    expect(await read).toBe(9)
  })

  test('when nobody can say, the question waits for the next tick', () => {
    const reader = new Reader()
    void reader.reads.wait()

    reader.reads.handleReadIndex({ id: reader.ask() ?? 0, readIndex: null }, 0)

    expect(reader.ask()).toBeNull()
    reader.reads.handleTick(0)
    expect(reader.ask()).not.toBeNull()
  })

  test('one that nobody confirms in time fails, and says that nothing was applied', async () => {
    const reader = new Reader()
    const read = reader.reads.wait()
    reader.now += DEFAULT_READ_LIMITS.readTimeoutMs

    reader.reads.handleTick(0)

    await expect(read).rejects.toMatchObject({ code: 'RAFT_READ_TIMEOUT', applied: 'no' })
  })

  test('an index that is not reached in time is told from a leader that is not', async () => {
    const reader = new Reader()
    const read = reader.reads.waitForApplied(10, 3)
    reader.now += DEFAULT_READ_LIMITS.readTimeoutMs

    reader.reads.handleTick(4)

    await expect(read).rejects.toMatchObject({ code: 'RAFT_INDEX_NOT_REACHED' })
  })

  test('no more than the maximum wait', async () => {
    const reads = new Reads({ ...DEFAULT_READ_LIMITS, waitingReadsMax: 1 }, { now: () => 0, firstId: 1 })
    void reads.wait()

    await expect(reads.wait()).rejects.toMatchObject({ code: 'RAFT_OVERLOADED' })
  })

  test('all are answered when the node closes', async () => {
    const { reads } = new Reader()
    const [asked, waiting] = [reads.wait(), reads.waitForApplied(9, 0)]
    reads.takeEvent()

    reads.close()

    await expect(asked).rejects.toMatchObject({ code: 'RAFT_CLOSED' })
    await expect(waiting).rejects.toMatchObject({ code: 'RAFT_CLOSED' })
    await expect(reads.wait()).rejects.toMatchObject({ code: 'RAFT_CLOSED' })
  })

  test('those that wait for a state that turns out to be wrong fail, wherever they are', async () => {
    const { reads } = new Reader()
    const asked = reads.wait()
    reads.takeEvent()
    const [waiting, unapplied] = [reads.wait(), reads.waitForApplied(9, 0)]

    reads.rejectAll(() => new StateDivergedError(5))

    for (const read of [asked, waiting, unapplied]) {
      await expect(read).rejects.toMatchObject({ code: 'RAFT_STATE_DIVERGED', applied: 'no' })
    }
    expect(reads.hasNext).toBe(false)
  })
})
