import { FRAME_BYTES_MAX } from './frame.ts'

/** Every bound of the transport. */
export interface TransportLimits {
  /** The largest frame that is sent or accepted. The same on all nodes. */
  readonly frameBytesMax: number
  /** Unsent bytes a peer may have waiting; beyond it `send` answers false. One frame above it is sent alone. */
  readonly bufferBytesMax: number
  /** What messages of at most `smallBytesMax` may take on top, so that heartbeats pass a full buffer. */
  readonly reserveBytes: number
  readonly smallBytesMax: number
  /** For the TCP connection; short, so that a lost SYN is not waited for. */
  readonly connectMs: number
  /** For both sides to accept each other. */
  readonly handshakeMs: number
  /** Accepted connections whose handshake is not finished; the oldest makes room. */
  readonly pendingConnectionsMax: number
  /** A connection on which nothing was heard for so long is dead. */
  readonly silenceMs: number
  readonly backoffMinMs: number
  readonly backoffMaxMs: number
  /** After a refusal. */
  readonly refusedBackoffMinMs: number
  readonly refusedBackoffMaxMs: number
  /** A snapshot connection without progress for so long is given up. */
  readonly snapshotIdleMs: number
  /** How long `close` waits for what was sent to leave. */
  readonly closeMs: number
}

export const DEFAULT_LIMITS: TransportLimits = {
  frameBytesMax: FRAME_BYTES_MAX,
  bufferBytesMax: 64 * 1024 * 1024,
  reserveBytes: 1024 * 1024,
  smallBytesMax: 1024,
  connectMs: 2000,
  handshakeMs: 5000,
  pendingConnectionsMax: 64,
  silenceMs: 10_000,
  backoffMinMs: 50,
  backoffMaxMs: 1000,
  refusedBackoffMinMs: 500,
  refusedBackoffMaxMs: 5000,
  snapshotIdleMs: 30_000,
  closeMs: 1000,
}
