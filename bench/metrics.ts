/**
 * Claims: what is counted for a write costs it less than 2 µs of CPU; a scrape of 1,000 networks takes milliseconds.
 *
 * npx tsx bench/metrics.ts
 */
import { ProposalOutcomes } from '../raft/proposal-outcomes.ts'
import { RequestCounts } from '../src/http/request-counts.ts'
import { Exposition } from '../src/metrics/exposition.ts'
import { networkMetrics } from '../src/metrics/network-metrics.ts'
import { Harness } from '../test/state/harness.ts'
import { median } from './report/ratio.ts'

const ROUNDS = 7
const WRITES = 1_000_000
const PER_WRITE_US_MAX = 2

const perWriteUs = median(Array.from({ length: ROUNDS }, timeWrites))
process.stdout.write(`counting, per write: ${perWriteUs.toFixed(3)} µs\n`)
for (const networks of [1_000, 20_000]) {
  const ms = await timeScrape(networks)
  process.stdout.write(
    `scrape with ${networks} networks, 1,000 with lines of their own: ${ms.toFixed(1)} ms of CPU\n`,
  )
}
process.exitCode = perWriteUs < PER_WRITE_US_MAX ? 0 : 1

/** All that a write passes which it would not pass without metrics, on one node: the gateway and the leader at once. */
function timeWrites(): number {
  const requests = new RequestCounts()
  const outcomes = new ProposalOutcomes()
  const route = requests.of('POST', '/api/v1/allocations')
  const startedAt = process.cpuUsage()
  for (let i = 0; i < WRITES; i++) {
    requests.inFlight += 1
    // The clock is asked once more, when the write is answered.
    const now = performance.now()
    outcomes.noteApplied('local', (now + i) % 20)
    requests.inFlight -= 1
    route.note(201, (now + i) % 20)
  }
  return (cpuMs(startedAt) * 1_000) / WRITES
}

async function timeScrape(networkCount: number): Promise<number> {
  const harness = await Harness.open()
  for (let i = 0; i < networkCount; i++) {
    harness.createNetwork(`net-${i}`, `10.${i >> 8}.${i & 255}.0/24`)
    if (i % 3 === 0) harness.allocate(`alloc-${i}`, `net-${i}`, { count: 1 + (i % 200) })
  }
  const exposition = new Exposition()
  exposition.add(
    networkMetrics({
      state: () => harness.machine.figures,
      ended: () => ({ expired: 0, cooled: 0 }),
      nextExpiry: () => null,
      wallTime: () => 0,
      breathe: async () => {},
      networksMax: 1_000,
    }),
  )
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const startedAt = process.cpuUsage()
    await exposition.scrape()
    times.push(cpuMs(startedAt))
  }
  return median(times)
}

function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1_000
}
