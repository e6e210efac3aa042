/** Claim: an allocation costs the same with 1,000,000 others stored as with none. */
import type { Claim } from './harness/claim.ts'
import { versus } from './harness/versus.ts'
import { compare, type Row } from './report/row.ts'
import { ipamSide } from './sides/ipam.ts'

const STORED = 1_000_000

export const claim: Claim = {
  name: 'growth',
  says: 'cost of an allocation as the store grows',
  isQuick: false,
  needs: [],
  async measure(bench) {
    const stored = bench.settings.workload.stored?.[0] ?? STORED
    const ours = ipamSide(await bench.ipam({ stored }), { name: `${stored} stored` })
    const peer = ipamSide(await bench.ipam(), { name: 'none stored' })
    const rows: Row[] = []
    for (const clients of bench.clientCounts([64])) {
      const both = await versus(bench, { ours, peer, clients })
      const cost = { metric: 'serverMicros', bound: 1.25, aim: 1.05 } as const
      rows.push(
        compare({ what: `servers' time for a write, ${stored} stored against none`, ...both, ...cost }),
      )
      rows.push(
        compare({ what: `allocations, ${stored} stored against none`, ...both, bound: 0.8, aim: 0.95 }),
      )
    }
    return rows
  },
}
