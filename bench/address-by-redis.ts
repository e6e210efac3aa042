/** For reference: allocations against a script in one Redis server that syncs its log, and does not replicate. */
import type { Claim } from './harness/claim.ts'
import { versus } from './harness/versus.ts'
import { Redis } from './peers/redis.ts'
import { compare, type Row } from './report/row.ts'
import { ipamSide } from './sides/ipam.ts'
import { redisSide } from './sides/references.ts'

export const claim: Claim = {
  name: 'address-by-redis',
  says: 'allocations in one network against Redis, not replicated',
  isQuick: false,
  needs: [Redis],
  async measure(bench) {
    const ours = ipamSide(await bench.ipam())
    const peer = redisSide(await bench.keep(() => Redis.start()), { name: 'Redis' })
    const rows: Row[] = []
    for (const clients of bench.clientCounts([64])) {
      rows.push(compare({ what: claim.says, ...(await versus(bench, { ours, peer, clients })) }))
    }
    return rows
  },
}
