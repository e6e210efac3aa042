/** Claim: writes that are all sent to followers, against writes sent to the leader. */
import type { Claim } from './harness/claim.ts'
import { versus } from './harness/versus.ts'
import { compare, type Row } from './report/row.ts'
import { ipamSide } from './sides/ipam.ts'

export const claim: Claim = {
  name: 'through-followers',
  says: 'allocations sent to followers only, against the leader only',
  isQuick: false,
  needs: [],
  async measure(bench) {
    const ipam = await bench.ipam()
    const ours = ipamSide(ipam, { name: 'followers', placement: 'followers' })
    const peer = ipamSide(ipam, { name: 'leader', placement: 'leader' })
    const rows: Row[] = []
    for (const clients of bench.clientCounts([64])) {
      rows.push(
        compare({
          what: claim.says,
          ...(await versus(bench, { ours, peer, clients })),
          bound: 0.7,
          aim: 0.9,
        }),
      )
    }
    return rows
  },
}
