import { expect, test } from 'vitest'
import type { RaftNode } from '../../raft/node.ts'
import type { NodeId } from '../../raft/types.ts'
import type { Cluster } from './cluster.ts'
import { quietCluster, runIn } from './quiet-cluster.ts'

async function run(scenario: (cluster: Cluster, leader: NodeId) => Promise<void>): Promise<void> {
  const cluster = quietCluster()
  const started = async (): Promise<void> => {
    for (const id of [1, 2, 3]) void cluster.start(id)
    while (cluster.leaders.length === 0) await cluster.world.sleep(10)
    const leader = cluster.leaders[0]?.id ?? 1
    await nodeOf(cluster, leader).readIndex()
    await scenario(cluster, leader)
  }
  await runIn(cluster, started)
}

function nodeOf(cluster: Cluster, id: NodeId): RaftNode {
  const { node } = cluster.machine(id)
  if (node === null) throw new Error(`node ${id} does not run`)
  return node
}

test('a node that is drained twice at once is drained', () =>
  run(async (cluster, leader) => {
    const node = nodeOf(cluster, leader)

    await Promise.all([node.setDrained(true), node.setDrained(true)])

    expect(node.isDrained).toBe(true)
    expect(node.status().role).toBe('follower')
  }))

test('a shutdown waits for a transfer that is under way, and has handed over when that is done', () =>
  run(async (cluster, leader) => {
    const node = nodeOf(cluster, leader)

    const [, hasHandedOver] = await Promise.all([node.setDrained(true), node.handOver()])

    expect(hasHandedOver).toBe(true)
    expect(node.status().role).toBe('follower')
  }))

test('whoever waits for a transfer is answered when the node closes', () =>
  run(async (cluster, leader) => {
    const node = nodeOf(cluster, leader)
    for (const { id, process } of cluster.running) if (id !== leader) process?.pause()
    const drained = node.setDrained(true)
    const handedOver = node.handOver()
    await cluster.world.sleep(1)

    const answers = Promise.allSettled([drained, handedOver])
    await node.close()

    expect(await answers).toMatchObject([
      { status: 'rejected', reason: { reason: 'closed' } },
      { status: 'fulfilled', value: false },
    ])
    await expect(node.setDrained(true)).rejects.toMatchObject({ reason: 'closed' })
  }))
