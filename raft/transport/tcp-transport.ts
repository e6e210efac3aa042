import { assert } from '../assert.ts'
import type {
  Boot,
  Clock,
  Identity,
  Log,
  QueueFigure,
  SnapshotFile,
  SnapshotOffer,
  Transport,
  TransportHandlers,
} from '../ports.ts'
import type { Message, NodeId } from '../types.ts'
import { secretKey } from './cluster-secret.ts'
import { MessageCodec } from './codec.ts'
import type { Connection } from './connection.ts'
import type { TransportContext } from './context.ts'
import { dial } from './dial.ts'
import { ConnectionError } from './errors.ts'
import { Inbound } from './inbound.ts'
import { DEFAULT_LIMITS, type TransportLimits } from './limits.ts'
import { PeerLink } from './peer-link.ts'
import { streamSnapshot } from './snapshot-stream.ts'
import { type TlsCredentials, TlsIdentity, type TlsOptions } from './tls.ts'

export interface TcpTransportOptions {
  readonly identity: Identity
  /** Port 0 takes a free one; see `port`. */
  readonly listen: { readonly host: string; readonly port: number }
  /**
   * Texts that only members know: this node proves the first one, and takes any from others. Empty for none: then
   * whoever reaches the port is believed. It guards connecting, not what is said afterwards; see README.md.
   */
  readonly secrets: readonly string[]
  /** Null: nothing is encrypted, and nobody shows a certificate. */
  readonly tls: TlsOptions | null
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly logger: Log
  /** Something failed that is no network error: a handler has thrown, or we have a bug. Called at most once. */
  readonly onFatal: (error: unknown) => void
  readonly limits?: Partial<TransportLimits>
}

/**
 * Messages over TCP: each node dials each of its peers and sends on what it dialled, so that two nodes have two
 * connections, one for each direction. README.md has the wire format.
 */
export class TcpTransport implements Transport {
  readonly #options: TcpTransportOptions
  readonly #tls: TlsIdentity | null
  readonly #codec = new MessageCodec()
  readonly #links = new Map<NodeId, PeerLink>()
  readonly #outgoingSnapshots = new Map<NodeId, Connection>()
  #running: { readonly context: TransportContext; readonly inbound: Inbound } | null = null
  #isClosed = false
  #hasFailed = false

  /** @throws if what `tls` has is no certificate or no key, or they do not belong together */
  constructor(options: TcpTransportOptions) {
    this.#options = options
    this.#tls = options.tls === null ? null : new TlsIdentity(options.tls)
  }

  /** @throws if the address cannot be listened on */
  async start(handlers: TransportHandlers, boot: Boot): Promise<void> {
    assert(this.#running === null && !this.#isClosed, 'a transport is started once')
    const { identity, secrets, clock, random, logger, limits, listen } = this.#options
    const context: TransportContext = {
      self: { ...identity, boot },
      secrets: secrets.map(secretKey),
      tls: this.#tls,
      clock,
      random,
      logger,
      limits: { ...DEFAULT_LIMITS, ...limits },
      handlers: this.#whileOpen(handlers),
      onFatal: (error) => this.#fail(error),
    }
    const inbound = new Inbound(context, {
      codec: this.#codec,
      onPeerSeen: (peer) => this.#links.get(peer)?.nudge(),
      addrOf: (peer) => this.#links.get(peer)?.addr ?? null,
    })
    this.#running = { context, inbound }
    await inbound.listen(listen)
  }

  /** Where peers reach us; `null` before `start` has resolved. */
  get port(): number | null {
    return this.#running?.inbound.port ?? null
  }

  /**
   * For new connections; those that stand go on with the old ones.
   *
   * @throws if they are not what they should be. The old ones stay then.
   */
  setTlsCredentials(credentials: TlsCredentials): void {
    assert(this.#tls !== null, 'this transport has no TLS')
    this.#tls.replace(credentials)
  }

  setPeers(peers: readonly { id: NodeId; addr: string }[]): void {
    if (this.#isClosed) return
    const { context, inbound } = this.#started()
    const wanted = new Map(
      peers.filter(({ id }) => id !== context.self.nodeId).map((peer) => [peer.id, peer]),
    )
    for (const [id, link] of this.#links) {
      if (wanted.get(id)?.addr === link.addr) link.authorize()
      else this.#drop(link)
    }
    inbound.authorize()
    for (const [id, peer] of wanted) {
      if (!this.#links.has(id)) this.#links.set(id, new PeerLink(context, peer))
    }
  }

  send(message: Message): boolean {
    assert(message.from === this.#options.identity.nodeId, 'a message from {} is not ours', message.from)
    const link = this.#links.get(message.to)
    return link?.hasRoom === true && link.send(this.#codec.encode(message))
  }

  /** One at a time for each peer. Rejects with a `NetworkError`, or with what reading the file threw. */
  async sendSnapshot(
    { to, ...offer }: SnapshotOffer & { readonly to: NodeId },
    file: SnapshotFile,
  ): Promise<void> {
    const { context } = this.#started()
    const addr = this.#links.get(to)?.addr
    if (this.#isClosed || addr === undefined) throw new ConnectionError(`node ${to} is not a peer`)
    if (this.#outgoingSnapshots.has(to))
      throw new ConnectionError(`node ${to} is being sent a snapshot already`)
    const { connection, accepted } = dial(context, { to, addr, kind: 'snapshot' })
    this.#outgoingSnapshots.set(to, connection)
    try {
      await accepted
      const { clock, limits } = context
      await streamSnapshot(connection, { offer, file, clock, idleMs: limits.snapshotIdleMs })
    } finally {
      this.#outgoingSnapshots.delete(to)
    }
  }

  /** For metrics. */
  peers(): { readonly id: NodeId; readonly isConnected: boolean; readonly bufferedBytes: number }[] {
    return [...this.#links.values()].map(({ id, isOpen, bufferedBytes }) => {
      return { id, isConnected: isOpen, bufferedBytes }
    })
  }

  /** For metrics. */
  queues(): QueueFigure[] {
    const { bufferBytesMax, pendingConnectionsMax } = { ...DEFAULT_LIMITS, ...this.#options.limits }
    const size = this.#running?.inbound.pendingCount ?? 0
    return [
      { queue: 'pending_handshakes', peer: null, unit: 'entries', size, max: pendingConnectionsMax },
      ...this.peers().map(({ id: peer, bufferedBytes }): QueueFigure => {
        return { queue: 'send_buffer', peer, unit: 'bytes', size: bufferedBytes, max: bufferBytesMax }
      }),
    ]
  }

  /** Lets what was sent leave, within limits. No handler is called any more. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    const running = this.#running
    if (running === null) return
    const links = [...this.#links.values()]
    const reason = new ConnectionError('this node is shutting down')
    for (const connection of this.#outgoingSnapshots.values()) connection.close(reason)
    await Promise.all([...links.map((link) => link.flush()), running.inbound.close()])
    this.#links.clear()
  }

  #drop(link: PeerLink): void {
    this.#links.delete(link.id)
    link.close()
    this.#outgoingSnapshots.get(link.id)?.close(new ConnectionError('the peer is not ours any more'))
  }

  #started(): { readonly context: TransportContext; readonly inbound: Inbound } {
    assert(this.#running !== null, 'the transport is not started')
    return this.#running
  }

  /** A driver that has closed us is gone. */
  #whileOpen(handlers: TransportHandlers): TransportHandlers {
    const closing = { reason: 'closed', message: 'this node is shutting down' }
    const tell = (call: () => void): void => {
      if (!this.#isClosed) call()
    }
    return {
      onMessage: (message) => tell(() => handlers.onMessage(message)),
      authorize: (peer) => (this.#isClosed ? closing : handlers.authorize(peer)),
      onPeer: (peer) => tell(() => handlers.onPeer(peer)),
      onPeerLost: (peer) => tell(() => handlers.onPeerLost(peer)),
      onRefused: (refusal) => tell(() => handlers.onRefused(refusal)),
      onSnapshotOffer: async (offer) => (this.#isClosed ? null : handlers.onSnapshotOffer(offer)),
      onSnapshotReceived: (offer, file) => tell(() => handlers.onSnapshotReceived(offer, file)),
    }
  }

  #fail(error: unknown): void {
    if (this.#hasFailed) return
    this.#hasFailed = true
    this.#options.onFatal(error)
  }
}
