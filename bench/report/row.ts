/** A line of the report: what was measured, against what, and what it must come to. */
import { cpus } from 'node:os'
import type { JobResult } from '../load/job.ts'
import { isDriverLimited, median, ratioOf, type Spread, spread } from './ratio.ts'

export type Metric = 'perSecond' | 'p50Ms' | 'p99Ms' | 'serverMicros'

/** One side; medians over the rounds. */
export interface Figure {
  readonly name: string
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Requests that an operation had to repeat. */
  readonly retriesEach: number
  /** Processor time for an operation: the driver's, and that of all servers. */
  readonly driverMicros: number
  readonly serverMicros: number
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
  /** Why there is no result; null if there is one. */
  readonly missing: string | null
  readonly clients: number | null
  readonly metric: Metric | null
  readonly ours: Figure | null
  /** Null for a result that stands by itself. */
  readonly peer: Figure | null
  /** What the bounds are for: ours through the peer's, unless it has another unit. */
  readonly result: Spread | null
  readonly unit: '×' | ' s' | null
  /** Whether the result has to stay below its bounds; above them if not. */
  readonly isUpperBound: boolean
  readonly bound: number | null
  readonly aim: number | null
}

const NOTHING = {
  missing: null,
  clients: null,
  metric: null,
  ours: null,
  peer: null,
  result: null,
  unit: null,
  isUpperBound: false,
  bound: null,
  aim: null,
}

const METRICS: Record<Metric, (result: JobResult) => number> = {
  perSecond: ({ count, windowMs }) => count / (windowMs / 1_000),
  p50Ms: ({ latency }) => latency.p50,
  p99Ms: ({ latency }) => latency.p99,
  serverMicros: ({ cpu, count }) => (cpu.serversMs / count) * 1_000,
}

export function figureOf(name: string, rounds: readonly JobResult[]): Figure {
  const each = (of: (result: JobResult) => number): number => median(rounds.map(of))
  const limited = rounds.filter(({ cpu, windowMs }) =>
    isDriverLimited(cpu, { windowMs, cores: cpus().length }),
  )
  return {
    name,
    perSecond: each(METRICS.perSecond),
    p50Ms: each(METRICS.p50Ms),
    p99Ms: each(METRICS.p99Ms),
    retriesEach: each(({ retries, count }) => retries / count),
    driverMicros: each(({ cpu, count }) => (cpu.driverMs / count) * 1_000),
    serverMicros: each(METRICS.serverMicros),
    driverCores: each(({ cpu, windowMs }) => cpu.driverMs / windowMs),
    serverCores: each(({ cpu, windowMs }) => cpu.serversMs / windowMs),
    otherCores: each(({ cpu, windowMs }) => (cpu.machineMs - cpu.driverMs - cpu.serversMs) / windowMs),
    isDriverLimited: limited.length * 2 >= rounds.length,
    rounds,
  }
}

interface Bounds {
  readonly bound?: number | null
  readonly aim?: number | null
}

/** Every metric but throughput is better the lower it is. */
export function compare({
  what,
  clients,
  metric = 'perSecond',
  ours,
  peer,
  bound = null,
  aim = null,
}: Bounds & { what: string; clients: number; metric?: Metric; ours: Figure; peer: Figure }): Row {
  const of = METRICS[metric]
  const result = ratioOf(ours.rounds.map(of), peer.rounds.map(of))
  const isUpperBound = metric !== 'perSecond'
  return { ...NOTHING, what, clients, metric, ours, peer, result, unit: '×', isUpperBound, bound, aim }
}

export function figureRow({ what, clients, ours }: { what: string; clients: number; ours: Figure }): Row {
  return { ...NOTHING, what, clients, metric: 'perSecond', ours }
}

/** A time that must not be exceeded. */
export function secondsRow({
  what,
  clients,
  seconds,
  bound = null,
  aim = null,
}: Bounds & { what: string; clients: number; seconds: readonly number[] }): Row {
  return { ...NOTHING, what, clients, result: spread(seconds), unit: ' s', isUpperBound: true, bound, aim }
}

export function missingRow(what: string, missing: string): Row {
  return { ...NOTHING, what, missing }
}

/** Null where nothing is asked. */
export function isReached({ result, isUpperBound }: Row, bound: number | null): boolean | null {
  if (result === null || bound === null) return null
  return isUpperBound ? result.median <= bound : result.median >= bound
}
