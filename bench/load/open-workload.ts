import { EtcdWorkload } from './etcd-operations.ts'
import { IpamWorkload } from './ipam-operations.ts'
import type { Operation } from './job.ts'
import type { Workload } from './workload.ts'

export function openWorkload(operation: Operation): Workload {
  switch (operation.type) {
    case 'ipamAllocate':
      return new IpamWorkload(operation)
    default:
      return new EtcdWorkload(operation)
  }
}
