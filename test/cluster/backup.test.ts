/** Backups of real clusters: taken while writes go on, restored into new clusters, and what is left of one node recovered. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { AllocationBody, AuditBody, ErrorBody } from './client.ts'
import { Cluster, type Node } from './cluster.ts'
import { test as clusterTest } from './cluster-test.ts'
import { run } from './program.ts'
import { expectSameState } from './same-state.ts'
import { until } from './until.ts'

const test = clusterTest.extend<{
  createCluster: (options: { clusterId: number; nodeCount: number }) => Promise<Cluster>
}>({
  createCluster: async ({ onTestFailed }, use) => {
    const clusters: Cluster[] = []
    onTestFailed(() => {
      for (const cluster of clusters) cluster.tellLogs()
    })
    await use(async (options) => {
      const cluster = await Cluster.create(options)
      clusters.push(cluster)
      return cluster
    })
    await Promise.all(clusters.map((cluster) => cluster.close()))
  },
})

interface Printed {
  readonly cluster_id: number
  readonly index: number
  readonly counts: { readonly audit_rows: number }
}

/** Runs `ipam` to its end, which must be a success. @returns What it printed, as JSON. */
async function ipam(
  words: readonly string[],
  { cwd, nodes = [] }: { cwd: string; nodes?: readonly Node[] },
): Promise<Printed> {
  const env = { IPAM_SERVER: nodes.map(({ client }) => `http://127.0.0.1:${client.port}`).join(',') }
  const { code, stdout, stderr } = await run([...words, '--json'], { cwd, env })
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.anything() })
  return JSON.parse(stdout.join('\n'))
}

async function restore(file: string, cluster: Cluster): Promise<void> {
  for (const node of cluster.nodes) {
    const words = ['snapshot', 'restore', file, '--config', cluster.filePath, '--node-id', String(node.id)]
    await ipam(words, { cwd: cluster.directory })
  }
}

async function allocate(
  { client }: Node,
  { key, hostname, ttlHours = null }: { key: string; hostname: string; ttlHours?: number | null },
): Promise<{ status: number; isReplay: boolean; body: AllocationBody }> {
  const response = await fetch(`${client.url}/allocations`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key },
    body: JSON.stringify({
      cidr: '10.0.0.0/16',
      hostname,
      ...(ttlHours !== null && { ttl_hours: ttlHours }),
    }),
  })
  const isReplay = response.headers.get('idempotency-replayed') === 'true'
  return { status: response.status, isReplay, body: (await response.json()) as AllocationBody }
}

/** Writes through all nodes until it is told to stop. */
function writeAlong(nodes: readonly Node[]): { acknowledged: AllocationBody[]; stop: () => Promise<void> } {
  const acknowledged: AllocationBody[] = []
  let isStopped = false
  const writers = nodes.flatMap((node) =>
    Array.from({ length: 8 }, async (_, writer) => {
      for (let i = 0; !isStopped; i++) {
        const name = `w-${node.id}-${writer}-${i}`
        const { status, body } = await allocate(node, { key: name, hostname: name })
        if (status === 201) acknowledged.push(body)
      }
    }),
  )
  return {
    acknowledged,
    stop: async () => {
      isStopped = true
      await Promise.all(writers)
    },
  }
}

async function auditUpTo({ client }: Node, index: number): Promise<AuditBody[]> {
  const { rows } = await client.list<AuditBody>('/audit', { isBackwards: true })
  return rows.filter((row) => row.index <= index)
}

async function allocationsOf({ client }: Node): Promise<AllocationBody[]> {
  return (await client.list<AllocationBody>('/allocations?all=true')).rows
}

test('a snapshot that is saved while writes go on founds clusters of three and of one, with all that was acknowledged before', async ({
  startCluster,
  createCluster,
  directory,
}) => {
  const source = await startCluster()
  const [first, second] = source.nodes as [Node, Node]
  await first.client.post('/networks', { cidr: '10.0.0.0/16' })
  const lease = await allocate(second, { key: 'lease', hostname: 'lease', ttlHours: 1 })
  const short = await allocate(second, { key: 'short', hostname: 'short', ttlHours: 1 / 3600 })
  const writes = writeAlong(source.nodes)
  await until('some writes are done', () => writes.acknowledged.length > 300)
  const before = [...writes.acknowledged]
  const file = join(directory, 'ipam.snapshot')

  const saved = await ipam(['snapshot', 'save', file], { cwd: directory, nodes: [second] })

  await writes.stop()
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readdirSync(directory)).toEqual(['ipam.snapshot'])
  const audit = await auditUpTo(first, saved.index)
  const taken = audit.filter(({ action }) => action === 'snapshot_taken')
  expect(taken.map(({ details }) => details)).toEqual(['Took a snapshot of everything from node 2'])
  const inspected = await ipam(['snapshot', 'inspect', file], { cwd: directory })
  expect(inspected).toMatchObject({
    cluster_id: 100,
    index: saved.index,
    counts: { audit_rows: audit.length },
  })

  for (const nodeCount of [3, 1]) {
    const restored = await createCluster({ clusterId: 200 + nodeCount, nodeCount })
    await restore(file, restored)
    await restored.startAll()
    const [node] = restored.nodes as [Node]
    expect(await auditUpTo(node, saved.index)).toEqual(audit)
    const allocations = await allocationsOf(node)
    const byId = new Map(allocations.map((allocation) => [allocation.id, allocation]))
    for (const allocation of before) expect(byId.get(allocation.id)).toEqual(allocation)
    expect(byId.get(lease.body.id)).toEqual(lease.body)
    await until('what was to expire in the meantime has', async () => {
      return (await node.client.get<AllocationBody>(`/allocations/${short.body.id}`)).status === 'expired'
    })

    const [known] = before as [AllocationBody]
    const replay = await allocate(node, { key: known.hostname ?? '', hostname: known.hostname ?? '' })
    expect(replay).toMatchObject({ status: 201, isReplay: true, body: known })
    const held = new Set(allocations.filter(({ status }) => status === 'allocated').map(({ ip }) => ip))
    for (let i = 0; i < 50; i++) {
      const { status, body } = await allocate(node, { key: `new-${i}`, hostname: `new-${i}` })
      expect(status).toBe(201)
      expect(held.has(body.ip)).toBe(false)
      held.add(body.ip)
    }
    await expectSameState(restored)
    const ready = await Promise.all(restored.nodes.map(({ client }) => client.readiness()))
    expect(ready).toEqual(restored.nodes.map(() => []))
  }
})

test('a restored cluster has what an idle one had, and a founder that was restored from another file is not let in', async ({
  startCluster,
  createCluster,
  directory,
}) => {
  const source = await startCluster({ nodeCount: 1 })
  const [only] = source.nodes as [Node]
  await only.client.post('/networks', { cidr: '10.0.0.0/16' })
  for (let i = 0; i < 20; i++) await allocate(only, { key: `a-${i}`, hostname: `a-${i}` })
  const older = join(directory, 'older.snapshot')
  const newer = join(directory, 'newer.snapshot')
  await ipam(['snapshot', 'save', older], { cwd: directory, nodes: [only] })
  for (let i = 0; i < 20; i++) await allocate(only, { key: `b-${i}`, hostname: `b-${i}` })
  await ipam(['snapshot', 'save', newer], { cwd: directory, nodes: [only] })
  const state = await expectSameState(source)
  const restored = await createCluster({ clusterId: 201, nodeCount: 3 })
  const [one, two, three] = restored.nodes as [Node, Node, Node]

  for (const [node, file] of [
    [one, newer],
    [two, newer],
    [three, older],
  ] as const) {
    const words = ['snapshot', 'restore', file, '--config', restored.filePath, '--node-id', String(node.id)]
    await ipam(words, { cwd: restored.directory })
  }
  for (const node of restored.nodes) restored.launch(node)
  await restored.waitUntilReady(one)
  await restored.waitUntilReady(two)

  const { networks, allocations, audit } = await expectSameState(restored, [one, two])
  expect({ networks, allocations }).toEqual({ networks: state.networks, allocations: state.allocations })
  expect(audit.slice(0, state.audit.length)).toEqual(state.audit)
  const reasons = await until('node 3 says why it is refused', async () => {
    const found = (await three.client.readiness()) ?? []
    return found.some((reason) => reason.includes('refused')) ? found : null
  })
  expect(reasons.join()).toContain('was not restored from the same snapshot')
})

test('a snapshot is refused, and nothing written, where it is damaged, or the place is taken or of the old cluster', async ({
  startCluster,
  createCluster,
  directory,
}) => {
  const source = await startCluster({ nodeCount: 1 })
  const file = join(directory, 'ipam.snapshot')
  await ipam(['snapshot', 'save', file], { cwd: directory, nodes: source.nodes })
  const bytes = readFileSync(file)
  const restored = await createCluster({ clusterId: 201, nodeCount: 1 })
  const same = await createCluster({ clusterId: 100, nodeCount: 1 })
  const attempt = async (path: string, cluster: Cluster) => {
    const words = ['snapshot', 'restore', path, '--config', cluster.filePath, '--node-id', '1']
    const { code, stderr } = await run(words, { cwd: cluster.directory })
    return { code, text: stderr.join('\n') }
  }
  const altered = join(directory, 'altered.snapshot')
  writeFileSync(altered, Buffer.concat([bytes.subarray(0, -100), Buffer.alloc(100)]))

  const damaged = await attempt(altered, restored)
  const old = await attempt(file, same)
  const untouched = [restored, same].map((cluster) => readdirSync(cluster.directory))
  const good = await attempt(file, restored)
  const taken = await attempt(file, restored)

  expect(damaged).toEqual({ code: 1, text: expect.stringContaining('is no snapshot that can be used') })
  expect(old).toEqual({ code: 1, text: expect.stringContaining('cluster_id 100 is that of the cluster') })
  expect(untouched).toEqual([['cluster.yaml'], ['cluster.yaml']])
  expect(good.code).toBe(0)
  expect(taken).toEqual({ code: 1, text: expect.stringContaining('is not empty') })
})

test('what one of three nodes has left founds a new cluster, to which no old member comes back and others can be added', async ({
  startCluster,
}) => {
  const cluster = await startCluster()
  const [one, two] = cluster.nodes as [Node, Node, Node]
  await one.client.post('/networks', { cidr: '10.0.0.0/16' })
  const held: AllocationBody[] = []
  for (let i = 0; i < 30; i++) held.push((await allocate(one, { key: `k-${i}`, hostname: `h-${i}` })).body)
  await cluster.waitUntilLevel()
  for (const node of cluster.nodes) await node.kill()
  const newFile = join(cluster.directory, 'new.yaml')
  await cluster.writeFile(newFile, [one], { clusterId: 200 })
  const cwd = cluster.directory
  const recover = ['cluster', 'recover', '--config', newFile, '--node-id', '1']

  const unnamed = await run(
    ['cluster', 'recover', '--force-new', '--config', cluster.filePath, '--node-id', '1'],
    { cwd },
  )
  const asked = await run(recover, { cwd })
  cluster.launch(one)
  await until('node 1 has its directory', async () => (await one.client.readiness()) !== null)
  const running = await run([...recover, '--force-new'], { cwd })
  await one.kill()
  const done = await run([...recover, '--force-new'], { cwd })
  const again = await run([...recover, '--force-new'], { cwd })

  expect(unnamed.code).toBe(1)
  expect(unnamed.stderr.join()).toContain('cluster_id 100 is still that of the old cluster')
  expect(asked.code).toBe(1)
  expect(asked.stderr.join()).toContain('nodes 2, 3 must never run again')
  expect(running.code).toBe(1)
  expect(running.stderr.join()).toContain('is in use by process')
  expect(done).toMatchObject({ code: 0 })
  expect(again).toMatchObject({ code: 0 })
  expect(again.stderr.join()).toContain('already')

  cluster.launch(one, { filePath: newFile })
  await cluster.waitUntilReady(one)
  const allocations = await allocationsOf(one)
  for (const allocation of held) expect(allocations).toContainEqual(allocation)
  const removals = await one.client.list<AuditBody>('/audit?action=node_removed')
  expect(removals.rows.map(({ resource }) => resource)).toEqual(['node-2', 'node-3'])

  // An old member comes back, as it was, and then with the new file.
  cluster.launch(two)
  const reasons = await until('node 2 says why it is refused', async () => {
    const found = (await two.client.readiness()) ?? []
    return found.some((reason) => reason.includes('refused')) ? found : null
  })
  expect(reasons.join()).toContain('you are in cluster 100, this node in 200')
  await two.kill()
  const withOld = join(cluster.directory, 'with-old.yaml')
  await cluster.writeFile(withOld, [one, two], { clusterId: 200 })
  cluster.launch(two, { filePath: withOld })
  expect((await two.program?.exited)?.code).toBe(1)
  expect(two.program?.stderr.join()).toContain('belongs to node 2 of cluster 100')
  const rejoin = await one.client.send<ErrorBody>('POST', '/cluster/nodes', { node_id: 2, addr: two.addr })
  expect(rejoin).toMatchObject({ status: 409, body: { reason: 'node_removed' } })

  const { node: four } = await cluster.makeNode(4)
  const withFour = join(cluster.directory, 'with-4.yaml')
  await cluster.writeFile(withFour, [one, four], { clusterId: 200 })
  await one.client.post('/cluster/nodes', { node_id: 4, addr: four.addr })
  cluster.launch(four, { filePath: withFour, args: ['--join'] })
  await cluster.waitUntilReady(four)
  await until('node 4 votes', async () => {
    const { members } = await one.client.status()
    return members.some(({ node_id: id, voter }) => id === 4 && voter)
  })
  await expectSameState(cluster, [one, four])
})
