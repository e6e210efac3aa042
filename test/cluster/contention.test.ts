import { describe, expect } from 'vitest'
import type { AllocationBody, Answer, ErrorBody, NetworkBody } from './client.ts'
import { test } from './cluster-test.ts'
import { expectSameState } from './same-state.ts'

const REQUESTS = 2_100
const USABLE = 2_046

describe('more allocations at once than a network has addresses', () => {
  test('hands out each of the 2,046 addresses of a /21 once, and says 409 to the rest', async ({
    startCluster,
  }) => {
    const cluster = await startCluster()
    const clients = cluster.nodes.map(({ client }) => client)
    const network = await clients[0]?.post<NetworkBody>('/networks', { cidr: '10.1.8.0/21' })

    const answers = await Promise.all(
      Array.from({ length: REQUESTS }, (_, i) => {
        const client = clients[i % clients.length]
        if (client === undefined) throw new Error('there are no nodes')
        return client.send<AllocationBody & ErrorBody>('POST', '/allocations', { network_id: network?.id })
      }),
    )

    const done = answers.filter(({ status }) => status === 201)
    const refused = answers.filter(({ status }) => status !== 201)
    expect(addressesOf(done)).toEqual(addressesOf21())
    expect(new Set(refused.map(({ status, body }) => `${status} ${body.reason}`))).toEqual(
      new Set(['409 network_exhausted']),
    )
    expect(refused).toHaveLength(REQUESTS - USABLE)
    const { allocations } = await expectSameState(cluster)
    expect(allocations.map(({ ip }) => ip).toSorted()).toEqual(addressesOf21())
    for (const client of clients) {
      expect(await client.get(`/networks/${network?.id}/stats`)).toEqual({
        network_id: network?.id,
        total_ips: USABLE,
        allocated_ips: USABLE,
        available_ips: 0,
        utilization_percent: 100,
        first_available: null,
        last_allocated: '10.1.15.254',
      })
    }
  })
})

function addressesOf(answers: readonly Answer<AllocationBody>[]): string[] {
  return answers.map(({ body }) => body.ip).toSorted()
}

/** From 10.1.8.1 to 10.1.15.254. */
function addressesOf21(): string[] {
  const addresses = Array.from({ length: USABLE }, (_, i) => {
    const host = i + 1
    return `10.1.${8 + (host >> 8)}.${host & 255}`
  })
  return addresses.toSorted()
}
