/**
 * What ours does under each kind of load. With none of the options `--loads`, `--placements`, `--networks`, `--families`
 * and `--stored`, one thing at a time differs from allocations by 64 clients in one empty /16 through the leader; with
 * some, everything that they name is measured together.
 */
import type { Claim } from './harness/claim.ts'
import type { Settings } from './harness/settings.ts'
import type { Placement } from './peers/ipam.ts'
import { figureOf, figureRow, type Row } from './report/row.ts'
import { IPAM_LOADS, type IpamLoad, ipamSide } from './sides/ipam.ts'

interface Point {
  readonly load: IpamLoad
  readonly clients: number
  readonly placement: Placement
  readonly networks: number
  readonly family: 4 | 6
  readonly stored: number
}

/** Nothing is compared. */
const ROUNDS_MAX = 3

const USUAL: Point = { load: 'allocate', clients: 64, placement: 'leader', networks: 1, family: 4, stored: 0 }

const DIFFERENT: readonly Partial<Point>[] = [
  ...IPAM_LOADS.map((load) => ({ load })),
  ...IPAM_LOADS.filter((load) => load !== 'release').map((load) => ({ load, placement: 'all' as const })),
  ...[1, 16, 256].map((clients) => ({ clients })),
  { placement: 'followers' },
  { networks: 64 },
  { family: 6 },
  ...[100_000, 1_000_000].flatMap((stored) =>
    (['allocate', 'get', 'list', 'churn'] as const).map((load) => ({ stored, load })),
  ),
]

export const claim: Claim = {
  name: 'workloads',
  says: 'each kind of load',
  isQuick: false,
  needs: [],
  async measure(bench) {
    const points = pointsOf(bench.settings)
    const rows: Row[] = []
    for (const stored of new Set(points.map((point) => point.stored))) {
      const ipam = await bench.ipam({ stored })
      for (const point of points.filter((each) => each.stored === stored)) {
        const { load, clients } = point
        const side = ipamSide(ipam, { ...point, name: `ipam ${load}, ${stored} stored` })
        const [results = []] = await bench.measure([side], { clients, roundsMax: ROUNDS_MAX })
        rows.push(figureRow({ what: nameOf(point), clients, ours: figureOf('ipam', results) }))
      }
      await bench.end(ipam)
    }
    return rows
  },
}

function pointsOf({ workload, clients }: Settings): Point[] {
  const isChosen = clients !== null || Object.values(workload).some((values) => values !== null)
  if (!isChosen) return DIFFERENT.map((difference) => ({ ...USUAL, ...difference }))
  const { loads, placements, networks, families, stored } = workload
  let points: Point[] = [USUAL]
  points = points.flatMap((point) => (stored ?? [USUAL.stored]).map((each) => ({ ...point, stored: each })))
  points = points.flatMap((point) => (loads ?? [USUAL.load]).map((each) => ({ ...point, load: each })))
  points = points.flatMap((point) => (families ?? [USUAL.family]).map((each) => ({ ...point, family: each })))
  points = points.flatMap((point) =>
    (networks ?? [USUAL.networks]).map((each) => ({ ...point, networks: each })),
  )
  points = points.flatMap((point) =>
    (placements ?? [USUAL.placement]).map((each) => ({ ...point, placement: each })),
  )
  return points.flatMap((point) => (clients ?? [USUAL.clients]).map((each) => ({ ...point, clients: each })))
}

function nameOf({ load, placement, networks, family, stored }: Point): string {
  const where = networks === 1 ? 'one' : String(networks)
  return `${load}, ${where} ${family === 4 ? '/16' : '/64'}, to ${placement}, ${stored} stored`
}
