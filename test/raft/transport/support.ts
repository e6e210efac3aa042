/** Real sockets on loopback, a clock that can be real or moved by hand, and handlers that remember. */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import type {
  Boot,
  Clock,
  Identity,
  Log,
  PeerIdentity,
  SnapshotFile,
  SnapshotOffer,
  SnapshotReceiver,
  TransportHandlers,
} from '../../../raft/ports.ts'
import { type Frame, FrameReader } from '../../../raft/transport/frame.ts'
import type { TransportLimits } from '../../../raft/transport/limits.ts'
import { TcpTransport } from '../../../raft/transport/tcp-transport.ts'
import type { TlsOptions } from '../../../raft/transport/tls.ts'
import type { AppendEntries, Entry, Message, NodeId } from '../../../raft/types.ts'

export const CLUSTER_ID = 100

export const realClock: Clock = {
  now: () => performance.now(),
  wallTime: () => 0,
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
  setSoon: (callback) => void setImmediate(callback),
}

/** Stands still until it is moved. */
export class HandClock implements Clock {
  #now = 0
  #timers = new Set<{ readonly at: number; readonly callback: () => void }>()

  now(): number {
    return this.#now
  }

  wallTime(): number {
    return 0
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const timer = { at: this.#now + delayMs, callback }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  setSoon(callback: () => void): void {
    setImmediate(callback)
  }

  get timerCount(): number {
    return this.#timers.size
  }

  /** On to the next timer. */
  next(): void {
    this.advance(Math.min(...[...this.#timers].map(({ at }) => at)) - this.#now)
  }

  advance(ms: number): void {
    const end = this.#now + ms
    while (true) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.#timers.delete(due)
      this.#now = Math.max(this.#now, due.at)
      due.callback()
    }
    this.#now = end
  }
}

/** Conditions that are looked at again whenever something has happened. */
export class Watched {
  readonly #waiters = new Set<() => void>()

  changed(): void {
    for (const look of this.#waiters) look()
  }

  until(isTrue: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!isTrue()) return
        this.#waiters.delete(look)
        resolve()
      }
      this.#waiters.add(look)
      look()
    })
  }
}

export interface LogLine {
  readonly level: string
  readonly message: string
  readonly fields: Record<string, unknown>
}

export interface TestNodeOptions {
  readonly id: NodeId
  readonly clusterId?: number
  readonly incarnation?: string
  readonly port?: number
  /** As it introduces itself. */
  readonly addr?: string
  readonly secrets?: readonly string[]
  readonly tls?: TlsOptions | null
  readonly clock?: Clock
  readonly limits?: Partial<TransportLimits>
  readonly authorize?: (peer: PeerIdentity) => { reason: string; message: string } | null
  readonly onMessage?: (message: Message) => void
  readonly onSnapshotOffer?: (offer: SnapshotOffer) => Promise<SnapshotReceiver | null>
}

export function bootOf(id: NodeId): Boot {
  return { id: 1000 + id, term: 2, lastIndex: 7 }
}

/** A transport with handlers that write down what they are told. */
export class TestNode extends Watched {
  readonly id: NodeId
  readonly transport: TcpTransport
  readonly messages: Message[] = []
  readonly peersSeen: PeerIdentity[] = []
  readonly peersLost: NodeId[] = []
  readonly refusals: { peer: NodeId; reason: string; message: string }[] = []
  readonly snapshots: { offer: SnapshotOffer; file: SnapshotFile }[] = []
  readonly log: LogLine[] = []
  readonly fatal: unknown[] = []
  readonly #handlers: TransportHandlers

  constructor(options: TestNodeOptions) {
    super()
    this.id = options.id
    const identity: Identity = {
      clusterId: options.clusterId ?? CLUSTER_ID,
      nodeId: options.id,
      incarnation: options.incarnation ?? `inc-${options.id}`,
      addr: options.addr ?? `127.0.0.1:${5000 + options.id}`,
      schemas: { min: 1, max: 1 },
    }
    this.transport = new TcpTransport({
      identity,
      listen: { host: '127.0.0.1', port: options.port ?? 0 },
      secrets: options.secrets ?? [],
      tls: options.tls ?? null,
      clock: options.clock ?? realClock,
      random: () => 0,
      logger: this.#logger(),
      onFatal: (error) => this.#note(this.fatal, error),
      limits: options.limits ?? {},
    })
    this.#handlers = {
      onMessage: (message) => {
        options.onMessage?.(message)
        this.#note(this.messages, message)
      },
      authorize: (peer) => options.authorize?.(peer) ?? null,
      onPeer: (peer) => this.#note(this.peersSeen, peer),
      onPeerLost: (peer) => this.#note(this.peersLost, peer),
      onRefused: (refusal) => this.#note(this.refusals, refusal),
      onSnapshotOffer: (offer) => options.onSnapshotOffer?.(offer) ?? Promise.resolve(null),
      onSnapshotReceived: (offer, file) => this.#note(this.snapshots, { offer, file }),
    }
  }

  get addr(): string {
    return `127.0.0.1:${this.transport.port}`
  }

  async start(): Promise<this> {
    await this.transport.start(this.#handlers, bootOf(this.id))
    return this
  }

  /** Dials the others, and resolves once it can send to all of them. */
  async connect(...others: TestNode[]): Promise<void> {
    this.transport.setPeers(others.map(({ id, addr }) => ({ id, addr })))
    await this.until(() => others.every(({ id }) => this.isConnected(id)))
  }

  isConnected(id: NodeId): boolean {
    return this.transport.peers().some((peer) => peer.id === id && peer.isConnected)
  }

  logged(part: string): LogLine[] {
    return this.log.filter((line) => JSON.stringify(line).includes(part))
  }

  #note<T>(list: T[], value: T): void {
    list.push(value)
    this.changed()
  }

  #logger(): Log {
    const at = (level: string) => (fields: object, message: string) => {
      this.#note(this.log, { level, message, fields: fields as Record<string, unknown> })
    }
    return { info: at('info'), warn: at('warn'), error: at('error') }
  }
}

/** A peer that does not know our protocol, or does not keep to it. */
export class RawPeer extends Watched {
  readonly socket: Socket
  received = Buffer.alloc(0)
  isClosed = false

  static dial(port: number | null): RawPeer {
    return new RawPeer(connect({ host: '127.0.0.1', port: port ?? 0 }))
  }

  constructor(socket: Socket) {
    super()
    this.socket = socket
    this.socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk])
      this.changed()
    })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.isClosed = true
      this.changed()
    })
  }

  write(bytes: Uint8Array | string): void {
    this.socket.write(bytes)
  }

  closed(): Promise<void> {
    return this.until(() => this.isClosed)
  }
}

/** Listens where a node looks for a peer. */
export class RawAcceptor {
  readonly addr: string
  /** Who has dialled first. */
  readonly dialled: Promise<RawPeer>
  readonly #server: Server
  readonly #peers: RawPeer[] = []

  static async listen(): Promise<RawAcceptor> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new RawAcceptor(server)
  }

  private constructor(server: Server) {
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : null
    this.addr = `127.0.0.1:${port}`
    this.#server = server
    this.dialled = new Promise((resolve) => {
      server.on('connection', (socket) => {
        const peer = new RawPeer(socket)
        this.#peers.push(peer)
        resolve(peer)
      })
    })
  }

  async close(): Promise<void> {
    for (const { socket } of this.#peers) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** Whole frames at the beginning of `bytes`. */
export function framesIn(bytes: Buffer): Frame[] {
  const reader = new FrameReader(4096)
  const frames: Frame[] = []
  reader.push(bytes)
  for (let frame = reader.next(); frame !== null; frame = reader.next()) frames.push(frame)
  return frames
}

export function entry(index: number, payload: Uint8Array = Buffer.from(`payload ${index}`)): Entry {
  return { index, term: 1, time: 1000 + index, type: 'command', payload }
}

export function append(from: NodeId, to: NodeId, entries: readonly Entry[] = []): AppendEntries {
  return {
    type: 'AppendEntries',
    from,
    to,
    term: 3,
    prevLogIndex: (entries[0]?.index ?? 1) - 1,
    prevLogTerm: 1,
    entries,
    leaderCommit: 0,
    leaderDurable: 0,
    session: 1,
    readRound: 0,
  }
}

/** Payloads as plain bytes: whether they are Buffers is no part of a message. */
export function normalized<T>(value: T): T {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}` as T
  if (Array.isArray(value)) return value.map(normalized) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, normalized(field)])) as T
}
