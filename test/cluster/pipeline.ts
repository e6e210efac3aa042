/** Very many writes with little of our own processor time: requests follow each other on few connections. */
import { connect, type Socket } from 'node:net'
import type { Client } from './client.ts'

const CONNECTIONS = 16
const DEPTH = 16

export interface PlainRequest {
  readonly path: string
  readonly body: object
}

/**
 * Sends `count` POST requests and counts the answers by status.
 *
 * @param next The request to send when there is room for one.
 * @throws if a connection ends before its last answer.
 */
export async function pipeline(
  client: Client,
  { count, next }: { count: number; next: () => PlainRequest },
): Promise<Map<number, number>> {
  const statuses = new Map<number, number>()
  let left = count
  const take = (): PlainRequest | null => (left-- > 0 ? next() : null)
  await Promise.all(Array.from({ length: CONNECTIONS }, () => serveOne(client, { take, statuses })))
  return statuses
}

function serveOne(
  { port }: Client,
  { take, statuses }: { take: () => PlainRequest | null; statuses: Map<number, number> },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port })
    let waiting = 0
    let received = ''
    const fill = (): void => {
      socket.cork()
      for (; waiting < DEPTH; waiting++) {
        const request = take()
        if (request === null) break
        write(socket, request)
      }
      socket.uncork()
      if (waiting === 0) socket.end()
    }
    socket.setEncoding('latin1')
    socket.on('connect', fill)
    socket.on('data', (chunk: string) => {
      received += chunk
      for (let end = endOfAnswer(received); end !== null; end = endOfAnswer(received)) {
        const status = Number(received.slice(9, 12))
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        received = received.slice(end)
        waiting -= 1
      }
      fill()
    })
    socket.on('error', reject)
    socket.on('close', () => {
      if (waiting === 0) resolve()
      else reject(new Error(`${waiting} requests were not answered`))
    })
  })
}

function write(socket: Socket, { path, body }: PlainRequest): void {
  const text = JSON.stringify(body)
  socket.write(
    `POST /api/v1${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
  )
}

/** Null until the first answer is complete. */
function endOfAnswer(received: string): number | null {
  const headEnd = received.indexOf('\r\n\r\n')
  if (headEnd < 0) return null
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(received.slice(0, headEnd))?.[1] ?? 0)
  const end = headEnd + 4 + length
  return received.length < end ? null : end
}
