/** Filters that leave nothing out, but for allocations that have ended. */
import type { AllocationFilter, AuditFilter, NetworkFilter } from '../../src/ipam/query.ts'

export const NO_ALLOCATION_FILTER: AllocationFilter = {
  networkId: null,
  namespace: null,
  statuses: ['allocated'],
  ip: null,
  hostname: null,
  mac: null,
  tag: null,
  expiresBefore: null,
  q: null,
}

export const NO_NETWORK_FILTER: NetworkFilter = {
  namespace: null,
  cidr: null,
  contains: null,
  within: null,
  parentId: null,
  tag: null,
  q: null,
}

export const NO_AUDIT_FILTER: AuditFilter = {
  action: null,
  resource: null,
  user: null,
  requestId: null,
  ip: null,
  namespace: null,
  since: null,
  until: null,
  afterIndex: null,
}
