/** A metric and its samples, as of one scrape. */
import { DURATION_BOUNDS_MS, type Durations } from '../../raft/durations.ts'

export type Labels = Readonly<Record<string, string | number>>

export interface Sample {
  /** Of the family, unless it is a part of a histogram. */
  readonly metricName: string
  readonly labels: Labels
  readonly value: number
}

export interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly samples: readonly Sample[]
}

/** What is told of one part of a node: always the same families, with or without samples. Never waits for the cluster. */
export type Source = () => readonly Family[] | Promise<readonly Family[]>

/** One value, none, or one for each set of labels. */
type Values = number | null | readonly (readonly [Labels, number])[]

export function gauge(name: string, help: string, values: Values): Family {
  return { name, help, type: 'gauge', samples: samplesOf(name, values) }
}

/** @param name Ends in `_total`. */
export function counter(name: string, help: string, values: Values): Family {
  return { name, help, type: 'counter', samples: samplesOf(name, values) }
}

/** 1 for yes. */
export function flag(name: string, help: string, isSo: boolean): Family {
  return gauge(name, help, isSo ? 1 : 0)
}

/** @param name Ends in `_seconds`. */
export function histogram(
  name: string,
  help: string,
  durations: Durations | readonly (readonly [Labels, Durations])[],
): Family {
  const series = isSeries(durations) ? durations : ([[{}, durations]] as const)
  const samples = series.flatMap(([labels, one]) => histogramSamples(name, labels, one))
  return { name, help, type: 'histogram', samples }
}

function isSeries(
  durations: Durations | readonly (readonly [Labels, Durations])[],
): durations is readonly (readonly [Labels, Durations])[] {
  return Array.isArray(durations)
}

function samplesOf(name: string, values: Values): Sample[] {
  if (values === null) return []
  if (typeof values === 'number') return [{ metricName: name, labels: {}, value: values }]
  return values.map(([labels, value]) => ({ metricName: name, labels, value }))
}

/** Buckets are cumulative: each counts what is in those below it, too. */
function histogramSamples(name: string, labels: Labels, { counts, sumMs }: Durations): Sample[] {
  let count = 0
  const buckets = counts.map((inBucket, i) => {
    count += inBucket
    const boundMs = DURATION_BOUNDS_MS[i]
    const le = boundMs === undefined ? '+Inf' : String(boundMs / 1_000)
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sumMs / 1_000 },
    { metricName: `${name}_count`, labels, value: count },
  ]
}
