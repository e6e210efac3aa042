import { describe, expect } from 'vitest'
import type { AllocationBody, Client, ErrorBody, NetworkBody } from './client.ts'
import type { Cluster, Node } from './cluster.ts'
import { test } from './cluster-test.ts'

const WRITES = 50
const AHEAD = 1_000_000

interface Roles {
  readonly leader: Node
  readonly followers: readonly Node[]
  readonly network: NetworkBody
}

async function rolesIn(cluster: Cluster): Promise<Roles> {
  const leader = await cluster.leader()
  const network = await leader.client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/24' })
  return { leader, followers: cluster.nodes.filter((node) => node !== leader), network }
}

async function allocate(client: Client, network: NetworkBody): Promise<{ id: string; index: number }> {
  const answer = await client.send<AllocationBody>('POST', '/allocations', { network_id: network.id })
  expect(answer.fate).toBe('done')
  return { id: answer.body.id, index: Number(answer.headers['x-raft-index']) }
}

describe('reads on followers', () => {
  test('show every write that was acknowledged before, with and without the index that it came with', async ({
    startCluster,
  }) => {
    const { leader, followers, network } = await rolesIn(await startCluster())
    for (let i = 0; i < WRITES; i++) {
      const { id, index } = await allocate(leader.client, network)
      for (const { client } of followers) {
        for (const query of ['', `?min_index=${index}`]) {
          const answer = await client.send<AllocationBody>('GET', `/allocations/${id}${query}`)

          expect([query, answer.status, answer.body.id]).toEqual([query, 200, id])
          expect(Number(answer.headers['x-raft-index'])).toBeGreaterThanOrEqual(index)
          // It matters only for what may be old.
          expect(answer.headers['x-raft-last-contact-ms']).toBeUndefined()
        }
      }
    }
  })

  test('without a majority only what may be old is answered, with its age; the rest is refused', async ({
    startCluster,
  }) => {
    const cluster = await startCluster()
    const { leader, followers, network } = await rolesIn(cluster)
    const [left, other] = followers
    if (left === undefined || other === undefined) throw new Error('there are no followers')
    const { id, index } = await allocate(leader.client, network)
    await cluster.waitUntilLevel()
    await Promise.all([leader.kill(), other.kill()])
    const path = `/allocations/${id}`

    const stale = await left.client.send<AllocationBody>('GET', `${path}?consistency=stale`)
    expect([stale.status, stale.body.id]).toEqual([200, id])
    // Nodes that make themselves known come in between.
    expect(Number(stale.headers['x-raft-index'])).toBeGreaterThanOrEqual(index)
    expect(Number(stale.headers['x-raft-last-contact-ms'])).toBeGreaterThanOrEqual(0)
    const known = await left.client.send<AllocationBody>('GET', `${path}?min_index=${index}`)
    expect([known.status, known.body.id]).toEqual([200, id])
    for (const query of ['', `?min_index=${index + AHEAD}`]) {
      const refused = await left.client.send<ErrorBody>('GET', `${path}${query}`)
      expect([query, refused.status, refused.body.applied]).toEqual([query, 503, 'no'])
    }
  })
})
