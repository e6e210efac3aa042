/** The HTTP server around the app: its limits, its certificates, its end. */
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import type { Hono } from 'hono'
import type { Logger } from '../logger.ts'
import { ClientAddresses, NO_PROXIES } from './client-address.ts'
import { answerMalformed, answerUnderWay } from './client-error.ts'
import { closeListener, HeldRequests } from './close-listener.ts'
import { ConnectionCounts } from './connection-counts.ts'
import { HTTP_LIMITS, type HttpLimits } from './limits.ts'
import { formatProblem, type Problem } from './problem.ts'
import { RefusalCounts } from './refusal-counts.ts'
import { createRequestIds } from './request-ids.ts'
import { createRequestListener } from './request-listener.ts'

/** PEM texts. */
export interface HttpsCredentials {
  readonly cert: string
  readonly key: string
  /** Whose certificates of clients are believed; empty: clients are not asked for any. */
  readonly ca: string
}

export interface Listener {
  readonly port: number
  /** For whoever watches. */
  readonly figures: () => ListenerFigures
  /** For new connections. Only of a listener that has TLS. @throws if they cannot be used; the old ones stay then. */
  setCertificates(credentials: HttpsCredentials): void
  /**
   * Stops accepting, lets requests in flight finish, each answer the last one of its connection, then closes what is left.
   *
   * @param idleMs For so long connections that are idle are still served, 100 at least.
   */
  close(options?: { readonly idleMs: number }): Promise<void>
}

/** Connections now, and what came in and was no HTTP. */
export interface ListenerFigures {
  readonly connections: { readonly size: number; readonly max: number }
  readonly malformedCount: number
}

const TIMEOUT_CHECK_MS = 1_000

/** Resolves once requests are accepted. Rejects with node's own error, such as `EADDRINUSE`. */
export async function listen(
  app: Hono,
  {
    host,
    port,
    logger,
    tls = null,
    limits = {},
    addresses = new ClientAddresses(NO_PROXIES),
    refusals = new RefusalCounts(),
  }: {
    host: string
    port: number
    logger: Logger
    /** Null: plain HTTP. */
    tls?: HttpsCredentials | null
    limits?: Partial<HttpLimits>
    /** Whose connections are counted together. */
    addresses?: ClientAddresses
    /** Where to count what is above a limit. */
    refusals?: RefusalCounts
  },
): Promise<Listener> {
  const all: HttpLimits = { ...HTTP_LIMITS, ...limits }
  const newRequestId = createRequestIds()
  const format = (problem: Problem) => formatProblem(problem, { requestId: newRequestId(), isRfc9457: false })
  const requests = new HeldRequests()
  const answerRequest = createRequestListener(app, { format, limits: all, refusals })
  const server = serverOf(tls, all, (request, response) => {
    requests.admit(() => {
      // Those who keep it open look for another node.
      if (!server.listening) response.shouldKeepAlive = false
      answerRequest(request, response)
    })
  })
  limitConnections(server, { limits: all, addresses, refusals, logger })
  const sockets = trackSockets(server)
  const malformed = answerMalformed(server, { format, refusals, headerBytesMax: all.headerBytesMax })
  await startListening(server, { host, port })
  // Out of file descriptors, say: those who are connected are still served.
  server.on('error', (error) => logger.error({ err: error }, 'cannot accept connections'))
  // Nobody asks for metrics any more by then: who wants to know finds it in the log.
  const onCutOff = (count: number): void => {
    refusals.note('close_time', count)
    logger.warn({ connections: count, afterMs: all.closeTimeoutMs }, 'requests under way were cut off')
  }
  return {
    port: (server.address() as AddressInfo).port,
    figures: () => {
      const connections = { size: sockets.size, max: all.connectionsMax }
      return { connections, malformedCount: malformed.count }
    },
    setCertificates: (credentials) => {
      if (!isHttps(server)) throw new TypeError('this listener has no TLS')
      createSecureContext(tlsOptions(credentials))
      server.setSecureContext(tlsOptions(credentials))
    },
    close: ({ idleMs } = { idleMs: 0 }) => {
      return closeListener(server, { sockets, requests, idleMs, timeoutMs: all.closeTimeoutMs, onCutOff })
    },
  }
}

type AnyServer = Server | HttpsServer

function isHttps(server: AnyServer): server is HttpsServer {
  return 'setSecureContext' in server
}

function serverOf(tls: HttpsCredentials | null, limits: HttpLimits, listener: RequestListener): AnyServer {
  const options: ServerOptions = {
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    // Checked in `request-listener.ts`, to answer in JSON.
    requireHostHeader: false,
  }
  const server =
    tls === null
      ? createServer(options, listener)
      : createHttpsServer(
          {
            ...options,
            ...tlsOptions(tls),
            handshakeTimeout: limits.headersTimeoutMs,
            requestCert: tls.ca !== '',
            // A wrong one is answered in HTTP, see `request-listener.ts`.
            rejectUnauthorized: false,
          },
          listener,
        )
  server.maxConnections = limits.connectionsMax
  // Node drops what is above it unseen: one more, for `request-listener.ts` to notice.
  server.maxHeadersCount = limits.headersMax + 1
  return server
}

function tlsOptions({ cert, key, ca }: HttpsCredentials): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.2', ...(ca !== '' && { ca }) }
}

function limitConnections(
  server: AnyServer,
  {
    limits,
    addresses,
    refusals,
    logger,
  }: { limits: HttpLimits; addresses: ClientAddresses; refusals: RefusalCounts; logger: Logger },
): void {
  const { connectionsMax, clientConnectionsMax, answerTimeoutMs } = limits
  const counts = new ConnectionCounts({ addresses, max: clientConnectionsMax })
  server.on('connection', (socket: Socket) => {
    if (counts.admit(socket)) return
    refusals.note('client_connections')
    socket.destroy()
  })
  server.on('drop', () => {
    refusals.note('connections')
    logger.warn({ connectionsMax }, 'too many connections')
  })
  server.setTimeout(answerTimeoutMs, (socket: Socket) => {
    // Node calls it also between requests, after `keepAliveTimeout`.
    refusals.note(answerUnderWay(socket) === null ? 'idle_time' : 'answer_time')
    socket.destroy()
  })
}

/** Those that are open, kept up to date. With TLS, of what is encrypted: the bytes of a socket below are not those of requests. */
function trackSockets(server: AnyServer): ReadonlySet<Socket> {
  const sockets = new Set<Socket>()
  server.on(isHttps(server) ? 'secureConnection' : 'connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return sockets
}

function startListening(server: AnyServer, address: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(address, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
