/** What two nodes say to each other in a handshake, as frames. */
import { pack, unpack } from 'msgpackr'
import type { Boot, Identity } from '../ports.ts'
import type { NodeId, SchemaRange } from '../types.ts'
import { nonceShape } from './cluster-secret.ts'
import { ProtocolError, type Refusal, RefusedError } from './errors.ts'
import { encodeFrame, type Frame } from './frame.ts'
import { HELLO, REFUSAL, WELCOME } from './kinds.ts'
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
export type Greeting = Pick<Hello, 'magic' | 'protocolMin' | 'protocolMax'>

const INTRODUCTION = {
  clusterId: counter,
  nodeId: positive,
  incarnation: text(TEXT_LENGTH_MAX),
  addr: text(TEXT_LENGTH_MAX),
  schemas: schemaRange(),
  boot: map<Boot>({ id: positive, term: counter, lastIndex: counter }),
}
const GREETING_FIELDS = { magic: oneOf([MAGIC]), protocolMin: counter, protocolMax: counter }
export const GREETING_SHAPE = map<Greeting>(GREETING_FIELDS)
export const HELLO_SHAPE = map<Hello>({
  ...GREETING_FIELDS,
  ...INTRODUCTION,
  kind: oneOf(['raft', 'snapshot']),
  to: positive,
  nonce: nonceShape,
})
export const WELCOME_SHAPE = map<Welcome>({ protocol: counter, ...INTRODUCTION, nonce: nonceShape })
const REFUSAL_SHAPE = map<Refusal>({ reason: text(REASON_LENGTH_MAX), message: text(MESSAGE_LENGTH_MAX) })

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
