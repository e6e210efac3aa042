import { Hono } from 'hono'
import { z } from 'zod'
import type { AuditEntry } from '../ipam/records.ts'
import type { IpamService } from '../service.ts'
import { formatTime, json, positionHeaders } from './answer.ts'
import { PAGE_ROWS_MAX, READ_PARAMS, toConsistency, wholeNumberParam } from './fields.ts'
import type { Handle } from './handle.ts'
import { readQuery } from './input.ts'

const AUDIT_ROWS = 100

const ListParams = z.strictObject({
  limit: wholeNumberParam({ min: 1, max: PAGE_ROWS_MAX }).default(AUDIT_ROWS),
  ...READ_PARAMS,
})

export function auditRoutes(service: IpamService, handle: Handle): Hono {
  return new Hono().get(
    '/audit',
    handle(async (c) => {
      const params = readQuery(c, ListParams)
      const query = { type: 'audit', limit: params.limit } as const
      const { value, ...position } = await service.read(query, toConsistency(params))
      return json(200, value.map(auditBody), positionHeaders(position))
    }),
  )
}

function auditBody({ timestamp, action, resource, details, user }: AuditEntry) {
  return { timestamp: formatTime(timestamp), action, resource, details, user }
}
