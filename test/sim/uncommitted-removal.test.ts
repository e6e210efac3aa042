import { test } from 'vitest'
import type { NodeId } from '../../raft/types.ts'
import type { Cluster } from './cluster.ts'
import { quietCluster, runIn } from './quiet-cluster.ts'
import { until } from './until.ts'

function leads(cluster: Cluster, id: NodeId): boolean {
  const status = cluster.machine(id).node?.status()
  return status?.role === 'leader' && !status.isTransferring
}

/**
 * An old leader that was cut off has appended the removal of a node, and nobody else has that entry. The removed node is
 * elected: the old leader must let it in, or its log would never be repaired. (Found by seed 345 of the simulator.)
 */
test('a removal that is not committed does not shut out the node that it removes', async () => {
  const cluster = quietCluster()
  const { world, network } = cluster
  const scenario = async (): Promise<void> => {
    for (const id of [1, 2, 3]) void cluster.start(id)
    await until(cluster, 'there is a leader', () => cluster.leaders.length === 1)
    const old = cluster.leaders[0]?.id ?? 1
    const [next, other] = [1, 2, 3].filter((id) => id !== old) as [NodeId, NodeId]
    await cluster.machine(other).node?.propose(Buffer.from('{"id":1}'))
    for (const id of [next, other]) {
      network.cut(old, id)
      network.cut(id, old)
    }

    const change = { type: 'remove', id: next, isForced: false } as const
    const givenUp = cluster
      .machine(old)
      .node?.changeMembership(change, '')
      .catch(() => {})
    await until(
      cluster,
      'the old leader has removed the next',
      () => cluster.machine(old).node?.status().membership.removed.includes(next) === true,
    )
    await until(cluster, 'another one leads', () => leads(cluster, next) || leads(cluster, other))
    if (leads(cluster, other)) await cluster.machine(other).node?.transferLeadership(next)
    await until(cluster, 'the next one leads', () => leads(cluster, next))
    // As long as it takes to notice that the old connections lead nowhere.
    await world.sleep(1_500)
    // Else it would be asked for again, of the next leader, and rightly granted.
    await givenUp
    network.heal()

    await until(
      cluster,
      'the old leader knows the next',
      () => cluster.machine(old).node?.status().leaderId === next,
    )
    await cluster.machine(old).node?.propose(Buffer.from('{"id":2}'))
    // The answer may be there before the entry that takes the place of the removal.
    await until(
      cluster,
      'the removal is undone',
      () => cluster.machine(old).node?.status().membership.removed.length === 0,
    )
  }

  await runIn(cluster, scenario)
})
