/**
 * Claims: while 100,000 allocations expire within a minute, the p99 of other writes stays within twice that of a quiet minute, in the
 * median of the rounds; all of them have expired a few seconds after their time, once each, and are in the audit log.
 *
 * npx tsx bench/expiry.ts [allocations] [seconds] [rounds]     after `make build`; `seconds` 0: all within a second
 */
import { cpus, loadavg } from 'node:os'
import type { AllocationBody, AuditBody, Client, NetworkBody } from '../test/cluster/client.ts'
import { Cluster } from '../test/cluster/cluster.ts'
import { until } from '../test/cluster/until.ts'
import { median } from './report/ratio.ts'

const EXPIRING = Number(process.argv[2] ?? 100_000)
/** Before all else: the first some thousand of whatever a Node.js process does are its compiler's. */
const WARM_UP = 5_000
const SPREAD_MS = Number(process.argv[3] ?? 60) * 1_000
/** The p99 of a quiet minute alone varies twofold on a shared machine. */
const ROUNDS = Number(process.argv[4] ?? 5)
const BATCH = 500
/** Of the filling, to see how long it takes. */
const TRIAL_BATCHES = 10
const MARGIN = 1.5
/** Through each node in turn, whatever the answers: a write that waits makes no other wait. */
const WRITES_PER_SECOND = 100
const SETTLE_MS = 5_000
const QUIET_MS = Math.max(30_000, SPREAD_MS)
const RATIO_MAX = 2
/** From the time of each one on. */
const LATE_MS_MAX = 10_000
const WAIT_MS_MAX = 600_000

/** Both in milliseconds. */
interface Sample {
  readonly dueAt: number
  /** From when it was to be sent. */
  readonly ms: number
}

/** Writes at a steady rate to each node in turn. */
class SteadyLoad {
  readonly samples: Sample[] = []
  failures = 0
  readonly #clients: readonly Client[]
  readonly #networkId: string
  readonly #timer: NodeJS.Timeout
  readonly #startedAt = Date.now()
  readonly #writes = new Set<Promise<void>>()
  #count = 0

  constructor(clients: readonly Client[], networkId: string) {
    this.#clients = clients
    this.#networkId = networkId
    this.#timer = setInterval(() => this.#sendDue(), 1)
  }

  between(from: number, to: number): number[] {
    const samples = this.samples.filter(({ dueAt }) => dueAt >= from && dueAt < to)
    return samples.map(({ ms }) => ms).toSorted((a, b) => a - b)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#writes)
  }

  #sendDue(): void {
    for (;;) {
      const dueAt = this.#startedAt + (this.#count * 1_000) / WRITES_PER_SECOND
      const client = this.#clients[this.#count % this.#clients.length]
      if (dueAt > Date.now() || client === undefined) return
      this.#count += 1
      const write = this.#send(client, dueAt).finally(() => this.#writes.delete(write))
      this.#writes.add(write)
    }
  }

  async #send(client: Client, dueAt: number): Promise<void> {
    const { fate } = await client.send('POST', '/allocations', { network_id: this.#networkId })
    if (fate === 'done') this.samples.push({ dueAt, ms: Date.now() - dueAt })
    else this.failures += 1
  }
}

const cluster = await Cluster.start({ logLevel: 'warn' })
try {
  const clients = cluster.nodes.map(({ client }) => client)
  const [first] = clients
  if (first === undefined) throw new Error('a cluster without nodes')
  const busy = await first.post<NetworkBody>('/networks', { cidr: '10.128.0.0/9' })
  const leased = await first.post<NetworkBody>('/networks', { cidr: '10.0.0.0/13' })
  const warm = await first.post<NetworkBody>('/networks', { cidr: '10.8.0.0/13' })
  await warmUp(first, warm.id)
  const ratios: number[] = []
  for (let round = 1; round <= ROUNDS; round++) {
    const dueFrom = await fill(first, { busy: busy.id, leased: leased.id })
    const load = new SteadyLoad(clients, busy.id)
    await until('their time has come', () => Date.now() >= dueFrom, { timeoutMs: WAIT_MS_MAX, pollMs: 500 })
    await untilEmpty(first, leased.id)
    const endedAt = Math.max(Date.now(), dueFrom + SPREAD_MS)
    await load.stop()

    const late = await lateness(first, { networkId: leased.id, dueFrom, count: round * EXPIRING })
    await checkAudit(first, WARM_UP + round * EXPIRING)
    ratios.push(report({ load, dueFrom, endedAt, late }))
  }
  reportMedian(ratios)
} finally {
  await cluster.close()
}

async function warmUp(client: Client, networkId: string): Promise<void> {
  const items = Array.from({ length: BATCH }, (_, i) => {
    return { network_id: networkId, hostname: `warm-${i}`, ttl_seconds: 1 }
  })
  for (let done = 0; done < WARM_UP; done += BATCH) await client.post('/allocations/batch', { items })
  await untilEmpty(client, networkId)
}

async function untilEmpty(client: Client, networkId: string): Promise<void> {
  const stats = () => client.get<{ allocated_ips: number }>(`/networks/${networkId}/stats`)
  const isOver = async () => Number((await stats()).allocated_ips) === 0
  await until('all have expired', isOver, { timeoutMs: WAIT_MS_MAX, pollMs: 500 })
}

/** Returns when the first expires: late enough for a quiet time before it. */
async function fill(client: Client, networks: { busy: string; leased: string }): Promise<number> {
  const send = async (networkId: string, dueAt: (i: number) => number | null): Promise<void> => {
    const items = Array.from({ length: BATCH }, (_, i) => {
      const due = dueAt(i)
      const ttl = due === null ? null : Math.ceil((due - Date.now()) / 1_000)
      return { network_id: networkId, hostname: `lease-${i}`, ttl_seconds: ttl }
    })
    await client.post('/allocations/batch', { items })
  }
  const startedAt = performance.now()
  for (let i = 0; i < TRIAL_BATCHES; i++) await send(networks.busy, () => null)
  const batchMs = (performance.now() - startedAt) / TRIAL_BATCHES
  const dueFrom = Math.ceil(Date.now() + MARGIN * batchMs * (EXPIRING / BATCH) + SETTLE_MS + QUIET_MS)
  for (let done = 0; done < EXPIRING; done += BATCH) {
    // Every batch has some of each second: what one entry creates, in whole seconds, is due at the same moments.
    await send(networks.leased, (i) => dueFrom + (i * SPREAD_MS) / BATCH)
  }
  if (Date.now() > dueFrom - SETTLE_MS - QUIET_MS) throw new Error('it was filled too slowly: start again')
  return dueFrom
}

/** How long after its time each one ended that was due from `dueFrom` on, ascending. @throws unless `count` have by now, once. */
async function lateness(
  client: Client,
  { networkId, dueFrom, count }: { networkId: string; dueFrom: number; count: number },
): Promise<number[]> {
  const path = `/allocations?network_id=${networkId}&status=expired`
  const { rows } = await client.list<AllocationBody>(path)
  if (new Set(rows.map(({ id }) => id)).size !== count) {
    throw new Error(`${rows.length} of ${count} allocations have expired`)
  }
  const ofRound = rows.filter(({ expires_at }) => Date.parse(String(expires_at)) >= dueFrom)
  const late = ofRound.map(({ expires_at, released_at }) => {
    return Date.parse(String(released_at)) - Date.parse(String(expires_at))
  })
  if (late.some((ms) => !(ms >= 0))) throw new Error('an allocation expired before its time')
  return late.toSorted((a, b) => a - b)
}

async function checkAudit(client: Client, expected: number): Promise<void> {
  const { rows } = await client.list<AuditBody>('/audit?action=ip_expired')
  const count = new Set(rows.map(({ resource }) => resource)).size
  if (rows.length !== expected || count !== rows.length) {
    throw new Error(`${rows.length} audit rows of ${count} allocations, not of ${expected}`)
  }
}

/** @returns p99 while they expire over that of the quiet time before. */
function report({
  load,
  dueFrom,
  endedAt,
  late,
}: {
  load: SteadyLoad
  dueFrom: number
  endedAt: number
  late: readonly number[]
}): number {
  const quiet = load.between(dueFrom - QUIET_MS, dueFrom)
  const expiring = load.between(dueFrom, endedAt)
  const ratio = at(expiring, 0.99) / at(quiet, 0.99)
  const lateMs = at(late, 1)
  const conditions = `3 nodes on ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}, ${WRITES_PER_SECOND} writes/s through all of them, Node.js ${process.versions.node}`
  const spread = SPREAD_MS === 0 ? 'at once' : `within ${SPREAD_MS / 1_000} s`
  process.stdout.write(
    [
      `| p99 of writes while ${EXPIRING} expire ${spread} | ${at(expiring, 0.99)} ms, ${ratio.toFixed(2)} times | | quiet: ${at(quiet, 0.99)} ms; ${conditions} |`,
      `| … p50 | ${at(expiring, 0.5)} ms | | quiet: ${at(quiet, 0.5)} ms |`,
      `| the last of them expired | ${lateMs} ms after its time, the median ${at(late, 0.5)} ms | at most ${LATE_MS_MAX} ms | all are in the audit log, once |`,
      `| writes that failed | ${load.failures} of ${load.samples.length + load.failures} | 0 | |`,
      '',
    ].join('\n'),
  )
  if ((SPREAD_MS > 0 && lateMs > LATE_MS_MAX) || load.failures > 0) process.exitCode = 1
  return ratio
}

function reportMedian(ratios: readonly number[]): void {
  const middle = median(ratios)
  const all = ratios.map((ratio) => ratio.toFixed(2)).join(', ')
  process.stdout.write(
    `| median of ${ratios.length} rounds | ${middle.toFixed(2)} times | at most ${RATIO_MAX} times | ${all} |\n`,
  )
  if (middle > RATIO_MAX) process.exitCode = 1
}

/** @param sorted Ascending. */
function at(sorted: readonly number[], quantile: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? Number.NaN
}
