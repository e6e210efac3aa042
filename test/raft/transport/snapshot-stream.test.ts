import { afterEach, describe, expect, test } from 'vitest'
import { CorruptLogError } from '../../../raft/errors.ts'
import type { SnapshotFile, SnapshotOffer, SnapshotReceiver } from '../../../raft/ports.ts'
import { CHUNK_BYTES } from '../../../raft/transport/snapshot-stream.ts'
import type { SnapshotMeta } from '../../../raft/types.ts'
import { HandClock, TestNode, type TestNodeOptions, Watched } from './support.ts'

const META: SnapshotMeta = {
  lastIndex: 70,
  lastTerm: 3,
  lastTime: 1000,
  membership: { members: [], removed: [], schemaVersion: 1 },
  membershipIndex: 0,
}
const MIB = 1024 * 1024

const nodes: TestNode[] = []

afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.transport.close()))
})

async function started(options: TestNodeOptions): Promise<TestNode> {
  const node = await new TestNode(options).start()
  nodes.push(node)
  return node
}

/** A snapshot in memory that counts what is read of it. */
function snapshotFile(
  bytes: Buffer,
  onRead: () => void = () => {},
): SnapshotFile & { readOffsets: number[] } {
  const readOffsets: number[] = []
  return {
    meta: META,
    identity: 'one',
    sizeBytes: bytes.length,
    readOffsets,
    read: async (offset, length) => {
      readOffsets.push(offset)
      onRead()
      return bytes.subarray(offset, offset + length)
    },
    async *chunks() {
      yield bytes
    },
    close: async () => {},
  }
}

/** Keeps what it was given, over broken connections, and can be made to wait or to fail. */
class Store extends Watched implements SnapshotReceiver {
  readonly #bytes: Buffer[] = []
  offset = 0
  suspendCount = 0
  /** Called for each write. */
  onWrite: () => Promise<void> = async () => {}
  onFinish: () => void = () => {}

  get bytes(): Buffer {
    return Buffer.concat(this.#bytes)
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.onWrite()
    this.#bytes.push(Buffer.from(bytes))
    this.offset += bytes.length
    this.changed()
  }

  async finish(): Promise<SnapshotFile> {
    this.onFinish()
    return snapshotFile(this.bytes)
  }

  async suspend(): Promise<void> {
    this.suspendCount += 1
    this.changed()
  }
}

function offerOf(file: SnapshotFile): SnapshotOffer & { readonly to: number } {
  const { sizeBytes, identity } = file
  return { from: 1, to: 2, term: 3, session: 4, lastIndex: 70, sizeBytes, identity }
}

function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i < length; i += 4) bytes.writeUInt32LE(i, i)
  return bytes
}

async function pair(
  store: Store | null,
  options: Partial<TestNodeOptions> = {},
): Promise<[TestNode, TestNode]> {
  const a = await started({ ...options, id: 1 })
  const b = await started({ ...options, id: 2, onSnapshotOffer: async () => store })
  await a.connect(b)
  return [a, b]
}

describe('a snapshot', () => {
  test('of 20 MiB arrives as it was sent, beside the messages', async () => {
    const store = new Store()
    const [a, b] = await pair(store)
    const file = snapshotFile(pattern(20 * MIB))

    const sent = a.transport.sendSnapshot(offerOf(file), file)
    await store.until(() => store.offset > MIB)
    a.transport.send({ type: 'TimeoutNow', from: 1, to: 2, term: 9 })
    await b.until(() => b.messages.length === 1)
    expect(b.snapshots).toEqual([])
    await sent

    expect(store.bytes.equals(pattern(20 * MIB))).toBe(true)
    const { to: _, ...offer } = offerOf(file)
    await b.until(() => b.snapshots.length === 1)
    expect(b.snapshots[0]?.offer).toEqual(offer)
    expect(store.suspendCount).toBe(0)
    expect(a.peersLost).toEqual([])
  })

  test('goes on where it broke off', async () => {
    const store = new Store()
    const [a, b] = await pair(store)
    const bytes = pattern(20 * MIB)
    const file = snapshotFile(bytes, () => {
      if (file.readOffsets.length === 40) a.transport.setPeers([])
    })

    await expect(a.transport.sendSnapshot(offerOf(file), file)).rejects.toThrow('not ours any more')
    await store.until(() => store.suspendCount === 1)
    const { offset } = store
    expect(offset).toBeGreaterThan(MIB)
    expect(offset).toBeLessThan(11 * MIB)
    await a.connect(b)
    const again = snapshotFile(bytes)
    await a.transport.sendSnapshot(offerOf(again), again)

    expect(again.readOffsets[0]).toBe(offset)
    expect(store.bytes.equals(bytes)).toBe(true)
    expect(b.snapshots).toHaveLength(1)
  })

  test('that is there already needs no bytes', async () => {
    const store = new Store()
    store.offset = 8
    const [a, b] = await pair(store)
    const file = snapshotFile(pattern(8))

    await a.transport.sendSnapshot(offerOf(file), file)

    expect(file.readOffsets).toEqual([])
    expect(b.snapshots).toHaveLength(1)
  })

  test('is read no faster than it is written', async () => {
    const store = new Store()
    let release = (): void => {}
    store.onWrite = () =>
      new Promise((resolve) => {
        release = resolve
      })
    const [a] = await pair(store)
    const file = snapshotFile(pattern(64 * MIB))
    const sent = a.transport.sendSnapshot(offerOf(file), file)

    const readCount = await someTurnsWithout(() => file.readOffsets.length)

    // What the operating system holds for both ends, and no more.
    expect(readCount).toBeGreaterThan(0)
    expect(readCount * CHUNK_BYTES).toBeLessThan(32 * MIB)
    expect(store.offset).toBe(0)
    store.onWrite = async () => {}
    release()
    await sent
    expect(store.offset).toBe(64 * MIB)
  })

  test('that is not wanted is refused', async () => {
    const [a, b] = await pair(null)
    const file = snapshotFile(pattern(8))

    await expect(a.transport.sendSnapshot(offerOf(file), file)).rejects.toMatchObject({
      reason: 'not_wanted',
      by: 'peer',
    })
    expect(file.readOffsets).toEqual([])
    expect(b.snapshots).toEqual([])
  })

  test('that turns out damaged is refused with the reason', async () => {
    const store = new Store()
    store.onFinish = () => {
      throw new CorruptLogError({ file: 'snapshot', offset: 7, message: 'digest differs' })
    }
    const [a, b] = await pair(store)
    const file = snapshotFile(pattern(MIB))

    await expect(a.transport.sendSnapshot(offerOf(file), file)).rejects.toMatchObject({ reason: 'corrupt' })
    expect(b.snapshots).toEqual([])
    expect(b.fatal).toEqual([])
  })

  test('is kept for later when the receiving disk fails', async () => {
    const store = new Store()
    store.onWrite = async () => {
      if (store.offset > MIB) throw new Error('ENOSPC: no space left on device')
    }
    const [a, b] = await pair(store)
    const file = snapshotFile(pattern(20 * MIB))

    await expect(a.transport.sendSnapshot(offerOf(file), file)).rejects.toThrow()
    await b.until(() => b.logged('ENOSPC').length === 1)

    expect(store.suspendCount).toBe(1)
    expect(b.fatal).toEqual([])
  })

  test('whose file cannot be read ends with that error', async () => {
    const store = new Store()
    const [a] = await pair(store)
    const file = { ...snapshotFile(pattern(MIB)), read: () => Promise.reject(new Error('EIO')) }

    await expect(a.transport.sendSnapshot(offerOf(file), file)).rejects.toThrow('EIO')
    await store.until(() => store.suspendCount === 1)
  })

  test('is sent to each peer one at a time', async () => {
    const store = new Store()
    const [a] = await pair(store)
    const file = snapshotFile(pattern(MIB))

    const first = a.transport.sendSnapshot(offerOf(file), file)
    await expect(a.transport.sendSnapshot(offerOf(file), file)).rejects.toThrow('already')
    await first
    await expect(a.transport.sendSnapshot(offerOf(file), file)).resolves.toBeUndefined()
  })

  test('for a node that is no peer is not sent', async () => {
    const [a] = await pair(null)
    const file = snapshotFile(pattern(8))

    await expect(a.transport.sendSnapshot({ ...offerOf(file), to: 3 }, file)).rejects.toThrow('not a peer')
  })

  test('is given up after 30 s when the receiving disk hangs', async () => {
    const clock = new HandClock()
    const store = new Store()
    let release = (): void => {}
    store.onWrite = () => {
      return new Promise((resolve) => {
        release = resolve
      })
    }
    const [a] = await pair(store, { clock })
    const file = snapshotFile(pattern(32 * MIB))
    const sent = a.transport.sendSnapshot(offerOf(file), file)
    const rejected = expect(sent).rejects.toThrow('no progress for 30000 ms')
    // The sender goes on until the buffers between the two are full.
    await someTurnsWithout(() => file.readOffsets.length)

    clock.advance(29_999)
    await someTurnsWithout(() => file.readOffsets.length)
    clock.advance(1)
    await rejected
    store.onWrite = async () => {}
    release()

    await store.until(() => store.suspendCount === 1)
  })

  test('is given up after 30 s when the sending disk hangs', async () => {
    const clock = new HandClock()
    const store = new Store()
    const [a] = await pair(store, { clock })
    const isReading = new Watched()
    let readCount = 0
    const read = () => {
      readCount += 1
      isReading.changed()
      return new Promise<Buffer>(() => {})
    }
    const file = { ...snapshotFile(pattern(MIB)), read }
    const sent = a.transport.sendSnapshot(offerOf(file), file)
    const rejected = expect(sent).rejects.toThrow('no progress for 30000 ms')
    await isReading.until(() => readCount === 1)

    clock.advance(30_000)

    await rejected
    await store.until(() => store.suspendCount === 1)
  })

  test('in flight ends when this node closes', async () => {
    const store = new Store()
    store.onWrite = () => new Promise((resolve) => setImmediate(resolve))
    const [a, b] = await pair(store)
    const file = snapshotFile(pattern(20 * MIB))
    const sent = a.transport.sendSnapshot(offerOf(file), file)
    const rejected = expect(sent).rejects.toThrow()
    await store.until(() => store.offset > MIB)

    await b.transport.close()

    await rejected
    expect(store.suspendCount).toBe(1)
  })

  test('replaces one from the same peer whose end was not noticed', async () => {
    const store = new Store()
    const [a, b] = await pair(store)
    let hang = (): void => {}
    store.onWrite = () =>
      new Promise((resolve) => {
        hang = resolve
      })
    const file = snapshotFile(pattern(4 * MIB))
    const first = a.transport.sendSnapshot(offerOf(file), file)
    const firstRejected = expect(first).rejects.toThrow()
    for (let i = 0; i < 500; i++) await new Promise((resolve) => setImmediate(resolve))
    const twin = await started({ id: 1 })
    await twin.connect(b)

    const second = twin.transport.sendSnapshot(offerOf(file), file)
    await firstRejected
    store.onWrite = async () => {}
    hang()
    await second

    expect(store.suspendCount).toBe(1)
    expect(store.bytes.equals(pattern(4 * MIB))).toBe(true)
  })
})

/** Turns of the event loop until `measure` stays what it is. Returns it. */
async function someTurnsWithout(measure: () => number): Promise<number> {
  let last = measure()
  for (let still = 0; still < 300; still++) {
    await new Promise((resolve) => setImmediate(resolve))
    if (measure() !== last) still = 0
    last = measure()
  }
  return last
}
