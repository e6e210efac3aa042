/**
 * How two nodes make sure that they mean each other, before anything else is said:
 * hello (dialer) → welcome or refusal (acceptor) → start or refusal (dialer).
 */
import { pack, unpack } from 'msgpackr'
import type { Boot, Identity, PeerIdentity } from '../ports.ts'
import type { NodeId, SchemaRange } from '../types.ts'
import type { Connection } from './connection.ts'
import { ProtocolError, type Refusal, RefusedError } from './errors.ts'
import { encodeFrame, type Frame } from './frame.ts'
import { HELLO, REFUSAL, START, WELCOME } from './kinds.ts'
import { counter, map, oneOf, positive, type Shape, text } from './shape.ts'

/** The protocols that this version speaks; both sides use the highest that they share. */
export const PROTOCOL_MIN = 1
export const PROTOCOL_MAX = 1

const MAGIC = 'ipam-raft'
const REASON_LENGTH_MAX = 64
const MESSAGE_LENGTH_MAX = 512
/** Of every other text; an address has at most 262 characters. */
const TEXT_LENGTH_MAX = 300

export type ConnectionKind = 'raft' | 'snapshot'

/** Who a node is, and the start of its process that speaks. */
export type Introduction = Identity & { readonly boot: Boot }

export interface Hello extends Introduction {
  readonly magic: string
  readonly protocolMin: number
  readonly protocolMax: number
  readonly kind: ConnectionKind
  /** Whom the dialer expects at this address. */
  readonly to: NodeId
}

export interface Welcome extends Introduction {
  /** The one that both speak. */
  readonly protocol: number
}

/** Looked at before everything else: the rest may look different in a version that we do not speak. */
type Greeting = Pick<Hello, 'magic' | 'protocolMin' | 'protocolMax'>

const INTRODUCTION = {
  clusterId: counter,
  nodeId: positive,
  incarnation: text(TEXT_LENGTH_MAX),
  addr: text(TEXT_LENGTH_MAX),
  schemas: schemaRange(),
  boot: map<Boot>({ id: positive, term: counter, lastIndex: counter }),
}
const GREETING_FIELDS = { magic: oneOf([MAGIC]), protocolMin: counter, protocolMax: counter }
const GREETING_SHAPE = map<Greeting>(GREETING_FIELDS)
const HELLO_SHAPE = map<Hello>({
  ...GREETING_FIELDS,
  ...INTRODUCTION,
  kind: oneOf(['raft', 'snapshot']),
  to: positive,
})
const WELCOME_SHAPE = map<Welcome>({ protocol: counter, ...INTRODUCTION })
const REFUSAL_SHAPE = map<Refusal>({ reason: text(REASON_LENGTH_MAX), message: text(MESSAGE_LENGTH_MAX) })

/** A dialer that both sides have accepted. */
export interface Greeted {
  readonly peer: PeerIdentity
  readonly kind: ConnectionKind
}

/** Whether we want to talk to this node; `null` to accept. */
export type Authorize = (peer: PeerIdentity) => Refusal | null

/**
 * The dialer's side.
 *
 * @throws {RefusedError} if one side does not want the other. The connection is closed by then.
 * @throws {ProtocolError | ConnectionError}
 */
export async function greet(
  connection: Connection,
  options: {
    self: Introduction
    to: NodeId
    kind: ConnectionKind
    authorize: Authorize
  },
): Promise<PeerIdentity> {
  const { self, to, kind, authorize } = options
  connection.write(encodeHello({ ...introductionOf(self), kind, to }))
  const answer = await connection.nextFrame()
  throwIfRefusal(answer)
  const welcome = decodeBody(answer, WELCOME, WELCOME_SHAPE)
  const peer = peerOf(welcome)
  const refusal = whyNotWelcome(welcome, self, to) ?? authorize(peer)
  if (refusal !== null) refuse(connection, refusal)
  connection.write(encodeFrame(START))
  return peer
}

/** The acceptor's side. Throws as `greet` does. */
export async function receiveGreeting(
  connection: Connection,
  options: { self: Introduction; authorize: Authorize; onRefused: (peer: NodeId, refusal: Refusal) => void },
): Promise<Greeted> {
  const { self, authorize, onRefused } = options
  const frame = await connection.nextFrame()
  const greeting = decodeBody(frame, HELLO, GREETING_SHAPE)
  const protocol = sharedProtocol(greeting)
  if (protocol === null) refuse(connection, otherProtocol(greeting))
  const hello = decodeBody(frame, HELLO, HELLO_SHAPE)
  const peer = peerOf(hello)
  const refusal = whyNotHello(hello, self) ?? authorize(peer)
  if (refusal !== null) refuse(connection, refusal)
  connection.write(encodeWelcome({ protocol, ...introductionOf(self) }))
  const answer = await connection.nextFrame()
  try {
    throwIfRefusal(answer)
  } catch (error) {
    if (error instanceof RefusedError) onRefused(hello.nodeId, error)
    throw error
  }
  if (answer.kind !== START) throw new ProtocolError(`start was expected, not kind ${answer.kind}`)
  return { peer, kind: hello.kind }
}

export function encodeHello(hello: Omit<Hello, keyof Greeting>): Buffer {
  const greeting = { magic: MAGIC, protocolMin: PROTOCOL_MIN, protocolMax: PROTOCOL_MAX }
  return encodeFrame(HELLO, pack(HELLO_SHAPE.encode({ ...greeting, ...hello })))
}

export function encodeWelcome(welcome: Welcome): Buffer {
  return encodeFrame(WELCOME, pack(WELCOME_SHAPE.encode(welcome)))
}

/** A frame that says no; texts are cut to what the other side accepts. */
export function encodeRefusal({ reason, message }: Refusal): Buffer {
  const cut = { reason: reason.slice(0, REASON_LENGTH_MAX), message: message.slice(0, MESSAGE_LENGTH_MAX) }
  return encodeFrame(REFUSAL, pack(REFUSAL_SHAPE.encode(cut)))
}

/** @throws {RefusedError} if the frame is one. */
export function throwIfRefusal(frame: Frame): void {
  if (frame.kind !== REFUSAL) return
  throw new RefusedError(decodeBody(frame, REFUSAL, REFUSAL_SHAPE), 'peer')
}

/** The body of a frame that must be of `kind`. @throws {ProtocolError} */
export function decodeBody<T>(frame: Frame, kind: number, shape: Shape<T>): T {
  if (frame.kind !== kind) throw new ProtocolError(`kind ${kind} was expected, not ${frame.kind}`)
  return shape.decode(unpackBody(frame.body))
}

function unpackBody(body: Buffer): unknown {
  try {
    return unpack(body)
  } catch (error) {
    throw new ProtocolError('not msgpack', { cause: error })
  }
}

function refuse(connection: Connection, refusal: Refusal): never {
  const error = new RefusedError(refusal, 'us')
  connection.write(encodeRefusal(refusal))
  connection.finish(error)
  throw error
}

function introductionOf(self: Introduction): Introduction {
  return { clusterId: self.clusterId, ...peerOf(self) }
}

function peerOf({ nodeId, incarnation, addr, schemas, boot }: Introduction): PeerIdentity {
  return { nodeId, incarnation, addr, schemas, boot }
}

function schemaRange(): Shape<SchemaRange> {
  const range = map<SchemaRange>({ min: positive, max: positive })
  return {
    encode: (value) => range.encode(value),
    decode: (value) => {
      const { min, max } = range.decode(value)
      if (min > max) throw new ProtocolError(`${min} is above ${max}`)
      return { min, max }
    },
  }
}

function sharedProtocol({ protocolMin, protocolMax }: Greeting): number | null {
  const protocol = Math.min(protocolMax, PROTOCOL_MAX)
  return protocol >= Math.max(protocolMin, PROTOCOL_MIN) ? protocol : null
}

function otherProtocol({ protocolMin, protocolMax }: Greeting): Refusal {
  return {
    reason: 'protocol',
    message: `you speak protocols ${protocolMin} to ${protocolMax}, this node ${PROTOCOL_MIN} to ${PROTOCOL_MAX}`,
  }
}

function whyNotHello(hello: Hello, self: Identity): Refusal | null {
  if (hello.clusterId !== self.clusterId) return otherCluster(hello.clusterId, self)
  if (hello.nodeId === self.nodeId) {
    return { reason: 'node_id', message: `this node is itself node ${self.nodeId}` }
  }
  if (hello.to !== self.nodeId) {
    return { reason: 'node_id', message: `you look for node ${hello.to}, this is node ${self.nodeId}` }
  }
  return null
}

function whyNotWelcome(welcome: Welcome, self: Identity, to: NodeId): Refusal | null {
  const { protocol, clusterId, nodeId } = welcome
  if (protocol < PROTOCOL_MIN || protocol > PROTOCOL_MAX) {
    return otherProtocol({ magic: MAGIC, protocolMin: protocol, protocolMax: protocol })
  }
  if (clusterId !== self.clusterId) return otherCluster(clusterId, self)
  if (nodeId === to) return null
  return { reason: 'node_id', message: `node ${to} was expected there, node ${nodeId} answered` }
}

function otherCluster(theirs: number, self: Identity): Refusal {
  return { reason: 'cluster_id', message: `you are in cluster ${theirs}, this node in ${self.clusterId}` }
}
