/** A planned hand-over: no write fails, and the cluster is without a leader for less than anybody would notice. */
import { describe, expect } from 'vitest'
import type { Cluster, Node } from './cluster.ts'
import { test } from './cluster-test.ts'
import { expectHonest } from './honest.ts'
import { expectSameState } from './same-state.ts'
import { until } from './until.ts'
import { expectShortGaps } from './write-gaps.ts'
import { clientsOf, longestGapMs, moreWrites, startLoad, type WriteLoad } from './write-load.ts'

const ROUNDS = 5
/** Of five members, and then there are two. */
const REMOVALS = 3
const GAP_MS_MAX = 200

/** The gaps of `ROUNDS` hand-overs, each by `handOver`, under writes through the nodes that do not lead. */
async function measureGaps(
  cluster: Cluster,
  {
    handOver,
    recover,
  }: { handOver: (leader: Node) => Promise<unknown>; recover: (old: Node) => Promise<unknown> },
): Promise<{ gaps: number[]; load: WriteLoad }> {
  const gaps: number[] = []
  let leader = await cluster.leader()
  const load = await startLoad(clientsOf(cluster.others(leader)))
  for (let round = 0; round < ROUNDS; round++) {
    const old = leader
    load.sendTo(cluster.others(old).map(({ client }) => client))
    await moreWrites(load, 100)
    const since = performance.now()
    await handOver(old)
    await moreWrites(load, 100)
    gaps.push(longestGapMs(load.writes, { since }))
    leader = await cluster.leader(cluster.others(old))
    expect(leader).not.toBe(old)
    await recover(old)
  }
  await load.stop()
  return { gaps, load }
}

function expectShort(what: string, gaps: readonly number[]): void {
  process.stdout.write(`write gaps, ${what}: ${gaps.map((gap) => Math.round(gap)).join(', ')} ms\n`)
  expectShortGaps(gaps, { what, gapMsMax: GAP_MS_MAX })
}

describe('a planned hand-over leaves no write gap of 200 ms, and no write fails', () => {
  test('when the leader gets SIGTERM', async ({ startCluster }) => {
    const cluster = await startCluster()

    const { gaps, load } = await measureGaps(cluster, {
      handOver: async (leader) => expect(await leader.terminate()).toEqual({ code: 0, signal: null }),
      recover: (old) => cluster.restart(old),
    })

    expectShort('SIGTERM', gaps)
    expect(load.writes.filter(({ fate }) => fate !== 'done')).toEqual([])
    expectHonest(load.writes, (await expectSameState(cluster)).allocations)
  })

  test('when the leader is drained: it serves on, and does not lead again until that is undone', async ({
    startCluster,
  }) => {
    const cluster = await startCluster()

    const { gaps, load } = await measureGaps(cluster, {
      handOver: async (leader) => {
        await leader.client.post('/cluster/drain', { drain: true })
        await until('it knows who leads now', async () => {
          return (await leader.client.readiness())?.join() === 'draining'
        })
      },
      recover: async (old) => {
        const contact = cluster.others(old)[0] ?? old
        expect(
          await contact.client.send('POST', '/cluster/transfer-leader', { node_id: old.id }),
        ).toMatchObject({
          status: 409,
          body: { reason: 'draining' },
        })
        expect((await old.client.send('POST', '/networks', { cidr: '11.0.0.0/8' })).status).not.toBe(503)
        await old.client.post('/cluster/drain', { drain: false })
        expect(await old.client.readiness()).toEqual([])
      },
    })

    expectShort('drain', gaps)
    expect(load.writes.filter(({ fate }) => fate !== 'done')).toEqual([])
    expectHonest(load.writes, (await expectSameState(cluster)).allocations)
  })

  test('when the leader is told to hand over', async ({ startCluster }) => {
    const cluster = await startCluster()

    const { gaps, load } = await measureGaps(cluster, {
      handOver: (leader) => leader.client.post('/cluster/transfer-leader'),
      recover: async () => {},
    })

    expectShort('transfer-leader', gaps)
    expect(load.writes.filter(({ fate }) => fate !== 'done')).toEqual([])
    expectHonest(load.writes, (await expectSameState(cluster)).allocations)
  })

  test('when the leader is removed', async ({ startCluster }) => {
    const cluster = await startCluster({ nodeCount: 5 })
    const removed: Node[] = []
    const gaps: number[] = []
    const remaining = (): Node[] => cluster.nodes.filter((node) => !removed.includes(node))
    const load = await startLoad(clientsOf(cluster.others(await cluster.leader())))
    for (let round = 0; round < REMOVALS; round++) {
      const leader = await cluster.leader(remaining())
      const others = remaining().filter((node) => node !== leader)
      load.sendTo(others.map(({ client }) => client))
      await moreWrites(load, 100)
      const since = performance.now()
      await others[0]?.client.delete(`/cluster/nodes/${leader.id}`)
      removed.push(leader)
      await moreWrites(load, 100)
      gaps.push(longestGapMs(load.writes, { since }))
    }
    await load.stop()

    expectShort('removal', gaps)
    expect(load.writes.filter(({ fate }) => fate !== 'done')).toEqual([])
    for (const node of removed) await node.kill()
    expect((await (await cluster.leader(remaining())).client.status()).members).toHaveLength(2)
  })
})
