/** Claim: durable allocations against durable puts of 256 B by etcd over its HTTP/JSON gateway, the same protocol as ours. */
import type { Claim } from './harness/claim.ts'
import { versus } from './harness/versus.ts'
import { Etcd } from './peers/etcd.ts'
import { compare, type Row } from './report/row.ts'
import { etcdWrites } from './sides/etcd.ts'
import { ipamSide } from './sides/ipam.ts'

export const claim: Claim = {
  name: 'put-over-gateway',
  says: 'allocations against etcd put over HTTP/JSON',
  isQuick: true,
  needs: [Etcd],
  async measure(bench) {
    const ours = ipamSide(await bench.ipam())
    const peer = etcdWrites(await bench.etcd(), {
      name: 'etcd put, gateway',
      type: 'etcdGatewayPut',
    })
    const rows: Row[] = []
    for (const clients of bench.clientCounts(bench.settings.isQuick ? [64] : [64, 256])) {
      rows.push(
        compare({
          what: claim.says,
          ...(await versus(bench, { ours, peer, clients })),
          bound: 1.6,
          aim: 2.5,
        }),
      )
    }
    return rows
  },
}
