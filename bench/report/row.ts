/** A line of the report: two sides, their ratio, and what it must be. */
import { cpus } from 'node:os'
import type { JobResult } from '../load/job.ts'
import { isDriverLimited, median, ratioOf, type Spread } from './ratio.ts'

export type Metric = 'perSecond' | 'p50Ms' | 'p99Ms'

export interface Figure {
  readonly name: string
  /** Medians over the rounds. */
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly retriesEach: number
  /** The driver's processor time for an operation. */
  readonly driverMicros: number
  /** Cores: of the driver, of the servers, and of everything else on the machine. */
  readonly driverCores: number
  readonly serverCores: number
  readonly otherCores: number
  /** In at least half of the rounds. */
  readonly isDriverLimited: boolean
  readonly rounds: readonly JobResult[]
}

export interface Row {
  readonly what: string
  /** Why there are no figures; null if there are. */
  readonly missing: string | null
  readonly clients: number | null
  readonly metric: Metric | null
  readonly ours: Figure | null
  readonly peer: Figure | null
  /** Ours through the peer's. */
  readonly ratio: Spread | null
  /** Whether the ratio has to stay below its bounds; above them if not. */
  readonly isUpperBound: boolean
  readonly bound: number | null
  readonly aim: number | null
}

export function figureOf(name: string, rounds: readonly JobResult[]): Figure {
  const each = (of: (result: JobResult) => number): number => median(rounds.map(of))
  const limited = rounds.filter(({ cpu, windowMs }) =>
    isDriverLimited(cpu, { windowMs, cores: cpus().length }),
  )
  return {
    name,
    perSecond: each(perSecond),
    p50Ms: each(({ latency }) => latency.p50),
    p99Ms: each(({ latency }) => latency.p99),
    retriesEach: each(({ retries, count }) => retries / count),
    driverMicros: each(({ cpu, count }) => (cpu.driverMs / count) * 1_000),
    driverCores: each(({ cpu, windowMs }) => cpu.driverMs / windowMs),
    serverCores: each(({ cpu, windowMs }) => cpu.serversMs / windowMs),
    otherCores: each(({ cpu, windowMs }) => (cpu.machineMs - cpu.driverMs - cpu.serversMs) / windowMs),
    isDriverLimited: limited.length * 2 >= rounds.length,
    rounds,
  }
}

export function compare({
  what,
  clients,
  metric = 'perSecond',
  ours,
  peer,
  bound = null,
  aim = null,
}: {
  what: string
  clients: number
  metric?: Metric
  ours: Figure
  peer: Figure
  bound?: number | null
  aim?: number | null
}): Row {
  const of = METRICS[metric]
  const ratio = ratioOf(ours.rounds.map(of), peer.rounds.map(of))
  return {
    what,
    missing: null,
    clients,
    metric,
    ours,
    peer,
    ratio,
    isUpperBound: metric !== 'perSecond',
    bound,
    aim,
  }
}

export function missingRow(what: string, missing: string): Row {
  const none = { clients: null, metric: null, ours: null, peer: null, ratio: null, bound: null, aim: null }
  return { ...none, what, missing, isUpperBound: false }
}

/** Null where nothing is asked. */
export function isReached({ ratio, isUpperBound }: Row, bound: number | null): boolean | null {
  if (ratio === null || bound === null) return null
  return isUpperBound ? ratio.median <= bound : ratio.median >= bound
}

function perSecond({ count, windowMs }: JobResult): number {
  return count / (windowMs / 1_000)
}

const METRICS: Record<Metric, (result: JobResult) => number> = {
  perSecond,
  p50Ms: ({ latency }) => latency.p50,
  p99Ms: ({ latency }) => latency.p99,
}
