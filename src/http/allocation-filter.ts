/** What lists and exports of allocations can be narrowed by. */
import { z } from 'zod'
import type { AllocationFilter } from '../ipam/query.ts'
import type { AllocationStatus } from '../ipam/records.ts'
import { booleanParam, expected, id, ip, mac, namespaceName, searchParam, timeParam } from './fields.ts'
import { invalidRequest } from './problem.ts'

const EVERY_STATUS = ['allocated', 'released', 'expired'] as const

export const ALLOCATION_FILTER_PARAMS = {
  network_id: id.optional(),
  namespace: namespaceName.optional(),
  all: booleanParam.optional(),
  ip: ip.optional(),
  hostname: searchParam.optional(),
  mac: mac.optional(),
  tag: searchParam.optional(),
  status: z
    .enum(EVERY_STATUS, { error: (issue) => expected('allocated, released or expired', issue.input) })
    .optional(),
  expires_before: timeParam.optional(),
  q: searchParam.optional(),
}

const Params = z.strictObject(ALLOCATION_FILTER_PARAMS)

/** @throws {ProblemError} */
export function toAllocationFilter(params: z.output<typeof Params>): AllocationFilter {
  if (params.all !== undefined && params.status !== undefined) {
    throw invalidRequest([{ field: 'status', message: 'does not go with all; leave one out' }])
  }
  return {
    networkId: params.network_id ?? null,
    namespace: params.namespace ?? null,
    statuses: statusesOf(params),
    ip: params.ip ?? null,
    hostname: params.hostname ?? null,
    mac: params.mac ?? null,
    tag: params.tag ?? null,
    expiresBefore: params.expires_before ?? null,
    q: params.q ?? null,
  }
}

function statusesOf({ all, status }: z.output<typeof Params>): readonly AllocationStatus[] {
  if (status !== undefined) return [status]
  return all === true ? EVERY_STATUS : ['allocated']
}
