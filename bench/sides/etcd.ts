/** etcd, under each kind of load. */
import type { Side } from '../harness/bench.ts'
import type { EtcdOperation } from '../load/etcd-operations.ts'
import type { Etcd } from '../peers/etcd.ts'

/** Of a /16. */
const HOST_MAX = 65_534
const READ_ROWS = 2_000

/** The driver's code is compiled by then; those that repeat a lot take long. */
const WARM_UP_OPERATIONS: Record<EtcdOperation['type'], number> = {
  etcdPut: 5_000,
  etcdGatewayPut: 5_000,
  etcdRange: 5_000,
  etcdRandomFree: 5_000,
  etcdNextFree: 100,
}

let prefixCount = 0

/** A kind of write, through the leader: each one adds a key. */
export function etcdWrites(
  etcd: Etcd,
  { name, type }: { name: string; type: Exclude<EtcdOperation['type'], 'etcdRange'> },
): Side {
  return {
    name,
    warmUp: { clients: 64, operations: WARM_UP_OPERATIONS[type] },
    serverPids: () => etcd.pids,
    async prepare() {
      const prefix = `/bench/${++prefixCount}/`
      return {
        operation: { type, prefix, hostMax: HOST_MAX },
        ports: [await etcd.leaderPort()],
        async verify(rows) {
          const count = await etcd.countKeys(prefix)
          if (count !== rows) throw new Error(`etcd acknowledged ${rows} keys and has ${count}`)
        },
      }
    },
  }
}

/** Linearizable reads of single keys, spread over all members. */
export async function etcdReads(etcd: Etcd, { name }: { name: string }): Promise<Side> {
  const prefix = `/bench/${++prefixCount}/`
  await etcd.putHosts(prefix, READ_ROWS)
  return {
    name,
    warmUp: { clients: 64, operations: WARM_UP_OPERATIONS.etcdRange },
    serverPids: () => etcd.pids,
    async prepare() {
      return {
        operation: { type: 'etcdRange', prefix, hostMax: READ_ROWS },
        ports: etcd.ports,
        async verify() {
          if ((await etcd.countKeys(prefix)) !== READ_ROWS) throw new Error('etcd has lost keys')
        },
      }
    },
  }
}
