/** What can go wrong between two nodes. None of these leaves the transport but through `sendSnapshot`. */

/** The other side sent what our protocol does not allow. The connection is closed. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  readonly code = 'RAFT_PROTOCOL'
}

/** The connection could not be made, or is gone. What was sent on it may or may not have arrived. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
  readonly code = 'RAFT_CONNECTION'
}

/** Why one node does not want to talk to another: a stable machine word and a sentence. */
export interface Refusal {
  readonly reason: string
  readonly message: string
}

/** One side said no: `peer` refused us, or we refused it. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
  readonly code = 'RAFT_REFUSED'
  readonly reason: string
  readonly by: 'peer' | 'us'

  constructor({ reason, message }: Refusal, by: 'peer' | 'us') {
    super(message)
    this.reason = reason
    this.by = by
  }
}

/** What a network may do to us; anything else that is thrown here is our bug. */
export type NetworkError = ProtocolError | ConnectionError | RefusedError

export function isNetworkError(error: unknown): error is NetworkError {
  return error instanceof ProtocolError || error instanceof ConnectionError || error instanceof RefusedError
}

/** A machine word for logs. */
export function reasonOf(error: NetworkError): string {
  if (error instanceof RefusedError) return error.reason
  return error instanceof ProtocolError ? 'malformed' : 'connection'
}
