import { expect, test } from 'vitest'
import { DEFAULT_APPLY_LIMITS } from '../../raft/apply-lane.ts'
import type { Event } from '../../raft/core/event.ts'
import type { Inbox } from '../../raft/inbox.ts'
import { Lanes } from '../../raft/lanes.ts'
import type { RaftNodeOptions } from '../../raft/node-options.ts'
import type { Ports, SnapshotFile } from '../../raft/ports.ts'
import type { LogIndex } from '../../raft/types.ts'
import { SoloNode, TIMING } from './core/solo-node.ts'

/** A leader with ten entries, all applied, whose peer takes a snapshot of the first four and is never done with it. */
class Sender {
  readonly node = new SoloNode({ terms: Array<number>(10).fill(1), appliedIndex: 10 })
  readonly compactedTo: LogIndex[] = []
  /** What the state machine makes who applies wait for. */
  capacity: Promise<void> | null = null
  readonly #events: Event[] = []
  readonly lanes: Lanes

  constructor() {
    const ports = {
      log: {
        indexBefore: () => 0,
        compact: async ({ lastIndex }: { lastIndex: LogIndex }) => {
          this.compactedTo.push(lastIndex)
        },
      },
      stateMachine: {
        durableIndex: 9,
        apply: () => {},
        waitForCapacity: () => this.capacity,
        snapshot: async () => ({ appliedIndex: 4, chunks: async function* () {}, release: async () => {} }),
      },
      snapshots: {
        create: async (meta: SnapshotFile['meta']) => ({ meta, identity: 'one', sizeBytes: 1 }),
      },
      transport: { sendSnapshot: () => new Promise<void>(() => {}) },
      logger: { info: () => {}, warn: () => {}, error: () => {} },
      clock: { now: () => 0 },
      disk: { freeBytes: async () => 1 },
    }
    const applyLimits = DEFAULT_APPLY_LIMITS
    const options = {
      timing: TIMING,
      applyLimits,
      retainedEntriesMin: 0,
      retainedBytesMax: 1,
      diskLowBytes: 1,
    }
    this.lanes = new Lanes({
      ports: ports as unknown as Ports,
      options: options as unknown as RaftNodeOptions,
      raft: this.node.raft,
      inbox: { add: (event: Event) => this.#events.push(event) } as unknown as Inbox,
      onApplied: () => {},
      onSlice: () => {},
      isStateWrong: () => false,
      onInstalled: () => {},
      onFatal: (error) => {
        throw error
      },
    })
  }

  async begin(): Promise<void> {
    void this.lanes.snapshots.send({ to: 2, session: 1 })
    while (!this.#events.some(({ type }) => type === 'snapshotStarted')) await Promise.resolve()
  }
}

test.each([
  { why: 'for as long as a peer takes a snapshot that ends there', isLow: false, compactedTo: 4 },
  { why: 'but not once this disk is low: then the process would end', isLow: true, compactedTo: 9 },
])('the log is kept $why', async ({ isLow, compactedTo }) => {
  const sender = new Sender()
  await sender.begin()
  sender.node.disk = { stallMs: 0, isLow }
  sender.node.elapse(1)

  sender.lanes.compact()

  expect(sender.compactedTo).toEqual([compactedTo])
})

test('a state that does not get to disk is a stall of the disk as well, once the state machine has no room for more', () => {
  const { lanes } = new Sender()
  expect(lanes.handleTick(700)).toMatchObject({ stallMs: 0 })
  const full = new Sender()
  full.capacity = new Promise(() => {})

  full.lanes.apply.push([{ index: 11, term: 1, time: 0, type: 'noop', payload: new Uint8Array() }])

  expect(full.lanes.handleTick(700)).toMatchObject({ stallMs: 700 })
})
