import { createHash } from 'node:crypto'
import { pack, unpack } from 'msgpackr'
import { afterEach, describe, expect, test } from 'vitest'
import { proofOf, secretKey } from '../../../raft/transport/cluster-secret.ts'
import { encodeFrame } from '../../../raft/transport/frame.ts'
import { encodeHello, encodeRefusal, encodeWelcome } from '../../../raft/transport/handshake-messages.ts'
import { ADMITTED, HELLO, OFFER, PROOF, REFUSAL, START, WELCOME } from '../../../raft/transport/kinds.ts'
import {
  append,
  bootOf,
  CLUSTER_ID,
  framesIn,
  HandClock,
  RawAcceptor,
  RawPeer,
  TestNode,
  type TestNodeOptions,
} from './support.ts'

const SECRET = 'correct horse battery staple 0123456789'
const OTHER = 'another secret of sufficient length 0123'

const nodes: TestNode[] = []
const rawPeers: RawPeer[] = []
const acceptors: RawAcceptor[] = []

afterEach(async () => {
  for (const peer of rawPeers.splice(0)) peer.socket.destroy()
  await Promise.all(nodes.splice(0).map((node) => node.transport.close()))
  await Promise.all(acceptors.splice(0).map((acceptor) => acceptor.close()))
})

async function started(options: TestNodeOptions): Promise<TestNode> {
  const node = await new TestNode(options).start()
  nodes.push(node)
  return node
}

/** Waits where node 1 looks for a peer. */
async function listen(): Promise<{ addr: string; dialled: Promise<RawPeer> }> {
  const acceptor = await RawAcceptor.listen()
  acceptors.push(acceptor)
  return acceptor
}

function rawPeer(node: TestNode): RawPeer {
  const peer = RawPeer.dial(node.transport.port)
  rawPeers.push(peer)
  return peer
}

function introductionOf(nodeId: number) {
  return {
    clusterId: CLUSTER_ID,
    nodeId,
    incarnation: `inc-${nodeId}`,
    addr: `127.0.0.1:${5000 + nodeId}`,
    schemas: { min: 1, max: 1 },
    boot: bootOf(nodeId),
  }
}

const NONCE = createHash('sha256').update('nonce').digest()

function helloOf2({ kind = 'raft' as 'raft' | 'snapshot', nonce = NONCE as Buffer | null } = {}): Buffer {
  return encodeHello({ ...introductionOf(2), kind, to: 1, nonce })
}

function bodyOf(frame: Buffer): Buffer {
  return frame.subarray(5)
}

async function frameAt(peer: RawPeer, place: number): Promise<{ kind: number; body: Buffer }> {
  await peer.until(() => framesIn(peer.received).length > place)
  return framesIn(peer.received)[place] ?? { kind: 0, body: Buffer.alloc(0) }
}

/** A dialer that knows `secret`, up to and with its proof. */
async function proven(node: TestNode, { secret = SECRET, kind = 'raft' as 'raft' | 'snapshot' } = {}) {
  const peer = rawPeer(node)
  const hello = helloOf2({ kind })
  peer.write(hello)
  const { body: welcome } = await frameAt(peer, 0)
  const transcript = { hello: bodyOf(hello), welcome }
  const proof = encodeFrame(PROOF, proofOf(secretKey(secret), 'dialer', transcript))
  peer.write(proof)
  return { peer, transcript, sent: Buffer.concat([hello, proof, encodeFrame(START)]) }
}

describe('nodes with a cluster secret', () => {
  test('talk to each other, and tell their handlers who the other is', async () => {
    const a = await started({ id: 1, secrets: [SECRET] })
    const b = await started({ id: 2, secrets: [SECRET] })

    await a.connect(b)
    await b.connect(a)
    a.transport.send(append(1, 2))
    await b.until(() => b.messages.length === 1)

    expect(a.peersSeen.map(({ nodeId }) => nodeId)).toEqual([2, 2])
    expect(b.peersSeen.map(({ incarnation }) => incarnation)).toEqual(['inc-1', 'inc-1'])
  })

  test.each([
    {
      why: 'another secret',
      ours: [SECRET],
      theirs: [OTHER],
      message: 'node 1 does not know the cluster secret of node 2; give all members the same one',
    },
    {
      why: 'a secret there only',
      ours: [],
      theirs: [SECRET],
      message: 'node 2 has a cluster secret, node 1 has none; give all members the same one',
    },
    {
      why: 'a secret here only',
      ours: [SECRET],
      theirs: [],
      message: 'node 1 has a cluster secret, node 2 has none; give all members the same one',
    },
    {
      why: 'a new one here that is not known there yet',
      ours: [OTHER, SECRET],
      theirs: [SECRET],
      message: 'node 1 does not know the cluster secret of node 2; give all members the same one',
    },
  ])('refuse each other with $why, and both say it', async ({ ours, theirs, message }) => {
    const asked: number[] = []
    const authorize = ({ nodeId }: { nodeId: number }) => {
      asked.push(nodeId)
      return null
    }
    const a = await started({ id: 1, secrets: ours, authorize })
    const b = await started({ id: 2, secrets: theirs, authorize })

    a.transport.setPeers([{ id: 2, addr: b.addr }])
    await a.until(() => a.refusals.length > 0)
    await b.until(() => b.logged('came to nothing').length > 0)

    expect(a.refusals[0]).toEqual({ peer: 2, reason: 'secret', message })
    expect(a.logged('refused by peer')[0]?.fields).toMatchObject({
      peer: 2,
      reason: 'secret',
      error: message,
    })
    expect(b.logged('came to nothing')[0]?.fields).toMatchObject({ reason: 'secret', error: message })
    expect(asked, 'nobody is looked up who has proven nothing').toEqual([])
    expect([...a.peersSeen, ...b.peersSeen]).toEqual([])
    expect(JSON.stringify([...a.log, ...b.log])).not.toMatch(/correct horse|another secret/)
  })

  test('change it one by one: any of a list is taken, the first is used', async () => {
    const a = await started({ id: 1, secrets: [OTHER, SECRET] })
    const b = await started({ id: 2, secrets: [SECRET, OTHER] })
    const c = await started({ id: 3, secrets: [OTHER] })

    await a.connect(b, c)
    await b.connect(a)
    await c.connect(a, b)

    expect([a, b, c].flatMap(({ refusals }) => refusals)).toEqual([])
  })

  test('say nothing of it on the wire', async () => {
    const { addr, dialled } = await listen()
    const node = await started({ id: 1, secrets: [SECRET] })
    node.transport.setPeers([{ id: 2, addr }])
    const acceptor = await dialled
    await frameAt(acceptor, 0)
    acceptor.write(encodeWelcome({ protocol: 1, ...introductionOf(2), nonce: NONCE }))
    await frameAt(acceptor, 1)
    const { peer: dialer } = await proven(node)
    await frameAt(dialer, 2)

    const seen = Buffer.concat([acceptor.received, dialer.received])
    for (const secret of [Buffer.from(SECRET), createHash('sha256').update(SECRET).digest()]) {
      expect(seen.includes(secret)).toBe(false)
      expect(seen.includes(secret.subarray(0, 8))).toBe(false)
    }
  })

  test('never ask with the same number twice', async () => {
    const node = await started({ id: 1, secrets: [SECRET] })
    const nonces = new Set<string>()
    for (let i = 0; i < 20; i++) {
      const peer = rawPeer(node)
      peer.write(helloOf2())
      const { nonce } = unpack((await frameAt(peer, 0)).body)
      nonces.add(Buffer.from(nonce).toString('hex'))
    }

    expect([...nonces].map((nonce) => nonce.length)).toEqual(Array(20).fill(64))
  })
})

describe('an acceptor that wants proof', () => {
  test('lets in who gives it, and proves the same in turn', async () => {
    const node = await started({ id: 1, secrets: [SECRET] })
    const { peer, transcript } = await proven(node)

    expect(await frameAt(peer, 1)).toEqual({
      kind: PROOF,
      body: proofOf(secretKey(SECRET), 'acceptor', transcript),
    })
    expect((await frameAt(peer, 2)).kind).toBe(ADMITTED)
    expect(node.peersSeen).toEqual([])
    peer.write(encodeFrame(START))
    await node.until(() => node.peersSeen.length === 1)
  })

  test('gives none to who has given none: nobody can try out secrets on it', async () => {
    const node = await started({ id: 1, secrets: [SECRET] })
    const { peer } = await proven(node, { secret: OTHER })
    await peer.closed()

    expect(framesIn(peer.received).map(({ kind }) => kind)).toEqual([WELCOME, REFUSAL])
  })

  test('does not take a handshake that was recorded', async () => {
    const node = await started({ id: 1, secrets: [SECRET] })
    const { peer, sent } = await proven(node)
    peer.write(encodeFrame(START))
    await node.until(() => node.peersSeen.length === 1)

    const replaying = rawPeer(node)
    replaying.write(sent)
    await replaying.closed()

    expect(framesIn(replaying.received).map(({ kind }) => kind)).toEqual([WELCOME, REFUSAL])
    expect(node.peersSeen).toHaveLength(1)
  })

  test.each([
    {
      why: 'no proof but start',
      frames: [encodeFrame(START)],
      complaint: 'a proof was expected, not kind 4',
    },
    { why: 'a short proof', frames: [encodeFrame(PROOF, Buffer.alloc(31))], complaint: 'does not know' },
    { why: 'an empty proof', frames: [encodeFrame(PROOF)], complaint: 'does not know' },
    { why: 'zeros', frames: [encodeFrame(PROOF, Buffer.alloc(32))], complaint: 'does not know' },
    {
      why: 'a proof that is too long',
      frames: [encodeFrame(PROOF, Buffer.alloc(4000))],
      complaint: 'does not know',
    },
    { why: 'an offer at once', frames: [encodeFrame(OFFER, pack({}))], complaint: 'a proof was expected' },
    { why: 'a message at once', frames: [encodeFrame(32, pack([]))], complaint: 'a proof was expected' },
  ])('closes after $why', async ({ frames, complaint }) => {
    for (const kind of ['raft', 'snapshot'] as const) {
      const node = await started({ id: 1, secrets: [SECRET] })
      const peer = rawPeer(node)
      peer.write(Buffer.concat([helloOf2({ kind }), ...frames, encodeFrame(START)]))
      await peer.closed()

      expect(node.logged('came to nothing')[0]?.fields['error']).toContain(complaint)
      expect(node.peersSeen).toEqual([])
      expect(node.refusals).toEqual([])
    }
  })

  test('does not take a proof of something else: every field of the hello is in it', async () => {
    const node = await started({ id: 1, secrets: [SECRET] })
    const said = {
      ...introductionOf(2),
      magic: 'ipam-raft',
      protocolMin: 1,
      protocolMax: 1,
      kind: 'raft',
      to: 1,
    }
    for (const change of [
      { incarnation: 'x' },
      { addr: 'h:1' },
      { nodeId: 3 },
      { kind: 'snapshot' },
      { boot: bootOf(5) },
      { later: 1 },
    ]) {
      const peer = rawPeer(node)
      peer.write(encodeFrame(HELLO, pack({ ...said, ...change, nonce: NONCE })))
      const { body: welcome } = await frameAt(peer, 0)
      const hello = pack({ ...said, nonce: NONCE })
      peer.write(encodeFrame(PROOF, proofOf(secretKey(SECRET), 'dialer', { hello, welcome })))
      await peer.closed()

      expect(framesIn(peer.received).map(({ kind }) => kind)).toEqual([WELCOME, REFUSAL])
    }
  })

  test('does not believe a refusal from who has proven nothing', async () => {
    const node = await started({ id: 1, secrets: [SECRET] })
    const peer = rawPeer(node)
    peer.write(Buffer.concat([helloOf2(), encodeRefusal({ reason: 'removed', message: 'you are gone' })]))
    await peer.closed()

    expect(node.refusals).toEqual([])
    expect(node.logged('a stranger refuses us: removed')).toHaveLength(1)
  })

  test('refuses a member in its own words only once that has proven to be one', async () => {
    const refusal = { reason: 'removed', message: 'node 1 was removed' }
    const a = await started({ id: 1, secrets: [SECRET] })
    const b = await started({ id: 2, secrets: [SECRET], authorize: () => refusal })

    a.transport.setPeers([{ id: 2, addr: b.addr }])
    await a.until(() => a.refusals.length > 0)

    expect(a.refusals[0]).toEqual({ peer: 2, ...refusal })
  })

  test('is not flooded with lines by who tries secrets', async () => {
    const node = await started({ id: 1, secrets: [SECRET], clock: new HandClock() })
    for (let i = 0; i < 10; i++) await (await proven(node, { secret: OTHER })).peer.closed()

    expect(node.log).toHaveLength(1)
  })
})

describe('a dialer that wants proof', () => {
  /** Node 1 has dialled us, in the place of node 2, and has given its proof. */
  async function dialledBy(): Promise<{
    node: TestNode
    peer: RawPeer
    transcript: { hello: Buffer; welcome: Buffer }
    proof: Buffer
  }> {
    const { addr, dialled } = await listen()
    const node = await started({ id: 1, secrets: [SECRET] })
    node.transport.setPeers([{ id: 2, addr }])
    const peer = await dialled
    const { body: hello } = await frameAt(peer, 0)
    const welcome = encodeWelcome({ protocol: 1, ...introductionOf(2), nonce: NONCE })
    peer.write(welcome)
    const { body: proof } = await frameAt(peer, 1)
    return { node, peer, transcript: { hello, welcome: bodyOf(welcome) }, proof }
  }

  test('is not content with its own proof, sent back', async () => {
    const { node, peer, proof } = await dialledBy()
    peer.write(Buffer.concat([encodeFrame(PROOF, proof), encodeFrame(ADMITTED)]))
    await peer.closed()

    expect(node.logged('refused the peer that was dialled')[0]?.fields['error']).toBe(
      'what answers as node 2 does not know the cluster secret',
    )
    expect(node.peersSeen).toEqual([])
  })

  test('does not go on before it is admitted', async () => {
    const { node, peer, transcript } = await dialledBy()
    peer.write(encodeFrame(PROOF, proofOf(secretKey(SECRET), 'acceptor', transcript)))
    await peer.until(() => framesIn(peer.received).length === 2)
    expect(node.peersSeen).toEqual([])

    peer.write(encodeFrame(ADMITTED))
    await node.until(() => node.peersSeen.length === 1)
    expect((await frameAt(peer, 2)).kind).toBe(START)
  })

  test.each([
    {
      why: 'admitted without a proof',
      frames: [encodeFrame(ADMITTED)],
      complaint: 'a proof was expected, not kind 8',
    },
    {
      why: 'told by a stranger that it was removed',
      frames: [encodeRefusal({ reason: 'removed', message: '' })],
      complaint: 'a stranger refuses us',
    },
  ])('gives up when $why', async ({ frames, complaint }) => {
    const { node, peer } = await dialledBy()
    peer.write(Buffer.concat(frames))
    await peer.closed()

    expect(node.logged(complaint)).toHaveLength(1)
    expect([...node.peersSeen, ...node.refusals]).toEqual([])
  })

  test('shows its proof to nobody who does not ask for it in its cluster and as the node it looks for', async () => {
    for (const [change, reason] of [
      [{ clusterId: 7 }, 'cluster_id'],
      [{ nodeId: 3 }, 'node_id'],
      [{ nonce: null }, 'secret'],
    ] as const) {
      const { addr, dialled } = await listen()
      const node = await started({ id: 1, secrets: [SECRET] })
      node.transport.setPeers([{ id: 2, addr }])
      const peer = await dialled
      await frameAt(peer, 0)
      peer.write(encodeWelcome({ protocol: 1, ...introductionOf(2), nonce: NONCE, ...change }))
      await peer.closed()

      expect(framesIn(peer.received).map(({ kind }) => kind)).toEqual([HELLO, REFUSAL])
      expect(node.logged('refused the peer')[0]?.fields['reason']).toBe(reason)
    }
  })
})
