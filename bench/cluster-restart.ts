/**
 * Claims: a node, and a whole cluster, with 100,000 allocations are ready again within seconds of a kill -9.
 *
 * npx tsx bench/cluster-restart.ts
 */
import { cpus } from 'node:os'
import type { NetworkBody } from '../test/cluster/client.ts'
import { Cluster } from '../test/cluster/cluster.ts'
import { pipeline } from '../test/cluster/pipeline.ts'
import { median } from './report/ratio.ts'

const ALLOCATIONS = 100_000
const ROUNDS = 5

const cluster = await Cluster.start({ logLevel: 'warn' })
try {
  await fill()
  const [follower] = cluster.others(await cluster.leader())
  if (follower === undefined) throw new Error('there is no follower')
  const node = await timeOf(async () => {
    await follower.kill()
    return () => cluster.restart(follower)
  })
  const terminated = await timeOf(async () => {
    await follower.terminate()
    return () => cluster.restart(follower)
  })
  const all = await timeOf(async () => {
    await Promise.all(cluster.nodes.map((each) => each.kill()))
    return () => cluster.startAll()
  })
  const conditions = `${ALLOCATIONS} allocations, 3 nodes on one machine, ${cpus().length} cores, median of ${ROUNDS}, Node.js ${process.versions.node}`
  process.stdout.write(`| a follower is ready again after kill -9 | ${node} | ${conditions} |
| a follower is ready again after SIGTERM | ${terminated} | ${conditions} |
| all three nodes are ready again after kill -9 of all | ${all} | ${conditions}, election timeout 1–2 s |
`)
} finally {
  await cluster.close()
}

async function fill(): Promise<void> {
  const { client } = await cluster.leader()
  const network = await client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/8' })
  const body = { network_id: network.id, hostname: 'web-server-01', description: 'Web server' }
  const startedAt = performance.now()
  const statuses = await pipeline(client, {
    count: ALLOCATIONS,
    next: () => ({ path: '/allocations', body }),
  })
  if (statuses.get(201) !== ALLOCATIONS) throw new Error(`not all were allocated: ${[...statuses]}`)
  const perSecond = Math.round(ALLOCATIONS / ((performance.now() - startedAt) / 1_000))
  process.stderr.write(`filled at ${perSecond} allocations/s\n`)
  await cluster.waitUntilLevel()
}

/** @param stop Stops what is to start again, and returns what starts it: only that is measured. */
async function timeOf(stop: () => Promise<() => Promise<void>>): Promise<string> {
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const start = await stop()
    const startedAt = performance.now()
    await start()
    times.push(performance.now() - startedAt)
    await cluster.waitUntilLevel()
  }
  return `${(median(times) / 1_000).toFixed(2)} s`
}
