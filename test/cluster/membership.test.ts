import { describe, expect } from 'vitest'
import type { AuditBody } from './client.ts'
import type { Cluster, Node } from './cluster.ts'
import { test } from './cluster-test.ts'
import { expectHonest } from './honest.ts'
import { reservePorts } from './ports.ts'
import { expectSameState } from './same-state.ts'
import { until } from './until.ts'
import { clientsOf, longestGapMs, moreWrites, startLoad } from './write-load.ts'

/** The longest election timeout, and a vote. */
const ELECTION_MS = 3_000
const WRITES = 50

/** Adds a node through `contact`, starts it with `--join`, and waits until it is a voter. */
async function join(cluster: Cluster, id: number, contact: Node): Promise<Node> {
  const { node, filePath } = await cluster.makeNode(id)
  await contact.client.post('/cluster/nodes', { node_id: id, addr: node.addr })
  cluster.launch(node, { args: ['--join'], filePath })
  await cluster.waitUntilReady(node)
  await until(`node ${id} is a voter`, async () => {
    const { members } = await contact.client.status()
    return members.some((member) => member.node_id === id && member.voter)
  })
  return node
}

describe('a change of the membership by API', () => {
  test('lets node 4 join through a follower, under load, and it becomes a voter by itself', async ({
    startCluster,
  }) => {
    const cluster = await startCluster()
    const [follower] = cluster.others(await cluster.leader())
    if (follower === undefined) throw new Error('there is no follower')
    const load = await startLoad(clientsOf(cluster.nodes))
    const startedAt = performance.now()

    const joined = await join(cluster, 4, follower)
    load.sendTo([joined.client])
    await moreWrites(load, WRITES)
    await load.stop()

    const { allocations, audit } = await expectSameState(cluster)
    expectHonest(load.writes, allocations)
    expect(load.writes.filter(({ fate }) => fate !== 'done')).toEqual([])
    expect(longestGapMs(load.writes, { since: startedAt })).toBeLessThan(ELECTION_MS)
    expect(membershipRows(audit)).toEqual([
      `node_added node-4 Added node 4 (${joined.addr})`,
      `node_promoted node-4 Promoted node 4 (${joined.addr}) to voter`,
    ])
    // Four voters: two of them are no majority, so the new one counts.
    const leader = await cluster.leader()
    const [second, third] = cluster.others(leader).filter((node) => node !== joined)
    await second?.kill()
    expect(await joined.client.send('POST', '/networks', { cidr: '11.0.0.0/8' })).toMatchObject({
      status: 201,
    })
    await third?.kill()
    await until('the leader steps down', async () => (await leader.client.status()).leader_id === null)
  })

  test.for(['another node', 'the leader itself'])(
    'removes the leader through %s, with no gap longer than an election',
    async (through, { startCluster }) => {
      const cluster = await startCluster()
      const leader = await cluster.leader()
      const others = cluster.others(leader)
      const load = await startLoad(clientsOf(others))
      const removedAt = performance.now()

      const contact = through === 'another node' ? others[0] : leader
      await contact?.client.delete(`/cluster/nodes/${leader.id}`)
      await moreWrites(load, WRITES)

      const successor = await cluster.leader(others)
      expect(successor).not.toBe(leader)
      const { term, members } = await successor.client.status()
      expect(members.map(({ node_id }) => node_id)).toEqual(others.map(({ id }) => id))
      expect(
        await until('the removed node says so', async () => {
          const reasons = await leader.client.readiness()
          return reasons?.includes('removed') === true && reasons
        }),
      ).toContain('removed')
      // It keeps running, and time enough for an election passes.
      const watchedSince = performance.now()
      await until('an election timeout has passed', () => performance.now() - watchedSince > ELECTION_MS, {
        pollMs: 500,
      })
      await load.stop()
      expect((await successor.client.status()).term).toBe(term)
      expect(longestGapMs(load.writes, { since: removedAt })).toBeLessThan(ELECTION_MS)
      expect(load.writes.filter(({ fate }) => fate !== 'done')).toEqual([])
      const { allocations } = await expectSameState(cluster, others)
      expectHonest(load.writes, allocations)
      const again = { node_id: leader.id, addr: leader.addr }
      expect(await successor.client.send('POST', '/cluster/nodes', again)).toMatchObject({
        status: 409,
        body: { code: 409, reason: 'node_removed', applied: 'no' },
      })
      // Its writes go nowhere, and it knows that.
      expect(await leader.client.send('POST', '/networks', { cidr: '11.0.0.0/8' })).toMatchObject({
        status: 503,
        body: { applied: 'no' },
      })
    },
  )

  test('is refused with its reason where it makes no sense, on any node', async ({ startCluster }) => {
    const cluster = await startCluster()
    const [first, second] = cluster.nodes
    const [port] = await reservePorts(1)

    for (const { client } of cluster.nodes) {
      const add = (body: object) => client.send('POST', '/cluster/nodes', body)
      const refused = (reason: string) => ({ status: 409, body: { code: 409, reason, applied: 'no' } })
      const leaderId = (await cluster.leader()).id
      expect(await add({ node_id: 1, addr: `127.0.0.1:${port}` })).toMatchObject(refused('node_exists'))
      expect(await add({ node_id: 9, addr: second?.addr })).toMatchObject(refused('addr_in_use'))
      expect(await client.send('DELETE', '/cluster/nodes/9')).toMatchObject({
        status: 404,
        body: { reason: 'node_not_found' },
      })
      const transfer = (nodeId: number) =>
        client.send('POST', '/cluster/transfer-leader', { node_id: nodeId })
      expect(await transfer(9)).toMatchObject(refused('not_voter'))
      // What is so already is no refusal, whoever has made it so.
      expect(await transfer(leaderId)).toMatchObject({ status: 204 })
      expect(await add({ node_id: 1, addr: first?.addr })).toMatchObject({ status: 204 })
    }
    expect((await first?.client.status())?.members).toHaveLength(3)
  })

  test('is refused where it would lose the quorum, unless it is forced', async ({ startCluster }) => {
    const cluster = await startCluster()
    const leader = await cluster.leader()
    const [alive, dead] = cluster.others(leader)
    await dead?.kill()

    const refused = await until('the leader misses the dead node', async () => {
      const { members } = await leader.client.status()
      if (members.find(({ node_id }) => node_id === dead?.id)?.healthy !== false) return null
      return leader.client.send('DELETE', `/cluster/nodes/${alive?.id}`)
    })

    const wouldLose = { status: 409, body: { reason: 'would_lose_quorum', applied: 'no' } }
    expect(refused).toMatchObject(wouldLose)
    // Its successor would not know yet who is silent.
    expect(await leader.client.send('DELETE', `/cluster/nodes/${leader.id}`)).toMatchObject(wouldLose)
    await alive?.client.delete(`/cluster/nodes/${dead?.id}`)
    expect(await leader.client.send('POST', '/networks', { cidr: '10.0.0.0/8' })).toMatchObject({
      status: 201,
    })
    expect((await leader.client.status()).members).toHaveLength(2)
  })

  test('waits for those whom a new leader has not heard, and is refused if they are silent', async ({
    startCluster,
  }) => {
    const cluster = await startCluster()
    const old = await cluster.leader()
    const [next, dead] = cluster.others(old)
    await dead?.kill()

    await old.client.post('/cluster/transfer-leader', { node_id: next?.id })
    const refused = await next?.client.send('DELETE', `/cluster/nodes/${old.id}`)

    expect(refused).toMatchObject({ status: 409, body: { reason: 'would_lose_quorum', applied: 'no' } })
    expect(await old.client.send('POST', '/networks', { cidr: '10.0.0.0/8' })).toMatchObject({ status: 201 })
  })

  test('hands leadership to the node that is asked for, through any node', async ({ startCluster }) => {
    const cluster = await startCluster()
    const load = await startLoad(clientsOf(cluster.nodes))
    const startedAt = performance.now()

    const targets: (Node | undefined)[] = []
    for (const contact of cluster.nodes) {
      const leader = await cluster.leader()
      const [target] = cluster.others(leader)
      targets.push(target)
      await contact.client.post('/cluster/transfer-leader', { node_id: target?.id })
      expect(await cluster.leader()).toBe(target)
    }
    const leader = await cluster.leader()
    await leader.client.post('/cluster/transfer-leader')
    targets.push(await cluster.leader())
    expect(targets.at(-1)).not.toBe(leader)

    await moreWrites(load, WRITES)
    await load.stop()
    expect(load.writes.filter(({ fate }) => fate !== 'done')).toEqual([])
    expect(longestGapMs(load.writes, { since: startedAt })).toBeLessThan(ELECTION_MS)
    const { allocations, audit } = await expectSameState(cluster)
    expectHonest(load.writes, allocations)
    const transfers = audit.filter(({ action }) => action === 'leader_transferred')
    expect(transfers.map(({ resource }) => resource)).toEqual(targets.map((target) => `node-${target?.id}`))
  })
})

function membershipRows(audit: readonly AuditBody[]): string[] {
  return audit
    .filter(({ action }) => action.startsWith('node_'))
    .map(({ action, resource, details }) => `${action} ${resource} ${details}`)
}
