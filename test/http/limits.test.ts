/** What is too much, too long or too slow, over real sockets. */
import { connect, type Socket } from 'node:net'
import { Hono } from 'hono'
import { afterEach, describe, expect, test } from 'vitest'
import { ClientAddresses, NO_PROXIES, type ProxyTrust } from '../../src/http/client-address.ts'
import type { HttpLimits } from '../../src/http/limits.ts'
import { type Listener, listen } from '../../src/http/listen.ts'
import { RefusalCounts, type RefusingLimit } from '../../src/http/refusal-counts.ts'
import { parsePrefix } from '../../src/ipam/prefix.ts'
import { until } from '../until.ts'
import { type Api, createMemoryLogger, openApi } from './fixture.ts'

const HOST = '127.0.0.1'
const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
const POST = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}'
/** Between two bytes of whoever is slow. */
const DRIP_MS = 20
/** How often node looks for requests that take too long. */
const CHECK_MS = 1_000
/** For a machine that has other things to do. */
const LATE_MS = 3_000

interface Listening {
  readonly listener: Listener
  readonly refusals: RefusalCounts
}

const closers: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

async function start(
  limits: Partial<HttpLimits> = {},
  { app = echo(), trust = NO_PROXIES }: { app?: Hono; trust?: ProxyTrust } = {},
): Promise<Listening> {
  const refusals = new RefusalCounts()
  const addresses = new ClientAddresses(trust)
  const options = { host: HOST, port: 0, logger: createMemoryLogger(), limits, addresses, refusals }
  const listener = await listen(app, options)
  closers.push(() => listener.close())
  return { listener, refusals }
}

function echo(): Hono {
  return new Hono()
    .all('/', async (c) => c.text(`answer ${await c.req.text()}`))
    .onError((_error, c) => c.body(null, 500))
}

/** A connection by hand. */
class Connection {
  readonly socket: Socket
  readonly closed: Promise<string>
  #received = ''
  #look = (): void => {}

  /** @param from A loopback address of this machine. */
  constructor({ port }: { port: number }, from = HOST) {
    this.socket = connect({ host: HOST, port, localAddress: from })
    this.socket.setEncoding('latin1').on('data', (chunk: string) => {
      this.#received += chunk
      this.#look()
    })
    this.socket.on('error', () => {})
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve(this.#received)))
  }

  get received(): string {
    return this.#received
  }

  write(text: string): void {
    this.socket.write(text, 'latin1')
  }

  /** Null if the connection ends before. */
  async until(pattern: RegExp): Promise<string | null> {
    const seen = new Promise<void>((resolve) => {
      this.#look = () => {
        if (pattern.test(this.#received)) resolve()
      }
      this.#look()
    })
    await Promise.race([seen, this.closed])
    return pattern.test(this.#received) ? this.#received : null
  }

  /** One byte at a time, for as long as anybody listens. @returns After how many milliseconds nobody did. */
  async drip(byte: string): Promise<number> {
    const startedAt = performance.now()
    const timer = setInterval(() => this.write(byte), DRIP_MS)
    await this.closed
    clearInterval(timer)
    return performance.now() - startedAt
  }
}

/** The limits that were met, and how often. */
function counted(refusals: RefusalCounts): (readonly [RefusingLimit, number])[] {
  return [...refusals.all()].filter(([, count]) => count > 0)
}

function statuses(received: string): number[] {
  return [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
}

function lastBody(received: string): unknown {
  return JSON.parse(received.slice(received.lastIndexOf('\r\n\r\n') + 4))
}

describe('whoever is slow', () => {
  test.each([
    {
      why: 'headers',
      limit: 'headers_time',
      head: 'GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ',
    },
    {
      why: 'the headers of its second request',
      limit: 'headers_time',
      head: `${POST}GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: `,
    },
    {
      why: 'a body',
      limit: 'request_time',
      head: 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n',
    },
    {
      why: 'a body in chunks',
      limit: 'request_time',
      head: 'POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n',
    },
  ] as const)('with $why is cut off in time, with 408', async ({ head, limit }) => {
    const limits = { headersTimeoutMs: 200, requestTimeoutMs: 300 }
    const { listener, refusals } = await start(limits)
    const slow = new Connection(listener)
    slow.write(head)

    const ms = await slow.drip('x')

    expect(ms).toBeGreaterThan(190)
    expect(ms).toBeLessThan(limits.requestTimeoutMs + CHECK_MS + LATE_MS)
    expect(statuses(slow.received).filter((status) => status !== 200)).toEqual([408])
    expect(lastBody(slow.received)).toMatchObject({ reason: 'request_timeout', applied: 'no' })
    expect(counted(refusals)).toEqual([[limit, 1]])
  })

  test('with taking an answer is cut off', async () => {
    const chunk = new Uint8Array(1 << 20)
    let made = 0
    const app = new Hono().get('/', () => {
      const pull = (controller: ReadableStreamDefaultController): void => {
        made += chunk.byteLength
        controller.enqueue(chunk)
      }
      return new Response(new ReadableStream({ pull }))
    })
    const { listener, refusals } = await start({ answerTimeoutMs: 300 }, { app })
    const slow = new Connection(listener)
    slow.write(GET)
    await slow.until(/200 OK/)
    slow.socket.pause()

    // The connection is ended by the server, and made no more than fits between the two.
    await until(() => listener.figures().connections.size === 0)

    expect(refusals.of('answer_time')).toBe(1)
    expect(made).toBeLessThan(100 << 20)
    slow.socket.destroy()
  })

  test('between two requests is cut off without a word, and counted apart', async () => {
    const { listener, refusals } = await start({ keepAliveTimeoutMs: 100, answerTimeoutMs: 60_000 })
    const idle = new Connection(listener)
    idle.write(GET)

    expect(statuses(await idle.closed)).toEqual([200])
    expect(counted(refusals)).toEqual([['idle_time', 1]])
  })

  test('when the listener ends is cut off at the end of its time, and counted', async () => {
    const app = new Hono().get('/', () => new Promise<Response>(() => {}))
    const { listener, refusals } = await start({ closeTimeoutMs: 500 }, { app })
    const idle = new Connection(listener)
    const busy = [new Connection(listener), new Connection(listener)]
    for (const connection of busy) connection.write(GET)
    await until(() => listener.figures().connections.size === 3)

    await listener.close()

    expect(await Promise.all([idle, ...busy].map(({ closed }) => closed))).toEqual(['', '', ''])
    expect(counted(refusals)).toEqual([['close_time', 2]])
  })

  test('does not stop others, by a thousand', async () => {
    const { listener, refusals } = await start({ headersTimeoutMs: 1_500 })
    const silent = Array.from({ length: 500 }, () => new Connection(listener))
    const halfway = Array.from({ length: 500 }, () => new Connection(listener))
    for (const connection of halfway) connection.write('GET / HTTP/1.1\r\nHost: loc')
    await until(() => listener.figures().connections.size === 1_000)

    const quick = new Connection(listener)
    quick.write(GET)

    expect(await quick.until(/answer/)).not.toBeNull()
    await Promise.all([...silent, ...halfway].map(({ closed }) => closed))
    expect(counted(refusals)).toEqual([['headers_time', 1_000]])
    quick.socket.destroy()
  })
})

describe('connections', () => {
  test('above the limit are closed at once, and counted; one that ends makes room', async () => {
    const { listener, refusals } = await start({ connectionsMax: 2 })
    const kept = [new Connection(listener), new Connection(listener)]
    for (const connection of kept) {
      connection.write(GET)
      await connection.until(/answer/)
    }

    expect(await new Connection(listener).closed).toBe('')

    expect(refusals.of('connections')).toBe(1)
    kept[0]?.socket.destroy()
    await until(() => listener.figures().connections.size === 1)
    const next = new Connection(listener)
    next.write(GET)
    expect(await next.until(/answer/)).not.toBeNull()
    next.socket.destroy()
    kept[1]?.socket.destroy()
  })

  test('of one client above its limit are closed at once, those of others are not', async () => {
    const { listener, refusals } = await start({ clientConnectionsMax: 1 })
    const first = new Connection(listener)
    first.write(GET)
    await first.until(/answer/)

    expect(await new Connection(listener).closed).toBe('')
    const other = new Connection(listener, '127.0.0.2')
    other.write(GET)
    expect(await other.until(/answer/)).not.toBeNull()

    expect(refusals.of('client_connections')).toBe(1)
    first.socket.destroy()
    await until(() => listener.figures().connections.size === 1)
    const again = new Connection(listener)
    again.write(GET)
    expect(await again.until(/answer/)).not.toBeNull()
    for (const { socket } of [other, again]) socket.destroy()
  })

  test('of a trusted proxy are not counted as those of one client', async () => {
    const trust: ProxyTrust = { proxies: [parsePrefix('127.0.0.1/32')], header: 'x-forwarded-for' }
    const { listener } = await start({ clientConnectionsMax: 1 }, { trust })
    const connections = [new Connection(listener), new Connection(listener), new Connection(listener)]

    for (const connection of connections) {
      connection.write(GET)
      expect(await connection.until(/answer/)).not.toBeNull()
    }
    for (const { socket } of connections) socket.destroy()
  })
})

describe('requests that are too large', () => {
  // Node collects 31 headers at a time, and looks at its own limit in between.
  const LIMITS = { urlBytesMax: 300, headerBytesMax: 2_000, headersMax: 31 }
  const lines = (count: number) => Array.from({ length: count }, (_, i) => `X-${i}: 1\r\n`).join('')

  test.each<{ why: string; text: string; status: number; reason: string; limit: RefusingLimit }>([
    {
      why: 'a URL',
      text: `GET /?${'q'.repeat(299)} HTTP/1.1\r\nHost: a\r\n\r\n`,
      status: 414,
      reason: 'url_too_long',
      limit: 'url_bytes',
    },
    {
      why: 'a URL that has no room at all',
      text: `GET /?${'q'.repeat(5_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
      status: 414,
      reason: 'url_too_long',
      limit: 'url_bytes',
    },
    {
      why: 'a header',
      text: `GET / HTTP/1.1\r\nHost: a\r\nX-Big: ${'x'.repeat(2_000)}\r\n\r\n`,
      status: 431,
      reason: 'headers_too_large',
      limit: 'header_bytes',
    },
    {
      why: 'the number of headers',
      text: `GET / HTTP/1.1\r\nHost: a\r\n${lines(31)}\r\n`,
      status: 431,
      reason: 'too_many_headers',
      limit: 'headers',
    },
  ])(
    'by $why get $status, the connection ends, and others go on',
    async ({ text, status, reason, limit }) => {
      const { listener, refusals } = await start(LIMITS)
      const other = new Connection(listener)
      other.write(GET)
      await other.until(/answer/)
      const large = new Connection(listener)

      large.write(text + GET)

      expect(statuses(await large.closed)).toEqual([status])
      expect(lastBody(large.received)).toMatchObject({ code: status, reason, applied: 'no' })
      expect(refusals.of(limit)).toBe(1)
      other.write(GET)
      await other.until(/answer[\s\S]*answer/)
      expect(statuses(other.received)).toEqual([200, 200])
      other.socket.destroy()
    },
  )

  test('by nothing are answered: everything as large as it may be', async () => {
    const { listener, refusals } = await start(LIMITS)
    const connection = new Connection(listener)

    connection.write(`GET /?${'q'.repeat(298)} HTTP/1.1\r\nHost: a\r\n${lines(30)}\r\n`)

    expect(await connection.until(/answer/)).not.toBeNull()
    expect([...refusals.all()].filter(([, count]) => count > 0)).toEqual([])
    connection.socket.destroy()
  })

  test.each([
    { why: 'announced', head: 'Content-Length: 2000', body: 'x'.repeat(2_000) },
    {
      why: 'in chunks',
      head: 'Transfer-Encoding: chunked',
      body: `7d0\r\n${'x'.repeat(2_000)}\r\n0\r\n\r\n`,
    },
  ])(
    'by a body, $why, get 413, and the next request on the connection its own answer',
    async ({ head, body }) => {
      const api = await openApiWith({ bodyBytesMax: 1_500 })
      const connection = new Connection(api)
      const post = `POST /api/v1/networks HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${head}\r\n\r\n`

      connection.write(`${post}${body}GET /api/v1/health HTTP/1.1\r\nHost: a\r\n\r\n`)

      expect(await connection.until(/"healthy"/)).not.toBeNull()
      expect(statuses(connection.received)).toEqual([413, 200])
      expect(connection.received).toContain('the body is above 1500 bytes (http.body_bytes_max)')
      expect(api.refusals.of('body_bytes')).toBe(1)
      connection.socket.destroy()
    },
  )

  test('by a body that never comes to its end do not hold the connection', async () => {
    const api = await openApiWith({ bodyBytesMax: 1_500 })
    const connection = new Connection(api)
    connection.write('POST /api/v1/networks HTTP/1.1\r\nHost: a\r\nContent-Length: 1099511627776\r\n\r\n')

    await connection.drip('x')

    expect(statuses(connection.received)).toEqual([413])
    expect(await api.request('GET', '/health')).toMatchObject({ status: 200 })
  })
})

describe('garbage', () => {
  test('behind an answered request is answered as such, and ends that connection alone', async () => {
    const { listener, refusals } = await start()
    const other = new Connection(listener)
    const connection = new Connection(listener)
    connection.write(GET)
    await connection.until(/answer/)

    connection.write('\u0000\u0001nonsense\r\n\r\n')

    expect(statuses(await connection.closed)).toEqual([200, 400])
    expect(listener.figures().malformedCount).toBe(1)
    expect([...refusals.all()].filter(([, count]) => count > 0)).toEqual([])
    other.write(GET)
    expect(await other.until(/answer/)).not.toBeNull()
    other.socket.destroy()
  })

  test('pipelined behind requests is never taken for the answer to one of them', async () => {
    const { listener } = await start()
    const connection = new Connection(listener)

    connection.write(`${GET}${GET}nonsense\r\n\r\n${GET}`)

    expect([[], [200], [200, 200], [200, 200, 400]]).toContainEqual(statuses(await connection.closed))
  })
})

async function openApiWith(http: { bodyBytesMax: number }): Promise<Api> {
  const api = await openApi({ http })
  closers.push(() => api.close())
  return api
}
