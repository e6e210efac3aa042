/** Claims: durable allocations by three nodes against durable puts of 256 B by three etcd members, over gRPC. */
import type { Claim } from './harness/claim.ts'
import { versus } from './harness/versus.ts'
import { Etcd } from './peers/etcd.ts'
import { compare, type Row } from './report/row.ts'
import { etcdWrites } from './sides/etcd.ts'
import { ipamSide } from './sides/ipam.ts'

const BOUNDS: Readonly<Record<number, { bound: number; aim: number }>> = {
  16: { bound: 1.2, aim: 1.7 },
  64: { bound: 1.2, aim: 1.7 },
  256: { bound: 1, aim: 1.5 },
}
const P99_CLIENTS = 64
const KEYED_CLIENTS = 64

export const claim: Claim = {
  name: 'put-over-grpc',
  says: 'allocations against etcd put over gRPC',
  isQuick: true,
  needs: [Etcd],
  async measure(bench) {
    const ours = ipamSide(await bench.ipam())
    const peer = etcdWrites(await bench.etcd(), { name: 'etcd put, gRPC', type: 'etcdPut' })
    const rows: Row[] = []
    for (const clients of bench.clientCounts([16, 64, 256])) {
      const both = await versus(bench, { ours, peer, clients })
      rows.push(compare({ what: claim.says, ...both, ...BOUNDS[clients] }))
      const isP99 = clients === P99_CLIENTS
      if (isP99) rows.push(compare({ what: 'p99 of those', metric: 'p99Ms', ...both, bound: 1, aim: 0.7 }))
    }
    if (bench.settings.isQuick) return rows
    const keyed = ipamSide(await bench.ipam(), { name: 'ipam, keyed', load: 'allocate-keyed' })
    const both = await versus(bench, { ours: keyed, peer, clients: KEYED_CLIENTS })
    return [...rows, compare({ what: 'allocations with an idempotency key each, against the same', ...both })]
  },
}
