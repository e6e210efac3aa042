import { describe, expect } from 'vitest'
import type { AllocationBody, Client, NetworkBody } from './client.ts'
import { test } from './cluster-test.ts'

interface Answered {
  readonly status: number
  readonly isReplay: boolean
  readonly body: AllocationBody
}

async function allocate({ url }: Client, key: string, body: object): Promise<Answered> {
  const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': key }
  const response = await fetch(`${url}/allocations`, { method: 'POST', headers, body: JSON.stringify(body) })
  return {
    status: response.status,
    isReplay: response.headers.get('idempotency-replayed') === 'true',
    body: (await response.json()) as AllocationBody,
  }
}

describe('a request with an idempotency key', () => {
  test('is answered the same by another node after the leader died, and by all after a restart of all', async ({
    startCluster,
  }) => {
    const cluster = await startCluster()
    const leader = await cluster.leader()
    const [one, other] = cluster.others(leader)
    if (one === undefined || other === undefined) throw new Error('there are no followers')
    const network = await one.client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/24' })
    const body = { network_id: network.id, hostname: 'once' }

    const first = await allocate(one.client, 'job-1', body)
    await leader.kill()
    await cluster.leader([one, other])
    const second = await allocate(other.client, 'job-1', body)
    await Promise.all(cluster.nodes.map((node) => node.kill()))
    await cluster.startAll()
    const others = await Promise.all(cluster.nodes.map(({ client }) => allocate(client, 'job-1', body)))

    expect(first).toMatchObject({ status: 201, isReplay: false })
    for (const answer of [second, ...others]) expect(answer).toEqual({ ...first, isReplay: true })
    expect(await one.client.get<AllocationBody[]>('/allocations')).toEqual([first.body])
  })

  test('takes one address, however many copies are under way on all nodes at once', async ({
    startCluster,
  }) => {
    const cluster = await startCluster()
    const [node] = cluster.nodes
    const network = await node?.client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/24' })
    const body = { network_id: network?.id }

    const copies = Array.from({ length: 30 }, (_, i) => {
      const { client } = cluster.node(1 + (i % 3))
      return allocate(client, 'job-2', body)
    })
    const answers = await Promise.all(copies)

    expect(new Set(answers.map(({ body: { id, ip } }) => `${id} ${ip}`)).size).toBe(1)
    expect(answers.filter(({ isReplay }) => !isReplay)).toHaveLength(1)
  })
})
