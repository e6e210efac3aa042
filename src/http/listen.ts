/** The HTTP server around the app: its limits, its last words on what is not HTTP, its end. */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { getRequestListener, RequestError } from '@hono/node-server'
import type { Hono } from 'hono'
import type { Logger } from '../logger.ts'
import type { TextAnswer } from './answer.ts'
import { clientCertificateComplaint } from './client-certificate.ts'
import { formatProblem, type Problem, ProblemError, toProblem } from './problem.ts'
import { createRequestIds } from './request-ids.ts'

export interface HttpLimits {
  /** Further connections are dropped at once. */
  readonly connectionsMax: number
  readonly headerBytesMax: number
  /** From the first byte of a request, or the connection, to the end of its headers. */
  readonly headersTimeoutMs: number
  /** … to the end of its body. */
  readonly requestTimeoutMs: number
  /** Longer than the idle time of common load balancers (60 s), or they send into a closing connection. */
  readonly keepAliveTimeoutMs: number
  /** What `close` grants to requests in flight. */
  readonly closeTimeoutMs: number
}

export const HTTP_LIMITS: HttpLimits = {
  connectionsMax: 10_000,
  headerBytesMax: 16 << 10,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 75_000,
  closeTimeoutMs: 10_000,
}

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
  /** Goes on serving, and ends each connection with its next answer: those who keep them open look for another node. */
  drain(): void
  /** Stops accepting, lets requests in flight finish, then closes what is left. */
  close(): Promise<void>
}

/** Connections now, and what came to nothing before it was a request. */
export interface ListenerFigures {
  readonly connections: { readonly size: number; readonly max: number }
  readonly droppedCount: number
  readonly malformedCount: number
}

const TIMEOUT_CHECK_MS = 1_000
/** A connection closed with unread bytes is reset, and the client may never see our answer. */
const LINGER_MS = 500
const IDLE_CHECK_MS = 20
/** More than the system takes for us by default. */
const BACKLOG_TURNS_MAX = 1_000
/** Who has connected and sent nothing may be about to: its request is not to meet a closed connection. */
const SILENCE_MS = 100

/** Resolves once requests are accepted. Rejects with node's own error, such as `EADDRINUSE`. */
export async function listen(
  app: Hono,
  {
    host,
    port,
    logger,
    tls = null,
    limits = {},
  }: {
    host: string
    port: number
    logger: Logger
    /** Null: plain HTTP. */
    tls?: HttpsCredentials | null
    limits?: Partial<HttpLimits>
  },
): Promise<Listener> {
  const all: HttpLimits = { ...HTTP_LIMITS, ...limits }
  const newRequestId = createRequestIds()
  const format = (problem: Problem) => formatProblem(problem, { requestId: newRequestId(), isRfc9457: false })
  let isDraining = false
  const answerRequest = createListener(app, format)
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
      if (isDraining) response.shouldKeepAlive = false
      answerRequest(request, response)
    },
  )
  server.maxConnections = all.connectionsMax
  const sockets = new Set<Socket>()
  // With TLS, of what is encrypted: the bytes of a socket below are not those of requests.
  server.on(tls === null ? 'connection' : 'secureConnection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  let droppedCount = 0
  let malformedCount = 0
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    malformedCount += 1
    // No HTTP can be said where there is no TLS.
    if (error.code?.startsWith('ERR_SSL') === true) socket.destroy()
    else answerClientError(socket, format(clientProblem(error)))
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
    droppedCount += 1
    logger.warn({ connectionsMax: all.connectionsMax }, 'too many connections')
  })
  return {
    port: (server.address() as AddressInfo).port,
    figures: () => {
      const connections = { size: sockets.size, max: all.connectionsMax }
      return { connections, droppedCount, malformedCount }
    },
    setCertificates: (credentials) => {
      if (!isHttps(server)) throw new TypeError('this listener has no TLS')
      createSecureContext(tlsOptions(credentials))
      server.setSecureContext(tlsOptions(credentials))
    },
    drain: () => {
      isDraining = true
    },
    close: () => close(server, { sockets, timeoutMs: all.closeTimeoutMs }),
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

function createListener(app: Hono, format: (problem: Problem) => TextAnswer): RequestListener {
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

function badTarget(error: RequestError): Problem {
  const message = `the request target or Host header is not valid: ${error.message}`
  return problemOf({ status: 400, reason: 'malformed_http', message })
}

/** What node's HTTP parser refuses never becomes a request. */
function clientProblem(error: NodeJS.ErrnoException): Problem {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return problemOf({
        status: 431,
        reason: 'headers_too_large',
        message: 'the request headers are too large',
      })
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return problemOf({
        status: 413,
        reason: 'body_too_large',
        message: 'the chunk extensions are too large',
      })
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return problemOf({
        status: 408,
        reason: 'request_timeout',
        message: 'the request took too long to arrive',
      })
    default: {
      const { reason = error.message } = error as { reason?: string }
      return problemOf({ status: 400, reason: 'malformed_http', message: `not valid HTTP: ${reason}` })
    }
  }
}

function problemOf(init: { status: number; reason: string; message: string }): Problem {
  return new ProblemError(init).problem
}

/**
 * Only where the answer cannot be mistaken for that of a request before it on the same connection, which may have been
 * carried out: there the connection just ends, and the client knows that it does not know.
 */
function answerClientError(socket: Socket, answer: TextAnswer): void {
  // Undocumented, but what node's own default for this event looks at.
  const { _httpMessage: response } = socket as { _httpMessage?: ServerResponse | null }
  const isFirst = response === undefined || response === null
  // A body is read to its end before anything is carried out, but for the methods that ignore theirs.
  const isUnread =
    !isFirst && !response.headersSent && !response.req.complete && response.req.method === 'POST'
  if (socket.writable && (isFirst || isUnread)) answerOnSocket(socket, answer)
  else if (!socket.writableEnded) socket.destroy()
}

function answerOnSocket(socket: Socket, { status, headers, body }: TextAnswer): void {
  const bytes = Buffer.from(body ?? '')
  const lines = Object.entries({ ...headers, 'Content-Length': String(bytes.length), Connection: 'close' })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.on('error', () => socket.destroy())
  socket.end(
    Buffer.concat([Buffer.from(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${head}\r\n`), bytes]),
  )
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(timer))
}

function answerOnResponse(response: ServerResponse, { status, headers, body }: TextAnswer): void {
  const bytes = Buffer.from(body ?? '')
  response.writeHead(status, { ...headers, 'Content-Length': bytes.length, Connection: 'close' })
  response.end(bytes)
}

/**
 * Node closes idle connections once, at the start; those that become idle afterwards are ours to close, and so are
 * those that have not sent anything yet, which node takes for busy.
 */
async function close(
  server: AnyServer,
  { sockets, timeoutMs }: { sockets: ReadonlySet<Socket>; timeoutMs: number },
): Promise<void> {
  await emptyBacklog(server)
  const startedAt = performance.now()
  const closeIdle = (): void => {
    server.closeIdleConnections()
    if (performance.now() - startedAt < SILENCE_MS) return
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
  }
  const idle = setInterval(closeIdle, IDLE_CHECK_MS)
  const deadline = setTimeout(() => server.closeAllConnections(), timeoutMs)
  try {
    await new Promise<void>((resolve) => server.close(() => resolve()))
  } finally {
    clearInterval(idle)
    clearTimeout(deadline)
  }
}

/**
 * Resolves right after everybody was accepted whom the system had taken for us: when the server closes, the others are
 * reset, with the requests that they have sent. A turn of the event loop accepts one.
 */
async function emptyBacklog(server: AnyServer): Promise<void> {
  let quietTurns = 0
  const onConnection = (): void => {
    quietTurns = 0
  }
  server.on('connection', onConnection)
  // The first may be the rest of one that has accepted already.
  for (let turn = 0; quietTurns < 2 && turn < BACKLOG_TURNS_MAX; turn++) {
    quietTurns += 1
    await new Promise((resolve) => setImmediate(resolve))
  }
  server.off('connection', onConnection)
}
