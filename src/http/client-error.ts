/** What node's HTTP parser refuses never becomes a request: its last words all the same are a problem as any other. */
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { TextAnswer } from './answer.ts'
import { type Problem, ProblemError } from './problem.ts'
import type { RefusalCounts, RefusingLimit } from './refusal-counts.ts'

/** A connection closed with unread bytes is reset, and the client may never see our answer. */
const LINGER_MS = 500

interface ClientError extends NodeJS.ErrnoException {
  readonly reason?: string
  /** In which the parser stopped. */
  readonly rawPacket?: Buffer
}

export interface Complaint {
  readonly problem: Problem
  /** Null: it was no HTTP. */
  readonly limit: RefusingLimit | null
}

/** @returns How many times something came that was no HTTP; kept up to date. */
export function answerMalformed(
  server: Server | HttpsServer,
  {
    format,
    refusals,
    headerBytesMax,
  }: { format: (problem: Problem) => TextAnswer; refusals: RefusalCounts; headerBytesMax: number },
): { readonly count: number } {
  const malformed = { count: 0 }
  server.on('clientError', (error: ClientError, socket: Socket) => {
    const { problem, limit } = complaintAbout(error, { socket, headerBytesMax })
    if (limit === null) malformed.count += 1
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
  return malformed
}

/**
 * @param options.socket Whose error it is.
 * @param options.headerBytesMax What the parser reads at most.
 */
function complaintAbout(
  error: ClientError,
  { socket, headerBytesMax }: { readonly socket: Socket; readonly headerBytesMax: number },
): Complaint {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return isAllUrl(error.rawPacket, headerBytesMax) ? URL_TOO_LONG : HEADERS_TOO_LARGE
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return complaint('body_bytes', 413, 'body_too_large', 'the chunk extensions are too large')
    case 'ERR_HTTP_REQUEST_TIMEOUT': {
      // Node has one error for both. A request is there when its headers are.
      const limit = answerUnderWay(socket)?.req.complete === false ? 'request_time' : 'headers_time'
      return complaint(limit, 408, 'request_timeout', 'the request took too long to arrive')
    }
    case 'ERR_SSL_HTTP_REQUEST':
      return complaint(null, 400, 'https_required', 'this port speaks HTTPS: use https:// instead of http://')
    default:
      return complaint(null, 400, 'malformed_http', `not valid HTTP: ${error.reason ?? error.message}`)
  }
}

const HEADERS_TOO_LARGE = complaint(
  'header_bytes',
  431,
  'headers_too_large',
  'the request headers are too large (http.header_bytes_max)',
)

export const TOO_MANY_HEADERS = complaint(
  'headers',
  431,
  'too_many_headers',
  'the request has too many headers (http.headers_max)',
)

export const URL_TOO_LONG = complaint(
  'url_bytes',
  414,
  'url_too_long',
  'the URL is too long (http.url_bytes_max); list with fewer filters, or send what is long in a body',
)

/** The line with the method has no end: it takes all the room that all headers have. */
function isAllUrl(packet: Buffer | undefined, headerBytesMax: number): boolean {
  const start = packet?.toString('latin1', 0, headerBytesMax) ?? ''
  return /^[A-Z]+ [^\r\n]*$/.test(start)
}

function complaint(limit: RefusingLimit | null, status: number, reason: string, message: string): Complaint {
  return { limit, problem: problemOf({ status, reason, message }) }
}

export function problemOf(init: { status: number; reason: string; message: string }): Problem {
  return new ProblemError(init).problem
}

/**
 * Only where the answer cannot be mistaken for that of a request before it on the same connection, which may have been
 * carried out: there the connection just ends, and the client knows that it does not know.
 */
function answerClientError(socket: Socket, answer: TextAnswer): void {
  const response = answerUnderWay(socket)
  // A body is read to its end before anything is carried out, but for the methods that ignore theirs.
  const isUnread =
    response !== null && !response.headersSent && !response.req.complete && response.req.method === 'POST'
  if (socket.writable && (response === null || isUnread)) answerOnSocket(socket, answer)
  else if (!socket.writableEnded) socket.destroy()
}

/** In clear, to who has sent HTTP where TLS is spoken. Undocumented: where nothing is below, the connection just ends. */
function answerBelowTls(socket: Socket, answer: TextAnswer): void {
  const { _parent: below } = socket as { _parent?: Socket | null }
  if (below) answerOnSocket(below, answer)
  else socket.destroy()
}

/** Undocumented, but what node's own default for client errors looks at. */
export function answerUnderWay(socket: Socket): ServerResponse | null {
  const { _httpMessage: response } = socket as { _httpMessage?: ServerResponse | null }
  return response ?? null
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

export function answerOnResponse(response: ServerResponse, { status, headers, body }: TextAnswer): void {
  const bytes = Buffer.from(body ?? '')
  response.writeHead(status, { ...headers, 'Content-Length': bytes.length, Connection: 'close' })
  response.end(bytes)
}
