/** Claims: what one client waits for an allocation, against a put of etcd, and against what disk and loopback take at least. */
import type { Claim } from './harness/claim.ts'
import { Etcd } from './peers/etcd.ts'
import { Floor } from './peers/floor.ts'
import { compare, figureOf } from './report/row.ts'
import { etcdWrites } from './sides/etcd.ts'
import { ipamSide } from './sides/ipam.ts'
import { floorSide } from './sides/references.ts'

export const claim: Claim = {
  name: 'one-client',
  says: 'p50 of one client',
  isQuick: true,
  needs: [Etcd],
  async measure(bench) {
    const sides = [
      ipamSide(await bench.ipam()),
      etcdWrites(await bench.etcd(), { name: 'etcd put, gRPC', type: 'etcdPut' }),
      floorSide(await bench.keep(() => Floor.start()), { name: 'fdatasync + round trip' }),
    ]
    const results = await bench.measure(sides, { clients: 1 })
    const [ours, etcd, floor] = sides.map(({ name }, i) => figureOf(name, results[i] ?? []))
    if (ours === undefined || etcd === undefined || floor === undefined)
      throw new Error('a side has no figures')
    const both = { clients: 1, metric: 'p50Ms', ours } as const
    return [
      compare({
        what: 'p50 of one client against etcd put over gRPC',
        ...both,
        peer: etcd,
        bound: 1,
        aim: 0.8,
      }),
      compare({
        what: 'p50 of one client against one fdatasync and one round trip',
        ...both,
        peer: floor,
        aim: 3,
      }),
    ]
  },
}
