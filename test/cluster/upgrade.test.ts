/** Another release on one node after the other, and back, as docs/operate.md says. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { ATTEMPTS_MAX, expectAllDone, HTTP, portsOf } from './balanced-load.ts'
import { type Balancer, startBalancer } from './balancer.ts'
import { type Build, makeBuilds } from './builds.ts'
import type { AllocationBody, StatusBody } from './client.ts'
import { Cluster, type Node } from './cluster.ts'
import { test as clusterTest } from './cluster-test.ts'
import { expectHonest } from './honest.ts'
import { run } from './program.ts'
import { expectSameState } from './same-state.ts'
import { until } from './until.ts'
import { moreWrites, startLoad, type WriteLoad } from './write-load.ts'

const test = clusterTest.extend<{ builds: { older: Build; newer: Build } }>({
  builds: async ({ directory }, use) => {
    const home = join(directory, 'newer')
    await mkdir(home)
    await use(await makeBuilds(home))
  },
})

interface Served {
  readonly cluster: Cluster
  readonly load: WriteLoad
  readonly balancer: Balancer
}

/**
 * Stopped while it leads, exchanged and started under writes; resolves when all members are healthy again.
 *
 * @returns how often the others asked each other who could win: where leadership is handed over nobody asks.
 */
async function installOnLeader(build: Build, node: Node, served: Served): Promise<number> {
  const { cluster } = served
  await until(`node ${node.id} leads`, async () => {
    await node.client.send('POST', '/cluster/transfer-leader', { node_id: node.id })
    return (await cluster.leader()) === node
  })
  const others = cluster.others(node)
  const before = await preVotes(others)
  let after = before
  await install(build, node, {
    ...served,
    whileAway: async () => {
      after = await preVotes(others)
    },
  })
  return after - before
}

async function preVotes(nodes: readonly Node[]): Promise<number> {
  const counts = await Promise.all(
    nodes.map(async ({ client }) => {
      const text = await (await fetch(`http://127.0.0.1:${client.port}/metrics`)).text()
      return Number(/^ipam_raft_pre_votes_total (\d+)$/m.exec(text)?.[1])
    }),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}

/** The same, but it is drained before, and HAProxy sends it nothing any more when it is stopped. */
async function installDrained(build: Build, node: Node, served: Served): Promise<void> {
  const { load, balancer } = served
  await node.client.post('/cluster/drain', { drain: true })
  await until(`HAProxy leaves node ${node.id} out`, async () => {
    return (await balancer.stateOf(node.id)).startsWith('DOWN')
  })
  const sent = await balancer.requestCountOf(node.id)
  await moreWrites(load, 100)
  expect(await balancer.requestCountOf(node.id)).toBe(sent)
  await install(build, node, served)
}

async function install(
  { main }: Build,
  node: Node,
  { cluster, load, whileAway = async () => {} }: Served & { whileAway?: () => Promise<void> },
): Promise<void> {
  expect(await node.terminate()).toEqual({ code: 0, signal: null })
  await moreWrites(load, 100)
  await whileAway()
  node.main = main
  await cluster.restart(node)
  await until('all members are healthy', async () => {
    const { members } = await (await cluster.leader()).client.status()
    return members.every(({ healthy }) => healthy === true)
  })
  await moreWrites(load, 100)
}

function statuses({ nodes }: Cluster): Promise<StatusBody[]> {
  return Promise.all(nodes.map(({ client }) => client.status()))
}

async function versionsOf(cluster: Cluster): Promise<string[]> {
  return (await statuses(cluster)).map(({ version }) => version)
}

/** In which each node writes commands. */
async function schemaVersionsOf(cluster: Cluster): Promise<number[]> {
  return (await statuses(cluster)).map(({ schema_version }) => schema_version)
}

/** All nodes know which commands the software of each member reads. */
async function untilOnRecord(cluster: Cluster, builds: readonly Build[]): Promise<void> {
  const wanted = builds.map(({ schemaMax }) => schemaMax).join()
  await until(`${wanted} are on record`, async () =>
    (await statuses(cluster)).every(
      ({ members }) => members.map(({ schemas }) => schemas?.max).join() === wanted,
    ),
  )
}

async function untilRaised(cluster: Cluster, { schemaMax }: Build): Promise<void> {
  await until('the version of commands is raised', async () =>
    (await schemaVersionsOf(cluster)).every((version) => version === schemaMax),
  )
}

function expectOnce({ writes }: WriteLoad, allocations: readonly AllocationBody[]): void {
  const repeated = writes.filter(({ attemptCount }) => attemptCount > 1).length
  process.stdout.write(`${writes.length} writes, of which the client had to repeat ${repeated}\n`)
  expectHonest(writes, allocations)
}

describe('another release behind HAProxy, with every write done, and once', () => {
  test('is installed on one node after the other, and commands are written its way when the last node has it', async ({
    startCluster,
    directory,
    builds: { older, newer },
  }) => {
    const cluster = await startCluster({ http: HTTP })
    await using balancer = await startBalancer('haproxy', { directory, nodePorts: portsOf(cluster) })
    const load = await startLoad([balancer.client], { attemptsMax: ATTEMPTS_MAX })
    const [first, second, third] = cluster.nodes as [Node, Node, Node]
    expect(await versionsOf(cluster)).toEqual([older.version, older.version, older.version])

    const served = { cluster, load, balancer }
    const elections = [await installOnLeader(newer, first, served)]
    elections.push(await installOnLeader(newer, second, served))
    await untilOnRecord(cluster, [newer, newer, older])
    await moreWrites(load, 100)
    const midway = { versions: await versionsOf(cluster), schemas: await schemaVersionsOf(cluster) }
    elections.push(await installOnLeader(newer, third, served))
    await untilRaised(cluster, newer)
    await moreWrites(load, 100)
    await load.stop()

    expect(midway).toEqual({
      versions: [newer.version, newer.version, older.version],
      schemas: [older.schemaMax, older.schemaMax, older.schemaMax],
    })
    expect(await versionsOf(cluster)).toEqual([newer.version, newer.version, newer.version])
    // One may be a pause of the machine.
    expect(elections.filter((count) => count > 0).length, `elections: ${elections}`).toBeLessThan(2)
    expectAllDone(load)
    const { allocations, audit } = await expectSameState(cluster)
    expectOnce(load, allocations)
    expect(audit.filter(({ action }) => action === 'schema_raised').map(({ details }) => details)).toEqual([
      `Raised the command schema from ${older.schemaMax} to ${newer.schemaMax}`,
    ])
  })

  test('is taken back in the same way while one node does not have it yet, each node drained before', async ({
    startCluster,
    directory,
    builds: { older, newer },
  }) => {
    const cluster = await startCluster({ http: HTTP })
    await using balancer = await startBalancer('haproxy', { directory, nodePorts: portsOf(cluster) })
    const load = await startLoad([balancer.client], { attemptsMax: ATTEMPTS_MAX })
    const [first, second] = cluster.nodes as [Node, Node, Node]
    const served = { cluster, load, balancer }
    for (const node of [first, second]) await installDrained(newer, node, served)
    await untilOnRecord(cluster, [newer, newer, older])

    for (const node of [first, second]) await installDrained(older, node, served)
    await untilOnRecord(cluster, [older, older, older])
    await load.stop()

    expect(await versionsOf(cluster)).toEqual([older.version, older.version, older.version])
    expect(await schemaVersionsOf(cluster)).toEqual([older.schemaMax, older.schemaMax, older.schemaMax])
    expectAllDone(load)
    expectOnce(load, (await expectSameState(cluster)).allocations)
  })
})

/** A cluster whose nodes all have the new release, and its snapshots from before and after; `early` and `late` were allocated. */
async function upgrade(
  cluster: Cluster,
  { newer, directory }: { newer: Build; directory: string },
): Promise<{ before: string; after: string }> {
  const [node] = cluster.nodes as [Node]
  const before = join(directory, 'before.snapshot')
  const after = join(directory, 'after.snapshot')
  await node.client.post('/networks', { cidr: '10.0.0.0/24' })
  await node.client.post('/allocations', { cidr: '10.0.0.0/24', hostname: 'early' })
  await ipam(['snapshot', 'save', before, '--server', node.client.url], directory)
  for (const each of cluster.nodes) {
    await each.terminate()
    each.main = newer.main
    await cluster.restart(each)
  }
  await untilRaised(cluster, newer)
  await node.client.post('/allocations', { cidr: '10.0.0.0/24', hostname: 'late' })
  await ipam(['snapshot', 'save', after, '--server', node.client.url], directory)
  return { before, after }
}

/** With the old software. */
async function ipam(words: readonly string[], cwd: string): Promise<void> {
  expect(await run(words, { cwd })).toMatchObject({ code: 0 })
}

describe('once commands are written its way', () => {
  test('the old software does not start any more, and leaves the node as it is', async ({
    startCluster,
    directory,
    builds: { older, newer },
  }) => {
    const cluster = await startCluster()
    await upgrade(cluster, { newer, directory })
    const [node] = cluster.nodes as [Node]

    await node.terminate()
    node.main = older.main
    cluster.launch(node)
    const exit = await node.program?.exited
    const complaints = node.program?.stderr.filter((line) => line.startsWith('ipam: '))
    node.main = newer.main
    await cluster.restart(node)

    expect(exit).toEqual({ code: 1, signal: null })
    expect(complaints).toEqual([
      expect.stringMatching(
        `^ipam: .*node-1 cannot be used: the cluster is at command schema ${newer.schemaMax} and this program reads \\d+ to ${older.schemaMax}: install newer software`,
      ),
    ])
    const { allocations } = await expectSameState(cluster)
    expect(allocations.map(({ hostname }) => hostname)).toEqual(['early', 'late'])
  })

  test('the way back is the snapshot from before, in a new cluster of the old software', async ({
    startCluster,
    directory,
    builds: { older, newer },
    onTestFinished,
  }) => {
    const { before, after } = await upgrade(await startCluster(), { newer, directory })
    const restored = await Cluster.create({ clusterId: 200, nodeCount: 1 })
    onTestFinished(() => restored.close())
    const place = ['--config', restored.filePath, '--node-id', '1']

    const refused = await run(['snapshot', 'restore', after, ...place], { cwd: restored.directory })
    await ipam(['snapshot', 'restore', before, ...place], restored.directory)
    await restored.startAll()

    expect(refused.code).toBe(1)
    expect(refused.stderr.join('\n')).toContain(
      `the snapshot is from a newer version: it has command schema ${newer.schemaMax}, and this one reads up to ${older.schemaMax}`,
    )
    expect(await versionsOf(restored)).toEqual([older.version])
    const { allocations } = await expectSameState(restored)
    expect(allocations.map(({ hostname }) => hostname)).toEqual(['early'])
  })
})
