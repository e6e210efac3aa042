import { describe, expect } from 'vitest'
import type { AllocationBody, AuditBody, Client, NetworkBody } from './client.ts'
import type { Cluster, Node } from './cluster.ts'
import { test } from './cluster-test.ts'
import { isFree, reservePorts } from './ports.ts'
import { runScript } from './script.ts'
import { until } from './until.ts'

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/
const ID = { network: /^net-[A-Za-z0-9_-]+$/, allocation: /^alloc-[A-Za-z0-9_-]+$/ }
const DEFAULT_PORT = 8080

describe('the example scripts of the API document', () => {
  test.for([1, 2, 3])('run as they stand against node %i', async (id, { startCluster }) => {
    const cluster = await startCluster()
    const { client } = cluster.node(id)

    await expectCompleteWorkflow(client)
    const bulk = JSON.parse(await runScript('bulk-operations', client))
    // It names the network net-123, which exists in the document only.
    expect(bulk).toMatchObject({ code: 404, reason: 'network_not_found' })
    await expectClusterOperations(cluster, client)
  })

  test('run as they stand against a node that runs standalone', async ({ startProgram, directory }) => {
    const [port = 0] = await reservePorts(1)
    const program = startProgram(['server', '--listen', `127.0.0.1:${port}`], { cwd: directory })
    await until('the node says where it serves', () => program.stdout.length > 0)

    expect(program.stdout).toEqual([`ipam 1.0.0: node 1 serves http://127.0.0.1:${port}/api/v1`])
    await expectCompleteWorkflow({ port })
    expect(await runScript('bulk-operations', { port })).toContain('network_not_found')
    // Here is nothing to add a node to; the script ends well all the same.
    expect(await runScript('cluster-operations', { port })).toContain('"reason":"standalone"')
  })

  test('run with not even the port changed against `ipam server` alone', async ({
    startProgram,
    directory,
    skip,
  }) => {
    if (!(await isFree(DEFAULT_PORT))) skip(`port ${DEFAULT_PORT} is taken`)
    const program = startProgram(['server'], { cwd: directory })
    await until('the node says where it serves', () => program.stdout.length > 0)

    await expectCompleteWorkflow({ port: DEFAULT_PORT })
  })
})

async function expectCompleteWorkflow({ port }: { port: number }): Promise<void> {
  const output = await runScript('complete-workflow', { port })

  const [first, ...rest] = output.split('\n')
  expect(first).toBe('Allocated IP: 10.0.0.1')
  expect(JSON.parse(rest.join('\n'))).toEqual({
    network_id: expect.stringMatching(ID.network),
    total_ips: 254,
    allocated_ips: 1,
    available_ips: 253,
    utilization_percent: 0.4,
    first_available: '10.0.0.2',
    last_allocated: '10.0.0.1',
    reserved_ips: 0,
    cooling_ips: 0,
    delegated_ips: 0,
    largest_free_block: '10.0.0.128/25',
    size: 256,
  })
}

async function expectClusterOperations(cluster: Cluster, client: Client): Promise<void> {
  const output = await runScript('cluster-operations', client)

  // Adding a node has no output: all of it is the list of members, from before.
  const members = JSON.parse(output)
  expect(members).toMatchObject(cluster.nodes.map(({ id, addr }) => ({ node_id: id, addr })))
  const { members: now } = await client.status()
  expect(now.at(-1)).toMatchObject({ node_id: 4, addr: 'node4.example.com:5004', role: 'learner' })
}

describe('every documented endpoint', () => {
  test('answers with the documented status and shape on leader and followers', async ({ startCluster }) => {
    const cluster = await startCluster()
    const leader = await cluster.leader()

    for (const [i, node] of [leader, ...cluster.others(leader)].entries()) {
      const network = await expectNetworks(node.client, `10.0.${i}.0/24`)
      await expectAllocations(node.client, network)
      await expectErrors(node.client, network)
      await expectSystem(node, { leader, cluster })
    }
  })
})

async function expectNetworks(client: Client, cidr: string): Promise<NetworkBody> {
  const body = { cidr, description: 'Production network', tags: ['prod', 'web'] }

  const created = await client.send<NetworkBody>('POST', '/networks', body)

  const network = {
    ...body,
    id: expect.stringMatching(ID.network),
    created_at: expect.stringMatching(TIME),
  }
  expect(created.status).toBe(201)
  expect(created.body).toEqual({
    ...network,
    namespace: 'default',
    parent_id: null,
    gateway: null,
    reserved: [],
    cooldown_seconds: 0,
    strategy: 'lowest',
    updated_at: expect.stringMatching(TIME),
    metadata: {},
  })
  const { id } = created.body
  expect(created.headers.location).toBe(`/api/v1/networks/${id}`)
  expect(await client.get(`/networks/${id}`)).toEqual(created.body)
  expect(await client.get('/networks')).toContainEqual(created.body)
  expect(await client.get(`/networks/${id}/stats`)).toEqual({
    network_id: id,
    total_ips: 254,
    allocated_ips: 0,
    available_ips: 254,
    utilization_percent: 0,
    first_available: cidr.replace('0/24', '1'),
    last_allocated: null,
    reserved_ips: 0,
    cooling_ips: 0,
    delegated_ips: 0,
    largest_free_block: cidr,
    size: 256,
  })
  return created.body
}

async function expectAllocations(client: Client, { id: networkId, cidr }: NetworkBody): Promise<void> {
  const address = (host: number) => cidr.replace('0/24', String(host))
  const single = {
    network_id: networkId,
    count: 1,
    hostname: 'web-server-02',
    description: 'New web server',
    ttl_hours: 24,
  }

  const created = await client.send<AllocationBody>('POST', '/allocations', single)
  const range = await client.post<AllocationBody>('/allocations', { network_id: networkId, count: 10 })

  expect(created.status).toBe(201)
  expect(created.body).toEqual({
    id: expect.stringMatching(ID.allocation),
    network_id: networkId,
    ip: address(1),
    end_ip: null,
    hostname: 'web-server-02',
    description: 'New web server',
    status: 'allocated',
    allocated_at: expect.stringMatching(TIME),
    expires_at: expect.stringMatching(TIME),
    released_at: null,
    tags: [],
    mac: null,
    metadata: {},
  })
  const { id, allocated_at, expires_at } = created.body
  expect(Date.parse(String(expires_at)) - Date.parse(allocated_at)).toBe(24 * 3_600_000)
  expect(range).toMatchObject({ ip: address(2), end_ip: address(11), hostname: null, expires_at: null })
  expect(await client.get(`/allocations/${id}`)).toEqual(created.body)
  const released = await client.send('POST', `/allocations/${id}/release`)
  expect(released).toMatchObject({ status: 204, body: null })
  expect(await client.send('POST', `/allocations/${id}/release`)).toMatchObject({ status: 204 })
  const ended = await client.get<AllocationBody>(`/allocations/${id}`)
  expect(ended).toEqual({
    ...created.body,
    status: 'released',
    released_at: expect.stringMatching(TIME),
  })
  expect(await client.get(`/allocations?network_id=${networkId}`)).toEqual([range])
  const all = await client.get<AllocationBody[]>(`/allocations?network_id=${networkId}&all=true`)
  expect(all).toHaveLength(2)
  expect(all).toEqual(expect.arrayContaining([range, ended]))
  expect(await client.get('/allocations')).toContainEqual(range)
  expect(await client.send('DELETE', `/networks/${networkId}`)).toMatchObject({
    status: 409,
    body: { code: 409, reason: 'network_has_allocations' },
  })
  await client.post(`/allocations/${range.id}/release`)
}

async function expectErrors(client: Client, { id, cidr }: NetworkBody): Promise<void> {
  const cases = [
    { method: 'GET', path: '/networks/net-none', status: 404, reason: 'network_not_found' },
    { method: 'GET', path: '/networks/net-none/stats', status: 404, reason: 'network_not_found' },
    { method: 'DELETE', path: '/networks/net-none', status: 404, reason: 'network_not_found' },
    { method: 'GET', path: '/allocations/alloc-none', status: 404, reason: 'allocation_not_found' },
    { method: 'POST', path: '/allocations/alloc-none/release', status: 404, reason: 'allocation_not_found' },
    { method: 'POST', path: '/networks', body: { cidr }, status: 409, reason: 'network_exists' },
    { method: 'POST', path: '/networks', body: {}, status: 400, reason: 'invalid_request' },
    {
      method: 'POST',
      path: '/allocations',
      body: { network_id: id, count: 300 },
      status: 409,
      reason: 'network_exhausted',
    },
  ]
  for (const { method, path, body, status, reason } of cases) {
    const answer = await client.send(method, path, body)
    expect(answer, `${method} ${path}`).toMatchObject({
      status,
      body: { error: expect.stringMatching(/\S/), code: status, reason, request_id: expect.any(String) },
    })
  }
  expect(await client.send('DELETE', `/networks/${id}`)).toMatchObject({ status: 204, body: null })
  expect(await client.send('GET', `/networks/${id}`)).toMatchObject({ status: 404 })
}

async function expectSystem(
  node: Node,
  { leader, cluster }: { leader: Node; cluster: Cluster },
): Promise<void> {
  const { client, id } = node
  const isLeader = node === leader

  expect(await client.get('/health')).toEqual({
    status: 'healthy',
    service: 'ipam',
    cluster_mode: true,
    version: '1.0.0',
    uptime: expect.stringMatching(/^(\d+h)?(\d+m)?\d+s$/),
  })
  expect(await client.send('GET', '/health/ready')).toMatchObject({ status: 200 })
  expect(await client.send('GET', '/health/leader')).toMatchObject({ status: isLeader ? 200 : 503 })
  expect(await client.get('/cluster/status')).toMatchObject({
    node_id: id,
    cluster_id: 100,
    role: isLeader ? 'leader' : 'follower',
    raft_state: isLeader ? 'StateLeader' : 'StateFollower',
    members: cluster.nodes.map((member) => ({
      node_id: member.id,
      addr: member.addr,
      role: member === leader ? 'leader' : 'follower',
    })),
    leader_id: leader.id,
    leader_addr: leader.addr,
    term: expect.any(Number),
    commit_index: expect.any(Number),
  })
  const audit = await client.get<AuditBody[]>('/audit?limit=6')
  expect(audit.map(({ action }) => action)).toEqual([
    'network_created',
    'ip_allocated',
    'ip_allocated',
    'ip_released',
    'ip_released',
    'network_deleted',
  ])
  expect(await client.get('/audit?limit=1')).toEqual(audit.slice(-1))
  for (const row of audit) {
    expect(row).toEqual({
      timestamp: expect.stringMatching(TIME),
      action: expect.any(String),
      resource: expect.stringMatching(/^(net|alloc)-/),
      details: expect.stringMatching(/^(Created|Allocated|Released|Deleted) /),
      user: 'system',
      index: expect.any(Number),
      request_id: expect.any(String),
      before: /_(created|allocated)$/.test(row.action) ? null : expect.any(Object),
      after: row.action === 'network_deleted' ? null : expect.any(Object),
    })
  }
}
