import { expect, test } from 'vitest'
import { PERFECT_NETWORK } from './network.ts'
import { quietCluster, runIn } from './quiet-cluster.ts'

const ENDLESS = { ...PERFECT_NETWORK, meanDelayMs: 1_000_000 }

test('nothing is under way for longer than ten election timeouts', () => {
  const { network } = quietCluster({ nodeCount: 2, network: ENDLESS })

  const delays = Array.from({ length: 1_000 }, () => network.delayMs())

  expect(Math.max(...delays)).toBe(4_000)
})

/** Else two nodes may be apart for a minute on a network that is well. (Found by seed 3305.) */
test('a connection that takes too long to come about is given up and tried anew', async () => {
  const cluster = quietCluster({ nodeCount: 2, network: ENDLESS })
  const { world, network } = cluster
  const scenario = async (): Promise<void> => {
    for (const id of [1, 2]) void cluster.start(id)
    await world.sleep(100)
    network.faults = PERFECT_NETWORK

    await world.sleep(2_000)

    expect(cluster.leaders).toHaveLength(1)
  }

  await runIn(cluster, scenario)
})
