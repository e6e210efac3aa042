import { describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS, type Raft } from '../../raft/core/state.ts'
import { CorruptLogError } from '../../raft/errors.ts'
import type { Ports, SnapshotFile } from '../../raft/ports.ts'
import { recover } from '../../raft/recovery.ts'
import { SegmentedLog } from '../../raft/storage/segmented-log.ts'
import { SnapshotFiles } from '../../raft/storage/snapshot-files.ts'
import type { LogIndex } from '../../raft/types.ts'
import { chunksOf, textOf } from '../contract/snapshot-store.ts'
import { MemoryDisk } from '../sim/memory-disk.ts'
import { membershipOf, metaAt, TIMING } from './core/solo-node.ts'
import { prng } from './storage/log-model.ts'

/** The disk of a follower that has entries up to 2, and has received nothing yet. */
class Follower {
  readonly #device = new MemoryDisk({ random: prng(1) })
  /** Of the life of its process. */
  #disk = this.#device.mount()
  readonly #store = new SnapshotFiles({ disk: this.#disk, directory: 'snapshots' })
  /** What its state machine was restored from. */
  restoredFrom: string[] = []
  readonly warnings: string[] = []

  static async withEntries(): Promise<Follower> {
    const follower = new Follower()
    const log = follower.#log()
    await log.open()
    const membership = membershipOf({ voters: [1, 2, 3] })
    await log.initialize({ lastIndex: 0, lastTerm: 0, lastTime: 0, membership, membershipIndex: 0 })
    const payload = new Uint8Array()
    const entries = [1, 2].map((index) => ({ index, term: 1, time: 0, type: 'noop', payload }) as const)
    await log.append({ hardState: { currentTerm: 1, votedFor: null }, entries })
    await log.close()
    await follower.#store.open()
    return follower
  }

  /** All of a snapshot of another node, as the transport hands it over. */
  async receive(lastIndex: LogIndex): Promise<SnapshotFile> {
    const sender = new SnapshotFiles({ disk: new MemoryDisk({ random: prng(2) }).mount(), directory: 's' })
    await sender.open()
    const sent = await sender.create(metaAt(lastIndex, 1), chunksOf(`up to ${lastIndex}`))
    const { identity, sizeBytes } = sent
    const receiver = await this.#store.receive({ identity, lastIndex, sizeBytes })
    await receiver.write(await sent.read(0, sizeBytes))
    return receiver.finish()
  }

  /** A bit of its header turns over. */
  damageSnapshot(): void {
    const path = [...this.#device.contents().keys()].find((name) => name.endsWith('.snapshot'))
    this.#device.flipBit(path ?? '', 20, 0)
  }

  /** The commit point of an installation, and the power goes before the state machine is restored. */
  async loseLogTo(lastIndex: LogIndex): Promise<void> {
    const log = this.#log()
    await log.open()
    await log.reset(metaAt(lastIndex, 1))
    this.#device.crash('drop')
  }

  /** @param durableIndex Of its state machine. */
  start({ durableIndex }: { durableIndex: LogIndex }): Promise<Raft> {
    this.#disk = this.#device.mount()
    let appliedIndex = durableIndex
    const stateMachine = {
      get appliedIndex() {
        return appliedIndex
      },
      durableIndex,
      restore: async (meta: { lastIndex: LogIndex }, chunks: AsyncIterable<Uint8Array>) => {
        this.restoredFrom = await textOf({ chunks: () => chunks } as SnapshotFile)
        appliedIndex = meta.lastIndex
      },
    }
    const ports = {
      log: this.#log(),
      snapshots: new SnapshotFiles({ disk: this.#disk, directory: 'snapshots' }),
      clock: { now: () => 0, wallTime: () => 0, setTimer: () => () => {}, setSoon: () => {} },
      random: () => 0,
      logger: {
        info: () => {},
        warn: (_: object, message: string) => this.warnings.push(message),
        error: () => {},
      },
      stateMachine,
    }
    const initialMembership = membershipOf({ voters: [1, 2, 3] })
    const schemas = { min: 1, max: 1 }
    const options = { id: 1, initialMembership, schemas, timing: TIMING, limits: DEFAULT_LIMITS }
    return recover(options, ports as unknown as Ports)
  }

  #log(): SegmentedLog {
    return new SegmentedLog({ disk: this.#disk, directory: 'log', segmentBytes: 8192 })
  }
}

describe('a snapshot that was received and not wanted, for its leader was none any more', () => {
  test('is not in the way of an older one of the next leader, whose installation a power failure interrupts', async () => {
    const follower = await Follower.withEntries()
    await (await follower.receive(9)).close()
    await (await follower.receive(7)).close()
    await follower.loseLogTo(7)

    const raft = await follower.start({ durableIndex: 2 })

    expect(follower.restoredFrom).toEqual(['up to 7'])
    expect(raft.log.base.lastIndex).toBe(7)
  })
})

describe('a snapshot that no start needs any more, for the state machine has all of it', () => {
  test('may be damaged: the node starts, and says so', async () => {
    const follower = await Follower.withEntries()
    await (await follower.receive(9)).close()
    follower.damageSnapshot()

    const raft = await follower.start({ durableIndex: 2 })

    expect(raft.log.lastIndex).toBe(2)
    expect(follower.warnings).toEqual(['a snapshot that is not needed cannot be read'])
  })

  test('is needed, damaged or not, if the log begins after it and the state does not', async () => {
    const follower = await Follower.withEntries()
    await (await follower.receive(9)).close()
    follower.damageSnapshot()
    await follower.loseLogTo(9)

    await expect(follower.start({ durableIndex: 2 })).rejects.toThrow(CorruptLogError)
  })
})
