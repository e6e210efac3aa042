/** The load balancers' files by themselves: what is sent to a node, and how often. The nodes are stand-ins. */
import { readFile } from 'node:fs/promises'
import { describe, expect } from 'vitest'
import { loadClusterFile } from '../../src/config.ts'
import { Authority } from '../certificates.ts'
import {
  BALANCERS,
  type Balancer,
  type BalancerName,
  checkConfig,
  fileOf,
  startBalancer,
} from './balancer.ts'
import type { ErrorBody } from './client.ts'
import { test } from './cluster-test.ts'
import { reservePorts } from './ports.ts'
import { type StandIn, startStandIn } from './stand-in.ts'

const CLUSTER_FILE = await readFile('cluster.example.yaml', 'utf8')
const KEY = { 'Idempotency-Key': 'job-1' }
const ROUNDS = 9

/** A balancer before three stand-ins; with `isGone` one node is not there at all. */
async function withStandIns(
  name: BalancerName,
  { directory, dies, isGone = false }: { directory: string; dies: readonly boolean[]; isGone?: boolean },
  act: (balancer: Balancer, nodes: readonly StandIn[]) => Promise<void>,
): Promise<void> {
  const nodes = await Promise.all(dies.map((each) => startStandIn({ dies: each })))
  try {
    const nodePorts = [...nodes.map(({ port }) => port), ...(isGone ? await reservePorts(1) : [])]
    await using balancer = await startBalancer(name, { directory, nodePorts })
    await act(balancer, nodes)
  } finally {
    for (const node of nodes) await node[Symbol.asyncDispose]()
  }
}

describe.each(BALANCERS)('the file for %s', (name) => {
  test.for([false, true])('is found right by the program itself (TLS: %s)', async (isTls, { directory }) => {
    const authority = new Authority()
    const said = await checkConfig(name, { directory, tls: isTls ? authority.issue() : null })
    authority.close()

    expect(said).toMatch(/valid|successful/)
    expect(said).not.toMatch(/warn|alert|emerg/i)
  })

  test('is the same with TLS, but for what is about TLS', async () => {
    const [plain, secure] = await Promise.all(
      [false, true].map(async (isTls) => (await readFile(fileOf(name, { isTls }), 'utf8')).split('\n')),
    )
    const bodyOf = (lines: readonly string[] = []): string[] => lines.slice(lines.indexOf(''))
    const isAboutTls = (line: string): boolean => /ssl|tls|https|sni|name for all nodes|in clear/i.test(line)
    const isLeftOut = (line: string): boolean =>
      /^ *(server node|bind|listen|proxy_pass|# With TLS)/.test(line)

    const rest = bodyOf(secure)
    const onlyPlain: string[] = []
    for (const line of bodyOf(plain)) {
      const at = rest.indexOf(line)
      if (at === -1) onlyPlain.push(line)
      else rest.splice(at, 1)
    }

    expect(onlyPlain.filter((line) => !isLeftOut(line))).toEqual([])
    expect(rest.filter((line) => !isAboutTls(line) && !/^ *(default_type .*|\})?$/.test(line))).toEqual([])
  })

  test('names the nodes of cluster.example.yaml, and listens where only this machine can ask', async () => {
    const text = await readFile(fileOf(name), 'utf8')
    const { nodes } = loadClusterFile('cluster.example.yaml', () => CLUSTER_FILE)
    const uses = (keyword: string): string[] =>
      [
        ...text.matchAll(new RegExp(`^\\s*${keyword} (?:node\\d )?(?:"\\$\\{\\w+-)?([\\d.]+:\\d+)`, 'gm')),
      ].map(([, addr = '']) => addr)

    expect(uses('server')).toEqual(nodes.map(({ api }) => api))
    expect(uses(name === 'haproxy' ? 'bind' : 'listen').every((addr) => addr.startsWith('127.'))).toBe(true)
  })

  test.for([
    {
      request: ['POST', '/allocations', KEY] as const,
      isRepeated: true,
      applied: 'unknown',
      why: 'with its key it happens once',
    },
    {
      request: ['GET', '/networks', {}] as const,
      isRepeated: true,
      applied: 'no',
      why: 'it changes nothing',
    },
    {
      request: ['POST', '/allocations', {}] as const,
      isRepeated: false,
      applied: 'unknown',
      why: 'it may have been carried out',
    },
    {
      request: ['PATCH', '/allocations/a', {}] as const,
      isRepeated: false,
      applied: 'unknown',
      why: 'the same',
    },
    {
      request: ['POST', '/cluster/nodes', KEY] as const,
      isRepeated: false,
      applied: 'unknown',
      why: 'no key is looked at there',
    },
  ])(
    '$request that a node has taken and not answered is sent again or not: $why',
    async ({ request: [method, path, headers], isRepeated, applied }, { directory }) => {
      await withStandIns(name, { directory, dies: [true, true, true] }, async ({ client }, nodes) => {
        const body = method === 'GET' ? undefined : {}
        const answer = await client.send<ErrorBody>(method, path, body, headers)

        const sent = nodes.flatMap(({ seen }) => seen)
        if (isRepeated) expect(sent.length).toBeGreaterThan(1)
        else expect(sent).toHaveLength(1)
        expect(answer).toMatchObject({ status: 502, body: { code: 502, reason: 'no_answer', applied } })
        expect(answer.headers['content-type']).toBe('application/json')
      })
    },
  )

  test('a write with a key gets its answer from another node when one dies', async ({ directory }) => {
    await withStandIns(name, { directory, dies: [true, false, false] }, async ({ client }, nodes) => {
      for (let i = 0; i < ROUNDS; i++) {
        const answer = await client.send('POST', '/allocations', { hostname: 'a' }, KEY)
        expect(answer.status).toBe(200)
      }

      expect(nodes[0]?.seen.length).toBeGreaterThan(0)
      // Whole: the copies had a body, too.
      const bodies = nodes.flatMap(({ seen }) => seen.map(({ body }) => body))
      expect(new Set(bodies)).toEqual(new Set(['{"hostname":"a"}']))
    })
  })

  test('a write without a key is sent elsewhere when a node is not there: nothing has reached it', async ({
    directory,
  }) => {
    await withStandIns(name, { directory, dies: [false, false], isGone: true }, async ({ client }, nodes) => {
      for (let i = 0; i < ROUNDS; i++) {
        expect((await client.send('POST', '/allocations', {})).status).toBe(200)
      }

      expect(nodes.flatMap(({ seen }) => seen)).toHaveLength(ROUNDS)
    })
  })

  test('who asks is what the balancer sees, and the id of a request is the same everywhere', async ({
    directory,
  }) => {
    await withStandIns(
      name,
      { directory, dies: [false, false, false] },
      async ({ client, readLog }, nodes) => {
        const lies = {
          'X-Forwarded-For': '10.9.9.9',
          'X-Forwarded-Proto': 'https',
          Forwarded: 'for=10.9.9.9',
        }
        await client.send('GET', '/networks', undefined, { ...lies, 'X-Request-Id': 'mine-1' })
        await client.send('GET', '/networks')

        const [first, second] = nodes
          .flatMap(({ seen }) => seen.map(({ headers }) => headers))
          .toSorted((a) => (a['x-request-id'] === 'mine-1' ? -1 : 1))
        expect(first).toMatchObject({ 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http' })
        expect(first).not.toHaveProperty('forwarded')
        expect(first?.['x-request-id']).toBe('mine-1')
        expect(second?.['x-request-id']).toMatch(/^[0-9a-f-]{32,36}$/)
        await expect.poll(readLog).toContain(String(second?.['x-request-id']))
      },
    )
  })

  test('a request whose headers a node takes gets through', async ({ directory }) => {
    await withStandIns(name, { directory, dies: [false, false, false] }, async ({ client }) => {
      const answer = await client.send('GET', '/networks', undefined, { 'X-Long': 'x'.repeat(15_000) })

      expect(answer.status).toBe(200)
    })
  })

  test('what is of one node is not asked through it', async ({ directory }) => {
    await withStandIns(name, { directory, dies: [false, false, false] }, async ({ client }, nodes) => {
      const drain = await client.send<ErrorBody>('POST', '/cluster/drain', { drain: true })
      const metrics = await fetch(`http://127.0.0.1:${client.port}/metrics`)

      expect(drain).toMatchObject({ status: 421, body: { reason: 'misdirected', applied: 'no' } })
      expect(metrics.status).toBe(421)
      expect(nodes.flatMap(({ seen }) => seen)).toEqual([])
    })
  })
})

test('HAProxy says that nothing was made when no node is ready, unless a copy may have been', async ({
  directory,
}) => {
  const nodePorts = await reservePorts(3)
  await using balancer = await startBalancer('haproxy', { directory, nodePorts })

  const plain = await balancer.client.send<ErrorBody>('POST', '/allocations', {})
  const keyed = await balancer.client.send<ErrorBody>('POST', '/allocations', {}, KEY)

  expect(plain).toMatchObject({ status: 503, body: { reason: 'no_node', applied: 'no' } })
  expect(plain.headers['retry-after']).toBe('1')
  expect(keyed).toMatchObject({ status: 503, body: { reason: 'no_node', applied: 'unknown' } })
})
