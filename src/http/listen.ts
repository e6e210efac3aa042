/** The HTTP server around the app: its limits, its last words on what is not HTTP, its end. */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { getRequestListener, RequestError } from '@hono/node-server'
import type { Hono } from 'hono'
import type { Logger } from '../logger.ts'
import type { TextAnswer } from './answer.ts'
import { ClientAddresses, NO_PROXIES } from './client-address.ts'
import { clientCertificateComplaint } from './client-certificate.ts'
import {
  answerBelowTls,
  answerClientError,
  answerOnResponse,
  answerOnSocket,
  answerUnderWay,
  type ClientError,
  type Complaint,
  complaintAbout,
  problemOf,
  TOO_MANY_HEADERS,
  URL_TOO_LONG,
} from './client-error.ts'
import { closeListener, HeldRequests } from './close-listener.ts'
import { ConnectionCounts } from './connection-counts.ts'
import { HTTP_LIMITS, type HttpLimits } from './limits.ts'
import { formatProblem, type Problem, toProblem } from './problem.ts'
import { RefusalCounts } from './refusal-counts.ts'
import { createRequestIds } from './request-ids.ts'

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
  const answerRequest = createListener(app, { format, limits: all, refusals })
  const server = serverOf(
    tls,
    {
      maxHeaderSize: all.headerBytesMax,
      headersTimeout: all.headersTimeoutMs,
      requestTimeout: all.requestTimeoutMs,
      keepAliveTimeout: all.keepAliveTimeoutMs,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      // Checked in `createListener`, to answer in JSON.
      requireHostHeader: false,
    },
    (request, response) => {
      requests.admit(() => {
        // Those who keep it open look for another node.
        if (!server.listening) response.shouldKeepAlive = false
        answerRequest(request, response)
      })
    },
  )
  server.maxConnections = all.connectionsMax
  // Node drops what is above it unseen: one more, for `createListener` to notice.
  server.maxHeadersCount = all.headersMax + 1
  const counts = new ConnectionCounts({ addresses, max: all.clientConnectionsMax })
  server.on('connection', (socket: Socket) => {
    if (counts.admit(socket)) return
    refusals.note('client_connections')
    socket.destroy()
  })
  server.setTimeout(all.answerTimeoutMs, (socket: Socket) => {
    // Node calls it also between requests, after `keepAliveTimeout`.
    refusals.note(answerUnderWay(socket) === null ? 'idle_time' : 'answer_time')
    socket.destroy()
  })
  const sockets = new Set<Socket>()
  // With TLS, of what is encrypted: the bytes of a socket below are not those of requests.
  server.on(tls === null ? 'connection' : 'secureConnection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  let malformedCount = 0
  server.on('clientError', (error: ClientError, socket: Socket) => {
    const { problem, limit } = complaintAbout(error, { socket, headerBytesMax: all.headerBytesMax })
    if (limit === null) malformedCount += 1
    else refusals.note(limit)
    if (error.code === 'ERR_SSL_HTTP_REQUEST') answerBelowTls(socket, format(problem))
    // No HTTP can be said where there is no TLS.
    else if (error.code?.startsWith('ERR_SSL') === true) socket.destroy()
    else answerClientError(socket, format(problem))
  })
  server.on('connect', (_request, socket: Socket) => {
    const message = 'CONNECT is not allowed: this is no proxy'
    answerOnSocket(socket, format(problemOf({ status: 405, reason: 'method_not_allowed', message })))
  })
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    const message = 'the only expectation that can be met is 100-continue'
    answerOnResponse(response, format(problemOf({ status: 417, reason: 'expectation_failed', message })))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  // Out of file descriptors, say: those who are connected are still served.
  server.on('error', (error) => logger.error({ err: error }, 'cannot accept connections'))
  server.on('drop', () => {
    refusals.note('connections')
    logger.warn({ connectionsMax: all.connectionsMax }, 'too many connections')
  })
  // Nobody asks for metrics any more by then: who wants to know finds it in the log.
  const onCutOff = (count: number): void => {
    refusals.note('close_time', count)
    logger.warn({ connections: count, afterMs: all.closeTimeoutMs }, 'requests under way were cut off')
  }
  return {
    port: (server.address() as AddressInfo).port,
    figures: () => {
      const connections = { size: sockets.size, max: all.connectionsMax }
      return { connections, malformedCount }
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

function serverOf(
  tls: HttpsCredentials | null,
  options: ServerOptions,
  listener: RequestListener,
): AnyServer {
  if (tls === null) return createServer(options, listener)
  return createHttpsServer(
    {
      ...options,
      ...tlsOptions(tls),
      handshakeTimeout: options.headersTimeout ?? HTTP_LIMITS.headersTimeoutMs,
      requestCert: tls.ca !== '',
      // A wrong one is answered in HTTP, see `createListener`.
      rejectUnauthorized: false,
    },
    listener,
  )
}

function tlsOptions({ cert, key, ca }: HttpsCredentials): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.2', ...(ca !== '' && { ca }) }
}

function createListener(
  app: Hono,
  {
    format,
    limits,
    refusals,
  }: { format: (problem: Problem) => TextAnswer; limits: HttpLimits; refusals: RefusalCounts },
): RequestListener {
  const answer = getRequestListener(app.fetch, {
    // HTTP/1.0 health checks come without a Host.
    hostname: 'localhost',
    errorHandler: (error) => {
      const { status, body, headers } = format(
        error instanceof RequestError ? badTarget(error) : toProblem(error),
      )
      return new Response(body, { status, headers })
    },
  })
  return (request, response) => {
    const tooMuch = tooMuchOf(request, limits)
    if (tooMuch?.limit) {
      refusals.note(tooMuch.limit)
      answerOnResponse(response, format(tooMuch.problem))
      return
    }
    if (request.headers.host === undefined && request.httpVersionMinor > 0) {
      // RFC 9112 §3.2.
      const message = 'the Host header is missing'
      answerOnResponse(response, format(problemOf({ status: 400, reason: 'malformed_http', message })))
      return
    }
    const complaint = clientCertificateComplaint(request)
    if (complaint !== null) {
      const message = `the client certificate is not accepted (${complaint}): show one of the authority in http.tls.client_ca, or none`
      answerOnResponse(response, format(problemOf({ status: 401, reason: 'client_certificate', message })))
      return
    }
    answer(request, response).catch(() => response.destroy())
  }
}

/** What the parser lets through, and we do not. */
function tooMuchOf({ url = '', rawHeaders }: IncomingMessage, limits: HttpLimits): Complaint | null {
  // The parser takes bytes of a URL that are no ASCII as characters, one each.
  if (url.length > limits.urlBytesMax) return URL_TOO_LONG
  return rawHeaders.length > 2 * limits.headersMax ? TOO_MANY_HEADERS : null
}

function badTarget(error: RequestError): Problem {
  const message = `the request target or Host header is not valid: ${error.message}`
  return problemOf({ status: 400, reason: 'malformed_http', message })
}
