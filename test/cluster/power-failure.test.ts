import { describe, expect } from 'vitest'
import type { NetworkBody } from './client.ts'
import { test } from './cluster-test.ts'
import { expectHonest } from './honest.ts'
import { expectSameState } from './same-state.ts'
import { until } from './until.ts'
import { countFates, type Write, WriteLoad } from './write-load.ts'

const ROUNDS = 2
const WRITERS = 64
const WRITES_BEFORE = 400

describe('kill -9 of all three nodes at once under load', () => {
  test('loses nothing acknowledged, and the nodes hold the same state afterwards', async ({
    startCluster,
  }) => {
    const cluster = await startCluster()
    const [first] = cluster.nodes
    const network = await first?.client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/8' })
    const writes: Write[] = []

    for (let round = 0; round < ROUNDS; round++) {
      const load = new WriteLoad({
        clients: cluster.nodes.map(({ client }) => client),
        networkId: network?.id ?? '',
        workerCount: WRITERS,
      })
      await until('writes flow', () => load.doneCount > WRITES_BEFORE)
      await Promise.all(cluster.nodes.map((node) => node.kill()))
      await load.stop()
      writes.push(...load.writes)
      await cluster.startAll()
    }
    const state = await expectSameState(cluster)

    expectHonest(writes, state.allocations)
    const { done, unknown } = countFates(writes)
    expect(done).toBeGreaterThan(ROUNDS * WRITES_BEFORE)
    expect(unknown).toBeGreaterThan(0)
    const allocated = state.audit.filter(({ action }) => action === 'ip_allocated')
    expect(allocated.map(({ resource }) => resource).toSorted()).toEqual(
      state.allocations.map(({ id }) => id).toSorted(),
    )
  })
})
