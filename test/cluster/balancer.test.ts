/** Clients behind a real load balancer, while nodes are stopped, drained and killed one by one. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { describe, expect } from 'vitest'
import { Authority } from '../certificates.ts'
import { ATTEMPTS_MAX, expectAllDone, HTTP, portsOf } from './balanced-load.ts'
import { BALANCERS, fileOf, startBalancer, withPorts } from './balancer.ts'
import type { NetworkBody } from './client.ts'
import type { Cluster, Node } from './cluster.ts'
import { test } from './cluster-test.ts'
import { expectHonest } from './honest.ts'
import { expectPageRuns, PAGE_DIRECTORY, stepsOf } from './page.ts'
import { reservePorts } from './ports.ts'
import { expectSameState } from './same-state.ts'
import { until } from './until.ts'
import { expectShortGaps } from './write-gaps.ts'
import { longestGapMs, moreWrites, startLoad, type WriteLoad } from './write-load.ts'

const GAP_MS_MAX = 300
/** Each takes leadership from somebody once at least: whoever leads when it begins. */
const ROLLS = 3
const PAGE_MS_MAX = 60_000

interface Restart {
  readonly isOfLeader: boolean
  /** The longest without a write, from before it was stopped until it was back. */
  readonly gapMs: number
}

/** One node after the other is stopped by `stop` and started again. */
async function roll(
  cluster: Cluster,
  { load, stop }: { load: WriteLoad; stop: (node: Node) => Promise<unknown> },
): Promise<Restart[]> {
  const restarts: Restart[] = []
  for (const node of cluster.nodes) {
    const isOfLeader = node === (await cluster.leader())
    const since = performance.now()
    await stop(node)
    await moreWrites(load, 100)
    await cluster.restart(node)
    await moreWrites(load, 100)
    const gapMs = longestGapMs(load.writes, { since })
    restarts.push({ isOfLeader, gapMs })
    process.stdout.write(`  node ${node.id}${isOfLeader ? ', which led' : ''}: ${Math.round(gapMs)} ms\n`)
  }
  return restarts
}

function gapsOf(restarts: readonly Restart[], role: 'leader' | 'follower'): number[] {
  return restarts.filter(({ isOfLeader }) => isOfLeader === (role === 'leader')).map(({ gapMs }) => gapMs)
}

function slowestMs({ writes }: WriteLoad): number {
  // They are too many to be arguments of one call.
  return Math.round(writes.reduce((ms, { startedAt, endedAt }) => Math.max(ms, endedAt - startedAt), 0))
}

describe.each(BALANCERS)('behind %s', (name) => {
  test('three restarts of all nodes, one after the other, are not noticed by writers', async ({
    startCluster,
    directory,
  }) => {
    const cluster = await startCluster({ http: HTTP })
    await using balancer = await startBalancer(name, { directory, nodePorts: portsOf(cluster) })
    // Each write is sent once, without a key.
    const load = await startLoad([balancer.client])

    process.stdout.write(`write gaps behind ${name}, SIGTERM and start again:\n`)
    const restarts: Restart[] = []
    for (let round = 0; round < ROLLS; round++) {
      restarts.push(...(await roll(cluster, { load, stop: (node) => node.terminate() })))
    }
    await load.stop()

    process.stdout.write(`  ${load.writes.length} writes, the slowest ${slowestMs(load)} ms\n`)
    expectAllDone(load)
    expect(gapsOf(restarts, 'leader').length).toBeGreaterThanOrEqual(ROLLS)
    expectShortGaps(gapsOf(restarts, 'leader'), { what: 'leaders', gapMsMax: GAP_MS_MAX })
    // There are six at most. Where leadership goes to whoever is next each time, there are none.
    expectShortGaps(gapsOf(restarts, 'follower'), { what: 'followers', gapMsMax: GAP_MS_MAX })
    expectHonest(load.writes, (await expectSameState(cluster)).allocations)
  })

  test('each node is killed in turn: with their keys all writes are made in the end, and once', async ({
    startCluster,
    directory,
  }) => {
    const cluster = await startCluster({ http: HTTP })
    await using balancer = await startBalancer(name, { directory, nodePorts: portsOf(cluster) })
    const load = await startLoad([balancer.client], { attemptsMax: ATTEMPTS_MAX })

    process.stdout.write(`write gaps behind ${name}, kill -9 and start again:\n`)
    await roll(cluster, { load, stop: (node) => node.kill() })
    await load.stop()

    const repeated = load.writes.filter(({ attemptCount }) => attemptCount > 1).length
    process.stdout.write(`  ${load.writes.length} writes, of which the client had to repeat ${repeated}\n`)
    expectAllDone(load)
    expectHonest(load.writes, (await expectSameState(cluster)).allocations)
  })
})

test.for(BALANCERS)(
  '%s passes a write on with TLS on both sides, and knows its nodes by name',
  async (name, { startCluster, directory }) => {
    const authority = new Authority()
    const files = { cert: join(directory, 'node.pem'), key: join(directory, 'node.key') }
    const names = ['node1', 'node2', 'node3', 'api'].map((host) => `DNS:${host}.ipam.internal`)
    const { cert, key } = authority.issue({ hosts: [...names, 'IP:127.0.0.1'] })
    await writeFile(files.cert, cert)
    await writeFile(files.key, key)
    const cluster = await startCluster({
      apiAuthority: authority.certificate,
      http: { ...HTTP, tls: files },
    })
    const nodePorts = portsOf(cluster)
    await using balancer = await startBalancer(name, { directory, nodePorts, tls: authority.issue() })

    await until('it has found a node', async () => (await balancer.client.readiness())?.length === 0)
    const network = await balancer.client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/24' })
    const inClear = await fetch(`http://127.0.0.1:${balancer.client.port}/api/v1/networks`).catch(() => null)

    expect(network.cidr).toBe('10.0.0.0/24')
    // HAProxy just closes what is no TLS.
    if (name === 'nginx') expect(await inClear?.json()).toMatchObject({ code: 400, reason: 'https_required' })
    else expect(inClear).toBeNull()

    // Certificates of the same authority, with other names. A new balancer: nginx keeps its connections.
    const strange = authority.issue({ hosts: ['DNS:x.ipam.internal', 'IP:127.0.0.1'] })
    await writeFile(files.cert, strange.cert)
    await writeFile(files.key, strange.key)
    for (const { program } of cluster.nodes) program?.signal('SIGHUP')
    await until('all nodes show them', () =>
      cluster.nodes.every(({ program }) => /new certificates are in use/.test(String(program?.stderr))),
    )
    const again = join(directory, 'again')
    await mkdir(again)
    await using other = await startBalancer(name, { directory: again, nodePorts, tls: authority.issue() })
    const { status } = await other.client.send('GET', '/networks')
    expect([502, 503]).toContain(status)
    authority.close()
  },
)

test('HAProxy sends nothing to a node that is drained, and takes it back', async ({
  startCluster,
  directory,
}) => {
  const cluster = await startCluster({ http: HTTP })
  await using balancer = await startBalancer('haproxy', { directory, nodePorts: portsOf(cluster) })
  const load = await startLoad([balancer.client])
  const leader = await cluster.leader()

  await leader.client.post('/cluster/drain', { drain: true })
  await until('HAProxy has noticed', async () => (await balancer.stateOf(leader.id)) === 'DOWN')
  const drained = await balancer.requestCountOf(leader.id)
  await moreWrites(load, 100)
  expect(await balancer.requestCountOf(leader.id)).toBe(drained)
  await leader.client.post('/cluster/drain', { drain: false })
  await until('HAProxy has noticed', async () => (await balancer.stateOf(leader.id)) === 'UP')
  await until('it gets requests', async () => (await balancer.requestCountOf(leader.id)) > drained)
  await load.stop()

  expectAllDone(load)
  expectHonest(load.writes, (await expectSameState(cluster)).allocations)
})

test('each node in turn is drained, stopped once HAProxy has left it out, and started again: no write is sent twice', async ({
  startCluster,
  directory,
}) => {
  const cluster = await startCluster({ http: HTTP })
  await using balancer = await startBalancer('haproxy', { directory, nodePorts: portsOf(cluster) })
  const load = await startLoad([balancer.client], { attemptsMax: ATTEMPTS_MAX })

  for (const node of cluster.nodes) {
    await node.client.post('/cluster/drain', { drain: true })
    await until('another one leads', async () => (await cluster.leader()) !== node)
    await until('HAProxy has noticed', async () => (await balancer.stateOf(node.id)) === 'DOWN')
    const drained = await balancer.requestCountOf(node.id)
    await moreWrites(load, 100)
    expect(await balancer.requestCountOf(node.id)).toBe(drained)
    expect(await cluster.leader()).not.toBe(node)
    expect(await node.terminate()).toEqual({ code: 0, signal: null })
    await moreWrites(load, 100)
    // It is ready then: a restart undoes the drain, and to undo it again does no harm.
    await cluster.restart(node)
    await node.client.post('/cluster/drain', { drain: false })
    await until('HAProxy has noticed', async () => (await balancer.stateOf(node.id)) === 'UP')
    await until('it gets requests', async () => (await balancer.requestCountOf(node.id)) > drained)
  }
  await load.stop()

  expectAllDone(load)
  expect(load.writes.filter(({ attemptCount }) => attemptCount > 1)).toEqual([])
  expectHonest(load.writes, (await expectSameState(cluster)).allocations)
})

test('docs/load-balancer.md runs as it stands', async ({ startCluster, directory }) => {
  const cluster = await startCluster()
  const ports = [...portsOf(cluster), ...(await reservePorts(2))]
  const deploy = join(directory, PAGE_DIRECTORY, 'deploy')
  await mkdir(deploy, { recursive: true })
  for (const name of BALANCERS) {
    const shipped = await readFile(fileOf(name), 'utf8')
    await writeFile(join(deploy, basename(fileOf(name))), withPorts(shipped, ports))
  }
  const steps = stepsOf('docs/load-balancer.md')

  await expectPageRuns(steps, {
    directory,
    withPorts: (text) => withPorts(text, ports).replaceAll('/tmp/ipam-nginx', join(directory, 'nginx')),
    withinMs: PAGE_MS_MAX,
  })

  expect(steps.filter(({ printed }) => printed !== null)).toHaveLength(2)
})
