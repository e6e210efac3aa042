import { Hono } from 'hono'
import { DIAGNOSIS, OPEN } from './access.ts'
import type { Handle } from './handle.ts'

/** The exposition format of Prometheus, version 0.0.4. */
const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * Beside the API, where scrapers look for it. This node's view alone: it answers also without a leader.
 *
 * @param scrape Never waits for the cluster.
 * @param isOpen To everybody, as scrapers that cannot log in need it.
 */
export function metricsRoutes(
  scrape: () => Promise<string>,
  { handle, isOpen }: { handle: Handle; isOpen: boolean },
): Hono {
  return new Hono().get(
    '/metrics',
    handle(isOpen ? OPEN : DIAGNOSIS, async () => {
      const headers = { 'Content-Type': CONTENT_TYPE, 'Cache-Control': 'no-store' }
      return { status: 200, body: await scrape(), headers }
    }),
  )
}
