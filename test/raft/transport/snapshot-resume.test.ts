/** Real files behind real sockets: what is on the wire after a transfer broke off, whoever goes on with it. */
import fs from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Disk, SnapshotFile, SnapshotOffer } from '../../../raft/ports.ts'
import { FileDisk } from '../../../raft/storage/file-disk.ts'
import { SnapshotFiles } from '../../../raft/storage/snapshot-files.ts'
import { metaAt } from '../../contract/log-store.ts'
import { MemoryDisk } from '../../sim/memory-disk.ts'
import { prng } from '../storage/log-model.ts'
import { temporaryDirectory } from '../storage/temporary-directory.ts'
import { TestNode } from './support.ts'

const CHUNK_BYTES = 64 * 1024
const CHUNKS = 192
/** Frames, handshakes and what is sent again of a chunk that had not come whole. */
const OVERHEAD_BYTES = 2 * 256 * 1024

const nodes: TestNode[] = []
const cables: Cable[] = []

afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.transport.close()))
  for (const cable of cables.splice(0)) cable.close()
})

/** A TCP connection between two nodes that counts what passes towards the second, and can be cut after some bytes. */
class Cable {
  readonly #server: Server
  passed = 0
  cutAfter = Infinity

  private constructor(port: number) {
    this.#server = createServer((from) => {
      const to = connect({ host: '127.0.0.1', port })
      const end = (): void => {
        from.destroy()
        to.destroy()
      }
      for (const socket of [from, to]) socket.on('error', end).on('close', end)
      to.pipe(from)
      from.on('data', (bytes: Buffer) => {
        this.passed += bytes.length
        if (this.passed > this.cutAfter) {
          this.cutAfter = Infinity
          end()
        } else if (!to.write(bytes)) {
          from.pause()
          to.once('drain', () => from.resume())
        }
      })
    })
    cables.push(this)
  }

  static async to(node: TestNode): Promise<Cable> {
    const cable = new Cable(node.transport.port ?? 0)
    await new Promise<void>((resolve) => cable.#server.listen(0, '127.0.0.1', resolve))
    return cable
  }

  get addr(): string {
    const address = this.#server.address()
    return `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  }

  close(): void {
    this.#server.close()
  }
}

async function start(id: number, files: SnapshotFiles | null = null): Promise<TestNode> {
  const node = new TestNode({
    id,
    onSnapshotOffer: async (offer: SnapshotOffer) => (files === null ? null : files.receive(offer)),
  })
  nodes.push(await node.start())
  return node
}

async function openFiles(disk: Disk): Promise<SnapshotFiles> {
  const files = new SnapshotFiles({ disk, directory: 'snapshots' })
  await files.open()
  return files
}

/** About 12 MiB; another `seed` is another snapshot of the same index. */
async function makeSnapshot(seed = 1): Promise<SnapshotFile> {
  const random = prng(seed)
  const files = await openFiles(new FileDisk(temporaryDirectory()))
  return files.create(
    metaAt(70),
    (async function* () {
      for (let i = 0; i < CHUNKS; i++) {
        yield Buffer.alloc(
          CHUNK_BYTES,
          Uint8Array.from({ length: 97 }, () => random() * 256),
        )
      }
    })(),
  )
}

/** Over `cable`, which is to node 2. */
async function send(from: TestNode, cable: Cable, file: SnapshotFile): Promise<void> {
  const { sizeBytes, identity } = file
  const offer = { from: from.id, to: 2, term: 3, session: 4, lastIndex: 70, sizeBytes, identity }
  from.transport.setPeers([{ id: 2, addr: cable.addr }])
  await from.until(() => from.isConnected(2))
  await from.transport.sendSnapshot(offer, file)
}

async function cutAtOneThird(sender: TestNode, receiver: TestNode, file: SnapshotFile): Promise<void> {
  const cable = await Cable.to(receiver)
  cable.cutAfter = file.sizeBytes / 3
  await expect(send(sender, cable, file)).rejects.toThrow()
}

describe('a snapshot that was cut at a third', () => {
  /** The receiver's directory, and the file that it was sent a third of by node 1. */
  async function broken(): Promise<{
    root: string
    receiver: TestNode
    sender: TestNode
    file: SnapshotFile
  }> {
    const root = temporaryDirectory()
    const receiver = await start(2, await openFiles(new FileDisk(root)))
    const sender = await start(1)
    const file = await makeSnapshot()
    await cutAtOneThird(sender, receiver, file)
    return { root, receiver, sender, file }
  }

  async function expectWhole(receiver: TestNode, file: SnapshotFile): Promise<void> {
    await receiver.until(() => receiver.snapshots.length === 1)
    const received = receiver.snapshots[0]?.file
    expect(received?.identity).toBe(file.identity)
    expect(received?.sizeBytes).toBe(file.sizeBytes)
    await received?.close()
    await file.close()
  }

  function expectResumed({ passed }: Cable, { sizeBytes }: SnapshotFile): void {
    expect(passed).toBeGreaterThan((sizeBytes * 2) / 3 - OVERHEAD_BYTES)
    // What was under way when the connection was cut is lost: at most what both ends buffer.
    expect(passed).toBeLessThan(sizeBytes - CHUNK_BYTES)
  }

  test('goes on there, and only the rest is on the wire', async () => {
    const { receiver, sender, file } = await broken()
    const cable = await Cable.to(receiver)

    await send(sender, cable, file)

    expectResumed(cable, file)
    await expectWhole(receiver, file)
  })

  test('goes on there after the receiver was restarted', async () => {
    const { root, receiver, sender, file } = await broken()
    await receiver.transport.close()
    const restarted = await start(2, await openFiles(new FileDisk(root)))
    const cable = await Cable.to(restarted)

    await send(sender, cable, file)

    expectResumed(cable, file)
    await expectWhole(restarted, file)
  })

  test('goes on there when another leader has the same snapshot', async () => {
    const { receiver, file } = await broken()
    const leader = await start(3)
    const same = await makeSnapshot()
    expect(same.identity).toBe(file.identity)
    const cable = await Cable.to(receiver)

    await send(leader, cable, same)

    expectResumed(cable, same)
    await expectWhole(receiver, same)
  })

  test('begins anew when another leader has another one, and nothing is left of the first', async () => {
    const { root, receiver } = await broken()
    const leader = await start(3)
    const other = await makeSnapshot(2)
    const cable = await Cable.to(receiver)

    await send(leader, cable, other)

    expect(cable.passed).toBeGreaterThan(other.sizeBytes)
    await expectWhole(receiver, other)
    expect(fs.readdirSync(join(root, 'snapshots'))).toHaveLength(1)
  })
})

describe('a receiver whose disk is full in the middle', () => {
  test('says so, keeps what it has, and goes on from there once there is room', async () => {
    const file = await makeSnapshot()
    const device = new MemoryDisk({ random: prng(1) })
    const receiver = await start(2, await openFiles(device.mount()))
    const sender = await start(1)
    device.failAt(device.operations + 40, 'short-write')

    await expect(send(sender, await Cable.to(receiver), file)).rejects.toThrow()
    await receiver.until(() => receiver.logged('ENOSPC').length === 1)
    device.clearFaults()
    const cable = await Cable.to(receiver)
    await send(sender, cable, file)

    expect(cable.passed).toBeLessThan(file.sizeBytes - CHUNK_BYTES)
    await receiver.until(() => receiver.snapshots.length === 1)
    expect(receiver.snapshots[0]?.file.identity).toBe(file.identity)
    expect(receiver.fatal).toEqual([])
    await file.close()
  })
})
