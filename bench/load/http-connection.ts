/** HTTP/1.1 with one request at a time on a connection that is kept: as little as a client can do and still check the answer. */
import type { Socket } from 'node:net'
import { openSocket } from './socket.ts'

export interface HttpAnswer {
  readonly status: number
  /** As Latin-1: for text that is ASCII. */
  readonly body: string
}

interface Waiting {
  readonly resolve: (answer: HttpAnswer) => void
  readonly reject: (error: Error) => void
}

export class HttpConnection {
  #socket: Socket | null = null
  #waiting: Waiting | null = null
  #received = ''

  static async open(port: number): Promise<HttpConnection> {
    const connection = new HttpConnection()
    connection.#socket = await openSocket(port, {
      onBytes: (bytes) => connection.#receive(bytes),
      onEnd: (error) => connection.#fail(error),
    })
    return connection
  }

  /**
   * @param body ASCII; null for a request without one.
   * @param header A line with its end; empty for none but the usual ones.
   */
  send(method: string, path: string, body: string | null, header = ''): Promise<HttpAnswer> {
    const head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${header}`
    const text =
      body === null
        ? `${head}\r\n`
        : `${head}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#socket?.write(text, 'latin1')
    })
  }

  close(): void {
    this.#waiting = null
    this.#socket?.destroy()
  }

  #receive(bytes: Buffer): void {
    this.#received += bytes.toString('latin1')
    const answer = parseAnswer(this.#received)
    if (answer === null) return
    this.#received = ''
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.resolve(answer)
  }

  #fail(error: Error): void {
    this.#waiting?.reject(error)
    this.#waiting = null
  }
}

/** Null until it is complete. */
export function parseAnswer(received: string): HttpAnswer | null {
  const headEnd = received.indexOf('\r\n\r\n')
  if (headEnd < 0) return null
  const head = received.slice(0, headEnd + 2)
  const status = Number(received.slice(9, 12))
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length !== undefined) {
    const end = headEnd + 4 + Number(length)
    return received.length < end ? null : { status, body: received.slice(headEnd + 4, end) }
  }
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return { status, body: '' }
  const body = parseChunks(received, headEnd + 4)
  return body === null ? null : { status, body }
}

/** RFC 9112 §7.1, without trailers. Null until the last chunk is there. */
function parseChunks(received: string, from: number): string | null {
  let body = ''
  for (let at = from; ; ) {
    const lineEnd = received.indexOf('\r\n', at)
    if (lineEnd < 0) return null
    const length = Number.parseInt(received.slice(at, lineEnd), 16)
    const end = lineEnd + 2 + length + 2
    if (received.length < end) return null
    if (length === 0) return body
    body += received.slice(lineEnd + 2, end - 2)
    at = end
  }
}
