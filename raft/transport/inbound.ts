import { createServer, type Server, type Socket } from 'node:net'
import type { PeerIdentity } from '../ports.ts'
import type { NodeId } from '../types.ts'
import { formatAddr } from './addr.ts'
import type { MessageCodec } from './codec.ts'
import { Connection } from './connection.ts'
import type { TransportContext } from './context.ts'
import {
  ConnectionError,
  isNetworkError,
  type NetworkError,
  ProtocolError,
  RefusedError,
  reasonOf,
} from './errors.ts'
import { encodeFrame, type Frame, HANDSHAKE_FRAME_BYTES_MAX } from './frame.ts'
import { type Greeted, receiveGreeting } from './handshake.ts'
import { HEARD, PING } from './kinds.ts'
import { QuietLog } from './quiet-log.ts'
import { receiveSnapshot, SNAPSHOT_FRAME_BYTES_MAX } from './snapshot-stream.ts'
import { repeat, Watchdog } from './timers.ts'
import type { TlsIdentity } from './tls.ts'

/** How often a sender hears that we hear it, in the time after which silence means death. */
const ANSWERS_PER_SILENCE = 4

interface Receiving {
  readonly connection: Connection
  readonly peer: PeerIdentity
  /** When everything that came of it is cleaned up. */
  readonly over: Promise<void>
}

/** The connections that peers dial to us, and that we receive on. */
export class Inbound {
  readonly #context: TransportContext
  readonly #codec: MessageCodec
  readonly #onPeerSeen: (peer: NodeId) => void
  readonly #quietLog: QuietLog
  readonly #server: Server
  /** Where a peer is a member; null if we do not know. */
  readonly #addrOf: (peer: NodeId) => string | null
  /** Connected and not encrypted yet, by address and port; the oldest first. */
  readonly #securing = new Map<string, Socket>()
  /** Whose handshake is not finished; the oldest first. */
  readonly #pending = new Set<Connection>()
  /** One for each peer: a new one replaces the old one, whose end we may not have noticed. */
  readonly #raft = new Map<NodeId, { readonly connection: Connection; readonly peer: PeerIdentity }>()
  readonly #snapshots = new Map<NodeId, Receiving>()

  /** @param onPeerSeen A peer has reached us: dialling it may be worth while. */
  constructor(
    context: TransportContext,
    options: {
      codec: MessageCodec
      onPeerSeen: (peer: NodeId) => void
      addrOf: (peer: NodeId) => string | null
    },
  ) {
    this.#context = context
    this.#codec = options.codec
    this.#onPeerSeen = options.onPeerSeen
    this.#addrOf = options.addrOf
    this.#quietLog = new QuietLog(context.clock, context.logger)
    this.#server =
      context.tls === null
        ? createServer((socket) => this.#accept(socket))
        : this.#createTlsServer(context.tls)
  }

  /** @throws if the address cannot be listened on */
  async listen({ host, port }: { host: string; port: number }): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    // Out of file descriptors, for example: those that we have go on working.
    this.#server.on('error', (error) => {
      this.#quietLog.warn('accept', { error: error.message }, 'a connection could not be accepted')
    })
  }

  /** Where we listen, also if port 0 was asked for. */
  get port(): number | null {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : null
  }

  /** Connections whose handshake is not finished. */
  get pendingCount(): number {
    return this.#pending.size + this.#securing.size
  }

  /** Asks again whether we want those who are connected, now that more may be known about them. */
  authorize(): void {
    for (const { connection, peer } of [...this.#raft.values(), ...this.#snapshots.values()]) {
      const refusal = this.#context.handlers.authorize(peer)
      if (refusal !== null) connection.close(new RefusedError(refusal, 'us'))
    }
  }

  async close(): Promise<void> {
    const reason = new ConnectionError('this node is shutting down')
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    const snapshots = [...this.#snapshots.values()]
    for (const connection of this.#pending) connection.close(reason)
    for (const socket of this.#securing.values()) socket.destroy()
    for (const { connection } of [...this.#raft.values(), ...snapshots]) connection.close(reason)
    await this.#within(
      this.#context.limits.closeMs,
      snapshots.map(({ over }) => over),
    )
    await closed
  }

  /** A disk that hangs must not keep the node from stopping. */
  #within(limitMs: number, ends: readonly Promise<void>[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.#context.clock.setTimer(limitMs, resolve)
      Promise.all(ends)
        .then(() => {
          cancel()
          resolve()
        })
        .catch(reject)
    })
  }

  /** What is being encrypted counts as what has not said who it is, and makes room in the same way. */
  #createTlsServer(tls: TlsIdentity): Server {
    const server = tls.createServer(this.#context.limits.handshakeMs)
    server.on('connection', (socket: Socket) => {
      const key = remoteOf(socket)
      this.#securing.set(key, socket)
      socket.once('close', () => this.#securing.delete(key))
      const [oldest] = this.#securing.values()
      if (this.pendingCount > this.#context.limits.pendingConnectionsMax) oldest?.destroy()
    })
    server.on('secureConnection', (socket) => {
      this.#securing.delete(remoteOf(socket))
      this.#accept(socket)
    })
    server.on('tlsClientError', (error, socket) => {
      const message = `no TLS: ${error.message}`
      this.#report(socket.remoteAddress ?? 'unknown', new ConnectionError(message, { cause: error }))
      socket.destroy()
    })
    return server
  }

  #accept(socket: Socket): void {
    const { remoteAddress: host = 'unknown' } = socket
    const connection = new Connection(socket, {
      remote: remoteOf(socket),
      frameBytesMax: HANDSHAKE_FRAME_BYTES_MAX,
      onFatal: this.#context.onFatal,
    })
    this.#pending.add(connection)
    this.#makeRoom()
    this.#serve(connection, { host, socket }).catch(this.#context.onFatal)
  }

  /** The oldest goes, not the newest: who means it needs milliseconds, who wants to block us waits. */
  #makeRoom(): void {
    const [oldest] = this.#pending
    if (oldest === undefined || this.#pending.size <= this.#context.limits.pendingConnectionsMax) return
    this.#pending.delete(oldest)
    oldest.close(new ConnectionError('too many connections that have not said who they are'))
  }

  async #serve(connection: Connection, { host, socket }: { host: string; socket: Socket }): Promise<void> {
    try {
      const { peer, kind } = await this.#handshake(connection, socket)
      if (kind === 'raft') this.#openRaft(connection, peer)
      else await this.#openSnapshot(connection, peer)
    } catch (error) {
      connection.close(isNetworkError(error) ? error : new ConnectionError('failed', { cause: error }))
      if (!isNetworkError(error)) throw error
      this.#report(host, error)
    }
  }

  async #handshake(connection: Connection, socket: Socket): Promise<Greeted> {
    const { self, secrets, tls, clock, limits, handlers } = this.#context
    const cancelDeadline = clock.setTimer(limits.handshakeMs, () => {
      connection.close(new ConnectionError(`no handshake within ${limits.handshakeMs} ms`))
    })
    try {
      const greeted = await receiveGreeting(connection, {
        self,
        secrets,
        whyNotTrusted: ({ nodeId, addr }) => {
          const claimed = { peer: `node ${nodeId}`, addr: this.#addrOf(nodeId) ?? addr }
          return tls?.whyNotTrusted(socket, claimed) ?? null
        },
        authorize: (peer) => handlers.authorize(peer),
        onRefused: (peer, { reason, message }) => handlers.onRefused({ peer, reason, message }),
      })
      if (connection.isClosed) throw new ConnectionError('closed as the handshake ended')
      // What we know may have changed while the peer answered.
      const refusal = handlers.authorize(greeted.peer)
      if (refusal !== null) throw new RefusedError(refusal, 'us')
      return greeted
    } finally {
      cancelDeadline()
      this.#pending.delete(connection)
    }
  }

  #openRaft(connection: Connection, peer: PeerIdentity): void {
    const { clock, limits, logger, handlers } = this.#context
    const { nodeId } = peer
    const old = this.#raft.get(nodeId)
    old?.connection.close(new ConnectionError('the peer has dialled anew'))
    const watchdog = new Watchdog({
      clock,
      limitMs: limits.silenceMs,
      onExpired: () => connection.close(new ConnectionError(`silent for ${limits.silenceMs} ms`)),
    })
    const stopAnswers = this.#answer(connection, () => watchdog.touch())
    connection.onClosed((error) => {
      watchdog.stop()
      stopAnswers()
      if (this.#raft.get(nodeId)?.connection === connection) this.#raft.delete(nodeId)
      this.#reportLost(peer, connection, error)
    })
    this.#raft.set(nodeId, { connection, peer })
    connection.frameBytesMax = limits.frameBytesMax
    logger.info({ peer: nodeId, remote: connection.remote }, 'peer has connected')
    handlers.onPeer(peer)
    this.#onPeerSeen(nodeId)
    connection.consume((frame) => this.#receive(frame, peer))
  }

  /** Tells the sender now and then that its bytes arrive: it has no other way to know. Returns what ends it. */
  #answer(connection: Connection, onReceived: () => void): () => void {
    let hasHeard = false
    connection.onReceived(() => {
      hasHeard = true
      onReceived()
    })
    return repeat(this.#context.clock, this.#context.limits.silenceMs / ANSWERS_PER_SILENCE, () => {
      if (hasHeard && connection.bufferedBytes === 0) connection.write(encodeFrame(HEARD))
      hasHeard = false
    })
  }

  #receive(frame: Frame, peer: PeerIdentity): void {
    if (frame.kind === PING) return
    const message = this.#codec.decode(frame)
    const { from, to } = message
    if (from !== peer.nodeId || to !== this.#context.self.nodeId) {
      throw new ProtocolError(`a message from ${from} to ${to} came from ${peer.nodeId}`)
    }
    this.#context.handlers.onMessage(message)
  }

  /** A new one replaces the old one, once what that has received is put away. */
  async #openSnapshot(connection: Connection, peer: PeerIdentity): Promise<void> {
    const { nodeId } = peer
    const old = this.#snapshots.get(nodeId)
    old?.connection.close(new ConnectionError('the peer sends another snapshot'))
    const over = this.#receiveSnapshot(connection, peer, old?.over ?? Promise.resolve())
    const receiving = { connection, peer, over: over.catch(() => {}) }
    this.#snapshots.set(nodeId, receiving)
    try {
      await over
    } finally {
      if (this.#snapshots.get(nodeId) === receiving) this.#snapshots.delete(nodeId)
    }
  }

  async #receiveSnapshot(connection: Connection, peer: PeerIdentity, old: Promise<void>): Promise<void> {
    const { clock, limits, handlers } = this.#context
    await old
    connection.frameBytesMax = SNAPSHOT_FRAME_BYTES_MAX
    await receiveSnapshot(connection, { peer, handlers, clock, idleMs: limits.snapshotIdleMs })
  }

  #report(host: string, error: NetworkError): void {
    const reason = reasonOf(error)
    const fields = { remote: host, reason, error: error.message }
    this.#quietLog.warn(`${host} ${reason}`, fields, 'a connection to this node came to nothing')
  }

  #reportLost({ nodeId }: PeerIdentity, { remote }: Connection, error: NetworkError): void {
    const reason = reasonOf(error)
    const fields = { peer: nodeId, remote, reason, error: error.message }
    this.#quietLog.warn(`${nodeId} ${reason}`, fields, 'a connection from a peer is gone')
  }
}

function remoteOf({ remoteAddress: host = 'unknown', remotePort: port = 0 }: Socket): string {
  return formatAddr({ host, port })
}
