import { type Context, Hono } from 'hono'
import { z } from 'zod'
import type { Allocation } from '../ipam/records.ts'
import type { IpamService } from '../service.ts'
import { show } from '../show.ts'
import { etag, formatTime, json, noContent, positionHeaders } from './answer.ts'
import {
  booleanParam,
  description,
  hostname,
  id,
  isId,
  NO_PARAMS,
  nextPageHeaders,
  PAGE_PARAMS,
  READ_PARAMS,
  toConsistency,
  wholeNumber,
} from './fields.ts'
import type { Handle } from './handle.ts'
import { readBody, readQuery } from './input.ts'
import { invalidRequest, ProblemError } from './problem.ts'

const HOUR_MS = 3_600_000
/** 100 years; what should last longer has no expiry. */
const TTL_HOURS_MAX = 876_000

const AllocateBody = z.strictObject({
  network_id: id,
  count: wholeNumber({ min: 1, max: Number.MAX_SAFE_INTEGER })
    .nullish()
    .transform((count) => count ?? 1),
  hostname,
  description,
  ttl_hours: ttl({ unitMs: HOUR_MS }),
  ttl_seconds: ttl({ unitMs: 1_000 }),
})

const ListParams = z.strictObject({
  network_id: id.nullable().default(null),
  all: booleanParam.default(false),
  ...PAGE_PARAMS,
  ...READ_PARAMS,
})
const GetParams = z.strictObject(READ_PARAMS)
const ReleaseBody = z.strictObject({})

export function allocationRoutes(service: IpamService, handle: Handle): Hono {
  return new Hono()
    .get(
      '/allocations',
      handle(async (c) => {
        const params = readQuery(c, ListParams)
        const query = {
          type: 'allocations',
          networkId: params.network_id,
          includeEnded: params.all,
          page: { limit: params.limit, cursor: params.cursor },
        } as const
        const { value, ...position } = await service.read(query, toConsistency(params))
        const headers = { ...positionHeaders(position), ...nextPageHeaders(c, value.nextCursor) }
        return json(200, value.rows.map(allocationBody), headers)
      }),
    )
    .post(
      '/allocations',
      handle(async (c, caller) => {
        readQuery(c, NO_PARAMS)
        const body = await readBody(c, AllocateBody)
        const command = {
          type: 'allocateAddresses',
          id: service.newId('alloc'),
          networkId: body.network_id,
          count: body.count,
          hostname: body.hostname,
          description: body.description,
          ttlMs: ttlMs(body),
        } as const
        const { value, index } = await service.execute(command, caller)
        return json(201, allocationBody(value), {
          Location: `/api/v1/allocations/${value.id}`,
          ETag: etag(value.changedIndex),
          'X-Raft-Index': String(index),
        })
      }),
    )
    .get(
      '/allocations/:id',
      handle(async (c) => {
        const consistency = toConsistency(readQuery(c, GetParams))
        const query = { type: 'allocation', id: allocationId(c) } as const
        const { value, ...position } = await service.read(query, consistency)
        if (value === null) throw allocationNotFound(query.id, positionHeaders(position))
        return json(200, allocationBody(value), {
          ...positionHeaders(position),
          ETag: etag(value.changedIndex),
        })
      }),
    )
    .post(
      '/allocations/:id/release',
      handle(async (c, caller) => {
        readQuery(c, NO_PARAMS)
        await readBody(c, ReleaseBody, { isOptional: true })
        const command = { type: 'releaseAllocation', id: allocationId(c) } as const
        const { index } = await service.execute(command, caller)
        return noContent({ 'X-Raft-Index': String(index) })
      }),
    )
}

/** Rounded to milliseconds, so at least half of one. */
function ttl({ unitMs }: { unitMs: number }) {
  const max = (TTL_HOURS_MAX * HOUR_MS) / unitMs
  const error = (issue: { input?: unknown }) =>
    `must be a number above 0 and up to ${max} (100 years), not ${show(issue.input)}; leave it out for no expiry`
  return z
    .number({ error })
    .max(max, { error })
    .refine((value) => Math.round(value * unitMs) >= 1, { error })
    .nullish()
    .transform((value) => value ?? null)
}

function ttlMs(body: { ttl_hours: number | null; ttl_seconds: number | null }): number | null {
  if (body.ttl_hours !== null && body.ttl_seconds !== null) {
    throw invalidRequest([{ field: 'ttl_seconds', message: 'does not go with ttl_hours; leave one out' }])
  }
  if (body.ttl_hours !== null) return Math.round(body.ttl_hours * HOUR_MS)
  return body.ttl_seconds === null ? null : Math.round(body.ttl_seconds * 1_000)
}

function allocationId(c: Context): string {
  const id = c.req.param('id') ?? ''
  if (!isId(id)) throw allocationNotFound(id)
  return id
}

function allocationNotFound(id: string, headers: Record<string, string> = {}): ProblemError {
  const message = `Allocation not found: no allocation has the id ${isId(id) ? id : show(id)}`
  return new ProblemError({ status: 404, reason: 'allocation_not_found', message, headers })
}

function allocationBody(allocation: Allocation) {
  const { id, networkId, ip, endIp, hostname, description, status } = allocation
  return {
    id,
    network_id: networkId,
    ip,
    end_ip: endIp,
    hostname,
    description,
    status,
    allocated_at: formatTime(allocation.allocatedAt),
    expires_at: allocation.expiresAt === null ? null : formatTime(allocation.expiresAt),
    released_at: allocation.releasedAt === null ? null : formatTime(allocation.releasedAt),
  }
}
