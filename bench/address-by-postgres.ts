/**
 * Claims: allocations in one network against one PostgreSQL server, which does not replicate: the lowest gap under an
 * advisory lock, as NetBox allocates (but in a function, with one round trip and no audit), and a row of a table of all
 * addresses by SKIP LOCKED.
 */
import type { Claim } from './harness/claim.ts'
import { versus } from './harness/versus.ts'
import { Postgres } from './peers/postgres.ts'
import { compare, type Row } from './report/row.ts'
import { ipamSide } from './sides/ipam.ts'
import { postgresSide } from './sides/references.ts'

const WAYS = [
  { name: 'PostgreSQL, lowest gap', type: 'postgresLowestGap', bound: 5, aim: 12 },
  { name: 'PostgreSQL, SKIP LOCKED', type: 'postgresSkipLocked', bound: 0.9, aim: 1.5 },
] as const

export const claim: Claim = {
  name: 'address-by-postgres',
  says: 'allocations in one network against PostgreSQL',
  isQuick: true,
  needs: [Postgres],
  async measure(bench) {
    const ours = ipamSide(await bench.ipam())
    const postgres = await bench.keep(() => Postgres.start())
    const rows: Row[] = []
    for (const { name, type, bound, aim } of WAYS) {
      const peer = postgresSide(postgres, { name, type })
      for (const clients of bench.clientCounts([64])) {
        rows.push(
          compare({ what: claim.says, ...(await versus(bench, { ours, peer, clients })), bound, aim }),
        )
      }
    }
    return rows
  },
}
