/** Two whole nodes in this process with little room in their queues: what the cluster file says is what refuses. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadConfig } from '../src/config.ts'
import { type Server, startServer } from '../src/server.ts'
import { reservePorts } from './cluster/ports.ts'
import { parseExposition, type Scraped } from './metrics/parse-exposition.ts'

const HOST = '127.0.0.1'
const MIB = 1024 * 1024

const LIMITS = {
  waiting_requests_max: 16,
  waiting_requests_mib_max: 3,
  waiting_reads_max: 17,
  uncommitted_entries_max: 90,
  uncommitted_entries_mib_max: 4,
  unapplied_entries_max: 19,
  unapplied_entries_mib_max: 5,
  unflushed_rows_mib_max: 6,
  inflight_appends_max: 20,
  inflight_appends_mib_max: 7,
  send_buffer_mib_max: 14,
  log_cache_mib_max: 8,
  pending_handshakes_max: 21,
  backups_max: 1,
}

let directory: string
let nodes: { readonly id: number; readonly server: Server }[]

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'ipam-queues-'))
  const ports = await reservePorts(4)
  const file = {
    cluster_id: 7,
    data_dir: directory,
    nodes: [1, 2].map((id) => ({
      node_id: id,
      addr: `${HOST}:${ports[2 * id - 2]}`,
      api: `${HOST}:${ports[2 * id - 1]}`,
    })),
    http: { shutdown_delay_ms: 0, close_timeout_seconds: 1 },
    limits: LIMITS,
    tracing: { otlp_endpoint: `http://${HOST}:9/v1/traces`, sample_ratio: 0, spans_max: 300 },
  }
  const start = async (id: number) => {
    const args = ['--config', 'cluster.yaml', '--node-id', `${id}`, '--log-level', 'error']
    // JSON is YAML.
    return { id, server: await startServer(loadConfig(args, {}, () => JSON.stringify(file))) }
  }
  nodes = await Promise.all([1, 2].map(start))
  for (const { server } of nodes) for (;;) if ((await fetch(`${server.url}/api/v1/health/ready`)).ok) break
}, 60_000)

afterAll(async () => {
  await Promise.all(nodes.map(({ server }) => server.close()))
  rmSync(directory, { recursive: true })
}, 60_000)

async function scrape({ url }: Server): Promise<Scraped> {
  return parseExposition(await (await fetch(`${url}/metrics`)).text())
}

async function leader(): Promise<{ server: Server; peer: number; scraped: Scraped }> {
  for (;;) {
    for (const { id, server } of nodes) {
      const scraped = await scrape(server)
      if (scraped.value('ipam_server_is_leader') === 1) return { server, peer: 3 - id, scraped }
    }
  }
}

interface Refusal {
  readonly status: number
  readonly retryAfter: string | null
  readonly body: unknown
}

/** What the first of them is told that is answered; the others go on waiting until then. */
async function firstAnswer(count: number, ask: (signal: AbortSignal) => Promise<Response>): Promise<Refusal> {
  const abort = new AbortController()
  const asked = Array.from({ length: count }, () => ask(abort.signal))
  const gone = Promise.allSettled(asked)
  const response = await Promise.race(asked)
  const { status, headers } = response
  const answer = { status, retryAfter: headers.get('retry-after'), body: await response.json() }
  abort.abort()
  await gone
  return answer
}

describe('the limits of the cluster file', () => {
  test('are what the metrics of a node show beside each queue', async () => {
    const { peer, scraped } = await leader()

    for (const [key, limit] of Object.entries({ ...LIMITS, spans_max: 300 })) {
      const queue = key.replace(/(?:_mib)?_max$/, '')
      const isBytes = key.includes('_mib_') || queue === 'log_cache'
      const ofPeer = queue === 'inflight_appends' || queue === 'send_buffer' ? `,peer="${peer}"` : ''
      const name = `ipam_queue_${isBytes ? 'bytes' : 'entries'}`
      const labels = `{queue="${queue}"${ofPeer}}`

      expect([key, scraped.value(`${name}_limit${labels}`)]).toEqual([key, isBytes ? limit * MIB : limit])
      expect([key, scraped.value(`${name}${labels}`)]).toEqual([key, expect.any(Number)])
    }
  })

  test('refuse backups beyond them, and let the next one in when one is done', async () => {
    const { server } = await leader()
    const url = `${server.url}/api/v1/cluster/snapshot`
    const asked = await Promise.all(Array.from({ length: 8 }, () => fetch(url)))
    const refused = asked.filter(({ ok }) => !ok)
    await Promise.all(asked.map((answer) => answer.clone().arrayBuffer()))

    expect(refused.length).toBeGreaterThan(0)
    expect(refused.length).toBeLessThan(8)
    for (const { status, headers } of refused)
      expect([status, headers.get('retry-after')]).toEqual([429, '1'])
    expect(await refused[0]?.json()).toMatchObject({
      reason: 'overloaded',
      applied: 'no',
      error: 'as many snapshots are being read from this node as may be (1); ask another one, or wait',
    })
    const next = await fetch(url)
    await next.arrayBuffer()
    expect(next.status).toBe(200)
  })

  test('refuse at once what has no room behind writes and reads that wait for a majority', async () => {
    const { server } = await leader()
    const send = (path: string, body: unknown, signal: AbortSignal | null) =>
      fetch(`${server.url}/api/v1${path}`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
        signal,
      })
    // It opens the session of the node, for which writes would wait elsewhere.
    expect((await send('/networks', { cidr: '10.0.0.0/24' }, null)).status).toBe(201)
    const [others, kept] = [
      nodes.filter((node) => node.server !== server),
      nodes.filter((node) => node.server === server),
    ]
    nodes = kept
    for (const other of others) await other.server.close()

    const reads = await firstAnswer(18, (signal) => fetch(`${server.url}/api/v1/networks`, { signal }))
    const writes = await firstAnswer(17, (signal) => send('/allocations', { cidr: '10.0.0.0/24' }, signal))
    const full = await scrape(server)

    const refusal = { status: 429, retryAfter: '1' }
    const reason = { reason: 'overloaded', applied: 'no' }
    expect(reads).toMatchObject({
      ...refusal,
      body: { ...reason, error: '17 reads are waiting on this node' },
    })
    expect(writes).toMatchObject({
      ...refusal,
      body: { ...reason, error: '16 requests are waiting on this node' },
    })
    expect(full.value('ipam_queue_entries{queue="waiting_requests"}')).toBe(16)
  }, 30_000)
})
