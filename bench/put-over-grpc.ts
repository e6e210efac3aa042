/** Claims: durable allocations by three nodes against durable puts of 256 B by three etcd members, over gRPC. */
import type { Claim } from './claim.ts'
import type { Bench } from './measure-rounds.ts'
import { Etcd } from './peers/etcd.ts'
import { Ipam } from './peers/ipam.ts'
import { compare, figureOf, type Row } from './report/row.ts'
import { etcdWrites, ipamAllocate } from './sides.ts'

const BOUNDS: Readonly<Record<number, { bound: number; aim: number }>> = {
  16: { bound: 1.2, aim: 1.7 },
  64: { bound: 1.2, aim: 1.7 },
  256: { bound: 1, aim: 1.5 },
}

export const claim: Claim = {
  name: 'put-over-grpc',
  says: 'durable allocations against etcd put over gRPC',
  isQuick: true,
  needs: [Etcd],
  async measure(bench) {
    const ipam = await bench.keep(Ipam.start())
    const etcd = await bench.keep(Etcd.start())
    const rows: Row[] = []
    for (const clients of bench.clientCounts([16, 64, 256]))
      rows.push(...(await measureAt(bench, { ipam, etcd, clients })))
    return rows
  },
}

async function measureAt(
  bench: Bench,
  { ipam, etcd, clients }: { ipam: Ipam; etcd: Etcd; clients: number },
): Promise<Row[]> {
  const sides = [ipamAllocate(ipam), etcdWrites(etcd, 'etcdPut', { name: 'etcd put, gRPC' })]
  const [ours = [], theirs = []] = await bench.measure(sides, { clients })
  const both = { clients, ours: figureOf('ipam', ours), peer: figureOf('etcd put, gRPC', theirs) }
  const throughput = compare({ what: 'allocations against etcd put over gRPC', ...both, ...BOUNDS[clients] })
  if (clients !== 64) return [throughput]
  return [
    throughput,
    compare({ what: 'p99, allocation against etcd put', metric: 'p99Ms', ...both, bound: 1, aim: 0.7 }),
  ]
}
