import { Hono } from 'hono'
import { z } from 'zod'
import { unreachable } from '../../raft/assert.ts'
import type { AuditEntry, AuditRecord, TaggedRecord } from '../ipam/records.ts'
import { AUDIT_ACTIONS } from '../ipam/records.ts'
import type { IpamService } from '../service.ts'
import { VIEWER } from './access.ts'
import { allocationBody } from './allocation-body.ts'
import { formatTime, json, positionHeaders } from './answer.ts'
import { expected, ip, namespaceName } from './fields.ts'
import type { Handle } from './handle.ts'
import { readQuery } from './input.ts'
import { networkBody } from './network-body.ts'
import {
  PAGE_PARAMS,
  PAGE_ROWS_MAX,
  pageHeaders,
  READ_PARAMS,
  searchParam,
  timeParam,
  toConsistency,
  toPage,
  wholeNumberParam,
} from './params.ts'
import { invalidRequest } from './problem.ts'
import type * as shapes from './shapes.ts'
import { keyBody, userBody } from './user-body.ts'

const AUDIT_ROWS = 100

export const AuditParams = z.strictObject({
  ...PAGE_PARAMS,
  limit: wholeNumberParam({ min: 1, max: PAGE_ROWS_MAX })
    .default(AUDIT_ROWS)
    .meta({ description: 'Rows in a page, at most: the newest, in the order of their making.' }),
  action: z
    .enum(AUDIT_ACTIONS, { error: (issue) => expected(`one of ${AUDIT_ACTIONS.join(', ')}`, issue.input) })
    .optional()
    .meta({ description: 'Of this kind.' }),
  resource: searchParam
    .optional()
    .meta({ description: 'Of this id: net-…, alloc-…, node-4, user-alice, key-….' }),
  user: searchParam.optional().meta({ description: 'By this user, or key-….' }),
  request_id: searchParam.optional().meta({ description: 'Of the request with this X-Request-Id.' }),
  ip: ip.optional().meta({ description: 'Of allocations with this address.' }),
  namespace: namespaceName
    .optional()
    .meta({ description: 'Where the address of ip lies; default when left out. Only with ip.' }),
  since: timeParam.optional().meta({ description: 'From this time on.' }),
  until: timeParam.optional().meta({ description: 'Before this time.' }),
  after_index: wholeNumberParam({ min: 0, max: Number.MAX_SAFE_INTEGER })
    .optional()
    .meta({ description: 'After this log index, the oldest first: for those who follow the log.' }),
  ...READ_PARAMS,
})

export function auditRoutes(service: IpamService, handle: Handle): Hono {
  return new Hono().get(
    '/audit',
    handle(VIEWER, async (c) => {
      const params = readQuery(c, AuditParams)
      checkNamespace(params)
      const filter = {
        action: params.action ?? null,
        resource: params.resource ?? null,
        user: params.user ?? null,
        requestId: params.request_id ?? null,
        ip: params.ip ?? null,
        namespace: params.namespace ?? null,
        since: params.since ?? null,
        until: params.until ?? null,
        afterIndex: params.after_index ?? null,
      }
      const query = { type: 'audit', filter, page: toPage(params) } as const
      const { value, ...position } = await service.read(query, toConsistency(params))
      const headers = { ...positionHeaders(position), ...pageHeaders(c, value) }
      return json(200, value.rows.map(auditBody), headers)
    }),
  )
}

/** It says where an address lies. Rows of a whole namespace are not found by it, and all rows would look like them. */
function checkNamespace({ ip, namespace }: z.output<typeof AuditParams>): void {
  if (namespace === undefined || ip !== undefined) return
  const message = 'goes with ip alone: name the address whose changes are meant, or leave it out'
  throw invalidRequest([{ field: 'namespace', message }])
}

function auditBody(entry: AuditEntry): shapes.AuditEntry {
  const { timestamp, action, resource, details, user, index, requestId, before, after } = entry
  return {
    timestamp: formatTime(timestamp),
    action,
    resource,
    details,
    user,
    index,
    request_id: requestId,
    before: before && recordBody(before),
    after: after && recordBody(after),
  }
}

/** Where a network lay at that time is not on record. */
function recordBody(record: AuditRecord): NonNullable<shapes.AuditEntry['before']> {
  if ('kind' in record) return taggedBody(record)
  if (!('cidr' in record)) return allocationBody(record)
  const { parent_id: _, ...body } = networkBody({ ...record, parentId: null })
  return body
}

function taggedBody(record: TaggedRecord): NonNullable<shapes.AuditEntry['before']> {
  switch (record.kind) {
    case 'user':
      return userBody(record)
    case 'key':
      return keyBody(record)
    case 'member': {
      const { nodeId, addr, voter, isRolledBack } = record
      return { node_id: nodeId, addr, voter, rolled_back: isRolledBack }
    }
    default:
      return unreachable(record)
  }
}
