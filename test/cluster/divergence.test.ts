import { join } from 'node:path'
import { Level } from 'level'
import { describe, expect } from 'vitest'
import type { AllocationBody, NetworkBody } from './client.ts'
import type { Cluster, Node } from './cluster.ts'
import { test } from './cluster-test.ts'
import { pipeline } from './pipeline.ts'
import { expectSameState } from './same-state.ts'
import { until } from './until.ts'

/** More than from one comparison to the next. */
const WRITES = 1_100

describe('a node whose state goes another way than the log says', () => {
  test.for(['a follower', 'the leader'])(
    'stops serving when it is %s, is named by the others, and is replaced',
    async (role, { startCluster }) => {
      const cluster = await startCluster()
      const [first, second] = cluster.nodes
      if (first === undefined || second === undefined) throw new Error('there are no nodes')
      const network = await first.client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/8' })
      for (let i = 0; i < 5; i++) await allocate(first, network)
      await cluster.waitUntilLevel()
      const [wrong, other] = await withRole(cluster, role)

      await forgetAddress(cluster, wrong)
      if (role === 'the leader') await other.client.post('/cluster/transfer-leader', { node_id: wrong.id })
      await pipeline(other.client, {
        count: WRITES,
        next: () => ({ path: '/allocations', body: { network_id: network.id } }),
      })

      await expectNotServing(wrong)
      const intact = cluster.others(wrong)
      const leader = await cluster.leader(intact)
      await expectNamed(intact, wrong)
      for (const node of intact) expect(await allocate(node, network)).toMatchObject({ status: 201 })
      const refused = { status: 409, body: { reason: 'state_diverged', applied: 'no' } }
      const transfer = { node_id: wrong.id }
      expect(await leader.client.send('POST', '/cluster/transfer-leader', transfer)).toMatchObject(refused)

      await wrong.terminate()
      cluster.launch(wrong)
      await expectNotServing(wrong)

      await leader.client.delete(`/cluster/nodes/${wrong.id}`)
      await wrong.kill()
      const joined = await joinAs(4, { cluster, contact: leader })
      const { allocations } = await expectSameState(cluster, [...intact, joined])
      expect(new Set(allocations.map(({ ip }) => ip)).size).toBe(allocations.length)
      for (const node of [...intact, joined]) {
        const { members } = await node.client.status()
        expect(members.flatMap(({ reasons }) => reasons)).toEqual([])
      }
    },
  )
})

function allocate({ client }: Node, network: NetworkBody) {
  return client.send<AllocationBody>('POST', '/allocations', { network_id: network.id })
}

/** A node that the test damages, and one that it leaves alone. */
async function withRole(cluster: Cluster, role: string): Promise<[Node, Node]> {
  const leader = await cluster.leader()
  const [follower, other] = cluster.others(leader)
  if (follower === undefined || other === undefined) throw new Error('there are no followers')
  return role === 'the leader' ? [leader, other] : [follower, leader]
}

/** A stopped node loses the row that says that an address is taken: the next allocation gets it once more. */
async function forgetAddress(cluster: Cluster, node: Node): Promise<void> {
  await node.terminate()
  const database = new Level<string, string>(join(cluster.dataDirectory(node), 'state'))
  const [key] = await database.keys({ gte: 'r', lt: 's', limit: 1 }).all()
  if (key === undefined) throw new Error('there is no address')
  await database.del(key)
  await database.close()
  await cluster.restart(node)
}

async function expectNotServing(node: Node): Promise<void> {
  const { client } = node
  await until(`node ${node.id} is not ready`, async () => {
    return (await client.readiness())?.includes('state_diverged') === true
  })
  const notServed = { status: 503, body: { reason: 'state_diverged', applied: 'no' } }
  expect(await client.send('GET', '/networks')).toMatchObject(notServed)
  expect(await client.send('GET', '/networks?consistency=stale')).toMatchObject(notServed)
  expect(await client.send('GET', '/networks?min_index=1')).toMatchObject(notServed)
  expect(await client.send('POST', '/networks', { cidr: '11.0.0.0/8' })).toMatchObject(notServed)
  expect(await client.send('GET', '/health')).toMatchObject(notServed)
  const { members, role } = await client.status()
  expect(members.find(({ node_id }) => node_id === node.id)?.reasons.join()).toContain('state_diverged')
  expect(role).not.toBe('leader')
  await expectSaidOnce(node)
}

async function expectNamed(intact: readonly Node[], wrong: Node): Promise<void> {
  for (const node of intact) {
    const { id, client } = node
    await until(`node ${id} names node ${wrong.id}`, async () => {
      const { members } = await client.status()
      const named = members.filter(({ reasons }) => reasons.join().includes('state_diverged'))
      return named.length === 1 && named[0]?.node_id === wrong.id
    })
    expect(await client.readiness()).toEqual([])
    await expectSaidOnce(node)
  }
}

/** What is said comes by another way than answers do. */
async function expectSaidOnce({ id, program }: Node): Promise<void> {
  const lines = () => program?.stderr.filter((line) => line.includes('join under a new id')) ?? []
  await until(`node ${id} says what to do`, () => lines().length > 0)
  expect(lines()).toHaveLength(1)
}

async function joinAs(id: number, { cluster, contact }: { cluster: Cluster; contact: Node }): Promise<Node> {
  const { node, filePath } = await cluster.makeNode(id)
  await contact.client.post('/cluster/nodes', { node_id: id, addr: node.addr })
  cluster.launch(node, { args: ['--join'], filePath })
  await cluster.waitUntilReady(node)
  return node
}
