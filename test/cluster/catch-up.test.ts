import { describe, expect } from 'vitest'
import type { AllocationBody, NetworkBody } from './client.ts'
import type { Cluster, Node } from './cluster.ts'
import { test } from './cluster-test.ts'
import { expectHonest } from './honest.ts'
import { pipeline } from './pipeline.ts'
import { expectSameState } from './same-state.ts'
import { until } from './until.ts'
import { WriteLoad } from './write-load.ts'

/** The rest are releases. */
const ALLOCATIONS = 2_000
const CATCH_UP_MS_MAX = 30_000
const WRITERS = 4

describe('a follower that was down', () => {
  test('catches up on 50,000 writes by log while others go on', async ({ startCluster }) => {
    const cluster = await startCluster()

    const { follower, caughtUpMs } = await missWritesAndCatchUp(cluster, 50_000)

    process.stdout.write(`caught up by log in ${Math.round(caughtUpMs)} ms\n`)
    expect(caughtUpMs).toBeLessThan(CATCH_UP_MS_MAX)
    expect(follower.program?.stderr.join('\n')).not.toContain('installed a snapshot')
  })

  test('catches up by snapshot while writes go on, where the log does not reach back', async ({
    startCluster,
  }) => {
    const cluster = await startCluster({ raft: { retained_entries_min: 1_000 } })

    const { follower, caughtUpMs } = await missWritesAndCatchUp(cluster, 10_000)

    process.stdout.write(`caught up by snapshot in ${Math.round(caughtUpMs)} ms\n`)
    expect(caughtUpMs).toBeLessThan(CATCH_UP_MS_MAX)
    expect(follower.program?.stderr.join('\n')).toContain('installed a snapshot')
  })
})

async function missWritesAndCatchUp(
  cluster: Cluster,
  missedCount: number,
): Promise<{ follower: Node; caughtUpMs: number }> {
  const leader = await cluster.leader()
  const [follower, other] = cluster.others(leader)
  if (follower === undefined || other === undefined) throw new Error('there are no followers')
  const network = await leader.client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/8' })
  await cluster.waitUntilLevel()
  await follower.kill()

  const before = (await leader.client.status()).commit_index
  await writeEntries(leader, { count: missedCount, networkId: network.id })
  expect((await leader.client.status()).commit_index - before).toBeGreaterThanOrEqual(missedCount)
  const load = new WriteLoad({
    clients: [leader.client, other.client],
    networkId: network.id,
    workerCount: WRITERS,
  })
  await until('writes go on', () => load.doneCount > 100)
  cluster.launch(follower)
  await until('the follower serves its API', () => follower.client.readiness())
  const startedAt = performance.now()
  await cluster.waitUntilReady(follower)
  const caughtUpMs = performance.now() - startedAt
  const { doneCount } = load
  await until('writes still go on', () => load.doneCount > doneCount + 100)
  await load.stop()

  expect(load.writes.filter(({ fate }) => fate !== 'done')).toEqual([])
  const { allocations } = await expectSameState(cluster)
  expectHonest(load.writes, allocations)
  return { follower, caughtUpMs }
}

/** Allocations, and releases of them again and again: each is an entry of the log. */
async function writeEntries(
  { client }: Node,
  { count, networkId }: { count: number; networkId: string },
): Promise<void> {
  const allocated = await pipeline(client, {
    count: ALLOCATIONS,
    next: () => ({ path: '/allocations', body: { network_id: networkId } }),
  })
  expect([...allocated]).toEqual([[201, ALLOCATIONS]])
  const { rows } = await client.list<AllocationBody>('/allocations')
  let i = 0
  const released = await pipeline(client, {
    count: count - ALLOCATIONS,
    next: () => ({ path: `/allocations/${rows[i++ % (rows.length / 2)]?.id}/release`, body: {} }),
  })
  expect([...released]).toEqual([[204, count - ALLOCATIONS]])
}
