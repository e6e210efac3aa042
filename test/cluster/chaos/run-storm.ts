/** One storm from its seed to its verdict. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Random } from '../../sim/random.ts'
import type { NetworkBody } from '../client.ts'
import { expectSameState } from '../same-state.ts'
import { until } from '../until.ts'
import { checkHistory } from './check-history.ts'
import { ClientLoad, createNetworks, isAcknowledgedWrite, type ManagedNetwork } from './client-load.ts'
import { Fleet } from './fleet.ts'
import { Storm } from './storm.ts'

const CLIENTS = 256
const NETWORKS = 64
const THINK_MS = 900
/** The nodes hold still until every page of every list is read from one log index. */
const WRITES_MAX = 9_500
const FLOW_MS_MAX = 60_000

export interface StormOptions {
  readonly seed: number
  readonly nodeCount: number
  readonly durationMs: number
}

export interface StormReport extends StormOptions {
  /** Each is a broken promise; empty if all were kept. */
  readonly complaints: string[]
  readonly timeline: string[]
  /** By what is counted, such as `kill` or `unknown`. */
  readonly faults: Record<string, number>
  readonly counts: Record<string, number>
  /** Where the logs and data of the nodes are kept; null if all is well. */
  directory: string | null
}

/** Never rejects: what it met is in the report. */
export async function runStorm(options: StormOptions): Promise<StormReport> {
  const report: StormReport = {
    ...options,
    ...{ complaints: [], timeline: [], faults: {}, counts: {}, directory: null },
  }
  const fleet = await Fleet.start(options.nodeCount)
  try {
    await weather(fleet, report)
  } catch (error) {
    report.complaints.push(explain(error))
  }
  for (const { node, exit } of fleet.unexpectedExits) {
    report.complaints.push(`node ${node} ended by itself: ${JSON.stringify(exit)}`)
  }
  if (report.complaints.length > 0) report.directory = fleet.cluster.directory
  await fleet.close({ keepsDirectory: report.directory !== null }).catch((error: unknown) => {
    report.complaints.push(`the nodes could not be put away: ${explain(error)}`)
  })
  return report
}

async function weather(fleet: Fleet, report: StormReport): Promise<void> {
  const random = new Random(report.seed)
  const [contact] = fleet.members
  if (contact === undefined) throw new Error('there are no nodes')
  const networks = await createNetworks(contact, NETWORKS)
  const load = new ClientLoad({
    ...{ networks, contacts: () => fleet.contacts, random: random.fork() },
    ...{ clientCount: CLIENTS, thinkMs: THINK_MS, writesMax: WRITES_MAX },
  })
  try {
    await endure({ fleet, report, random, load }).finally(() => load.stop())
    await judge({ fleet, report, networks, load })
  } finally {
    countRequests(load, report)
    await countLogLines(fleet, report)
    // After the verdict, which says more.
    report.complaints.push(...load.surprises.map((surprise) => `no correct node answers this: ${surprise}`))
  }
}

/** The storm, and that all is well after it. */
async function endure(scene: {
  fleet: Fleet
  report: StormReport
  random: Random
  load: ClientLoad
}): Promise<void> {
  const { fleet, report, random, load } = scene
  await until('writes flow', () => load.acknowledgedWrites >= CLIENTS, { timeoutMs: FLOW_MS_MAX })
  const startedAt = performance.now()
  await rage(fleet, report, random)
  const endedAt = performance.now()
  // Whoever catches up has to be faster than what is new.
  load.slowDown()
  await fleet.recover()
  report.counts['longest time without an acknowledged write, ms'] = longestGapMs(load, { startedAt, endedAt })
  report.counts['recovery, ms'] = Math.round(performance.now() - endedAt)
  await expectService(fleet)
}

async function judge(scene: {
  fleet: Fleet
  report: StormReport
  networks: readonly ManagedNetwork[]
  load: ClientLoad
}): Promise<void> {
  const { fleet, report, networks, load } = scene
  const { requests } = load
  const { directory } = fleet.cluster
  await writeFile(join(directory, 'history.json'), JSON.stringify(requests))
  const state = await expectSameState(fleet.cluster, fleet.members)
  await writeFile(join(directory, 'state.json'), JSON.stringify(state))
  const readAt = performance.now()
  report.complaints.push(...checkHistory({ networks, requests, state, readAt }))
  report.counts['check, ms'] = Math.round(performance.now() - readAt)
}

async function rage(fleet: Fleet, report: StormReport, random: Random): Promise<void> {
  const startedAt = performance.now()
  const storm = new Storm({
    fleet,
    seed: random.integer(0, 2 ** 31),
    frontCount: report.nodeCount > 3 ? 3 : 2,
  })
  try {
    await storm.lasts(report.durationMs)
    await storm.stop()
  } finally {
    for (const { at, text } of storm.timeline) {
      report.timeline.push(`${((at - startedAt) / 1_000).toFixed(3).padStart(8)} s  ${text}`)
    }
    Object.assign(report.faults, Object.fromEntries(storm.counts))
  }
}

/** Through each member: a write, and a read that must see it. */
async function expectService(fleet: Fleet): Promise<void> {
  const limit = { timeoutMs: FLOW_MS_MAX }
  for (const [i, { client, id }] of fleet.members.entries()) {
    const write = async (): Promise<NetworkBody | false> => {
      const { fate, body } = await client.send<NetworkBody>('POST', '/networks', { cidr: `10.65.${i}.0/28` })
      return fate === 'done' && body
    }
    const made = await until(`node ${id} takes a write`, write, limit)
    const read = async (): Promise<boolean> =>
      (await client.send('GET', `/networks/${made.id}`)).fate === 'done'
    await until(`node ${id} reads it`, read, limit)
  }
}

function countRequests({ requests }: ClientLoad, { counts }: StormReport): void {
  counts['operations'] = requests.length
  counts['acknowledged writes'] = requests.filter(isAcknowledgedWrite).length
  for (const { fate } of requests) counts[fate] = (counts[fate] ?? 0) + 1
}

async function countLogLines(fleet: Fleet, { counts }: StormReport): Promise<void> {
  // A node that the cluster never took was never started.
  const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '')
  const logs = await Promise.all(fleet.cluster.nodes.map((node) => read(fleet.cluster.logPath(node))))
  const count = (pattern: RegExp): number =>
    logs.reduce((sum, log) => sum + (log.match(pattern)?.length ?? 0), 0)
  counts['elections won'] = count(/"role":"leader".*"msg":"role, term or leader changed"/g)
  counts['snapshots installed'] = count(/"msg":"installed a snapshot"/g)
}

function longestGapMs(
  { requests }: ClientLoad,
  { startedAt, endedAt }: { startedAt: number; endedAt: number },
): number {
  const times = requests
    .filter(
      (request) => isAcknowledgedWrite(request) && request.endedAt > startedAt && request.endedAt < endedAt,
    )
    .map((request) => request.endedAt)
  const moments = [startedAt, ...times.toSorted((a, b) => a - b), endedAt]
  return Math.round(Math.max(...moments.slice(1).map((moment, i) => moment - (moments[i] ?? moment))))
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `: ${explain(error.cause)}`
  return `${error.message}${cause}`
}

/** As lines for people. */
export function formatReport(report: StormReport): string {
  const { seed, nodeCount, durationMs, complaints, timeline, faults, counts, directory } = report
  const table = (rows: Record<string, number>): string =>
    Object.entries(rows)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')
  const lines = [
    `storm of ${Math.round(durationMs / 1_000)} s on ${nodeCount} nodes, seed ${seed}`,
    `  ${table(counts)}`,
    `  faults: ${table(faults)}`,
  ]
  if (directory === null) return lines.join('\n')
  return [
    ...lines,
    ...complaints.slice(0, 20).map((complaint) => `✗ ${complaint}`),
    ...(complaints.length > 20 ? [`… and ${complaints.length - 20} more`] : []),
    'what went on (seconds since the storm began):',
    ...timeline,
    `logs (node-N.log), data, history.json and state.json are kept in ${directory}`,
    `again, as far as time allows: make chaos CHAOS_SEED=${seed} CHAOS_NODES=${nodeCount}`,
  ].join('\n')
}
