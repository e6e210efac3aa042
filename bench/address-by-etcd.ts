/**
 * Claims: allocations in one network against two ways to have etcd allocate by transactions that put an address's key if
 * nobody has (`create_revision` = 0): the lowest free address, and a random one.
 */
import type { Claim } from './harness/claim.ts'
import { versus } from './harness/versus.ts'
import { Etcd } from './peers/etcd.ts'
import { compare, type Row } from './report/row.ts'
import { etcdWrites } from './sides/etcd.ts'
import { ipamSide } from './sides/ipam.ts'

const WAYS = [
  { name: 'etcd, lowest free', type: 'etcdNextFree', bound: 40, aim: 80 },
  { name: 'etcd, random', type: 'etcdRandomFree', bound: 1.5, aim: 2.5 },
] as const

export const claim: Claim = {
  name: 'address-by-etcd',
  says: 'allocations in one network against etcd transactions',
  isQuick: true,
  needs: [Etcd],
  async measure(bench) {
    const ours = ipamSide(await bench.ipam())
    const etcd = await bench.etcd()
    const rows: Row[] = []
    for (const { name, type, bound, aim } of WAYS) {
      const peer = etcdWrites(etcd, { name, type })
      for (const clients of bench.clientCounts([64])) {
        rows.push(
          compare({ what: claim.says, ...(await versus(bench, { ours, peer, clients })), bound, aim }),
        )
      }
    }
    return rows
  },
}
