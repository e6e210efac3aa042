/** Claims: a follower 100,000 entries behind catches up within 10 s while writes go on at half of the maximum; their p99 at most doubles. */
import { setTimeout as delay } from 'node:timers/promises'
import { pipeline } from '../test/cluster/pipeline.ts'
import { until } from '../test/cluster/until.ts'
import type { Bench } from './harness/bench.ts'
import type { Claim } from './harness/claim.ts'
import type { JobResult } from './load/job.ts'
import type { Ipam } from './peers/ipam.ts'
import { compare, figureOf, secondsRow } from './report/row.ts'
import { ipamSide } from './sides/ipam.ts'

const BEHIND = 100_000
const CLIENTS = 64
const ROUNDS_MAX = 3
/** What it may take: writes are watched for as long. */
const WATCHED_MS = 10_000
const GIVEN_UP_MS = 120_000
const POLL_MS = 50
/** A /16 each: room for what is behind, and for what is written meanwhile. */
const NETWORKS = 4

export const claim: Claim = {
  name: 'catch-up',
  says: `a follower ${BEHIND} entries behind catches up under load`,
  isQuick: false,
  needs: [],
  async measure(bench) {
    const ipam = await bench.ipam()
    const side = ipamSide(ipam, { networks: NETWORKS })
    const most = await bench.measureOne(side, { clients: CLIENTS })
    const perSecondMax = most.count / (most.windowMs / 1_000) / 2
    bench.say(`half of the maximum is ${Math.round(perSecondMax)}/s`)
    const load = { clients: CLIENTS, perSecondMax, measureMs: WATCHED_MS }
    const [before, during]: [JobResult[], JobResult[]] = [[], []]
    const seconds: number[] = []
    for (let round = 0; round < Math.min(ROUNDS_MAX, bench.settings.rounds); round++) {
      before.push(await bench.measureOne(side, load))
      const { result, caughtUpMs } = await whileBehind(bench, ipam, () => bench.measureOne(side, load))
      during.push(result)
      seconds.push(caughtUpMs / 1_000)
      bench.say(`caught up in ${(caughtUpMs / 1_000).toFixed(1)} s, p99 ${result.latency.p99.toFixed(1)} ms`)
    }
    const [ours, peer] = [figureOf('a follower behind', during), figureOf('all nodes level', before)]
    const both = { clients: CLIENTS, metric: 'p99Ms', ours, peer } as const
    return [
      secondsRow({ what: claim.says, clients: CLIENTS, seconds, bound: WATCHED_MS / 1_000 }),
      compare({ what: 'p99 of writes meanwhile, at half of the maximum', ...both, bound: 2 }),
    ]
  },
}

/** @returns also the time from the start of the follower's process until it had what the leader has. */
async function whileBehind(
  bench: Bench,
  ipam: Ipam,
  measure: () => Promise<JobResult>,
): Promise<{ result: JobResult; caughtUpMs: number }> {
  const follower = await ipam.aFollower()
  await follower.kill()
  const networkIds = await ipam.makeNetworks(NETWORKS)
  const leader = await ipam.cluster.leader(ipam.cluster.others(follower))
  let next = 0
  const statuses = await pipeline(leader.client, {
    count: BEHIND,
    next: () => ({
      path: '/allocations',
      body: { network_id: networkIds[next++ % NETWORKS], hostname: 'behind' },
    }),
  })
  if (statuses.get(201) !== BEHIND)
    throw new Error(`not all were allocated: ${JSON.stringify([...statuses])}`)
  const writing = measure()
  await delay(bench.settings.warmUpMs)
  const startedAt = performance.now()
  ipam.cluster.launch(follower)
  const level = until(
    'the follower has what the leader had a moment ago',
    async () => {
      const { commit_index: wanted } = await leader.client.status()
      await delay(POLL_MS)
      const { status, body } = await follower.client.send<{ applied_index: number }>('GET', '/cluster/status')
      return status === 200 && body.applied_index >= wanted && performance.now() - startedAt
    },
    { timeoutMs: GIVEN_UP_MS },
  )
  const [result, caughtUpMs] = await Promise.all([writing, level])
  return { result, caughtUpMs }
}
