import { Cluster, type ClusterOptions } from './cluster.ts'
import { PERFECT_NETWORK } from './network.ts'

/** Three machines that nothing befalls but what a test does to them. */
export function quietCluster(options: Partial<ClusterOptions> = {}): Cluster {
  return new Cluster({
    seed: 1,
    nodeCount: 3,
    network: PERFECT_NETWORK,
    limits: {},
    retainedEntriesMin: 100,
    clockSkew: 1,
    dirtyBytesMax: 1024 * 1024,
    ...options,
  })
}

/** Lets time pass until `act` is done. Rejects with whatever an invariant or a process says first. */
export function runIn({ world, failed }: Cluster, act: () => Promise<void>): Promise<void> {
  return world.runUntil(Promise.race([failed, act()]))
}
