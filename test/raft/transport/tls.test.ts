import { connect as connectTls } from 'node:tls'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import type { TlsCredentials, TlsOptions } from '../../../raft/index.ts'
import { encodeHello } from '../../../raft/transport/handshake-messages.ts'
import { Authority, type CertificateOptions } from '../../certificates.ts'
import { append, bootOf, CLUSTER_ID, HandClock, RawPeer, TestNode, type TestNodeOptions } from './support.ts'

const ours = new Authority('ours')
const others = new Authority('others')
const member = ours.issue()
const nodes: TestNode[] = []
const rawPeers: RawPeer[] = []

afterEach(async () => {
  for (const peer of rawPeers.splice(0)) peer.socket.destroy()
  await Promise.all(nodes.splice(0).map((node) => node.transport.close()))
})

afterAll(() => {
  ours.close()
  others.close()
})

function tlsOf(credentials: TlsCredentials, name: string | null = null): TlsOptions {
  return { ...credentials, name }
}

async function started(options: TestNodeOptions): Promise<TestNode> {
  const node = await new TestNode({ tls: tlsOf(member), ...options }).start()
  nodes.push(node)
  return node
}

/** Who speaks TLS to a node, with or without a certificate, and then what it likes. */
function securePeer(node: TestNode, credentials: Partial<TlsCredentials>): RawPeer {
  const socket = connectTls({
    ...credentials,
    host: '127.0.0.1',
    port: node.transport.port ?? 0,
    rejectUnauthorized: false,
  })
  const peer = new RawPeer(socket)
  rawPeers.push(peer)
  return peer
}

const HELLO_OF_2 = encodeHello({
  clusterId: CLUSTER_ID,
  nodeId: 2,
  incarnation: 'inc-2',
  addr: '127.0.0.1:5002',
  schemas: { min: 1, max: 1 },
  boot: bootOf(2),
  kind: 'raft',
  to: 1,
  nonce: null,
})

describe('members with TLS', () => {
  test('talk to each other, in both directions', async () => {
    const a = await started({ id: 1 })
    const b = await started({ id: 2 })

    await a.connect(b)
    await b.connect(a)
    for (let i = 0; i < 100; i++) a.transport.send(append(1, 2))
    b.transport.send(append(2, 1))
    await b.until(() => b.messages.length === 100)
    await a.until(() => a.messages.length === 1)

    expect([...a.fatal, ...b.fatal]).toEqual([])
  })

  test('may have a cluster secret as well', async () => {
    const secrets = ['0123456789abcdef0123456789abcdef']
    const a = await started({ id: 1, secrets })
    const b = await started({ id: 2, secrets })
    const c = await started({ id: 3, secrets: [] })

    await a.connect(b)
    c.transport.setPeers([{ id: 2, addr: b.addr }])
    await c.until(() => c.refusals.length > 0)

    expect(c.refusals[0]?.reason).toBe('secret')
  })

  test('are known by one name, if they are told to', async () => {
    const named = ours.issue({ hosts: ['DNS:member.ipam.internal'] })
    const tls = tlsOf(named, 'member.ipam.internal')
    const a = await started({ id: 1, tls })
    const b = await started({ id: 2, tls })
    await a.connect(b)

    const c = await started({ id: 3, tls: tlsOf(member, 'member.ipam.internal') })
    c.transport.setPeers([{ id: 2, addr: b.addr }])
    await c.until(() => c.refusals.length > 0)
    expect(c.refusals[0]?.message).toBe(
      'the certificate of node 3 is not for member.ipam.internal, it is for IP Address:127.0.0.1, DNS:localhost',
    )
  })
})

const BAD: { why: string; made: () => TlsCredentials; complaint: string }[] = [
  {
    why: 'of another authority',
    made: () => ({ ...others.issue(), ca: ours.certificate }),
    complaint: 'is signed by another authority than ours',
  },
  { why: 'that has expired', made: () => ours.issue({ days: -1 }), complaint: 'has expired' },
  {
    why: 'for another host',
    made: () => ours.issue({ hosts: ['IP:127.0.0.2', 'DNS:elsewhere'] }),
    complaint: 'is not for 127.0.0.1, it is for IP Address:127.0.0.2, DNS:elsewhere',
  },
]

/** Lets everybody in, and writes down whom. */
function noting(asked: unknown[]): () => null {
  return () => {
    asked.push('asked')
    return null
  }
}

function made({ uses }: CertificateOptions): TlsCredentials {
  return ours.issue({ uses: uses ?? [] })
}

describe('a member', () => {
  test.each([
    ...BAD,
    { why: 'for clients only', made: () => made({ uses: ['clientAuth'] }), complaint: 'is not for this use' },
  ])('does not talk to one whose certificate is one $why, and tells it why', async ({ made, complaint }) => {
    const asked: unknown[] = []
    const a = await started({ id: 1, authorize: noting(asked) })
    const b = await started({ id: 2, tls: tlsOf(made()), authorize: noting(asked) })

    a.transport.setPeers([{ id: 2, addr: b.addr }])
    await a.until(() => a.logged('refused the peer that was dialled').length > 0)
    await b.until(() => b.logged('came to nothing').length > 0)

    const message = `the certificate of node 2 at ${b.addr} ${complaint}`
    expect(a.logged('refused the peer')[0]?.fields['error']).toContain(message)
    expect(b.logged('came to nothing')[0]?.fields['error']).toContain(message)
    expect([...asked, ...a.peersSeen, ...b.peersSeen]).toEqual([])
  })

  test.each([
    ...BAD,
    { why: 'for servers only', made: () => made({ uses: ['serverAuth'] }), complaint: 'is not for this use' },
  ])(
    'does not listen to one whose certificate is one $why, and tells it why',
    async ({ made, complaint }) => {
      const asked: unknown[] = []
      const a = await started({ id: 1, tls: tlsOf(made()), authorize: noting(asked) })
      const b = await started({ id: 2, authorize: noting(asked) })

      a.transport.setPeers([{ id: 2, addr: b.addr }])
      await a.until(() => a.refusals.length > 0)
      await b.until(() => b.logged('came to nothing').length > 0)

      expect(a.refusals[0]).toMatchObject({ peer: 2, reason: 'certificate' })
      expect(a.refusals[0]?.message).toContain(`the certificate of node 1 ${complaint}`)
      expect(b.logged('came to nothing')[0]?.fields['error']).toContain(complaint)
      expect([...asked, ...a.peersSeen, ...b.peersSeen]).toEqual([])
    },
  )

  test('does not listen to a member of another host that takes its id', async () => {
    const elsewhere = ours.issue({ hosts: ['IP:127.0.0.3'] })
    const b = await started({ id: 2 })
    // Node 1 is known to be at 127.0.0.1, whatever comes and says.
    b.transport.setPeers([{ id: 1, addr: '127.0.0.1:1' }])
    const a = await started({ id: 1, tls: tlsOf(elsewhere), addr: '127.0.0.3:5001' })
    a.transport.setPeers([{ id: 2, addr: b.addr }])
    await a.until(() => a.refusals.length > 0)

    expect(a.refusals[0]?.message).toBe(
      'the certificate of node 1 is not for 127.0.0.1, it is for IP Address:127.0.0.3',
    )
    expect(b.peersSeen).toEqual([])
  })

  test('does not listen to who shows no certificate', async () => {
    const node = await started({ id: 1 })
    const peer = securePeer(node, {})
    peer.write(HELLO_OF_2)
    await peer.closed()

    expect(node.logged('the certificate of node 2 is missing: it shows none')).toHaveLength(1)
    expect(node.peersSeen).toEqual([])
  })

  test('and one without TLS do not understand each other, and both say so', async () => {
    const a = await started({ id: 1 })
    const b = await started({ id: 2, tls: null })
    a.transport.setPeers([{ id: 2, addr: b.addr }])
    b.transport.setPeers([{ id: 1, addr: a.addr }])

    await a.until(() => a.logged('no TLS: ').length > 0 && a.logged('not connected to peer').length > 0)
    await b.until(() => b.logged('it looks like TLS, which is not used here').length > 0)

    expect([...a.peersSeen, ...b.peersSeen]).toEqual([])
  })

  test('closes what never begins TLS, the oldest first where there are too many', async () => {
    const node = await started({ id: 1, limits: { pendingConnectionsMax: 4 } })
    const silent = Array.from({ length: 6 }, () => RawPeer.dial(node.transport.port))
    rawPeers.push(...silent)
    await Promise.all(silent.slice(0, 2).map((peer) => peer.closed()))

    const other = await started({ id: 2 })
    await other.connect(node)
    expect(silent.filter((peer) => peer.isClosed).length).toBeLessThanOrEqual(3)
  })

  test('closes what has begun TLS and says nothing', async () => {
    const clock = new HandClock()
    const node = await started({ id: 1, clock })
    const peer = securePeer(node, member)
    await new Promise((resolve) => peer.socket.once('secureConnect', resolve))
    // Accepted connections are served in order: this one is known to be waiting by then.
    const marker = securePeer(node, {})
    marker.write(HELLO_OF_2)
    await marker.closed()

    clock.advance(5000)
    await peer.closed()
    expect(node.logged('no handshake within 5000 ms')).toHaveLength(1)
  })
})

describe('other certificates', () => {
  test('are shown from the next connection on, while those that stand go on', async () => {
    const a = await started({ id: 1 })
    const b = await started({ id: 2 })
    await a.connect(b)
    const next = new Authority('next')
    const both = ours.certificate + next.certificate

    // As an operator does it: first both believe both authorities, then both show the new one's.
    for (const node of [a, b]) node.transport.setTlsCredentials({ ...member, ca: both })
    for (const node of [a, b]) node.transport.setTlsCredentials({ ...next.issue(), ca: next.certificate })
    a.transport.send(append(1, 2))
    await b.until(() => b.messages.length === 1)
    expect(a.peersLost).toEqual([])

    const c = await started({ id: 3, tls: tlsOf(next.issue()) })
    await c.connect(a, b)
    await a.connect(b, c)
    await b.connect(c)
    const late = await started({ id: 4 })
    late.transport.setPeers([{ id: 1, addr: a.addr }])
    await late.until(() => late.logged('is signed by another authority than ours').length > 0)
    expect([...a.fatal, ...b.fatal, ...c.fatal]).toEqual([])
    next.close()
  })

  test.each([
    { why: 'the key of another certificate', bad: { key: ours.issue().key } },
    { why: 'no certificate', bad: { cert: 'nonsense' } },
    { why: 'no key', bad: { key: '' } },
    { why: 'half a certificate', bad: { cert: member.cert.slice(0, 300) } },
    { why: 'no authority', bad: { ca: 'nonsense' } },
    { why: 'an authority that is none', bad: { ca: member.cert } },
  ])('are refused when there is $why, and the old ones stay', async ({ bad }) => {
    const a = await started({ id: 1 })
    const b = await started({ id: 2 })

    expect(() => a.transport.setTlsCredentials({ ...member, ...bad })).toThrow()
    expect(() => new TestNode({ id: 3, tls: tlsOf({ ...member, ...bad }) })).toThrow()

    await a.connect(b)
    await b.connect(a)
  })
})
