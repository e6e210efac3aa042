import { type Context, Hono } from 'hono'
import { z } from 'zod'
import type { Network, NetworkStats } from '../ipam/records.ts'
import type { IpamService } from '../service.ts'
import { show } from '../show.ts'
import { etag, formatCount, formatTime, json, noContent, positionHeaders } from './answer.ts'
import {
  cidr,
  description,
  isId,
  NO_PARAMS,
  nextPageHeaders,
  PAGE_PARAMS,
  READ_PARAMS,
  tags,
  toConsistency,
} from './fields.ts'
import type { Handle } from './handle.ts'
import { readBody, readQuery } from './input.ts'
import { ProblemError } from './problem.ts'

const CreateNetworkBody = z.strictObject({ cidr, description, tags })
const ListParams = z.strictObject({ ...PAGE_PARAMS, ...READ_PARAMS })
const GetParams = z.strictObject(READ_PARAMS)

export function networkRoutes(service: IpamService, handle: Handle): Hono {
  return new Hono()
    .get(
      '/networks',
      handle(async (c) => {
        const query = readQuery(c, ListParams)
        const page = { limit: query.limit, cursor: query.cursor }
        const { value, ...position } = await service.read({ type: 'networks', page }, toConsistency(query))
        const headers = { ...positionHeaders(position), ...nextPageHeaders(c, value.nextCursor) }
        return json(200, value.rows.map(networkBody), headers)
      }),
    )
    .post(
      '/networks',
      handle(async (c, caller) => {
        readQuery(c, NO_PARAMS)
        const body = await readBody(c, CreateNetworkBody)
        const command = { type: 'createNetwork', id: service.newId('net'), ...body } as const
        const { value, index } = await service.execute(command, caller)
        return json(201, networkBody(value), {
          Location: `/api/v1/networks/${value.id}`,
          ETag: etag(value.changedIndex),
          'X-Raft-Index': String(index),
        })
      }),
    )
    .get(
      '/networks/:id',
      handle(async (c) => {
        const consistency = toConsistency(readQuery(c, GetParams))
        const query = { type: 'network', id: networkId(c) } as const
        const { value, ...position } = await service.read(query, consistency)
        if (value === null) throw networkNotFound(query.id, positionHeaders(position))
        return json(200, networkBody(value), { ...positionHeaders(position), ETag: etag(value.changedIndex) })
      }),
    )
    .delete(
      '/networks/:id',
      handle(async (c, caller) => {
        readQuery(c, NO_PARAMS)
        const { index } = await service.execute({ type: 'deleteNetwork', id: networkId(c) }, caller)
        return noContent({ 'X-Raft-Index': String(index) })
      }),
    )
    .get(
      '/networks/:id/stats',
      handle(async (c) => {
        const consistency = toConsistency(readQuery(c, GetParams))
        const query = { type: 'networkStats', id: networkId(c) } as const
        const { value, ...position } = await service.read(query, consistency)
        if (value === null) throw networkNotFound(query.id, positionHeaders(position))
        return json(200, statsBody(value), positionHeaders(position))
      }),
    )
}

function networkId(c: Context): string {
  const id = c.req.param('id') ?? ''
  if (!isId(id)) throw networkNotFound(id)
  return id
}

function networkNotFound(id: string, headers: Record<string, string> = {}): ProblemError {
  const message = `Network not found: no network has the id ${isId(id) ? id : show(id)}`
  return new ProblemError({ status: 404, reason: 'network_not_found', message, headers })
}

function networkBody({ id, cidr, description, tags, createdAt }: Network) {
  return { id, cidr, description, tags, created_at: formatTime(createdAt) }
}

function statsBody(stats: NetworkStats) {
  return {
    network_id: stats.networkId,
    total_ips: formatCount(stats.total),
    allocated_ips: formatCount(stats.allocated),
    available_ips: formatCount(stats.available),
    utilization_percent: percent(stats.allocated, stats.total),
    first_available: stats.firstAvailable,
    last_allocated: stats.lastAllocated,
  }
}

/** To one decimal, exact for any size: 45 of 254 is 17.7. */
function percent(part: bigint, whole: bigint): number {
  if (whole === 0n) return 0
  return Number((part * 2_000n + whole) / (whole * 2n)) / 10
}
