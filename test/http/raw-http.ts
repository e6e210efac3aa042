/** HTTP by hand, for requests that no client library would send. */
import { connect } from 'node:net'

export interface RawResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

export interface RawTarget {
  readonly host: string
  readonly port: number
}

const SILENCE_MS = 10_000

/**
 * Writes `bytes` and resolves with the first final response, or null if the connection ends without one.
 * What the server does to the rest of a request that it has already answered does not matter.
 */
export function sendRaw({ host, port }: RawTarget, bytes: Uint8Array): Promise<RawResponse | null> {
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = connect({ host, port }, () => socket.write(bytes))
    socket.setEncoding('latin1')
    socket.setTimeout(SILENCE_MS, () => {
      socket.destroy()
      reject(
        new Error(
          `no answer in ${SILENCE_MS} ms to ${JSON.stringify(Buffer.from(bytes).toString('latin1', 0, 80))}`,
        ),
      )
    })
    socket.on('data', (chunk: string) => {
      received += chunk
      const response = parseResponse(received)
      if (response === null) return
      resolve(response)
      socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(parseResponse(received)))
  })
}

/** Null until it is complete. Interim (1xx) responses are skipped. */
function parseResponse(received: string): RawResponse | null {
  const headEnd = received.indexOf('\r\n\r\n')
  if (headEnd < 0) return null
  const [statusLine = '', ...lines] = received.slice(0, headEnd).split('\r\n')
  const status = Number(statusLine.split(' ')[1])
  if (status >= 100 && status < 200) return parseResponse(received.slice(headEnd + 4))
  const headers = new Map(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }),
  )
  const body = received.slice(headEnd + 4)
  if (body.length < Number(headers.get('content-length') ?? 0)) return null
  return { status, headers, body: Buffer.from(body, 'latin1').toString('utf8') }
}
