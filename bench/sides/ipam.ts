/** Ours, under each kind of load. */
import type { Side } from '../harness/bench.ts'
import type { IpamOperation } from '../load/ipam-operations.ts'
import type { Ipam, Placement } from '../peers/ipam.ts'

export type IpamLoad =
  | 'allocate'
  | 'allocate-keyed'
  | 'release'
  | 'churn'
  | 'get'
  | 'get-stale'
  | 'list'
  | 'list-stale'
  | 'mixed'

export const IPAM_LOADS: readonly IpamLoad[] = [
  'allocate',
  'allocate-keyed',
  'release',
  'churn',
  'get',
  'get-stale',
  'list',
  'list-stale',
  'mixed',
]

export interface IpamSideOptions {
  readonly name?: string
  readonly load?: IpamLoad
  readonly networks?: number
  readonly family?: 4 | 6
  readonly placement?: Placement
}

/** V8 optimizes what was called some thousand times; three nodes share these. */
const WARM_UP_OPERATIONS = 10_000
const LIST_ROWS = 100
/** What is there to be read before each measurement of reads. */
const READ_ROWS = 2_000
/** More than can be released within a measurement; a /16 holds 65,534. */
const RELEASE_ROWS = 60_000

/** Each measurement has networks of its own. */
export function ipamSide(
  ipam: Ipam,
  { name = 'ipam', load = 'allocate', networks = 1, family = 4, placement = 'leader' }: IpamSideOptions = {},
): Side {
  return {
    name,
    warmUp: { clients: 64, operations: WARM_UP_OPERATIONS },
    serverPids: () => ipam.pids,
    async prepare() {
      const networkIds = await ipam.makeNetworks(networks, family)
      const allocationIds: string[] = []
      for (const id of networkIds) {
        allocationIds.push(...(await ipam.fill(id, Math.ceil(rowsBefore(load) / networks))))
      }
      // Reads of a follower have to find them.
      if (allocationIds.length > 0) await ipam.cluster.waitUntilLevel()
      return {
        operation: operationOf(load, { networkIds, allocationIds }),
        ports: await ipam.ports(placement),
        verify: (rows) => ipam.verify(networkIds, allocationIds.length + rows),
      }
    },
  }
}

function rowsBefore(load: IpamLoad): number {
  if (load === 'allocate' || load === 'allocate-keyed' || load === 'churn') return 0
  return load === 'release' ? RELEASE_ROWS : READ_ROWS
}

function operationOf(
  load: IpamLoad,
  rows: { networkIds: readonly string[]; allocationIds: readonly string[] },
): IpamOperation {
  const { networkIds, allocationIds } = rows
  switch (load) {
    case 'allocate':
    case 'allocate-keyed':
      return { type: 'ipamAllocate', networkIds, isKeyed: load === 'allocate-keyed' }
    case 'churn':
      return { type: 'ipamChurn', networkIds }
    case 'release':
      return { type: 'ipamRelease', allocationIds }
    case 'get':
    case 'get-stale':
      return { type: 'ipamGet', allocationIds, isStale: load === 'get-stale' }
    case 'list':
    case 'list-stale':
      return {
        type: 'ipamList',
        networkIds,
        limit: Math.min(LIST_ROWS, Math.floor(allocationIds.length / networkIds.length)),
        isStale: load === 'list-stale',
      }
    case 'mixed':
      return { type: 'ipamMixed', ...rows }
  }
}
