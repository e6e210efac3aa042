import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Hono } from 'hono'
import { afterEach, describe, expect, test } from 'vitest'
import type { HttpLimits } from '../../src/http/limits.ts'
import { type Listener, listen } from '../../src/http/listen.ts'
import { createMemoryLogger } from './fixture.ts'
import { sendRaw } from './raw-http.ts'

const HOST = '127.0.0.1'
const CONNECTIONS = 20
const ROUNDS = 10

/** An app whose answers wait for `open`. */
function createGate(): { app: Hono; open: () => void; entered: Promise<void> } {
  let open = () => {}
  let enter = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  const entered = new Promise<void>((resolve) => {
    enter = resolve
  })
  const app = new Hono().all('/', async (c) => {
    enter()
    await opened
    return c.text('answer')
  })
  return { app, open, entered }
}

const listeners: Listener[] = []

afterEach(async () => {
  for (const listener of listeners.splice(0)) await listener.close()
})

async function start(app: Hono, limits: Partial<HttpLimits> = {}): Promise<Listener> {
  const listener = await listen(app, { host: HOST, port: 0, logger: createMemoryLogger(), limits })
  listeners.push(listener)
  return listener
}

/** An open connection that has sent `text`, and all that came back once it is closed. */
function open(port: number, text: string): { socket: Socket; closed: Promise<string> } {
  const socket = connect({ host: HOST, port }, () => socket.write(text))
  let received = ''
  socket.setEncoding('utf8').on('data', (chunk) => {
    received += chunk
  })
  socket.on('error', () => {})
  return { socket, closed: new Promise((resolve) => socket.once('close', () => resolve(received))) }
}

/** Resolves when a new connection is refused. */
async function refusal(port: number): Promise<void> {
  for (;;) {
    const socket = connect({ host: HOST, port })
    const isRefused = await new Promise((resolve) => {
      socket.once('connect', () => resolve(false)).once('error', () => resolve(true))
    })
    socket.destroy()
    if (isRefused) return
  }
}

/** A connection for each request. @returns How many got no answer, until one was refused. */
async function sendUntilRefused(port: number): Promise<number> {
  let lost = 0
  for (;;) {
    const { socket, closed } = open(port, GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
    let isRefused = false
    socket.on('error', (error: NodeJS.ErrnoException) => {
      isRefused = error.code === 'ECONNREFUSED'
    })
    const answer = await closed
    if (isRefused) return lost
    if (answer === '') lost += 1
  }
}

const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'

describe('the end of a listener', () => {
  test('a request in flight is answered, idle connections are closed, new ones refused', async () => {
    const gate = createGate()
    const listener = await start(gate.app)
    const busy = open(listener.port, GET)
    const idle = open(listener.port, '')
    await gate.entered

    const closing = listener.close()
    expect(await idle.closed).toBe('')
    const refused = open(listener.port, GET)
    expect(await refused.closed).toBe('')
    gate.open()

    expect(await busy.closed).toContain('answer')
    await closing
  })

  test('who had connected by then is answered, however many they are', async () => {
    const listener = await start(new Hono().get('/', (c) => c.text('answer')))
    const late = Array.from({ length: CONNECTIONS }, () => open(listener.port, GET))
    // By the system; the listener itself gets one of them with each turn of the event loop.
    await Promise.all(late.map(({ socket }) => once(socket, 'connect')))

    await listener.close()

    for (const { closed } of late) expect(await closed).toContain('answer')
  })

  test('no request is lost of those who come with the next one as soon as they have an answer', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const listener = await start(new Hono().get('/', (c) => c.text('answer')))
      const clients = Array.from({ length: CONNECTIONS }, () => sendUntilRefused(listener.port))
      await new Promise((resolve) => setImmediate(resolve))

      await listener.close()

      expect(await Promise.all(clients)).toEqual(clients.map(() => 0))
    }
  })

  test('who has connected may be late with a request, for a tenth of a second', async () => {
    const listener = await start(new Hono())
    const silent = open(listener.port, '')
    await once(silent.socket, 'connect')
    const startedAt = performance.now()

    await Promise.all([listener.close(), silent.closed])

    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(100)
  })

  test('a connection that is open is served once more after nobody new is accepted, with its last answer', async () => {
    const listener = await start(new Hono().get('/', (c) => c.text('answer')))
    const kept = open(listener.port, GET)
    const first = String(await once(kept.socket, 'data'))

    const closing = listener.close()
    await refusal(listener.port)
    kept.socket.write(GET)
    await closing

    expect(first).toMatch(/^connection: keep-alive\r\n/im)
    expect(await kept.closed).toMatch(/answer[\s\S]*^connection: close\r\n[\s\S]*answer$/im)
  })

  test('a request that is under way by then is answered with the last answer of its connection', async () => {
    const gate = createGate()
    const listener = await start(gate.app)
    const busy = open(listener.port, GET)
    await gate.entered

    const closing = listener.close()
    await refusal(listener.port)
    gate.open()

    expect(await busy.closed).toMatch(/^connection: close\r\n[\s\S]*answer$/im)
    await closing
  })

  test('a request that never ends does not hold it up beyond the deadline', async () => {
    const gate = createGate()
    const listener = await start(gate.app, { closeTimeoutMs: 50 })
    const busy = open(listener.port, GET)
    await gate.entered

    await listener.close()

    expect(await busy.closed).toBe('')
    gate.open()
  })
})

test('a listener that has ended leaves no timer behind, however far its deadline is', async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const listener = await start(new Hono(), { closeTimeoutMs: 60_000 })
  const before = timers()

  await listener.close()

  expect(timers()).toBeLessThanOrEqual(before)
})

describe('what is not HTTP', () => {
  test('behind a request that is being carried out it ends the connection, and is not taken for its answer', async () => {
    const gate = createGate()
    const { port } = await start(gate.app)
    const post = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}'
    const { socket, closed } = open(port, post)
    await gate.entered

    socket.write('nonsense\r\n\r\n')

    expect(await closed).toBe('')
    gate.open()
  })

  test.each([
    { why: 'its headers do not arrive', text: 'GET / HTTP/1.1\r\nHost: loc' },
    {
      why: 'its body does not arrive',
      text: 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{',
    },
  ])('a request is answered with 408 when $why', async ({ text }) => {
    const app = new Hono()
      .all('/', async (c) => c.text(await c.req.text()))
      .onError((_error, c) => c.body(null, 500))
    const limits = { headersTimeoutMs: 50, requestTimeoutMs: 50 }

    const response = await sendRaw({ host: HOST, port: (await start(app, limits)).port }, Buffer.from(text))

    expect(response?.status).toBe(408)
    expect(JSON.parse(response?.body ?? '')).toMatchObject({
      code: 408,
      reason: 'request_timeout',
      applied: 'no',
    })
  })

  test('HTTP/1.0 is, also without a Host', async () => {
    const app = new Hono().get('/', (c) => c.text('answer'))

    const response = await sendRaw(
      { host: HOST, port: (await start(app)).port },
      Buffer.from('GET / HTTP/1.0\r\n\r\n'),
    )

    expect(response).toMatchObject({ status: 200, body: 'answer' })
  })
})

test('a port in use is an error with its code', async () => {
  const { port } = await start(new Hono())

  const second = listen(new Hono(), { host: HOST, port, logger: createMemoryLogger() })

  await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE', port })
})
