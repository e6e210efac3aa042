/** No claim, but what claims can come to: processes that replicate and do nothing else, against etcd and against ours. */
import type { Claim } from './harness/claim.ts'
import { BareReplication } from './peers/bare-replication.ts'
import { Etcd } from './peers/etcd.ts'
import { compare, figureOf, type Row } from './report/row.ts'
import { etcdWrites } from './sides/etcd.ts'
import { ipamSide } from './sides/ipam.ts'
import { bareSide } from './sides/references.ts'

export const claim: Claim = {
  name: 'replication-floor',
  says: 'bare replication over node:http, no state and no API',
  isQuick: false,
  needs: [Etcd],
  async measure(bench) {
    const sides = [
      bareSide(await bench.keep(() => BareReplication.start()), { name: 'bare replication' }),
      etcdWrites(await bench.etcd(), { name: 'etcd put, gRPC', type: 'etcdPut' }),
      ipamSide(await bench.ipam()),
    ]
    const rows: Row[] = []
    for (const clients of bench.clientCounts([1, 16, 64, 256])) {
      const results = await bench.measure(sides, { clients })
      const [ours, etcd, ipam] = sides.map(({ name }, i) => figureOf(name, results[i] ?? []))
      if (ours === undefined || etcd === undefined || ipam === undefined)
        throw new Error('a side has no figures')
      rows.push(compare({ what: `${claim.says}, against etcd put over gRPC`, clients, ours, peer: etcd }))
      rows.push(compare({ what: 'ipam against bare replication', clients, ours: ipam, peer: ours }))
    }
    return rows
  },
}
