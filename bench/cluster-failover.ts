/**
 * Claims: after kill -9 of the leader, writes through the other two of three nodes go on within 3 s.
 *
 * npx tsx bench/cluster-failover.ts
 */
import { cpus } from 'node:os'
import type { NetworkBody } from '../test/cluster/client.ts'
import { Cluster } from '../test/cluster/cluster.ts'
import { until } from '../test/cluster/until.ts'
import { longestGapMs, WriteLoad } from '../test/cluster/write-load.ts'
import { median } from './report/ratio.ts'

const ROUNDS = 10
const WRITERS = 16
const WRITES_BETWEEN = 300

const cluster = await Cluster.start()
try {
  const gaps = await measureGaps(cluster)
  const [best = 0, worst = 0] = [gaps[0], gaps.at(-1)]
  process.stdout.write(
    `| write gap after kill -9 of the leader | median ${seconds(median(gaps))} (${seconds(best)} to ${seconds(worst)}, ${ROUNDS} kills) | 3 nodes on one machine, ${cpus().length} cores, ${WRITERS} writers through the followers, election timeout 1–2 s, Node.js ${process.versions.node} |\n`,
  )
} finally {
  await cluster.close()
}

/** Ascending, in milliseconds. */
async function measureGaps({ nodes }: Cluster): Promise<number[]> {
  const network = await nodes[0]?.client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/8' })
  const gaps: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const leader = await cluster.leader()
    const survivors = cluster.others(leader)
    const load = new WriteLoad({
      clients: survivors.map(({ client }) => client),
      networkId: network?.id ?? '',
      workerCount: WRITERS,
    })
    await until('writes flow', () => load.doneCount > WRITES_BETWEEN)
    const killedAt = performance.now()
    await leader.kill()
    await cluster.leader(survivors)
    const { doneCount } = load
    await until('writes flow again', () => load.doneCount > doneCount + WRITES_BETWEEN)
    await load.stop()
    gaps.push(longestGapMs(load.writes, { since: killedAt }))
    await cluster.restart(leader)
  }
  return gaps.toSorted((a, b) => a - b)
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`
}
