import { readFile } from 'node:fs/promises'
import { describe, expect } from 'vitest'
import { Collector, type Received, treeOf } from '../tracing/collector.ts'
import type { AllocationBody, NetworkBody } from './client.ts'
import type { Cluster, Node } from './cluster.ts'
import { test } from './cluster-test.ts'
import { run } from './program.ts'
import { until } from './until.ts'

const SECRET = 'a-key-of-the-collector'
const CLIENT_SPAN = 'b7ad6b7169203331'

function traceId(n: number): string {
  return n.toString(16).padStart(32, 'a')
}

function headersOf(n: number, { isSampled = true } = {}): Record<string, string> {
  return {
    traceparent: `00-${traceId(n)}-${CLIENT_SPAN}-0${isSampled ? 1 : 0}`,
    tracestate: 'rojo=1,congo=2',
  }
}

async function startFollowed(
  startCluster: (options: object) => Promise<Cluster>,
  { url }: Collector,
  tracing: object,
): Promise<{ cluster: Cluster; leader: Node; follower: Node; network: NetworkBody }> {
  const keys = { tracing: { otlp_endpoint: url, headers: { Authorization: `Bearer ${SECRET}` }, ...tracing } }
  const cluster = await startCluster({ keys, keepsLogs: true, logLevel: 'debug' })
  const leader = await cluster.leader()
  const [follower] = cluster.others(leader)
  if (follower === undefined) throw new Error('there are no followers')
  const network = await follower.client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/16' })
  return { cluster, leader, follower, network }
}

/** Resolves when as many spans of it have come; more would show in what is then compared. */
function spansOf(collector: Collector, n: number, count: number): Promise<Received[]> {
  return until(`${count} spans of trace ${n}`, () => {
    const spans = collector.of(traceId(n))
    return spans.length >= count && spans
  })
}

async function logOf(cluster: Cluster, node: Node): Promise<string> {
  return readFile(cluster.logPath(node), 'utf8')
}

describe('with a collector', () => {
  test('requests are followed over all nodes that they pass, as their clients want it', async ({
    startCluster,
  }) => {
    await using collector = await Collector.open()
    const { cluster, leader, follower, network } = await startFollowed(startCluster, collector, {
      sample_ratio: 0,
    })
    const body = { network_id: network.id, hostname: 'once' }
    const key = { 'Idempotency-Key': 'job-1' }
    const allocate = (node: Node, headers: Record<string, string>) =>
      node.client.send<AllocationBody>('POST', '/allocations', body, headers)

    // A write through a follower.
    const first = await allocate(follower, { ...headersOf(1), ...key })
    const forwarded = await spansOf(collector, 1, 9)

    expect(first.status).toBe(201)
    expect(treeOf(forwarded, CLIENT_SPAN)).toEqual([
      `POST /api/v1/allocations (server, node ${follower.id})`,
      `  raft.propose (internal, node ${follower.id})`,
      `    raft.queue (internal, node ${follower.id})`,
      `    raft.forward (client, node ${follower.id})`,
      `      raft.receive (server, node ${leader.id})`,
      `        raft.queue (internal, node ${leader.id})`,
      `        raft.append (internal, node ${leader.id})`,
      `        raft.commit (internal, node ${leader.id})`,
      `        raft.apply (internal, node ${leader.id})`,
    ])
    expect(forwarded).toHaveLength(9)
    for (const span of forwarded) {
      expect(span).toMatchObject({ traceState: 'rojo=1,congo=2', error: null })
      expect(span.resource).toMatchObject({ 'service.name': 'ipam', 'ipam.cluster_id': 100 })
      expect(span.isParentRemote).toBe(span.kind === 'server')
      const parent = forwarded.find(({ spanId }) => spanId === span.parentId)
      // Clocks of two nodes are two clocks, also where they are one.
      if (parent === undefined || parent.resource['ipam.node_id'] !== span.resource['ipam.node_id']) continue
      expect(parent.startedAt <= span.startedAt && span.endedAt <= parent.endedAt, span.name).toBe(true)
    }
    const named = (name: string) => forwarded.find((span) => span.name === name)?.attributes
    expect(named('POST /api/v1/allocations')).toEqual({
      'http.request.method': 'POST',
      'http.route': '/api/v1/allocations',
      'http.response.status_code': 201,
      'url.scheme': 'http',
      'url.path': '/api/v1/allocations',
      'network.protocol.version': '1.1',
      'ipam.request_id': first.headers['x-request-id'],
    })
    expect(named('raft.forward')).toEqual({ 'raft.leader_id': leader.id })
    expect(named('raft.receive')).toEqual({
      'raft.peer_id': follower.id,
      'raft.index': Number(first.headers['x-raft-index']),
      'raft.term': expect.any(Number),
    })

    // The same again, through the leader: a trace of its own, and no second address.
    const again = await allocate(leader, { ...headersOf(2), ...key })
    const repeated = await spansOf(collector, 2, 6)

    expect(again).toMatchObject({ status: 201, body: first.body })
    expect(treeOf(repeated, CLIENT_SPAN)).toEqual([
      `POST /api/v1/allocations (server, node ${leader.id})`,
      `  raft.propose (internal, node ${leader.id})`,
      `    raft.queue (internal, node ${leader.id})`,
      `    raft.append (internal, node ${leader.id})`,
      `    raft.commit (internal, node ${leader.id})`,
      `    raft.apply (internal, node ${leader.id})`,
    ])
    const replays = repeated.map(({ attributes }) => attributes['ipam.idempotency_replayed'] ?? false)
    expect(replays.filter(Boolean)).toEqual([true])

    // A read.
    await follower.client.send('GET', `/allocations/${first.body.id}`, undefined, headersOf(3))
    const read = await spansOf(collector, 3, 2)

    expect(treeOf(read, CLIENT_SPAN)).toEqual([
      `GET /api/v1/allocations/:id (server, node ${follower.id})`,
      `  raft.read_index (internal, node ${follower.id})`,
    ])

    // A mistake of the client, which is no error of the server.
    await follower.client.send('GET', '/allocations/none', undefined, headersOf(4))
    const [mistake] = (await spansOf(collector, 4, 2)).filter(({ kind }) => kind === 'server')
    expect(mistake).toMatchObject({ error: null, attributes: { 'ipam.reason': 'allocation_not_found' } })

    // The client does not want spans: there is a trace all the same, and lines of the log name it.
    await allocate(follower, headersOf(5, { isSampled: false }))
    await allocate(follower, { traceparent: 'nonsense' })
    await until('the request is logged', async () => (await logOf(cluster, follower)).includes(traceId(5)))
    const lines = (await logOf(cluster, follower)).split('\n').filter((line) => line.includes(traceId(1)))
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { msg: 'request', status: 201, trace_id: traceId(1), requestId: first.headers['x-request-id'] },
    ])

    // Stopping sends what is left: nothing of the unwanted comes even then.
    for (const node of cluster.nodes) expect(await node.terminate()).toEqual({ code: 0, signal: null })
    expect(new Set(collector.spans.map((span) => span.traceId))).toEqual(new Set([1, 2, 3, 4].map(traceId)))
    expect(collector.complaints).toEqual([])
    expect(collector.headers.every(({ authorization }) => authorization === `Bearer ${SECRET}`)).toBe(true)

    // Neither is a secret in a log, nor anything of a trace in the replicated one.
    for (const node of cluster.nodes) {
      expect(await logOf(cluster, node)).not.toContain(SECRET)
      const dump = await run(['log', 'dump', cluster.dataDirectory(node), '--all', '--json'], {
        cwd: cluster.directory,
      })
      expect(dump.stdout.join('\n')).toContain('once')
      expect(dump.stdout.join('\n')).not.toMatch(/a{16}|traceparent|rojo/)
    }
  })

  test('writes go on while it hangs, answers 500, and is gone, and the log says so once', async ({
    startCluster,
  }) => {
    const collector = await Collector.open()
    const { cluster, network } = await startFollowed(startCluster, collector, { sample_ratio: 1 })
    const complaints = async (node: Node): Promise<string[]> => {
      return (await logOf(cluster, node))
        .split('\n')
        .filter((line) => line.includes('spans cannot be exported'))
    }
    const write = async (): Promise<void> => {
      const writes = Array.from({ length: 60 }, (_, i) => {
        const { client } = cluster.node(1 + (i % 3))
        return client.send('POST', '/allocations', { network_id: network.id })
      })
      const startedAt = performance.now()
      const answers = await Promise.all(writes)
      expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 60 }, () => 201))
      // Far below what a request to the collector may take.
      expect(performance.now() - startedAt).toBeLessThan(5_000)
    }

    await write()
    await until('spans of all nodes have come', () => {
      return new Set(collector.spans.map(({ resource }) => resource['ipam.node_id'])).size === 3
    })
    collector.mood = 'silent'
    const before = collector.requestCount
    await write()
    await until('all nodes wait for it', () => collector.requestCount >= before + 3)
    await write()
    collector.mood = 500
    await collector.close()
    await write()
    await until('all nodes have noticed', async () => {
      const lines = await Promise.all(cluster.nodes.map(complaints))
      return lines.every(({ length }) => length > 0)
    })
    await write()

    expect(collector.complaints).toEqual([])
    for (const node of cluster.nodes) {
      expect(await complaints(node)).toHaveLength(1)
      expect(node.isRunning).toBe(true)
    }
    const [node] = cluster.nodes
    const metrics = await (await fetch(`http://127.0.0.1:${node?.client.port}/metrics`)).text()
    expect(metrics).toMatch(/^ipam_queue_entries\{queue="spans"\} [1-9]/m)
    expect(metrics).toMatch(/^ipam_tracing_spans_exported_total [1-9]/m)
    for (const each of cluster.nodes) expect(await each.terminate()).toEqual({ code: 0, signal: null })
  })
})
