/** The whole state as one file, streamed: at no time is more than a part of it in memory. */
import { Hono } from 'hono'
import type { IpamService } from '../service.ts'
import { ADMIN } from './access.ts'
import { positionHeaders } from './answer.ts'
import type { Handle } from './handle.ts'
import { readQuery } from './input.ts'
import { NO_PARAMS } from './params.ts'

const FILE = { 'Content-Type': 'application/octet-stream', 'Cache-Control': 'no-store' } as const

/** Hashes of passwords and keys are in it, so that it takes an admin, who is put on record. */
export function snapshotRoutes(service: IpamService, handle: Handle): Hono {
  return new Hono().get(
    '/cluster/snapshot',
    handle(ADMIN, async (c, caller) => {
      readQuery(c, NO_PARAMS)
      if (c.req.method === 'HEAD') return { status: 200, body: null, headers: { ...FILE } }
      const stream = await service.takeSnapshot(caller)
      const name = `ipam-${service.status().clusterId}-${stream.index}.snapshot`
      const headers = {
        ...FILE,
        ...positionHeaders({ index: stream.index, lastContactMs: null }),
        'Content-Disposition': `attachment; filename="${name}"`,
      }
      return { status: 200, body: stream, headers }
    }),
  )
}
