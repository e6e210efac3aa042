/** The report as people read it. */
import { type Figure, isReached, type Metric, type Row } from './row.ts'

const HEAD =
  '| what | clients | ours | the other | result | at least (at most) | aim | |\n|---|---|---|---|---|---|---|---|'
const COST_HEAD =
  '| what | clients | side | ops/s | p50 ms | p99 ms | retries each | µs each: driver | servers | cores: driver | servers | others |\n|---|---|---|---|---|---|---|---|---|---|---|---|'

/** Cores that other processes may take before the result is said to be of a busy machine. */
const OTHER_CORES_MAX = 0.2

/** A figure marked with `*` is limited by the driver; a result with `†` is of a machine that did something else, too. */
export function resultTable(rows: readonly Row[]): string {
  return [HEAD, ...rows.map(resultLine)].join('\n')
}

function resultLine(row: Row): string {
  const { what, missing, clients, metric, ours, peer, bound, aim } = row
  if (missing !== null) return `| ${what} | | | | ${missing} | | | |`
  const cells = [
    what,
    clients ?? '',
    ours === null || metric === null ? '' : figure(ours, metric),
    peer === null || metric === null ? '' : `${peer.name}: ${figure(peer, metric)}`,
    result(row),
    limit(row, bound),
    limit(row, aim),
    verdict(row),
  ]
  return `| ${cells.join(' | ')} |`
}

function result({ result, unit, ours, peer }: Row): string {
  const isBusy = [ours, peer].some((side) => (side?.otherCores ?? 0) > OTHER_CORES_MAX)
  if (result === null) return ''
  const [median, lowest, highest] = [result.median, result.lowest, result.highest].map(
    (value) => `${value.toFixed(value < 10 ? 2 : 1)}${unit}`,
  )
  return `**${median}** (${lowest}–${highest})${isBusy ? ' †' : ''}`
}

function limit({ isUpperBound, unit }: Row, value: number | null): string {
  return value === null ? '' : `${isUpperBound ? '≤ ' : ''}${value}${unit}`
}

function verdict(row: Row): string {
  const hasAim = isReached(row, row.aim)
  if (hasAim === true) return '✓ aim'
  const reached = isReached(row, row.bound)
  if (reached === null) return hasAim === false ? 'aim missed' : ''
  return reached ? '✓' : '✗'
}

function figure(of: Figure, metric: Metric): string {
  const mark = of.isDriverLimited ? '*' : ''
  switch (metric) {
    case 'perSecond':
      return `${Math.round(of.perSecond)}/s${mark}`
    case 'serverMicros':
      return `${of.serverMicros.toFixed(0)} µs`
    default:
      return `${of[metric].toFixed(2)} ms${mark}`
  }
}

/** What each side took of the machine, once for each measurement. */
export function costTable(rows: readonly Row[]): string {
  const shown = new Set<Figure>()
  const lines = rows.flatMap(({ what, clients, ours, peer }) =>
    [ours, peer].flatMap((side) => {
      if (side === null || shown.has(side)) return []
      shown.add(side)
      return [`| ${what} | ${clients} | ${costCells(side)} |`]
    }),
  )
  return [COST_HEAD, ...lines].join('\n')
}

function costCells(of: Figure): string {
  const cells = [
    of.name,
    Math.round(of.perSecond),
    of.p50Ms.toFixed(2),
    of.p99Ms.toFixed(2),
    of.retriesEach.toFixed(1),
    of.driverMicros.toFixed(0),
    of.serverMicros.toFixed(0),
    `${of.driverCores.toFixed(2)}${of.isDriverLimited ? '*' : ''}`,
    of.serverCores.toFixed(2),
    of.otherCores.toFixed(2),
  ]
  return cells.join(' | ')
}
