/**
 * What a write costs before it is a write: processor time of one POST in the process that answers it, by what answers.
 *
 * node:http alone, hono on it, and the whole API with nothing behind it: no log, no state, no other nodes. What three nodes
 * need beside that is in `put-over-grpc.ts`.
 *
 * make build && npx tsx bench/http-floor.ts [clients=64] [seconds=4]
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import type { Authenticator, Identity } from '../src/auth/authenticator.ts'
import type { Allocation } from '../src/ipam/records.ts'
import type { IpamService } from '../src/service.ts'
import { cpuTimes, cpuUsed } from './load/cpu.ts'
import { HttpConnection } from './load/http-connection.ts'

const ROUNDS = 5
const WARM_UP_MS = 3_000
const NETWORK = { cidr: '10.0.0.0/8' }
/** As long as the API's. */
const ANSWER = { ...NETWORK, id: `alloc-${'0'.repeat(20)}`, description: 'x'.repeat(240) }

const ALLOCATION: Allocation = {
  id: 'alloc-V1StGXR8Z5jd1',
  networkId: 'net-V1StGXR8Z5jd',
  ip: '10.0.0.1',
  endIp: null,
  hostname: 'host-1',
  description: '',
  tags: [],
  mac: null,
  metadata: {},
  status: 'allocated',
  allocatedAt: 1_700_000_000_001,
  expiresAt: null,
  releasedAt: null,
  changedIndex: 1,
}
const ANYBODY: Identity = { user: 'system', role: 'admin', scope: null, account: null, keyId: null }

/** Each gives the port on which it answers. */
const SERVERS: Readonly<Record<string, () => Promise<number>>> = {
  'node:http': () => listen(createServer((request, response) => answerPlain(request, response))),
  'hono on it': () => {
    const app = new Hono()
    app.post('/api/v1/allocations', async (c) => c.json({ ...ANSWER, got: await c.req.json() }, 201))
    return listen(createServer(getRequestListener(app.fetch) as RequestListener))
  },
  'the API, and nothing behind it': async () => {
    const { createApp, listen: serveApp, createLogger } = await builtApi()
    const service = {
      newAllocationToken: () => 'V1StGXR8Z5jd',
      execute: async () => ({ value: ALLOCATION, index: 1, isReplay: false }),
    }
    const authenticator = { authenticate: () => ANYBODY }
    const app = createApp({
      service: service as unknown as IpamService,
      authenticator: authenticator as unknown as Authenticator,
      logger: createLogger({ level: 'info' }),
      version: '1.0.0',
    })
    return (await serveApp(app, { host: '127.0.0.1', port: 0, logger: createLogger({ level: 'info' }) })).port
  },
}

const [role, ...rest] = process.argv.slice(2)
if (role === 'serve') await serve(rest[0] ?? '')
else await compare({ clients: Number(role ?? 64), seconds: Number(rest[0] ?? 4) })

async function serve(name: string): Promise<void> {
  process.on('disconnect', () => process.exit())
  process.send?.((await SERVERS[name]?.()) ?? 0)
}

const answerPlain: RequestListener = (request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const got: unknown = JSON.parse(Buffer.concat(chunks).toString())
    const body = JSON.stringify({ ...ANSWER, got })
    response.writeHead(201, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
    })
    response.end(body)
  })
}

/** As it is shipped, not as `tsx` makes it of the sources. */
async function builtApi() {
  const built = (path: string): string => new URL(`../dist/src/${path}.js`, import.meta.url).href
  const app: typeof import('../src/http/app.ts') = await import(built('http/app'))
  const listener: typeof import('../src/http/listen.ts') = await import(built('http/listen'))
  const logger: typeof import('../src/logger.ts') = await import(built('logger'))
  return { createApp: app.createApp, listen: listener.listen, createLogger: logger.createLogger }
}

async function listen(server: Server): Promise<number> {
  server.listen({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function compare({ clients, seconds }: { clients: number; seconds: number }): Promise<void> {
  const sides = await Promise.all(
    Object.keys(SERVERS).map(async (name) => ({ name, ...(await start(name)) })),
  )
  const costs = new Map<string, number[]>(sides.map(({ name }) => [name, []]))
  try {
    for (const { port } of sides) await load(port, { clients, ms: WARM_UP_MS })
    for (let round = 0; round < ROUNDS; round++) {
      for (const { name, port, child } of sides) {
        const before = cpuTimes([child.pid ?? 0])
        const answered = await load(port, { clients, ms: seconds * 1_000 })
        const { serversMs } = cpuUsed(before, cpuTimes([child.pid ?? 0]))
        costs.get(name)?.push((serversMs * 1_000) / answered)
      }
    }
  } finally {
    for (const { child } of sides) child.kill('SIGKILL')
  }
  process.stdout.write(
    `| ${clients} clients, one process | µs a POST, median of ${ROUNDS} (lowest–highest) |\n|---|---|\n`,
  )
  for (const [name, all] of costs) {
    const [low, median, high] = [0, ROUNDS >> 1, ROUNDS - 1].map((i) => all.toSorted((a, b) => a - b)[i] ?? 0)
    process.stdout.write(`| ${name} | ${median?.toFixed(0)} (${low?.toFixed(0)}–${high?.toFixed(0)}) |\n`)
  }
}

async function start(name: string): Promise<{ child: ChildProcess; port: number }> {
  const child = fork(fileURLToPath(import.meta.url), ['serve', name])
  const [port]: unknown[] = await once(child, 'message')
  return { child, port: Number(port) }
}

/** @returns How many were answered. */
async function load(port: number, { clients, ms }: { clients: number; ms: number }): Promise<number> {
  const endsAt = performance.now() + ms
  let answered = 0
  const ask = async (client: number): Promise<void> => {
    const connection = await HttpConnection.open(port)
    while (performance.now() < endsAt) {
      const body = JSON.stringify({ ...NETWORK, hostname: `host-${client}-${answered}` })
      const { status, body: text } = await connection.send('POST', '/api/v1/allocations', body)
      if (status !== 201) throw new Error(`${status}: ${text}`)
      answered += 1
    }
    connection.close()
  }
  await Promise.all(Array.from({ length: clients }, (_, client) => ask(client)))
  return answered
}
