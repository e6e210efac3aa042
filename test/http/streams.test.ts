/** Answers that do not get to their end: what the client sees, and what the log says. */
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { ClosedError } from '../../raft/errors.ts'
import { type Api, type LogLine, openApi } from './fixture.ts'
import { addManyNetworks } from './many-networks.ts'

let api: Api
/** What is printed past the log. */
let printed: unknown[]

beforeAll(async () => {
  api = await openApi()
  await addManyNetworks(api)
})

beforeEach(() => {
  printed = []
  for (const name of ['error', 'warn', 'info', 'log'] as const) {
    vi.spyOn(console, name).mockImplementation((...words) => void printed.push(words))
  }
})

afterEach(() => {
  api.service.failure = null
  vi.restoreAllMocks()
})

afterAll(() => api.close())

function linesAbout(requestId: string): LogLine[] {
  return api.lines.filter(({ fields }) => fields['requestId'] === requestId)
}

/** An answer of which some has come, and the rest waits for the client. */
async function begin(path: string, requestId: string): Promise<Begun> {
  const { host, port, listener, service } = api
  const connectionCount = listener.figures().connections.size
  const headers = { 'X-Request-Id': requestId }
  const sent = request({ host, port, path: `/api/v1${path}`, headers, agent: false }).end()
  const [response]: [IncomingMessage] = (await once(sent, 'response')) as [IncomingMessage]
  expect(response.statusCode).toBe(200)
  await once(response, 'readable')
  return {
    hangUp: () => sent.destroy(),
    rest: async () => {
      for await (const _ of response);
    },
    untilGone: async () => {
      await expect.poll(() => listener.figures().connections.size).toBe(connectionCount)
      await expect.poll(() => service.snapshots.figures.size).toBe(0)
    },
  }
}

interface Begun {
  readonly hangUp: () => void
  /** Resolves when all of it has come. */
  readonly rest: () => Promise<void>
  /** Resolves when the node has noticed. */
  readonly untilGone: () => Promise<void>
}

describe.each([
  { path: '/networks/export?format=csv', fail: failReads, why: 'this node is shutting down' },
  { path: '/networks/export?format=jsonl', fail: failReads, why: 'this node is shutting down' },
  {
    path: '/cluster/snapshot',
    fail: giveUpSnapshot,
    why: 'the snapshot was given up: nobody has read it for too long',
  },
])('GET $path', ({ path, fail, why }) => {
  test('a client that hangs up half way is no failure', async () => {
    const { hangUp, untilGone } = await begin(path, `gone ${path}`)

    hangUp()
    await untilGone()

    expect(printed).toEqual([])
    expect(linesAbout(`gone ${path}`)).toMatchObject([{ level: 'debug', message: 'request' }])
  })

  test('what cannot be made to its end is cut off, and the log says why', async () => {
    const { rest, untilGone } = await begin(path, `cut ${path}`)

    await fail()
    await expect(rest()).rejects.toThrow('aborted')
    await untilGone()

    expect(printed).toEqual([])
    const [, cut, ...more] = linesAbout(`cut ${path}`)
    expect(cut).toMatchObject({ level: 'warn', message: 'an answer was cut off' })
    expect(cut?.fields['err']).toMatchObject({ message: why })
    expect(more).toEqual([])
  })
})

async function failReads(): Promise<void> {
  api.service.failure = new ClosedError()
}

/** Its time runs only once all buffers on the way to the client are full. */
async function giveUpSnapshot(): Promise<void> {
  const { snapshots, snapshotTimers } = api.service
  while (snapshots.figures.size > 0) {
    snapshotTimers.runTimers()
    await new Promise((resolve) => setImmediate(resolve))
  }
}
