/** What lists and exports of allocations can be narrowed by. */
import { z } from 'zod'
import type { AllocationFilter } from '../ipam/query.ts'
import { ALLOCATION_STATUSES, type AllocationStatus } from '../ipam/records.ts'
import { expected, id, ip, mac, namespaceName } from './fields.ts'
import { booleanParam, searchParam, timeParam } from './params.ts'
import { invalidRequest } from './problem.ts'

export const ALLOCATION_FILTER_PARAMS = {
  network_id: id.optional().meta({ description: 'In this network.' }),
  namespace: namespaceName.optional(),
  all: booleanParam.optional().meta({ description: 'With those that were released or have expired.' }),
  ip: ip.optional().meta({ description: 'With this address, alone or inside a range.' }),
  hostname: searchParam.optional().meta({ description: 'With this as a part of the host name.' }),
  mac: mac.optional(),
  tag: searchParam.optional().meta({ description: 'With this tag.' }),
  status: z
    .enum(ALLOCATION_STATUSES, { error: (issue) => expected('allocated, released or expired', issue.input) })
    .optional()
    .meta({ description: 'With this status; without it, what is allocated.' }),
  expires_before: timeParam.optional().meta({ description: 'Expiring before this time.' }),
  q: searchParam.optional().meta({ description: 'Words of any field, and parts of host names.' }),
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
  return all === true ? ALLOCATION_STATUSES : ['allocated']
}
