/** Claim: linearizable reads of one allocation, spread over three nodes, against linearizable ranges of one key by etcd, spread too. */
import type { Claim } from './harness/claim.ts'
import { versus } from './harness/versus.ts'
import { Etcd } from './peers/etcd.ts'
import { compare, type Row } from './report/row.ts'
import { etcdReads } from './sides/etcd.ts'
import { ipamSide } from './sides/ipam.ts'

export const claim: Claim = {
  name: 'linearizable-reads',
  says: 'linearizable reads over all nodes against etcd range over gRPC',
  isQuick: true,
  needs: [Etcd],
  async measure(bench) {
    const ours = ipamSide(await bench.ipam(), { name: 'ipam get', load: 'get', placement: 'all' })
    const peer = await etcdReads(await bench.etcd(), { name: 'etcd range, gRPC' })
    const rows: Row[] = []
    for (const clients of bench.clientCounts([64])) {
      rows.push(
        compare({ what: claim.says, ...(await versus(bench, { ours, peer, clients })), bound: 1, aim: 1.5 }),
      )
    }
    return rows
  },
}
