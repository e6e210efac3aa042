/** How much clients may ask of the server around the API, in the defaults. */
import type { Rates } from './client-buckets.ts'

export interface HttpLimits {
  /** Further connections are dropped at once. */
  readonly connectionsMax: number
  /** From one client; those from trusted proxies do not count. 0: as many as there may be at all. */
  readonly clientConnectionsMax: number
  readonly urlBytesMax: number
  /** Of the request line and the headers together. */
  readonly headerBytesMax: number
  readonly headersMax: number
  /** From the first byte of a request, or the connection, to the end of its headers. */
  readonly headersTimeoutMs: number
  /** … to the end of its body. */
  readonly requestTimeoutMs: number
  /** For so long, nothing of an answer is taken, or none is made. */
  readonly answerTimeoutMs: number
  /** Longer than the idle time of common load balancers (60 s), or they send into a closing connection. */
  readonly keepAliveTimeoutMs: number
  /** What `close` grants to requests in flight. */
  readonly closeTimeoutMs: number
}

export const HTTP_LIMITS: HttpLimits = {
  connectionsMax: 10_000,
  clientConnectionsMax: 0,
  // RFC 9110 §4.1 wants 8,000 at least.
  urlBytesMax: 8 << 10,
  headerBytesMax: 16 << 10,
  headersMax: 100,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  answerTimeoutMs: 60_000,
  keepAliveTimeoutMs: 75_000,
  closeTimeoutMs: 10_000,
}

/** As much as a command in the log has room for. */
export const BODY_BYTES_MAX = 1 << 20

export interface RateLimits extends Rates {
  /** Clients that are remembered. */
  readonly clientsMax: number
}

/** As in Consul and Caddy: who has one client and who has a thousand need different ones, and a wrong one breaks scripts. */
export const RATE_LIMITS: RateLimits = { reads: null, writes: null, clientsMax: 10_000 }
