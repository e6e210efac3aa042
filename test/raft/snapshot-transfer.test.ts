import { describe, expect, test } from 'vitest'
import type { SnapshotFile, SnapshotStore, StateMachine, Transport } from '../../raft/ports.ts'
import { SnapshotTransfer, type SnapshotTransferHost } from '../../raft/snapshot-transfer.ts'
import { SnapshotFiles } from '../../raft/storage/snapshot-files.ts'
import { RefusedError } from '../../raft/transport/errors.ts'
import { MemoryDisk } from '../sim/memory-disk.ts'
import { metaAt } from './core/solo-node.ts'

const QUIET = { info: () => {}, warn: () => {}, error: () => {} }

/** A node whose log starts after `baseIndex` and whose state machine is at `appliedIndex`. */
class Sender {
  baseIndex = 0
  appliedIndex = 10
  created = 0
  closed = 0
  readonly sent: { to: number; lastIndex: number }[] = []
  isConnected = true
  canCreate = true
  /** When what is sent is there. */
  arrival: Promise<void> = Promise.resolve()
  /** What reading the file, and what the peer, says of it. */
  isReadable = true
  isCorrupt = false
  readonly transfer: SnapshotTransfer

  constructor() {
    const snapshots: Pick<SnapshotStore, 'create'> = {
      create: async (meta): Promise<SnapshotFile> => {
        this.created += 1
        await null
        if (!this.canCreate) throw new Error('ENOSPC')
        return {
          meta,
          identity: `snapshot-${meta.lastIndex}`,
          sizeBytes: 1,
          read: async () => {
            if (!this.isReadable) throw new Error('EIO')
            return Buffer.alloc(1)
          },
          chunks: async function* () {},
          close: async () => {
            this.closed += 1
          },
        }
      },
    }
    const stateMachine: Pick<StateMachine, 'snapshot'> = {
      snapshot: async () => {
        return { appliedIndex: this.appliedIndex, chunks: async function* () {}, release: async () => {} }
      },
    }
    const transport: Pick<Transport, 'sendSnapshot'> = {
      sendSnapshot: async ({ to, lastIndex }, file) => {
        if (!this.isConnected) throw new Error('no connection')
        await file.read(0, 1)
        if (this.isCorrupt) throw new RefusedError({ reason: 'corrupt', message: 'digest differs' }, 'peer')
        await this.arrival
        this.sent.push({ to, lastIndex })
      },
    }
    this.transfer = new SnapshotTransfer({
      id: 1,
      snapshots: snapshots as SnapshotStore,
      stateMachine: stateMachine as StateMachine,
      transport: transport as Transport,
      logger: QUIET,
      currentTerm: () => 1,
      metaAt: (index) => metaAt(index, 1),
      baseIndex: () => this.baseIndex,
      isInstalling: () => false,
    })
  }

  send(to: number): Promise<boolean> {
    return this.transfer.send(to, 1, () => {})
  }
}

describe('a snapshot for peers', () => {
  test('is made once for all that need one at the same time', async () => {
    const sender = new Sender()

    const results = await Promise.all([sender.send(2), sender.send(3), sender.send(4)])

    expect(results).toEqual([true, true, true])
    expect(sender.created).toBe(1)
  })

  test('is used again as long as the log goes on from it', async () => {
    const sender = new Sender()
    await sender.send(2)
    sender.baseIndex = 10
    sender.appliedIndex = 20

    await sender.send(3)

    expect(sender.sent.map(({ lastIndex }) => lastIndex)).toEqual([10, 10])
  })

  test('is made anew, once for all, when the log has left it behind', async () => {
    const sender = new Sender()
    await sender.send(2)
    sender.baseIndex = 15
    sender.appliedIndex = 20

    await Promise.all([sender.send(2), sender.send(3)])

    expect(sender.created).toBe(2)
    expect(sender.closed).toBe(1)
    expect(sender.sent.map(({ lastIndex }) => lastIndex)).toEqual([10, 20, 20])
  })

  test('that cannot be sent is not sent, and the file stays for the next try', async () => {
    const sender = new Sender()
    sender.isConnected = false
    expect(await sender.send(2)).toBe(false)
    sender.isConnected = true

    expect(await sender.send(2)).toBe(true)
    expect(sender.created).toBe(1)
  })

  // Bug 33, openraft#1829.
  test('that cannot be sent, or made, does not keep the log for it', async () => {
    const sender = new Sender()
    sender.isConnected = false
    await sender.send(2)
    expect(sender.transfer.lowestSending).toBe(Number.MAX_SAFE_INTEGER)

    sender.baseIndex = 15
    sender.canCreate = false
    expect(await sender.send(2)).toBe(false)
    expect(sender.transfer.lowestSending).toBe(Number.MAX_SAFE_INTEGER)

    sender.canCreate = true
    sender.isConnected = true
    expect(await sender.send(2)).toBe(true)
  })

  test.each([
    { why: 'cannot be read', isReadable: false, isCorrupt: false },
    { why: 'arrives damaged', isReadable: true, isCorrupt: true },
  ])('that $why is made anew for the next try', async (state) => {
    const sender = new Sender()
    Object.assign(sender, state)
    expect(await sender.send(2)).toBe(false)
    sender.isReadable = true
    sender.isCorrupt = false

    expect(await sender.send(2)).toBe(true)

    expect({ created: sender.created, closed: sender.closed }).toEqual({ created: 2, closed: 1 })
  })

  test('keeps the log from being compacted past it while it is on its way', async () => {
    const sender = new Sender()
    const sending = sender.send(2)
    expect(sender.transfer.lowestSending).toBe(0)

    await sending

    expect(sender.transfer.lowestSending).toBe(Number.MAX_SAFE_INTEGER)
  })

  test('keeps it also when another attempt for the same peer has failed meanwhile', async () => {
    const sender = new Sender()
    let arrive = (): void => {}
    sender.arrival = new Promise((resolve) => {
      arrive = resolve
    })
    let sending: Promise<boolean> | null = null
    await new Promise<void>((resolve) => {
      sending = sender.transfer.send(2, 1, () => resolve())
    })
    // The transport sends a peer one at a time.
    sender.isConnected = false
    expect(await sender.send(2)).toBe(false)

    expect(sender.transfer.lowestSending).toBe(10)

    arrive()
    expect(await sending).toBe(true)
  })
})

/** A snapshot up to `lastIndex` as a sender has it. */
async function snapshotUpTo(lastIndex: number): Promise<SnapshotFile> {
  const files = new SnapshotFiles({ disk: new MemoryDisk({ random: () => 0 }).mount(), directory: 'sent' })
  await files.open()
  return files.create(metaAt(lastIndex, 1), chunks())
}

async function* chunks(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('state')
}

/** A node that takes in snapshots; `isInstalling` is what its core says, `isReadable` what its state machine says of each. */
class Taker {
  isInstalling = false
  isReadable = true
  hasBadDisk = false
  readonly errors: object[] = []
  readonly files = new SnapshotFiles({
    disk: new MemoryDisk({ random: () => 0 }).mount(),
    directory: 'snapshots',
  })
  readonly transfer: SnapshotTransfer

  constructor() {
    const stateMachine: Pick<StateMachine, 'refusalOf'> = {
      refusalOf: async () => {
        if (this.hasBadDisk) throw new Error('EIO')
        return this.isReadable ? null : 'install newer software'
      },
    }
    const host: Pick<SnapshotTransferHost, 'snapshots' | 'stateMachine' | 'logger' | 'isInstalling'> = {
      snapshots: this.files,
      stateMachine: stateMachine as StateMachine,
      logger: { ...QUIET, error: (fields) => this.errors.push(fields) },
      isInstalling: () => this.isInstalling,
    }
    this.transfer = new SnapshotTransfer(host as SnapshotTransferHost)
  }

  static async open(): Promise<Taker> {
    const taker = new Taker()
    await taker.files.open()
    return taker
  }

  async receive(file: SnapshotFile): Promise<SnapshotFile> {
    const { identity, sizeBytes, meta } = file
    const offer = { from: 2, term: 1, session: 1, lastIndex: meta.lastIndex, sizeBytes, identity }
    const receiver = await this.transfer.receive(offer)
    await receiver.write(await file.read(0, sizeBytes))
    return receiver.finish()
  }
}

describe('a snapshot from a peer', () => {
  test('is kept until the core has said whether it is wanted', async () => {
    const taker = await Taker.open()
    taker.transfer.keepReceived(await taker.receive(await snapshotUpTo(10)))

    expect(taker.transfer.takeReceived()?.meta.lastIndex).toBe(10)
    expect(taker.transfer.takeReceived()).toBeNull()
  })

  test.each([
    { why: 'waits for the core', isInstalling: false },
    { why: 'is being put in place', isInstalling: true },
  ])('does not take the place of one that $why: a restart may need that file', async ({ isInstalling }) => {
    const taker = await Taker.open()
    taker.transfer.keepReceived(await taker.receive(await snapshotUpTo(10)))
    if (isInstalling) taker.transfer.takeReceived()
    taker.isInstalling = isInstalling

    await expect(taker.receive(await snapshotUpTo(20))).rejects.toThrow('another snapshot is being installed')

    expect((await taker.files.open())?.meta.lastIndex).toBe(10)
  })

  test('that this program cannot read gets nowhere near the log, and is not sent again; another one may be', async () => {
    const taker = await Taker.open()
    taker.isReadable = false

    await expect(taker.receive(await snapshotUpTo(10))).rejects.toThrow('install newer software')

    expect(taker.transfer.takeReceived()).toBeNull()
    expect(taker.errors).toMatchObject([{ lastIndex: 10, reason: 'install newer software' }])
    taker.isReadable = true
    await expect(taker.receive(await snapshotUpTo(10))).rejects.toThrow('cannot be read here')
    expect((await taker.receive(await snapshotUpTo(20))).meta.lastIndex).toBe(20)
  })

  test('that could just not be read back from the disk may come again', async () => {
    const taker = await Taker.open()
    taker.hasBadDisk = true
    await expect(taker.receive(await snapshotUpTo(10))).rejects.toThrow('EIO')
    taker.hasBadDisk = false

    expect((await taker.receive(await snapshotUpTo(10))).meta.lastIndex).toBe(10)
  })

  test('that is not wanted makes room for the next', async () => {
    const taker = await Taker.open()
    taker.transfer.keepReceived(await taker.receive(await snapshotUpTo(10)))
    taker.transfer.dropReceived()

    expect((await taker.receive(await snapshotUpTo(20))).meta.lastIndex).toBe(20)
  })
})
