import { pack } from 'msgpackr'
import { afterEach, describe, expect, test } from 'vitest'
import { encodeFrame } from '../../../raft/transport/frame.ts'
import { encodeRefusal, throwIfRefusal } from '../../../raft/transport/handshake-messages.ts'
import { HELLO, PING, REFUSAL, START, WELCOME } from '../../../raft/transport/kinds.ts'
import {
  append,
  bootOf,
  framesIn,
  HandClock,
  RawAcceptor,
  RawPeer,
  TestNode,
  type TestNodeOptions,
} from './support.ts'

const nodes: TestNode[] = []
const rawPeers: RawPeer[] = []

afterEach(async () => {
  for (const peer of rawPeers.splice(0)) peer.socket.destroy()
  await Promise.all(nodes.splice(0).map((node) => node.transport.close()))
})

async function started(options: TestNodeOptions): Promise<TestNode> {
  const node = await new TestNode(options).start()
  nodes.push(node)
  return node
}

function rawPeer(node: TestNode): RawPeer {
  const peer = RawPeer.dial(node.transport.port)
  rawPeers.push(peer)
  return peer
}

const HELLO_OF_2 = {
  magic: 'ipam-raft',
  protocolMin: 1,
  protocolMax: 1,
  clusterId: 100,
  nodeId: 2,
  incarnation: 'inc-2',
  addr: '127.0.0.1:5002',
  schemas: { min: 1, max: 1 },
  boot: bootOf(2),
  kind: 'raft',
  to: 1,
}

function hello(changes: object = {}): Buffer {
  return encodeFrame(HELLO, pack({ ...HELLO_OF_2, ...changes }))
}

describe('the handshake between two nodes', () => {
  test('tells each who the other is', async () => {
    const a = await started({ id: 1 })
    const b = await started({ id: 2 })

    await a.connect(b)
    await b.until(() => b.peersSeen.length === 1)

    const schemas = { min: 1, max: 1 }
    expect(a.peersSeen).toEqual([
      { nodeId: 2, incarnation: 'inc-2', addr: '127.0.0.1:5002', schemas, boot: bootOf(2) },
    ])
    expect(b.peersSeen).toEqual([
      { nodeId: 1, incarnation: 'inc-1', addr: '127.0.0.1:5001', schemas, boot: bootOf(1) },
    ])
  })

  test('refuses a node of another cluster', async () => {
    const a = await started({ id: 1 })
    const b = await started({ id: 2, clusterId: 7 })

    a.transport.setPeers([{ id: 2, addr: b.addr }])
    await a.until(() => a.refusals.length > 0)

    const refusal = { peer: 2, reason: 'cluster_id', message: 'you are in cluster 100, this node in 7' }
    expect(a.refusals[0]).toEqual(refusal)
    expect(b.peersSeen).toEqual([])
    expect(b.logged('cluster_id')).toHaveLength(1)
  })

  test('refuses a node that looks for another one', async () => {
    const a = await started({ id: 1 })
    const b = await started({ id: 2 })

    a.transport.setPeers([{ id: 3, addr: b.addr }])
    await a.until(() => a.refusals.length > 0)

    expect(a.refusals[0]).toEqual({
      peer: 3,
      reason: 'node_id',
      message: 'you look for node 3, this is node 2',
    })
  })

  test('refuses a node that dials itself', async () => {
    const a = await started({ id: 1 })

    a.transport.setPeers([{ id: 2, addr: a.addr }])
    await a.until(() => a.refusals.length > 0)

    expect(a.refusals[0]).toEqual({ peer: 2, reason: 'node_id', message: 'this node is itself node 1' })
  })

  test('never dials the own id', async () => {
    const a = await started({ id: 1 })

    a.transport.setPeers([{ id: 1, addr: a.addr }])

    expect(a.transport.peers()).toEqual([])
  })

  test('refuses a wiped incarnation, on the word of the acceptor', async () => {
    const message = 'node 1 has lost its disk'
    const a = await started({ id: 1, incarnation: 'new' })
    const authorize = ({ incarnation }: { incarnation: string }) =>
      incarnation === 'old' ? null : { reason: 'incarnation', message }
    const b = await started({ id: 2, authorize })

    a.transport.setPeers([{ id: 2, addr: b.addr }])
    await a.until(() => a.refusals.length > 0)

    expect(a.refusals[0]).toEqual({ peer: 2, reason: 'incarnation', message })
    expect(a.logged('refused by peer')).toHaveLength(1)
    expect(b.peersSeen).toEqual([])
  })

  test('refuses a wiped incarnation, on the word of the dialer', async () => {
    const message = 'node 2 has lost its disk'
    const a = await started({ id: 1, authorize: () => ({ reason: 'incarnation', message }) })
    const b = await started({ id: 2 })

    a.transport.setPeers([{ id: 2, addr: b.addr }])
    await b.until(() => b.refusals.length > 0)

    expect(b.refusals[0]).toEqual({ peer: 1, reason: 'incarnation', message })
    expect(b.peersSeen).toEqual([])
    expect(a.peersSeen).toEqual([])
  })

  test('tries again after a refusal, and logs each reason once', async () => {
    const clock = new HandClock()
    let reason = 'unknown'
    let tries = 0
    const a = await started({ id: 1, clock })
    const b = await started({
      id: 2,
      authorize: () => {
        tries += 1
        return reason === '' ? null : { reason, message: `${reason}, says node 2` }
      },
    })

    a.transport.setPeers([{ id: 2, addr: b.addr }])
    for (let i = 1; i <= 3; i++) {
      await a.until(() => a.refusals.length === i)
      clock.next()
    }
    reason = 'removed'
    await a.until(() => a.refusals.length === 4)
    clock.next()
    await a.until(() => a.refusals.length === 5)
    reason = ''
    clock.next()
    await a.until(() => a.isConnected(2))

    expect(tries).toBeGreaterThanOrEqual(6)
    expect(clock.now()).toBe(250 + 500 + 1000 + 2000 + 2500)
    expect(a.logged('refused by peer').map(({ fields }) => fields['reason'])).toEqual(['unknown', 'removed'])
  })

  test.each([
    { why: 'refused', answer: encodeRefusal({ reason: 'removed', message: 'gone' }) },
    { why: 'answered with nonsense', answer: encodeFrame(WELCOME, Buffer.of(0xc1)) },
  ])('leaves no socket behind where it was $why', async ({ answer }) => {
    const acceptor = await RawAcceptor.listen()
    const a = await started({ id: 1, clock: new HandClock() })
    a.transport.setPeers([{ id: 2, addr: acceptor.addr }])
    const peer = await acceptor.dialled

    peer.write(answer)
    await peer.closed()

    expect(a.logged('peer')).toHaveLength(1)
    await acceptor.close()
  })

  test('with a peer whose addr is no address is given up without harm', async () => {
    const a = await started({ id: 1 })

    a.transport.setPeers([{ id: 2, addr: 'nonsense' }])

    expect(a.logged('the port is missing')).toHaveLength(1)
    expect(a.transport.send(append(1, 2))).toBe(false)
    expect(a.fatal).toEqual([])
  })

  test('ends with a peer that was removed while it took place', async () => {
    let isRemoved = false
    const authorize = () => (isRemoved ? { reason: 'removed', message: 'node 2 was removed' } : null)
    const node = await started({ id: 1, authorize })
    const peer = rawPeer(node)
    peer.write(hello())
    await peer.until(() => framesIn(peer.received).length === 1)

    isRemoved = true
    peer.write(encodeFrame(START))
    await peer.closed()

    expect(node.peersSeen).toEqual([])
  })

  test('ends with a peer that answers in a protocol which is not spoken here', async () => {
    const acceptor = await RawAcceptor.listen()
    const a = await started({ id: 1, clock: new HandClock() })
    a.transport.setPeers([{ id: 2, addr: acceptor.addr }])
    const peer = await acceptor.dialled

    const { magic: _, kind: __, to: ___, ...introduction } = HELLO_OF_2
    peer.write(encodeFrame(WELCOME, pack({ ...introduction, protocol: 2, nonce: null })))
    await peer.closed()

    expect(a.logged('refused the peer that was dialled')[0]?.fields['reason']).toBe('protocol')
    expect(a.peersSeen).toEqual([])
    await acceptor.close()
  })

  test('cuts a reason to what the other side takes, however long it is', async () => {
    const refusal = { reason: 'r'.repeat(100), message: 'm'.repeat(1_000) }
    const a = await started({ id: 1 })
    const b = await started({ id: 2, authorize: () => refusal })

    a.transport.setPeers([{ id: 2, addr: b.addr }])
    await a.until(() => a.refusals.length > 0)

    expect(a.refusals[0]).toEqual({ peer: 2, reason: 'r'.repeat(64), message: 'm'.repeat(512) })
    expect(b.fatal).toEqual([])
  })

  test('ends with a peer that was accepted until more was known about it', async () => {
    let isRemoved = false
    const authorize = () => (isRemoved ? { reason: 'removed', message: 'node 1 was removed' } : null)
    const a = await started({ id: 1 })
    const b = await started({ id: 2, authorize })
    await a.connect(b)
    await b.until(() => b.peersSeen.length === 1)

    isRemoved = true
    b.transport.setPeers([])
    await a.until(() => a.refusals.length > 0)

    expect(a.peersLost).toEqual([2])
    expect(a.refusals[0]?.reason).toBe('removed')
  })
})

describe('a peer that does not keep to the handshake', () => {
  test.each([
    {
      why: 'an HTTP request',
      bytes: 'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
      complaint: 'frame of 542393671 bytes',
    },
    {
      why: 'a TLS client hello',
      bytes: Buffer.from('16030100c8010000c403', 'hex'),
      complaint: 'it looks like TLS, which is not used here',
    },
    { why: 'zeros', bytes: Buffer.alloc(100), complaint: 'frame of 0 bytes' },
    { why: 'a frame above 4 KiB', bytes: encodeFrame(HELLO, Buffer.alloc(5000)), complaint: 'frame of 5001' },
    { why: 'another magic', bytes: hello({ magic: 'etcd' }), complaint: 'magic: not one of ipam-raft' },
    { why: 'a hello without a node id', bytes: hello({ nodeId: null }), complaint: 'nodeId: not a positive' },
    { why: 'a hello of a strange kind', bytes: hello({ kind: 'x' }), complaint: 'kind: not one of' },
    { why: 'a hello without a boot', bytes: hello({ boot: null }), complaint: 'boot: not a map' },
    {
      why: 'a boot without an id',
      bytes: hello({ boot: { ...bootOf(2), id: 0 } }),
      complaint: 'boot: id: not a positive',
    },
    {
      why: 'a boot whose log ends nowhere',
      bytes: hello({ boot: { ...bootOf(2), lastIndex: -1 } }),
      complaint: 'boot: lastIndex: not a non-negative',
    },
    {
      why: 'a boot in a term that is no number',
      bytes: hello({ boot: { ...bootOf(2), term: '3' } }),
      complaint: 'boot: term: not a non-negative',
    },
    { why: 'a hello without schemas', bytes: hello({ schemas: 1 }), complaint: 'schemas: not a map' },
    {
      why: 'schemas from 0',
      bytes: hello({ schemas: { min: 0, max: 1 } }),
      complaint: 'schemas: min: not a positive',
    },
    {
      why: 'schemas of which there are none',
      bytes: hello({ schemas: { min: 3, max: 2 } }),
      complaint: 'schemas: 3 is above 2',
    },
    {
      why: 'a long incarnation',
      bytes: hello({ incarnation: 'x'.repeat(301) }),
      complaint: 'incarnation: not',
    },
    { why: 'a message first', bytes: encodeFrame(PING), complaint: 'kind 1 was expected, not 5' },
    {
      why: 'a body that is no msgpack',
      bytes: encodeFrame(HELLO, Buffer.of(0xc1, 1)),
      complaint: 'not msgpack',
    },
  ])('is closed after $why, with the reason in the log', async ({ bytes, complaint }) => {
    const node = await started({ id: 1 })
    const peer = rawPeer(node)

    peer.write(bytes)
    await peer.closed()

    expect(peer.received.length).toBe(0)
    expect(node.logged('malformed')[0]?.fields['error']).toContain(complaint)
    expect(node.fatal).toEqual([])
  })

  test('is told which protocols are spoken here, even if its hello has another form', async () => {
    const node = await started({ id: 1 })
    const peer = rawPeer(node)

    peer.write(encodeFrame(HELLO, pack({ magic: 'ipam-raft', protocolMin: 7, protocolMax: 9, other: [] })))
    await peer.closed()

    const [answer] = framesIn(peer.received)
    expect(answer?.kind).toBe(REFUSAL)
    expect(() => answer && throwIfRefusal(answer)).toThrow('you speak protocols 7 to 9, this node 1 to 1')
  })

  test('may know more than we do: unknown fields of a hello are ignored', async () => {
    const node = await started({ id: 1 })
    const peer = rawPeer(node)

    peer.write(hello({ protocolMax: 5, health: 'fine', boot: { ...bootOf(2), uptimeMs: 12 } }))
    await peer.until(() => peer.received.length > 0)

    expect(framesIn(peer.received).map(({ kind }) => kind)).toEqual([WELCOME])
  })

  test('holds no memory with a length prefix of 4 GiB', async () => {
    const node = await started({ id: 1 })
    const before = process.memoryUsage()

    const peers = Array.from({ length: 50 }, () => rawPeer(node))
    for (const peer of peers)
      peer.write(Buffer.concat([Buffer.from('ffffffff01', 'hex'), Buffer.alloc(1000)]))
    await Promise.all(peers.map((peer) => peer.closed()))

    const after = process.memoryUsage()
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(16 * 1024 * 1024)
    expect(after.rss - before.rss).toBeLessThan(64 * 1024 * 1024)
  })

  test.each([
    { why: 'is silent', bytes: Buffer.alloc(0) },
    { why: 'sends half a frame', bytes: hello().subarray(0, 40) },
    { why: 'does not go on after the welcome', bytes: hello() },
  ])('is closed after 5 s when it $why', async ({ bytes }) => {
    const clock = new HandClock()
    const node = await started({ id: 1, clock })
    const peer = rawPeer(node)
    peer.write(bytes)
    // Accepted connections are served in order: this one is known to be waiting by then.
    const marker = rawPeer(node)
    marker.write('GET /')
    await marker.closed()

    clock.advance(4999)
    expect(node.logged('no handshake')).toEqual([])
    clock.advance(1)
    await peer.closed()

    expect(node.logged('no handshake within 5000 ms')).toHaveLength(1)
    expect(node.peersSeen).toEqual([])
  })

  test('that hangs up half-way leaves nothing behind', async () => {
    const node = await started({ id: 1 })
    const peer = rawPeer(node)

    peer.socket.end(hello().subarray(0, 40))
    await peer.closed()
    await node.until(() => node.log.length > 0)

    expect(node.log[0]?.fields).toMatchObject({ reason: 'connection', remote: '127.0.0.1' })
  })

  test('does not keep others out: the oldest of too many waiting connections makes room', async () => {
    const node = await started({ id: 1, limits: { pendingConnectionsMax: 4 } })
    const silent = Array.from({ length: 6 }, () => rawPeer(node))
    await Promise.all(silent.slice(0, 2).map((peer) => peer.closed()))

    const other = await started({ id: 2 })
    await other.connect(node)

    expect(silent.filter((peer) => peer.isClosed).length).toBeLessThanOrEqual(3)
    expect(node.logged('too many connections')).toHaveLength(1)
  })

  test('cannot flood the log: each address and reason is logged once in 10 s, with a count', async () => {
    const clock = new HandClock()
    const node = await started({ id: 1, clock })
    const garbage = async () => {
      const peer = rawPeer(node)
      peer.write('garbage')
      await peer.closed()
    }

    for (let i = 0; i < 20; i++) await garbage()
    expect(node.log).toHaveLength(1)
    clock.advance(10_000)
    await garbage()

    expect(node.log.map(({ fields }) => fields['suppressedCount'])).toEqual([0, 19])
  })
})

describe('a peer that has finished the handshake', () => {
  test.each([
    { why: 'a kind that is no message', frame: encodeFrame(77), complaint: 'unknown kind of frame: 77' },
    { why: 'a second hello', frame: hello(), complaint: 'unknown kind of frame: 1' },
    { why: 'a malformed message', frame: encodeFrame(32, pack([])), complaint: 'RequestVote: not a list' },
    { why: 'a message from another node', frame: vote({ from: 3 }), complaint: 'from 3 to 1 came from 2' },
    { why: 'a message to another node', frame: vote({ to: 3 }), complaint: 'from 2 to 3 came from 2' },
    {
      why: 'a length above the maximum',
      frame: Buffer.from('ffffffff20', 'hex'),
      complaint: 'frame of 4294967295',
    },
  ])('is closed after $why', async ({ frame, complaint }) => {
    const node = await started({ id: 1 })
    const peer = rawPeer(node)

    peer.write(Buffer.concat([hello(), encodeFrame(START), vote({}), frame, vote({})]))
    await peer.closed()

    expect(node.messages).toHaveLength(1)
    expect(node.logged('malformed')[0]?.fields['error']).toContain(complaint)
    expect(node.fatal).toEqual([])
  })

  test('may cut its frames as it likes', async () => {
    const node = await started({ id: 1 })
    const peer = rawPeer(node)

    for (const byte of Buffer.concat([hello(), encodeFrame(START), vote({})])) peer.write(Buffer.of(byte))
    await node.until(() => node.messages.length === 1)

    expect(node.messages[0]).toMatchObject({ type: 'RequestVote', from: 2, to: 1 })
  })

  function vote({ from = 2, to = 1 }): Buffer {
    return encodeFrame(32, pack([from, to, 3, false, false, 4, 5]))
  }
})
