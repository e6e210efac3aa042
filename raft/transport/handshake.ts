/**
 * How two nodes make sure that they mean each other, before anything else is said:
 * hello (dialer) → welcome or refusal (acceptor) → start or refusal (dialer). With a cluster secret, between welcome and
 * start: proof (dialer) → proof, then admitted or refusal (acceptor).
 */
import type { KeyObject } from 'node:crypto'
import { pack, unpack } from 'msgpackr'
import type { Boot, Identity, PeerIdentity } from '../ports.ts'
import type { NodeId, SchemaRange } from '../types.ts'
import { freshNonce, nonceShape, proofOf, provenSecret, type Transcript } from './cluster-secret.ts'
import type { Connection } from './connection.ts'
import { ProtocolError, type Refusal, RefusedError } from './errors.ts'
import { bodyOf, encodeFrame, type Frame } from './frame.ts'
import { ADMITTED, HELLO, PROOF, REFUSAL, START, WELCOME } from './kinds.ts'
import { counter, map, oneOf, positive, type Shape, text } from './shape.ts'

/** The protocols that this version speaks; both sides use the highest that they share. */
export const PROTOCOL_MIN = 1
export const PROTOCOL_MAX = 1

const MAGIC = 'ipam-raft'
const REASON_LENGTH_MAX = 64
const MESSAGE_LENGTH_MAX = 512
/** Of every other text; an address has at most 262 characters. */
const TEXT_LENGTH_MAX = 300

/** Of refusals before anything is proven. */
const STRANGERS_REASONS: readonly string[] = [
  'protocol',
  'cluster_id',
  'node_id',
  'secret',
  'certificate',
  'closed',
]
const SAME_SECRET = 'give all members the same one'

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
  /** Fresh, if this node has a cluster secret; else null. */
  readonly nonce: Uint8Array | null
}

export interface Welcome extends Introduction {
  /** The one that both speak. */
  readonly protocol: number
  /** As in `Hello`. */
  readonly nonce: Uint8Array | null
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
  nonce: nonceShape,
})
const WELCOME_SHAPE = map<Welcome>({ protocol: counter, ...INTRODUCTION, nonce: nonceShape })
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
 * @param secrets We prove the first; empty for none.
 * @throws {RefusedError} if one side does not want the other. The connection is closed by then.
 * @throws {ProtocolError | ConnectionError}
 */
export async function greet(
  connection: Connection,
  options: {
    self: Introduction
    to: NodeId
    kind: ConnectionKind
    secrets: readonly KeyObject[]
    /** By what TLS says of it. */
    whyNotTrusted: () => Refusal | null
    authorize: Authorize
  },
): Promise<PeerIdentity> {
  const { self, to, kind, secrets, whyNotTrusted, authorize } = options
  const untrusted = whyNotTrusted()
  if (untrusted !== null) refuse(connection, untrusted)
  const [secret = null] = secrets
  const hello = encodeHello({ ...introductionOf(self), kind, to, nonce: nonceFor(secrets) })
  connection.write(hello)
  const answer = await connection.nextFrame()
  throwIfRefusal(answer, { isProven: secret === null })
  const welcome = decodeBody(answer, WELCOME, WELCOME_SHAPE)
  const stranger = whyNotWelcome(welcome, self, to) ?? whyNotSecret(welcome, { self, secrets })
  if (stranger !== null) refuse(connection, stranger)
  if (secret !== null)
    await proveAsDialer(connection, {
      secret,
      to,
      transcript: { hello: bodyOf(hello), welcome: answer.body },
    })
  const peer = peerOf(welcome)
  const refusal = authorize(peer)
  if (refusal !== null) refuse(connection, refusal)
  connection.write(encodeFrame(START))
  return peer
}

/**
 * The acceptor's side. Throws as `greet` does.
 *
 * @param secrets The dialer may prove any of them; empty for none.
 */
export async function receiveGreeting(
  connection: Connection,
  options: {
    self: Introduction
    secrets: readonly KeyObject[]
    /** By what TLS says of it: whether it is the node that it says it is. */
    whyNotTrusted: (claimed: { readonly nodeId: NodeId; readonly addr: string }) => Refusal | null
    authorize: Authorize
    onRefused: (peer: NodeId, refusal: Refusal) => void
  },
): Promise<Greeted> {
  const { self, secrets, whyNotTrusted, authorize, onRefused } = options
  const frame = await connection.nextFrame()
  // From a dialer that does not like our certificate.
  throwIfRefusal(frame, { isProven: false })
  const greeting = decodeBody(frame, HELLO, GREETING_SHAPE)
  const protocol = sharedProtocol(greeting)
  if (protocol === null) refuse(connection, otherProtocol(greeting))
  const hello = decodeBody(frame, HELLO, HELLO_SHAPE)
  const peer = peerOf(hello)
  const stranger = whyNotTrusted(hello) ?? whyNotHello(hello, self) ?? whyNotSecret(hello, { self, secrets })
  if (stranger !== null) refuse(connection, stranger)
  const welcome = encodeWelcome({ protocol, ...introductionOf(self), nonce: nonceFor(secrets) })
  const admit = (): void => {
    const refusal = authorize(peer)
    if (refusal !== null) refuse(connection, refusal)
  }
  if (secrets.length === 0) {
    admit()
    connection.write(welcome)
  } else {
    connection.write(welcome)
    const transcript = { hello: frame.body, welcome: bodyOf(welcome) }
    await proveAsAcceptor(connection, { secrets, peer, self, transcript })
    admit()
    connection.write(encodeFrame(ADMITTED))
  }
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

/** First the dialer, or whoever reaches us could try out secrets on our proof. */
async function proveAsDialer(
  connection: Connection,
  { secret, to, transcript }: { secret: KeyObject; to: NodeId; transcript: Transcript },
): Promise<void> {
  connection.write(encodeFrame(PROOF, proofOf(secret, 'dialer', transcript)))
  const answer = await connection.nextFrame()
  throwIfRefusal(answer, { isProven: false })
  if (answer.kind !== PROOF) throw new ProtocolError(`a proof was expected, not kind ${answer.kind}`)
  if (provenSecret(answer.body, [secret], 'acceptor', transcript) === null) {
    refuse(connection, {
      reason: 'secret',
      message: `what answers as node ${to} does not know the cluster secret`,
    })
  }
  const verdict = await connection.nextFrame()
  throwIfRefusal(verdict)
  if (verdict.kind !== ADMITTED) throw new ProtocolError(`admitted was expected, not kind ${verdict.kind}`)
}

async function proveAsAcceptor(
  connection: Connection,
  options: { secrets: readonly KeyObject[]; peer: PeerIdentity; self: Identity; transcript: Transcript },
): Promise<void> {
  const { secrets, peer, self, transcript } = options
  const frame = await connection.nextFrame()
  throwIfRefusal(frame, { isProven: false })
  if (frame.kind !== PROOF) throw new ProtocolError(`a proof was expected, not kind ${frame.kind}`)
  const secret = provenSecret(frame.body, secrets, 'dialer', transcript)
  if (secret === null) {
    const message = `node ${peer.nodeId} does not know the cluster secret of node ${self.nodeId}; ${SAME_SECRET}`
    refuse(connection, { reason: 'secret', message })
  }
  connection.write(encodeFrame(PROOF, proofOf(secret, 'acceptor', transcript)))
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

/**
 * @param isProven Who says so has proven to be one of us, or nobody has to. From anybody else only what he says of
 *   himself counts: he must not tell us that we were removed.
 * @throws {RefusedError} if the frame is one.
 */
export function throwIfRefusal(frame: Frame, { isProven = true } = {}): void {
  if (frame.kind !== REFUSAL) return
  const refusal = decodeBody(frame, REFUSAL, REFUSAL_SHAPE)
  if (isProven || STRANGERS_REASONS.includes(refusal.reason)) throw new RefusedError(refusal, 'peer')
  throw new ProtocolError(`a stranger refuses us: ${refusal.reason}`)
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

function nonceFor(secrets: readonly KeyObject[]): Buffer | null {
  return secrets.length === 0 ? null : freshNonce()
}

/** One side with a secret and one without do not talk: who asks for proof would get none. */
function whyNotSecret(
  peer: Hello | Welcome,
  { self, secrets }: { self: Identity; secrets: readonly KeyObject[] },
): Refusal | null {
  const hasOurs = secrets.length > 0
  if (hasOurs === (peer.nonce !== null)) return null
  const [having, lacking] = hasOurs ? [self.nodeId, peer.nodeId] : [peer.nodeId, self.nodeId]
  const message = `node ${having} has a cluster secret, node ${lacking} has none; ${SAME_SECRET}`
  return { reason: 'secret', message }
}

function otherCluster(theirs: number, self: Identity): Refusal {
  return { reason: 'cluster_id', message: `you are in cluster ${theirs}, this node in ${self.clusterId}` }
}
