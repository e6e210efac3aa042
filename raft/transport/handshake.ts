/**
 * How two nodes make sure that they mean each other, before anything else is said:
 * hello (dialer) → welcome or refusal (acceptor) → start or refusal (dialer). With a cluster secret, between welcome and
 * start: proof (dialer) → proof, then admitted or refusal (acceptor).
 */
import type { KeyObject } from 'node:crypto'
import type { Identity, PeerIdentity } from '../ports.ts'
import type { NodeId } from '../types.ts'
import { freshNonce, proofOf, provenSecret, type Transcript } from './cluster-secret.ts'
import type { Connection } from './connection.ts'
import { ProtocolError, type Refusal, RefusedError } from './errors.ts'
import { bodyOf, encodeFrame, type Frame } from './frame.ts'
import {
  otherProtocol,
  SAME_SECRET,
  sharedProtocol,
  whyNotHello,
  whyNotSecret,
  whyNotWelcome,
} from './handshake-checks.ts'
import {
  type ConnectionKind,
  decodeBody,
  encodeHello,
  encodeRefusal,
  encodeWelcome,
  GREETING_SHAPE,
  HELLO_SHAPE,
  type Hello,
  type Introduction,
  throwIfRefusal,
  WELCOME_SHAPE,
} from './handshake-messages.ts'
import { ADMITTED, HELLO, PROOF, START, WELCOME } from './kinds.ts'

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

/** What the acceptor's side needs to know. */
export interface AcceptorOptions {
  readonly self: Introduction
  /** The dialer may prove any of them; empty for none. */
  readonly secrets: readonly KeyObject[]
  /** By what TLS says of it: whether it is the node that it says it is. */
  readonly whyNotTrusted: (claimed: { readonly nodeId: NodeId; readonly addr: string }) => Refusal | null
  readonly authorize: Authorize
  readonly onRefused: (peer: NodeId, refusal: Refusal) => void
}

/** The acceptor's side. Throws as `greet` does. */
export async function receiveGreeting(connection: Connection, options: AcceptorOptions): Promise<Greeted> {
  const { self, secrets, authorize, onRefused } = options
  const frame = await connection.nextFrame()
  const { hello, protocol } = acceptHello(connection, frame, options)
  const peer = peerOf(hello)
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
  await nextStart(connection, (refusal) => onRefused(hello.nodeId, refusal))
  return { peer, kind: hello.kind }
}

function acceptHello(
  connection: Connection,
  frame: Frame,
  { self, secrets, whyNotTrusted }: AcceptorOptions,
): { hello: Hello; protocol: number } {
  // From a dialer that does not like our certificate.
  throwIfRefusal(frame, { isProven: false })
  const greeting = decodeBody(frame, HELLO, GREETING_SHAPE)
  const protocol = sharedProtocol(greeting)
  if (protocol === null) refuse(connection, otherProtocol(greeting))
  const hello = decodeBody(frame, HELLO, HELLO_SHAPE)
  const stranger = whyNotTrusted(hello) ?? whyNotHello(hello, self) ?? whyNotSecret(hello, { self, secrets })
  if (stranger !== null) refuse(connection, stranger)
  return { hello, protocol }
}

async function nextStart(connection: Connection, onRefused: (refusal: Refusal) => void): Promise<void> {
  const answer = await connection.nextFrame()
  try {
    throwIfRefusal(answer)
  } catch (error) {
    if (error instanceof RefusedError) onRefused(error)
    throw error
  }
  if (answer.kind !== START) throw new ProtocolError(`start was expected, not kind ${answer.kind}`)
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

function nonceFor(secrets: readonly KeyObject[]): Buffer | null {
  return secrets.length === 0 ? null : freshNonce()
}
