/**
 * Connections between simulated processes, as TCP has them: one for each direction, in order, and it may break; what
 * was on the way then is lost, or comes late. Nodes are asked for more than that: single messages get
 * lost, and what may come twice without harm does.
 */
import type {
  Boot,
  Identity,
  PeerIdentity,
  SnapshotFile,
  SnapshotOffer,
  Transport,
  TransportHandlers,
} from '../../raft/ports.ts'
import { MessageCodec } from '../../raft/transport/codec.ts'
import { FrameReader } from '../../raft/transport/frame.ts'
import type { Message, NodeId } from '../../raft/types.ts'
import type { SimProcess } from './process.ts'
import type { Random } from './random.ts'
import { RequestCopies } from './request-copies.ts'
import type { World } from './world.ts'

const FRAME_BYTES_MAX = 16 * 1024 * 1024
const SNAPSHOT_CHUNK_BYTES = 2 * 1024
/** How much later than its time comes what is late. */
const LATE_MEAN_MS = 50
/** A doubled request is to meet another connection, and another leader. */
const LATE_REQUEST_MEAN_MS = 500
/** Ten election timeouts, one way. */
const DELAY_MS_MAX = 4_000
/** Whoever dials gives up after this, as the real transport does in proportion to its election timeout. */
const HANDSHAKE_MS_MAX = 1_000

export interface NetworkFaults {
  /** Of one message, as no TCP connection would lose it. */
  readonly lossProbability: number
  /** A message comes twice. */
  readonly duplicateProbability: number
  /** A message breaks the connection that it is sent on. */
  readonly breakProbability: number
  /** Above half a millisecond. */
  readonly meanDelayMs: number
  /** What a connection takes before its peer has read it: a slow reader fills it. */
  readonly bufferBytesMax: number
}

export const PERFECT_NETWORK: NetworkFaults = {
  lossProbability: 0,
  duplicateProbability: 0,
  breakProbability: 0,
  meanDelayMs: 0.5,
  bufferBytesMax: 1024 * 1024,
}

export class Network {
  readonly world: World
  readonly random: Random
  faults: NetworkFaults
  /** Messages so far that came after one that was sent later: doubled, or from a connection that broke. */
  lateCount = 0
  /** Messages between nodes that a connection has taken. */
  readonly work = { messages: 0, bytes: 0 }
  readonly copies = new RequestCopies()
  /** A receiver has the whole of a sender's snapshot. */
  onSnapshotPassed: (from: NodeId, to: NodeId) => void = () => {}
  /** How often nodes did not take each other, by reason. */
  readonly refusals = new Map<string, number>()
  readonly #endpoints = new Map<NodeId, SimTransport>()
  /** Directed: `from>to`. */
  readonly #cut = new Set<string>()
  /** Until when nothing comes through, directed; then all of it does. */
  readonly #clogged = new Map<string, number>()

  constructor(world: World, faults: NetworkFaults) {
    this.world = world
    this.random = world.random.fork()
    this.faults = faults
  }

  register(transport: SimTransport): void {
    this.#endpoints.set(transport.id, transport)
  }

  /** Who answers at that node's address just now. */
  endpoint(id: NodeId): SimTransport | null {
    const endpoint = this.#endpoints.get(id)
    return endpoint?.isOpen === true ? endpoint : null
  }

  cut(from: NodeId, to: NodeId): void {
    this.#cut.add(`${from}>${to}`)
  }

  uncut(from: NodeId, to: NodeId): void {
    this.#cut.delete(`${from}>${to}`)
    this.#endpoints.get(from)?.wake()
  }

  isCut(from: NodeId, to: NodeId): boolean {
    return this.#cut.has(`${from}>${to}`)
  }

  /** What is sent meanwhile waits, and breaks nothing. */
  clog(from: NodeId, to: NodeId, forMs: number): void {
    this.#clogged.set(`${from}>${to}`, this.world.now + forMs)
  }

  cloggedUntil(from: NodeId, to: NodeId): number {
    return this.#clogged.get(`${from}>${to}`) ?? 0
  }

  heal(): void {
    this.#cut.clear()
    this.#clogged.clear()
    for (const endpoint of this.#endpoints.values()) endpoint.wake()
  }

  noteRefusal(reason: string): void {
    this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1)
  }

  delayMs(): number {
    const { random, faults } = this
    // A heavy tail: now and then something takes twenty times as long, and now and then ten election timeouts.
    const rarity = random.next()
    const factor = rarity < 0.0005 ? 400 : rarity < 0.02 ? 20 : 1
    return Math.min(0.5 + random.exponential(faults.meanDelayMs * factor), DELAY_MS_MAX)
  }
}

/** What one process has to do with the network. */
export class SimTransport implements Transport {
  readonly id: NodeId
  readonly identity: Identity
  readonly #network: Network
  readonly #process: SimProcess
  readonly #onSend: (message: Message) => void
  readonly #codec = new MessageCodec()
  readonly #links = new Map<NodeId, Link>()
  #handlers: TransportHandlers | null = null
  #boot: Boot = { id: 1, term: 0, lastIndex: 0 }

  constructor(options: {
    network: Network
    process: SimProcess
    identity: Identity
    /** Sees every message before it leaves. */
    onSend: (message: Message) => void
  }) {
    this.#network = options.network
    this.#process = options.process
    this.identity = options.identity
    this.id = options.identity.nodeId
    this.#onSend = options.onSend
  }

  get isOpen(): boolean {
    return this.#handlers !== null && this.#process.isAlive
  }

  async start(handlers: TransportHandlers, boot: Boot): Promise<void> {
    this.#handlers = handlers
    this.#boot = boot
    this.#network.register(this)
  }

  setPeers(peers: readonly { id: NodeId; addr: string }[]): void {
    const wanted = new Set(peers.map(({ id }) => id))
    for (const [id, link] of this.#links) {
      if (wanted.has(id)) continue
      this.#links.delete(id)
      link.close()
    }
    for (const id of wanted) {
      if (this.#links.has(id)) continue
      const link = new Link({ network: this.#network, process: this.#process, source: this, targetId: id })
      this.#links.set(id, link)
      link.dial()
    }
  }

  send(message: Message): boolean {
    const link = this.#links.get(message.to)
    if (link?.isConnected !== true) return false
    const frame = Buffer.concat(this.#codec.encode(message))
    if (!link.hasRoom(frame.length)) return false
    this.#onSend(message)
    this.#network.work.messages += 1
    this.#network.work.bytes += frame.length
    link.push(frame, message)
    return true
  }

  async sendSnapshot(
    { to, ...offer }: SnapshotOffer & { readonly to: NodeId },
    file: SnapshotFile,
  ): Promise<void> {
    const target = this.#network.endpoint(to)
    if (target === null) throw new Error(`node ${to} is not there`)
    // What waits for the disk of a process that has died waits forever.
    const died = target.#process.died.then(() => {
      throw new Error(`node ${to} has died`)
    })
    died.catch(() => {})
    await Promise.race([died, this.#stream(target, offer, file)])
  }

  async #stream(target: SimTransport, offer: SnapshotOffer, file: SnapshotFile): Promise<void> {
    await this.#pass(target)
    const receiver = await target.#handlers?.onSnapshotOffer(offer)
    if (!receiver) throw new Error(`node ${target.id} does not want the snapshot`)
    try {
      while (receiver.offset < offer.sizeBytes) {
        const chunk = await file.read(receiver.offset, SNAPSHOT_CHUNK_BYTES)
        await this.#pass(target)
        await receiver.write(chunk)
      }
    } catch (error) {
      await receiver.suspend()
      throw error
    }
    const received = await receiver.finish()
    this.#network.onSnapshotPassed(this.id, target.id)
    target.#process.run(() => target.#handlers?.onSnapshotReceived(offer, received))
    // All is there, but the sender may never learn it.
    await this.#pass(target)
  }

  /** One way, for a part of a snapshot. @throws if there is no way. */
  async #pass(target: SimTransport): Promise<void> {
    const network = this.#network
    await network.world.sleep(network.delayMs())
    const isCut = network.isCut(this.id, target.id) || network.isCut(target.id, this.id)
    const isBroken = network.random.chance(network.faults.breakProbability * 5)
    if (!target.isOpen || !this.isOpen || isCut || isBroken) throw new Error(`no way to node ${target.id}`)
  }

  async close(): Promise<void> {
    for (const link of this.#links.values()) link.close()
    this.#links.clear()
    this.#handlers = null
  }

  /** A partition has healed: what waited in a connection goes on. */
  wake(): void {
    for (const link of this.#links.values()) link.deliver()
  }

  /** Both sides of a handshake. @returns Whether they take each other. */
  greet(target: SimTransport): boolean {
    const [here, there] = [this.#handlers, target.#handlers]
    if (here === null || there === null) return false
    const [self, peer] = [this.#introduction, target.#introduction]
    const theirs = there.authorize(self)
    if (theirs !== null) here.onRefused({ peer: target.id, ...theirs })
    const ours = theirs === null ? here.authorize(peer) : null
    if (ours !== null) there.onRefused({ peer: this.id, ...ours })
    const refusal = theirs ?? ours
    if (refusal !== null) {
      this.#network.noteRefusal(refusal.reason)
      return false
    }
    return true
  }

  /** Both sides learn of the connection, which carries what they say at once. */
  announce(target: SimTransport): void {
    this.#handlers?.onPeer(target.#introduction)
    target.#handlers?.onPeer(this.#introduction)
  }

  get #introduction(): PeerIdentity {
    const { nodeId, incarnation, addr, schemas } = this.identity
    return { nodeId, incarnation, addr, schemas, boot: this.#boot }
  }

  receive(frame: Buffer): void {
    this.#process.run(() => {
      const reader = new FrameReader(FRAME_BYTES_MAX)
      reader.push(Buffer.from(frame))
      const decoded = reader.next()
      if (decoded !== null) this.#handlers?.onMessage(this.#codec.decode(decoded))
    })
  }

  lost(peer: NodeId): void {
    this.#handlers?.onPeerLost(peer)
  }
}

interface Frame {
  readonly bytes: Buffer
  readonly readyAt: number
}

/** The connection that one process keeps to one peer. */
class Link {
  readonly #network: Network
  readonly #process: SimProcess
  readonly #source: SimTransport
  readonly #targetId: NodeId
  #target: SimTransport | null = null
  #frames: Frame[] = []
  #isDelivering = false
  #isClosed = false
  /** Since when nothing gets through. */
  #stuckSince: number | null = null
  readonly #silenceMs: number

  constructor(options: { network: Network; process: SimProcess; source: SimTransport; targetId: NodeId }) {
    this.#network = options.network
    this.#process = options.process
    this.#source = options.source
    this.#targetId = options.targetId
    this.#silenceMs = this.#network.random.between(100, 1_000)
  }

  get isConnected(): boolean {
    return this.#target !== null
  }

  /** A frame always fits into an empty connection. */
  hasRoom(bytes: number): boolean {
    const waiting = this.#frames.reduce((sum, frame) => sum + frame.bytes.length, 0)
    return waiting === 0 || waiting + bytes <= this.#network.faults.bufferBytesMax
  }

  dial(): void {
    const { random } = this.#network
    const handshakeMs = this.#network.delayMs() * 3
    const isGivenUp = handshakeMs > HANDSHAKE_MS_MAX
    this.#process.schedule(Math.min(handshakeMs, HANDSHAKE_MS_MAX), () => {
      if (this.#isClosed) return
      const target = this.#network.endpoint(this.#targetId)
      if (target !== null && !isGivenUp && !this.#isCut && this.#source.greet(target)) {
        this.#target = target
        this.#stuckSince = null
        this.#source.announce(target)
      } else this.#process.schedule(random.between(20, 200), () => this.dial())
    })
  }

  push(bytes: Buffer, message: Message): void {
    const { random, faults, world, copies } = this.#network
    if (random.chance(faults.lossProbability)) return
    const clearAt = Math.max(world.now, this.#network.cloggedUntil(this.#source.id, this.#targetId))
    const frame = { bytes, readyAt: clearAt + this.#network.delayMs() }
    this.#frames.push(frame)
    if (copies.admits(message) && random.chance(faults.duplicateProbability)) {
      copies.noteDoubled(message)
      const isForward = message.type === 'ForwardRequests' || message.type === 'ForwardReplies'
      const copy = { bytes, readyAt: frame.readyAt + this.#network.delayMs() * 5 }
      this.#late(copy, isForward ? LATE_REQUEST_MEAN_MS : LATE_MEAN_MS)
    }
    if (random.chance(faults.breakProbability)) this.#break()
    else this.deliver()
  }

  get #isCut(): boolean {
    return (
      this.#network.isCut(this.#source.id, this.#targetId) ||
      this.#network.isCut(this.#targetId, this.#source.id)
    )
  }

  /** Hands over what is due, in order, one after the other. */
  deliver(): void {
    const [first] = this.#frames
    if (first === undefined || this.#isDelivering || this.#target === null) return
    this.#isDelivering = true
    this.#network.world.schedule(first.readyAt - this.#network.world.now, () => {
      this.#isDelivering = false
      if (this.#target === null) return
      if (!this.#target.isOpen || !this.#process.isAlive) this.#break()
      else if (this.#network.isCut(this.#source.id, this.#targetId)) this.#wait()
      else {
        this.#stuckSince = null
        const frame = this.#frames.shift()
        if (frame !== undefined) this.#target.receive(frame.bytes)
        this.deliver()
      }
    })
  }

  /** Nothing gets through: TCP tries again for a while, then somebody notices the silence. */
  #wait(): void {
    const { world } = this.#network
    this.#stuckSince ??= world.now
    if (world.now - this.#stuckSince >= this.#silenceMs) {
      this.#break()
      return
    }
    this.#isDelivering = true
    world.schedule(20, () => {
      this.#isDelivering = false
      this.deliver()
    })
  }

  #break(): void {
    const frames = this.#frames
    this.#frames = []
    this.#target = null
    // What had left already may be read after what comes on the next connection, even by another process.
    for (const frame of frames) if (this.#network.random.chance(0.3)) this.#late(frame, LATE_MEAN_MS)
    this.#process.run(() => {
      if (this.#isClosed) return
      this.#source.lost(this.#targetId)
      this.dial()
    })
  }

  #late({ bytes, readyAt }: Frame, meanMs: number): void {
    const { world } = this.#network
    this.#network.lateCount += 1
    world.schedule(readyAt - world.now + this.#network.random.exponential(meanMs), () => {
      if (!this.#network.isCut(this.#source.id, this.#targetId)) {
        this.#network.endpoint(this.#targetId)?.receive(bytes)
      }
    })
  }

  close(): void {
    this.#isClosed = true
    this.#target = null
    this.#frames = []
  }
}
