import { createServer, type Server, type Socket } from 'node:net'
import { pack } from 'msgpackr'
import { afterEach, describe, expect, test } from 'vitest'
import { encodeFrame } from '../../../raft/transport/frame.ts'
import { HEARD, START, WELCOME } from '../../../raft/transport/kinds.ts'
import type { ReadIndexRequest } from '../../../raft/types.ts'
import {
  append,
  bootOf,
  CLUSTER_ID,
  entry,
  HandClock,
  normalized,
  RawPeer,
  TestNode,
  type TestNodeOptions,
  Watched,
} from './support.ts'

const nodes: TestNode[] = []
const mutes: Mute[] = []

afterEach(async () => {
  for (const mute of mutes.splice(0)) mute.close()
  await Promise.all(nodes.splice(0).map((node) => node.transport.close()))
})

async function started(options: TestNodeOptions): Promise<TestNode> {
  const node = await new TestNode(options).start()
  nodes.push(node)
  return node
}

function numbered(from: number, to: number, requestId: number): ReadIndexRequest {
  return { type: 'ReadIndexRequest', from, to, term: 1, requestId }
}

/** Stands still, and notes how long the waits for the next try may be. */
class RetryClock extends HandClock {
  readonly retriesMs: number[] = []

  override setTimer(delayMs: number, callback: () => void): () => void {
    // With `random` at 0 a wait is half of its maximum; all other timers are of seconds.
    if (delayMs <= 500) this.retriesMs.push(delayMs * 2)
    return super.setTimer(delayMs, callback)
  }
}

/** Node 2, which accepts who dials it, and then reads nothing and says nothing until it is told to. */
class Mute extends Watched {
  readonly #server: Server
  readonly sockets: Socket[] = []

  constructor() {
    super()
    this.#server = createServer((socket) => this.#accept(socket))
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    mutes.push(this)
    return this
  }

  get addr(): string {
    const address = this.#server.address()
    return typeof address === 'object' ? `127.0.0.1:${address?.port}` : ''
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy()
    this.#server.close()
  }

  #accept(socket: Socket): void {
    this.sockets.push(socket)
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.pause()
      const identity = {
        clusterId: CLUSTER_ID,
        nodeId: 2,
        incarnation: 'inc-2',
        addr: '127.0.0.1:5002',
        schemas: { min: 1, max: 1 },
        boot: bootOf(2),
      }
      socket.write(encodeFrame(WELCOME, pack({ protocol: 1, ...identity })))
      this.changed()
    })
  }
}

describe('messages between nodes', () => {
  test('arrive in the order in which they were sent', async () => {
    const a = await started({ id: 1 })
    const b = await started({ id: 2 })
    await a.connect(b)

    for (let i = 0; i < 1000; i++) expect(a.transport.send(numbered(1, 2, i))).toBe(true)
    await b.until(() => b.messages.length === 1000)

    expect(b.messages.map((message) => (message as ReadIndexRequest).requestId)).toEqual(
      Array.from({ length: 1000 }, (_, i) => i),
    )
  })

  test('carry entries of several megabytes', async () => {
    const a = await started({ id: 1 })
    const b = await started({ id: 2 })
    await a.connect(b)
    const message = append(1, 2, [entry(5), entry(6, Buffer.alloc(5_000_000, 7)), entry(7)])

    a.transport.send(message)
    await b.until(() => b.messages.length === 1)

    expect(normalized(b.messages[0])).toEqual(normalized(message))
  })

  test('are handed over only while their connection is the current one of their sender', async () => {
    const b = await started({ id: 2 })
    const first = greeted(b, 1)
    first.write(vote(1, 2, 10))
    await b.until(() => b.messages.length === 1)

    const second = greeted(b, 1)
    await first.closed()
    first.write(vote(1, 2, 11))
    second.write(vote(1, 2, 12))
    await b.until(() => b.messages.length === 2)

    expect(b.messages.map((message) => 'term' in message && message.term)).toEqual([10, 12])
    expect(b.logged('dialled anew')).toHaveLength(1)
    second.socket.destroy()
  })

  test('of a sender that has dialled anew are taken only while it is wanted', async () => {
    let isRemoved = false
    const authorize = () => (isRemoved ? { reason: 'removed', message: 'node 1 was removed' } : null)
    const b = await started({ id: 2, authorize })
    const first = greeted(b, 1)
    await b.until(() => b.peersSeen.length === 1)
    const second = greeted(b, 1)
    await first.closed()
    await b.until(() => b.logged('dialled anew').length === 1)

    isRemoved = true
    b.transport.setPeers([])
    await second.closed()

    expect(b.messages).toEqual([])
  })

  test('end with the connection, also those that have arrived with the one that ended it', async () => {
    let isRemoved = false
    const b: TestNode = await started({
      id: 2,
      authorize: () => (isRemoved ? { reason: 'removed', message: 'node 1 was removed' } : null),
      onMessage: () => {
        isRemoved = true
        b.transport.setPeers([])
      },
    })
    const peer = greeted(b, 1)
    await b.until(() => b.peersSeen.length === 1)

    peer.write(Buffer.concat([vote(1, 2, 10), vote(1, 2, 11)]))
    await peer.closed()

    expect(b.messages).toHaveLength(1)
  })

  test('that a handler throws on are fatal, once', async () => {
    const a = await started({ id: 1 })
    const bug = new Error('a bug in the driver')
    const throwing = () => {
      throw bug
    }
    const b = await started({ id: 2, onMessage: throwing })
    await a.connect(b)

    a.transport.send(numbered(1, 2, 1))
    a.transport.send(numbered(1, 2, 2))
    await b.until(() => b.fatal.length > 0)

    expect(b.fatal).toEqual([bug])
  })

  test('are not sent to who is no peer, or not connected', async () => {
    const a = await started({ id: 1 })
    a.transport.setPeers([{ id: 2, addr: '127.0.0.1:1' }])

    expect(a.transport.send(numbered(1, 2, 1))).toBe(false)
    expect(a.transport.send(numbered(1, 3, 1))).toBe(false)
  })
})

describe('a connection to a peer', () => {
  test('is made again after the peer has restarted', async () => {
    const a = await started({ id: 1 })
    const b = await started({ id: 2 })
    await a.connect(b)
    const { port } = b.transport

    await b.transport.close()
    await a.until(() => a.peersLost.length === 1)
    expect(a.transport.send(numbered(1, 2, 1))).toBe(false)
    const again = await started({ id: 2, port: port ?? 0 })
    await a.until(() => a.isConnected(2))
    a.transport.send(numbered(1, 2, 2))
    await again.until(() => again.messages.length === 1)

    expect(a.peersLost).toEqual([2])
    expect(again.messages).toMatchObject([{ requestId: 2 }])
  })

  test('is dialled at once when the peer dials us, whatever the back-off says', async () => {
    const clock = new HandClock()
    const a = await started({ id: 1, clock })
    a.transport.setPeers([{ id: 2, addr: '127.0.0.1:1' }])
    await a.until(() => a.logged('ECONNREFUSED').length === 1)
    const b = await started({ id: 2 })
    a.transport.setPeers([{ id: 2, addr: b.addr }])
    await a.until(() => a.isConnected(2))
    const { port } = b.transport
    await b.transport.close()
    await a.until(() => a.logged('ECONNREFUSED').length === 1 && !a.isConnected(2))

    const again = await started({ id: 2, port: port ?? 0 })
    await again.connect(a)
    await a.until(() => a.isConnected(2))

    expect(clock.now()).toBe(0)
  })

  test('backs off from 50 ms to 1 s', async () => {
    const clock = new RetryClock()
    const a = await started({ id: 1, clock })
    a.transport.setPeers([{ id: 2, addr: '127.0.0.1:1' }])

    for (let tries = 1; tries <= 7; tries++) {
      await settled(() => clock.retriesMs.length === tries)
      clock.advance(500)
    }

    expect(clock.retriesMs.slice(0, 7)).toEqual([50, 100, 200, 400, 800, 1000, 1000])
    expect(a.logged('not connected to peer')).toHaveLength(1)
  })

  test('backs off further when it breaks at once, and starts anew when it has lived', async () => {
    const clock = new RetryClock()
    const mute = await new Mute().start()
    const a = await started({ id: 1, clock })
    a.transport.setPeers([{ id: 2, addr: mute.addr }])

    for (const livedMs of [0, 0, 0, 1000, 0]) {
      await a.until(() => a.isConnected(2))
      clock.advance(livedMs)
      const known = clock.retriesMs.length
      mute.sockets.at(-1)?.destroy()
      await settled(() => clock.retriesMs.length > known)
      clock.next()
    }

    expect(clock.retriesMs).toEqual([50, 100, 200, 50, 100])
  })

  test('is lost at once when the peer hangs up, whatever still waits to be sent', async () => {
    const a = await started({ id: 1 })
    const mute = await new Mute().start()
    a.transport.setPeers([{ id: 2, addr: mute.addr }])
    await a.until(() => a.isConnected(2))
    const large = append(1, 2, [entry(5, Buffer.alloc(1_000_000))])
    for (let i = 0; i < 20; i++) a.transport.send(large)

    mute.sockets[0]?.end()
    await a.until(() => a.peersLost.length === 1)

    expect(a.logged('the other side closed the connection')).toHaveLength(1)
  })

  test('is dialled anew when the address of the peer changes, and closed when it is gone', async () => {
    const a = await started({ id: 1 })
    const old = await started({ id: 2 })
    const moved = await started({ id: 2 })
    await a.connect(old)

    await a.connect(moved)
    a.transport.send(numbered(1, 2, 1))
    await moved.until(() => moved.messages.length === 1)
    a.transport.setPeers([])

    expect(old.messages).toEqual([])
    await a.until(() => a.peersLost.length === 2)
    expect(a.transport.peers()).toEqual([])
    expect(a.transport.send(numbered(1, 2, 2))).toBe(false)
  })

  test('stays as it is when the peers are set again', async () => {
    const a = await started({ id: 1 })
    const b = await started({ id: 2 })
    await a.connect(b)
    await b.until(() => b.peersSeen.length === 1)

    await a.connect(b)
    a.transport.send(numbered(1, 2, 1))
    await b.until(() => b.messages.length === 1)

    expect(b.peersSeen).toHaveLength(1)
    expect(a.peersLost).toEqual([])
  })

  test('leaves no timer behind when it is gone', async () => {
    const clock = new HandClock()
    const a = await started({ id: 1, clock })
    const b = await started({ id: 2 })
    await a.connect(b)

    a.transport.setPeers([])
    await a.until(() => a.peersLost.length === 1)

    expect(clock.timerCount).toBe(0)
  })

  test('flushes what was sent when it is closed', async () => {
    const a = await started({ id: 1 })
    const b = await started({ id: 2 })
    await a.connect(b)

    a.transport.send(numbered(1, 2, 1))
    await a.transport.close()
    await b.until(() => b.messages.length === 1)

    expect(b.messages).toHaveLength(1)
    expect(a.peersLost).toEqual([])
  })
})

describe('the send buffer of a peer', () => {
  const limits = { bufferBytesMax: 4_000_000, reserveBytes: 10_000, silenceMs: 60_000 }

  test('takes no more than its maximum, keeps a reserve for small messages, and recovers', async () => {
    const a = await started({ id: 1, limits })
    const mute = await new Mute().start()
    a.transport.setPeers([{ id: 2, addr: mute.addr }])
    await a.until(() => a.isConnected(2))
    const large = append(1, 2, [entry(5, Buffer.alloc(500_000))])
    const medium = append(1, 2, [entry(5, Buffer.alloc(1024))])

    let sentCount = 0
    // What the operating system takes goes first; it is asked anew in each turn.
    for (let refusedTurns = 0; refusedTurns < 3; ) {
      refusedTurns = a.transport.send(large) ? 0 : refusedTurns + 1
      if (refusedTurns === 0) sentCount += 1
      await nextTurn()
    }
    expect(bufferedBytes(a)).toBeGreaterThan(3_000_000)
    expect(bufferedBytes(a)).toBeLessThanOrEqual(4_000_000)
    while (a.transport.send(medium)) expect(bufferedBytes(a)).toBeLessThanOrEqual(4_000_000)
    expect(a.transport.send(numbered(1, 2, 1))).toBe(true)
    while (a.transport.send(numbered(1, 2, 1))) expect(bufferedBytes(a)).toBeLessThanOrEqual(4_010_000)
    expect(bufferedBytes(a)).toBeGreaterThan(4_000_000)
    expect(a.transport.send(large)).toBe(false)
    expect(a.logged('send buffer of peer is full')).toHaveLength(1)

    mute.sockets[0]?.resume()
    await settled(() => bufferedBytes(a) === 0)
    expect(a.transport.send(large)).toBe(true)
    expect(sentCount).toBeGreaterThan(7)
  })

  test('takes one message above its maximum when it is empty, so that none can wait for ever', async () => {
    const a = await started({ id: 1, limits: { bufferBytesMax: 1000, reserveBytes: 0 } })
    const b = await started({ id: 2 })
    await a.connect(b)
    const large = append(1, 2, [entry(5, Buffer.alloc(500_000))])

    expect(a.transport.send(large)).toBe(true)
    await b.until(() => b.messages.length === 1)
  })

  test('takes no message that no peer would accept', async () => {
    const a = await started({ id: 1, limits: { frameBytesMax: 1000 } })
    const b = await started({ id: 2, limits: { frameBytesMax: 1000 } })
    await a.connect(b)

    expect(a.transport.send(append(1, 2, [entry(5, Buffer.alloc(1000))]))).toBe(false)
    expect(a.transport.send(append(1, 2, [entry(5, Buffer.alloc(800))]))).toBe(true)
    await b.until(() => b.messages.length === 1)

    expect(a.logged('too large')).toHaveLength(1)
  })

  function bufferedBytes(node: TestNode): number {
    return node.transport.peers()[0]?.bufferedBytes ?? 0
  }
})

describe('silence', () => {
  test('without messages is no reason to close: both sides let each other know that they are there', async () => {
    const clock = new HandClock()
    const a = await started({ id: 1, clock })
    const b = await started({ id: 2, clock })
    await a.connect(b)
    await b.until(() => b.peersSeen.length === 1)

    for (let i = 0; i < 30; i++) {
      clock.advance(2500)
      await someTurns()
    }

    expect(a.peersLost).toEqual([])
    expect(b.logged('gone')).toEqual([])
  })

  test('of a dead sender closes the connection after 10 s', async () => {
    const clock = new HandClock()
    const b = await started({ id: 2, clock })
    const peer = greeted(b, 1)
    await b.until(() => b.peersSeen.length === 1)

    clock.advance(9999)
    await someTurns()
    expect(peer.isClosed).toBe(false)
    clock.advance(1)
    await peer.closed()

    expect(b.logged('silent for 10000 ms')).toHaveLength(1)
  })

  test('of a dead receiver closes the connection after 10 s', async () => {
    const clock = new HandClock()
    const mute = await new Mute().start()
    const a = await started({ id: 1, clock })
    a.transport.setPeers([{ id: 2, addr: mute.addr }])
    await a.until(() => a.isConnected(2))

    clock.advance(8000)
    mute.sockets[0]?.write(encodeFrame(HEARD))
    await someTurns()
    clock.advance(9999)
    await someTurns()
    expect(a.peersLost).toEqual([])
    clock.advance(1)
    await a.until(() => a.peersLost.length === 1)

    expect(a.logged('nothing heard for 10000 ms')).toHaveLength(1)
  })

  test('that was only our own is forgiven: bytes that waited are read before the connection is judged', async () => {
    const clock = new HandClock()
    const b = await started({ id: 2, clock })
    const peer = greeted(b, 1)
    await b.until(() => b.peersSeen.length === 1)
    await someTurns()

    await new Promise<void>((resolve) => peer.socket.write(vote(1, 2, 10), () => resolve()))
    clock.advance(60_000)
    await b.until(() => b.messages.length === 1)
    await someTurns()

    expect(peer.isClosed).toBe(false)
    peer.socket.destroy()
  })

  test('of a stalled connection ends when the peer dials anew', async () => {
    const clock = new HandClock()
    const mute = await new Mute().start()
    const a = await started({ id: 1, clock })
    a.transport.setPeers([{ id: 2, addr: mute.addr }])
    await a.until(() => a.isConnected(2))

    clock.advance(6000)
    const peer = greeted(a, 2)
    await a.until(() => a.peersLost.length === 1)
    clock.advance(0)
    await mute.until(() => mute.sockets.length === 2)

    expect(a.logged('dialled anew')).toHaveLength(1)
    peer.socket.destroy()
  })
})

function greeted(node: TestNode, as: number): RawPeer {
  const peer = RawPeer.dial(node.transport.port)
  const hello = {
    magic: 'ipam-raft',
    protocolMin: 1,
    protocolMax: 1,
    clusterId: CLUSTER_ID,
    nodeId: as,
    incarnation: `inc-${as}`,
    addr: '127.0.0.1:1',
    schemas: { min: 1, max: 1 },
    boot: bootOf(as),
    kind: 'raft',
    to: node.id,
  }
  peer.write(Buffer.concat([encodeFrame(1, pack(hello)), encodeFrame(START)]))
  return peer
}

function vote(from: number, to: number, term: number): Buffer {
  return encodeFrame(32, pack([from, to, term, false, false, 4, 5]))
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Enough turns of the event loop for what is already under way on loopback. */
async function someTurns(): Promise<void> {
  for (let i = 0; i < 20; i++) await nextTurn()
}

async function settled(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await nextTurn()
}
