import { connect } from 'node:net'
import type { PeerIdentity } from '../ports.ts'
import type { NodeId } from '../types.ts'
import { type Addr, parseAddr } from './addr.ts'
import { Connection } from './connection.ts'
import type { TransportContext } from './context.ts'
import { ConnectionError, isNetworkError, type Refusal } from './errors.ts'
import { HANDSHAKE_FRAME_BYTES_MAX } from './frame.ts'
import { greet } from './handshake.ts'
import type { ConnectionKind } from './handshake-messages.ts'

/** A connection on its way; closing it ends `accepted`. */
export interface Dial {
  readonly connection: Connection
  readonly accepted: Promise<PeerIdentity>
}

/** @throws {ConnectionError} if the address is malformed */
export function dial(
  context: TransportContext,
  { to, addr, kind }: { to: NodeId; addr: string; kind: ConnectionKind },
): Dial {
  const { tls } = context
  const socket = tls === null ? connect(parsed(addr)) : tls.connect(parsed(addr))
  const connection = new Connection(socket, {
    remote: addr,
    // What comes back on a connection that we dialled is small for ever.
    frameBytesMax: HANDSHAKE_FRAME_BYTES_MAX,
    onFatal: context.onFatal,
  })
  const whyNotTrusted = () => tls?.whyNotTrusted(socket, { peer: `node ${to} at ${addr}`, addr }) ?? null
  return { connection, accepted: accepted(context, connection, { to, kind, whyNotTrusted }) }
}

async function accepted(
  { self, secrets, clock, limits, handlers }: TransportContext,
  connection: Connection,
  options: { to: NodeId; kind: ConnectionKind; whyNotTrusted: () => Refusal | null },
): Promise<PeerIdentity> {
  const cancelConnect = clock.setTimer(limits.connectMs, () => {
    if (connection.isConnecting) connection.close(late('connected', limits.connectMs))
  })
  const cancelHandshake = clock.setTimer(limits.handshakeMs, () => {
    connection.close(late('accepted', limits.handshakeMs))
  })
  try {
    await connection.opened()
    const authorize = (peer: PeerIdentity) => handlers.authorize(peer)
    return await greet(connection, { self, secrets, authorize, ...options })
  } catch (error) {
    // Nobody reads on: without this the socket would stay, half closed, for every try.
    connection.close(isNetworkError(error) ? error : new ConnectionError('failed', { cause: error }))
    throw error
  } finally {
    cancelConnect()
    cancelHandshake()
  }
}

function parsed(addr: string): Addr {
  try {
    return parseAddr(addr)
  } catch (cause) {
    throw new ConnectionError(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

function late(what: string, limitMs: number): ConnectionError {
  return new ConnectionError(`not ${what} within ${limitMs} ms`)
}
