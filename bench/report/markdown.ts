/** The report as people read it. */
import { type Figure, isReached, type Metric, type Row } from './row.ts'

const HEAD =
  '| what | clients | ours | the other | ratio | at least (at most) | aim | |\n|---|---|---|---|---|---|---|---|'
const COST_HEAD =
  '| what | clients | side | ops/s | p50 ms | p99 ms | retries each | driver µs each | cores: driver | servers | others |\n|---|---|---|---|---|---|---|---|---|---|---|'

/** A figure marked with `*` is limited by the driver. */
export function resultTable(rows: readonly Row[]): string {
  return [HEAD, ...rows.map(resultLine)].join('\n')
}

function resultLine(row: Row): string {
  const { what, missing, clients, metric, ours, peer, ratio, isUpperBound, bound, aim } = row
  if (ours === null || peer === null || ratio === null || metric === null) {
    return `| ${what} | | | | ${missing} | | | |`
  }
  const limit = (value: number | null): string =>
    value === null ? '' : `${isUpperBound ? '≤ ' : ''}${value}×`
  const spread = `**${times(ratio.median)}** (${times(ratio.lowest)}–${times(ratio.highest)})`
  return `| ${what} | ${clients} | ${figure(ours, metric)} | ${peer.name}: ${figure(peer, metric)} | ${spread} | ${limit(bound)} | ${limit(aim)} | ${verdict(row)} |`
}

function verdict(row: Row): string {
  const reached = isReached(row, row.bound)
  if (reached === null) return ''
  if (!reached) return '✗'
  return isReached(row, row.aim) === true ? '✓ aim' : '✓'
}

function figure(of: Figure, metric: Metric): string {
  const mark = of.isDriverLimited ? '*' : ''
  return metric === 'perSecond'
    ? `${Math.round(of.perSecond)}/s${mark}`
    : `${of[metric].toFixed(2)} ms${mark}`
}

/** What each side took of the machine. */
export function costTable(rows: readonly Row[]): string {
  const lines = rows.flatMap(({ what, clients, ours, peer }) =>
    [ours, peer]
      .filter((side) => side !== null)
      .map((side) => `| ${what} | ${clients} | ${costCells(side)} |`),
  )
  return [COST_HEAD, ...new Set(lines)].join('\n')
}

function costCells(of: Figure): string {
  const cores = [of.driverCores, of.serverCores, of.otherCores].map((count) => count.toFixed(2))
  const [driver, ...rest] = cores
  const cells = [
    of.name,
    Math.round(of.perSecond),
    of.p50Ms.toFixed(2),
    of.p99Ms.toFixed(2),
    of.retriesEach.toFixed(1),
    of.driverMicros.toFixed(0),
    `${driver}${of.isDriverLimited ? '*' : ''}`,
    ...rest,
  ]
  return cells.join(' | ')
}

function times(ratio: number): string {
  return `${ratio.toFixed(ratio < 10 ? 2 : 1)}×`
}
