import { describe, expect } from 'vitest'
import type { AllocationBody, Answer, Client, ErrorBody, NetworkBody } from './client.ts'
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

    const writes = await Promise.all(
      Array.from({ length: REQUESTS }, async (_, i) => {
        const client = clients[i % clients.length]
        if (client === undefined) throw new Error('there are no nodes')
        const hostname = `host-${i}`
        return { hostname, ...(await allocate(client, { network_id: network?.id, hostname })) }
      }),
    )

    const { allocations } = await expectSameState(cluster)
    expect(allocations.map(({ ip }) => ip).toSorted()).toEqual(addressesOf21())
    const owners = new Map(allocations.map((row) => [row.hostname, row]))
    expect(owners.size).toBe(USABLE)
    const refusals = new Set<string>()
    for (const { hostname, fate, status, body } of writes) {
      if (fate === 'done') expect(owners.get(hostname)).toEqual(body)
      // On a machine with no time to spare an answer may come too late: the list then says what it was.
      if (fate !== 'refused') continue
      refusals.add(`${status} ${body.reason}`)
      expect(owners.has(hostname), `${hostname} was refused`).toBe(false)
    }
    expect(refusals).toEqual(new Set(['409 network_exhausted']))
    const [done, refused] = ['done', 'refused'].map((fate) => writes.filter((write) => write.fate === fate))
    expect(done?.length).toBeLessThanOrEqual(USABLE)
    expect(refused?.length).toBeLessThanOrEqual(REQUESTS - USABLE)
    for (const client of clients) {
      expect(await client.get(`/networks/${network?.id}/stats`)).toEqual({
        network_id: network?.id,
        total_ips: USABLE,
        allocated_ips: USABLE,
        available_ips: 0,
        utilization_percent: 100,
        first_available: null,
        last_allocated: '10.1.15.254',
        reserved_ips: 0,
        cooling_ips: 0,
        delegated_ips: 0,
        // The network's own address, which a child could have.
        largest_free_block: '10.1.8.0/32',
        size: 2_048,
      })
    }
  })
})

/** Again, if the node says that it did nothing. */
async function allocate(client: Client, body: object): Promise<Answer<AllocationBody & ErrorBody>> {
  for (;;) {
    const answer = await client.send<AllocationBody & ErrorBody>('POST', '/allocations', body)
    if (answer.fate !== 'not applied') return answer
  }
}

/** From 10.1.8.1 to 10.1.15.254. */
function addressesOf21(): string[] {
  const addresses = Array.from({ length: USABLE }, (_, i) => {
    const host = i + 1
    return `10.1.${8 + (host >> 8)}.${host & 255}`
  })
  return addresses.toSorted()
}
