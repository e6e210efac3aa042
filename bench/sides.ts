/** The sides that several claims compare. */
import type { EtcdOperation } from './load/etcd-operations.ts'
import type { Side } from './measure-rounds.ts'
import type { Etcd } from './peers/etcd.ts'
import type { Ipam } from './peers/ipam.ts'

const HOST_MAX = 65_534

/** Which nodes the clients talk to. */
export type Placement = 'leader' | 'all' | 'followers'

export function ipamAllocate(
  ipam: Ipam,
  {
    networks = 1,
    family = 4,
    placement = 'leader',
    name = 'ipam',
  }: { networks?: number; family?: 4 | 6; placement?: Placement; name?: string } = {},
): Side {
  return {
    name,
    serverPids: ipam.pids,
    async prepare() {
      const networkIds = await ipam.makeNetworks(networks, family)
      return {
        operation: { type: 'ipamAllocate', networkIds },
        ports: await portsOf(ipam, placement),
        verify: (acknowledged) => ipam.verify(networkIds, acknowledged),
      }
    },
  }
}

export async function portsOf(ipam: Ipam, placement: Placement): Promise<number[]> {
  if (placement === 'all') return ipam.ports
  return placement === 'leader' ? [await ipam.leaderPort()] : ipam.followerPorts()
}

let prefixCount = 0

/** @param type A kind of write: each one adds a key. */
export function etcdWrites(
  etcd: Etcd,
  type: Exclude<EtcdOperation['type'], 'etcdRange'>,
  { name }: { name: string },
): Side {
  return {
    name,
    serverPids: etcd.pids,
    async prepare() {
      const prefix = `/bench/${++prefixCount}/`
      return {
        operation: { type, prefix, hostMax: HOST_MAX },
        ports: [await etcd.leaderPort()],
        async verify(acknowledged) {
          const count = await etcd.countKeys(prefix)
          if (count !== acknowledged)
            throw new Error(`etcd acknowledged ${acknowledged} keys and has ${count}`)
        },
      }
    },
  }
}
