import { closeSync, openSync } from 'node:fs'
import { describe, expect } from 'vitest'
import { type AllocationBody, type Answer, Client, type ErrorBody, type NetworkBody } from './client.ts'
import { Cluster } from './cluster.ts'
import { test as clusterTest } from './cluster-test.ts'
import { reservePorts } from './ports.ts'
import { Program, run } from './program.ts'
import { expectSameState } from './same-state.ts'
import { canMount, SmallDisk } from './small-disk.ts'
import { until } from './until.ts'

/** Two segments of the log, the state, and more than `LOW_MIB` besides. */
const DISK_MIB = 128
const LOW_MIB = 32

interface Fixtures {
  /** A cluster of which some nodes, by id, have a disk of their own. No process runs yet. */
  createOnSmallDisks: (options: {
    nodeCount: number
    smallIds: readonly number[]
    lowMib: number
  }) => Promise<{ cluster: Cluster; disks: ReadonlyMap<number, SmallDisk> }>
}

const test = clusterTest.extend<Fixtures>({
  createOnSmallDisks: async ({ onTestFailed }, use) => {
    const clusters: Cluster[] = []
    const mounted: SmallDisk[] = []
    onTestFailed(() => {
      for (const cluster of clusters) cluster.tellLogs()
    })
    await use(async ({ nodeCount, smallIds, lowMib }) => {
      const cluster = await Cluster.create({ nodeCount, raft: { disk_low_mib: lowMib } })
      clusters.push(cluster)
      const disks = new Map<number, SmallDisk>()
      for (const id of smallIds) {
        const disk = await SmallDisk.mount(cluster.dataDirectory(cluster.node(id)), { mib: DISK_MIB })
        mounted.push(disk)
        disks.set(id, disk)
      }
      return { cluster, disks }
    })
    for (const cluster of clusters) await Promise.all(cluster.nodes.map((node) => node.kill()))
    for (const disk of mounted) await disk.unmount()
    for (const cluster of clusters) await cluster.close()
  },
})

function allocate(client: Client, networkId: string): Promise<Answer<AllocationBody & ErrorBody>> {
  return client.send('POST', '/allocations', { network_id: networkId })
}

/** As the leader tells it. */
async function complaints(cluster: Cluster): Promise<Map<number, readonly string[]>> {
  const leader = await cluster.leader()
  const { members } = await leader.client.status()
  return new Map(members.map(({ node_id, reasons }) => [node_id, reasons]))
}

async function untilLow(cluster: Cluster, ids: readonly number[]): Promise<void> {
  await until(`low on disk are nodes ${ids.join(', ') || 'none'}`, async () => {
    const found = [...(await complaints(cluster))].filter(([, reasons]) => reasons.includes('low on disk'))
    return JSON.stringify(found.map(([id]) => id).toSorted()) === JSON.stringify(ids)
  })
}

describe.skipIf(!canMount())('disks that fill up', () => {
  test('low on a quorum, allocations are refused with 507 on every node, and everything else goes on', async ({
    createOnSmallDisks,
  }) => {
    const smallIds = [1, 2]
    const { cluster, disks } = await createOnSmallDisks({ nodeCount: 3, smallIds, lowMib: LOW_MIB })
    await cluster.startAll()
    const pids = cluster.nodes.map(({ program }) => program?.pid)
    const clients = cluster.nodes.map(({ client }) => client)
    const [client] = clients
    if (client === undefined) throw new Error('there are no nodes')
    const network = await client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/24' })
    const unused = await client.post<NetworkBody>('/networks', { cidr: '10.0.1.0/24' })
    const held = await Promise.all(clients.map((each) => allocate(each, network.id)))
    expect(held.map(({ status }) => status)).toEqual([201, 201, 201])
    expect(await complaints(cluster)).toEqual(new Map([1, 2, 3].map((id) => [id, []])))

    await disks.get(1)?.fill({ leaveMib: LOW_MIB - 4 })
    await untilLow(cluster, [1])
    // One of three may be low: it is still a quorum that has room.
    expect((await allocate(client, network.id)).status).toBe(201)

    await disks.get(2)?.fill({ leaveMib: LOW_MIB - 4 })
    await untilLow(cluster, [1, 2])
    for (const each of clients) {
      const refused = await allocate(each, network.id)
      expect(refused).toMatchObject({ status: 507, body: { reason: 'disk_low', applied: 'no' } })
      expect(refused.headers['retry-after']).toBe('10')
      expect(refused.body.error).toMatch(/^nodes 1, 2 are low on disk, .* still work\. Free space /)
    }
    expect(await client.send('POST', '/networks', { cidr: '10.0.2.0/24' })).toMatchObject({ status: 507 })

    // What frees something, reads and what operators do.
    for (const [i, each] of clients.entries()) {
      const id = held[i]?.body.id
      await each.post(`/allocations/${id}/release`)
      expect(await each.get<AllocationBody>(`/allocations/${id}`)).toMatchObject({ status: 'released' })
      expect(await each.get<NetworkBody[]>('/networks')).toHaveLength(2)
    }
    await clients[1]?.delete(`/networks/${unused.id}`)
    const leader = await cluster.leader()
    const [next] = cluster.others(leader)
    await client.post('/cluster/transfer-leader', { node_id: next?.id })
    expect((await cluster.leader()).id).toBe(next?.id)
    await client.post('/cluster/nodes', { node_id: 9, addr: '127.0.0.1:1' })
    await client.delete('/cluster/nodes/9')
    expect((await allocate(client, network.id)).status).toBe(507)

    await disks.get(2)?.free()
    await untilLow(cluster, [1])
    for (const each of clients) expect((await allocate(each, network.id)).status).toBe(201)
    expect(cluster.nodes.map(({ program }) => program?.pid)).toEqual(pids)
    expect(cluster.nodes.every(({ isRunning }) => isRunning)).toBe(true)

    const { audit, allocations } = await expectSameState(cluster)
    // Three before, one, three after: the refused ones have left no trace.
    expect(allocations).toHaveLength(7)
    expect(audit.filter(({ action }) => action === 'ip_allocated')).toHaveLength(7)
    const logged = cluster.node(2).program?.stderr.filter((line) => /the disk (is low|has space)/.test(line))
    expect(logged).toHaveLength(2)
  })

  test('quite full, a node ends, and starts with all that was acknowledged when there is room', async ({
    createOnSmallDisks,
  }) => {
    const { cluster, disks } = await createOnSmallDisks({ nodeCount: 1, smallIds: [1], lowMib: 0 })
    await cluster.startAll()
    const node = cluster.node(1)
    const network = await node.client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/8' })
    await disks.get(1)?.fill({ leaveMib: 0 })

    const acknowledged: string[] = []
    const description = 'x'.repeat(1_000)
    await until(
      'the disk is full',
      async () => {
        const batch = Array.from({ length: 64 }, () => {
          return node.client.send<AllocationBody>('POST', '/allocations', {
            network_id: network.id,
            description,
          })
        })
        for (const { status, body } of await Promise.all(batch))
          if (status === 201) acknowledged.push(body.id)
        return !node.isRunning
      },
      { pollMs: 0 },
    )
    expect(await node.program?.exited).toMatchObject({ code: 1 })
    expect(node.program?.stderr.join('\n')).toMatch(/ENOSPC|No space left/)

    const full = await run(['server', '--config', cluster.filePath, '--node-id', '1'], {
      cwd: cluster.directory,
    })
    expect(full.code).toBe(1)
    expect(full.stderr.at(-1)).toContain('no space left for ')
    await disks.get(1)?.free()
    await cluster.startAll()

    const { rows } = await node.client.list<AllocationBody>('/allocations')
    expect(rows.map(({ id }) => id)).toEqual(expect.arrayContaining(acknowledged))
    expect(acknowledged.length).toBeGreaterThan(0)
    expect((await allocate(node.client, network.id)).status).toBe(201)
  })

  test('full from the start, a node says so and makes nothing that is in the way later', async ({
    createOnSmallDisks,
  }) => {
    const { cluster, disks } = await createOnSmallDisks({ nodeCount: 1, smallIds: [1], lowMib: 0 })
    await disks.get(1)?.fill({ leaveMib: 0 })

    const { code, stderr } = await run(['server', '--config', cluster.filePath, '--node-id', '1'], {
      cwd: cluster.directory,
    })

    expect(code).toBe(1)
    expect(stderr.at(-1)).toContain('no space left for ')
    await disks.get(1)?.free()
    await cluster.startAll()
    await cluster.node(1).client.post('/networks', { cidr: '10.0.0.0/24' })
  })
})

test('a node whose own log cannot be written, for that disk is full, serves, and ends when it is asked to', async ({
  directory,
  onTestFinished,
}) => {
  const [port = 0] = await reservePorts(1)
  const full = openSync('/dev/full', 'w')
  const args = ['server', '--listen', `127.0.0.1:${port}`, '--data-dir', directory]
  const program = new Program(args, { cwd: directory, stderr: full })
  const client = new Client(port)
  onTestFinished(async () => {
    closeSync(full)
    client.close()
    await program.kill()
  })
  await until('it is ready', async () => (await client.readiness())?.length === 0)

  await client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/24' })
  program.signal('SIGTERM')

  expect(await program.exited).toEqual({ code: 0, signal: null })
})
