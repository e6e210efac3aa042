import { EtcdWorkload } from './etcd-operations.ts'
import { FloorWorkload } from './floor-operation.ts'
import { IpamWorkload } from './ipam-operations.ts'
import type { Operation } from './job.ts'
import { PostgresWorkload } from './postgres-operations.ts'
import { RedisWorkload } from './redis-operation.ts'
import type { Workload } from './workload.ts'

export function openWorkload(operation: Operation): Workload {
  switch (operation.type) {
    case 'ipamAllocate':
    case 'ipamChurn':
    case 'ipamRelease':
    case 'ipamGet':
    case 'ipamList':
    case 'ipamMixed':
      return new IpamWorkload(operation)
    case 'etcdPut':
    case 'etcdGatewayPut':
    case 'etcdNextFree':
    case 'etcdRandomFree':
    case 'etcdRange':
      return new EtcdWorkload(operation)
    case 'postgresLowestGap':
    case 'postgresSkipLocked':
      return new PostgresWorkload(operation)
    case 'redisAllocate':
      return new RedisWorkload(operation)
    case 'floor':
      return new FloorWorkload(operation)
  }
}
