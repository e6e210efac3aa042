/** A driver's loop, against a server of this test that answers as ours would, or not. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { runJob } from '../../bench/load/run-job.ts'

/** Counts for no server: these tests answer by themselves. */
const NO_SERVERS = async (): Promise<number[]> => []

let server: Server | null = null
let other: ChildProcess | null = null

afterEach(() => {
  other?.kill('SIGKILL')
  server?.closeAllConnections()
  server?.close()
})

/** @param answerTo The body for the n-th request, from 0. @returns the port. */
async function serve(answerTo: (n: number) => { status: number; body: string }): Promise<number> {
  let count = 0
  const listening = createServer((request, response) => {
    request.resume().on('end', () => {
      const { status, body } = answerTo(count++)
      response.writeHead(status, { 'Content-Length': body.length }).end(body)
    })
  })
  server = listening
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  const address = listening.address()
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

function job(
  port: number,
  { perSecondMax = null, enough = null }: { perSecondMax?: number | null; enough?: number | null } = {},
) {
  const operation = { type: 'ipamAllocate', networkIds: ['net-1'], isKeyed: false } as const
  return {
    operation,
    clients: 4,
    ports: [port],
    warmUpMs: 50,
    measureMs: 200,
    enough,
    perSecondMax,
  }
}

test('every acknowledged operation is counted as a row, and those of the window as measured', async () => {
  let answered = 0
  const port = await serve((n) => {
    answered = n + 1
    return { status: 201, body: JSON.stringify({ id: `alloc-${n}`, ip: `address-${n}` }) }
  })

  const { count, rows, latency } = await runJob(job(port), NO_SERVERS)

  expect(rows).toBe(answered)
  expect(count).toBeGreaterThan(0)
  expect(count).toBeLessThan(rows)
  expect(latency.p50).toBeLessThanOrEqual(latency.p99)
})

test('an address that is given twice fails the job', async () => {
  const port = await serve(() => ({ status: 201, body: '{"id":"alloc-1","ip":"10.0.0.1"}' }))
  await expect(runJob(job(port), NO_SERVERS)).rejects.toThrow('10.0.0.1 was given twice')
})

test('an answer with another status fails the job', async () => {
  const port = await serve((n) => ({
    status: n < 10 ? 201 : 503,
    body: `{"id":"alloc-${n}","ip":"10.0.0.${n}"}`,
  }))
  await expect(runJob(job(port), NO_SERVERS)).rejects.toThrow('answered 503')
})

test('a limited rate is kept', async () => {
  const port = await serve((n) => ({ status: 201, body: `{"id":"alloc-${n}","ip":"address-${n}"}` }))

  const startedAt = performance.now()
  const { rows } = await runJob(job(port, { perSecondMax: 100 }), NO_SERVERS)
  const tookMs = performance.now() - startedAt

  // Four clients, each with its first one at once.
  expect(rows).toBeGreaterThan(0)
  expect(rows).toBeLessThanOrEqual(tookMs / 10 + 4)
})

test('a window ends early when it had enough', async () => {
  const port = await serve((n) => ({ status: 201, body: `{"id":"alloc-${n}","ip":"address-${n}"}` }))
  const measureMs = 600_000

  const { count, windowMs } = await runJob({ ...job(port, { enough: 20 }), measureMs }, NO_SERVERS)

  expect(count).toBeGreaterThanOrEqual(20)
  expect(windowMs).toBeLessThan(measureMs)
})

/** A process that says so when it has used that much of a processor. */
async function use(ms: number): Promise<number> {
  const script = `while (process.cpuUsage().user < ${ms * 1_000}); console.log('used'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  other = child
  await once(child.stdout, 'data')
  return child.pid ?? 0
}

test('what a server uses that is started within the window is a server’s use, all of it', async () => {
  const port = await serve((n) => ({ status: 201, body: `{"id":"alloc-${n}","ip":"address-${n}"}` }))
  const usedMs = 200
  let asked = 0

  const { cpu } = await runJob(job(port), async () => (++asked === 1 ? [] : [await use(usedMs)]))

  // The kernel counts it in ticks of 10 ms.
  expect(cpu.serversMs).toBeGreaterThanOrEqual(usedMs - 10)
})
