import { describe, expect } from 'vitest'
import type { AllocationBody, Client, NetworkBody } from './client.ts'
import { test } from './cluster-test.ts'
import { expectSameState } from './same-state.ts'
import { until } from './until.ts'

const TTL_MS = 3_000
const COUNT = 50
const PER_ENTRY_MAX = 32

describe('an allocation with a TTL', () => {
  test('expires once on the time of the log, also when the leader is killed in between', async ({
    startCluster,
  }) => {
    const cluster = await startCluster()
    const leader = await cluster.leader()
    const [survivor, other] = cluster.others(leader).map(({ client }) => client)
    if (survivor === undefined || other === undefined) throw new Error('there are no followers')
    const network = await survivor.post<NetworkBody>('/networks', { cidr: '10.0.0.0/26' })
    const allocate = (client: Client, fields: object) => {
      return client.post<AllocationBody>('/allocations', { network_id: network.id, ...fields })
    }

    const leased = await Promise.all(
      Array.from({ length: COUNT }, () => allocate(survivor, { ttl_seconds: TTL_MS / 1_000 })),
    )
    const kept = await allocate(survivor, { hostname: 'kept' })
    const range = await allocate(other, { count: 11, ttl_hours: TTL_MS / 3_600_000 })
    const full = await survivor.send('POST', '/allocations', { network_id: network.id })
    await leader.kill()
    // Whatever is due expires under the next leader, without anybody asking.
    await until('all leases have expired', async () => {
      const active = await survivor.get<AllocationBody[]>('/allocations')
      return active.length === 1
    })
    const first = await allocate(other, {})
    await cluster.restart(leader)

    expect(full).toMatchObject({ status: 409, body: { reason: 'network_exhausted' } })
    expect(first.ip).toBe('10.0.0.1')
    const { allocations, audit } = await expectSameState(cluster)
    const ended = allocations.filter(({ status }) => status === 'expired')
    expect(ended.map(({ id }) => id).toSorted()).toEqual([...leased, range].map(({ id }) => id).toSorted())
    for (const { allocated_at, expires_at, released_at } of ended) {
      expect(Date.parse(String(expires_at)) - Date.parse(allocated_at)).toBe(TTL_MS)
      expect(Date.parse(String(released_at))).toBeGreaterThanOrEqual(Date.parse(String(expires_at)))
    }
    const expired = audit.filter(({ action }) => action === 'ip_expired')
    expect(expired.map(({ resource }) => resource).toSorted()).toEqual(ended.map(({ id }) => id).toSorted())
    expect(new Set(expired.map(({ user }) => user))).toEqual(new Set(['system']))
    // Others' writes come in between.
    const perEntry = [...new Set(expired.map(({ index }) => index))].map((entry) => {
      return expired.filter(({ index }) => index === entry).length
    })
    expect(Math.max(...perEntry)).toBeLessThanOrEqual(PER_ENTRY_MAX)
    expect(await survivor.get('/allocations')).toEqual(expect.arrayContaining([kept, first]))
    // Released by its own id, the address stays with whoever has it now.
    await survivor.post(`/allocations/${leased[0]?.id}/release`)
    expect(await other.get<AllocationBody>(`/allocations/${first.id}`)).toEqual(first)
  })

  test('expires at the next start if its time passes while the cluster is down', async ({ startCluster }) => {
    const cluster = await startCluster()
    const [first] = cluster.nodes
    const network = await first?.client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/30' })
    const lease = await first?.client.post<AllocationBody>('/allocations', {
      network_id: network?.id,
      ttl_seconds: 1,
    })
    await Promise.all(cluster.nodes.map((node) => node.kill()))
    const dueAt = Date.parse(String(lease?.expires_at))
    await until('its time has passed', () => Date.now() > dueAt)

    await cluster.startAll()

    await until('the lease has expired', async () => {
      return (await first?.client.get<AllocationBody>(`/allocations/${lease?.id}`))?.status === 'expired'
    })
    const { audit } = await expectSameState(cluster)
    expect(audit.filter(({ action }) => action === 'ip_expired')).toHaveLength(1)
  })
})
