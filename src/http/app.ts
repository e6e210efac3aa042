/** The HTTP API: which paths there are, and what the rest of them answer. */
import { type Context, type Handler, Hono } from 'hono'
import { assert } from '../../raft/assert.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import { PASSWORD_COST, type PasswordCost } from '../auth/password.ts'
import type { Logger } from '../logger.ts'
import type { IpamService } from '../service.ts'
import { show } from '../show.ts'
import type { Tracer } from '../tracing/tracer.ts'
import { type Access, ANYONE, createGuard } from './access.ts'
import { addressRoutes } from './addresses.ts'
import { createAdmission } from './admission.ts'
import { allocationRoutes } from './allocations.ts'
import { type Answer, noContent } from './answer.ts'
import { auditRoutes } from './audit.ts'
import { ClientAddresses, NO_PROXIES } from './client-address.ts'
import { clusterRoutes } from './cluster.ts'
import { descriptionRoutes } from './description.ts'
import { exportRoutes } from './export.ts'
import { createHandle } from './handle.ts'
import { healthRoutes } from './health.ts'
import { importRoutes } from './import.ts'
import { keyRoutes } from './keys.ts'
import { BODY_BYTES_MAX } from './limits.ts'
import { metricsRoutes } from './metrics.ts'
import { networkSpaceRoutes } from './network-space.ts'
import { networkRoutes } from './networks.ts'
import { ProblemError } from './problem.ts'
import type { RateLimiter } from './rate-limiter.ts'
import { RefusalCounts } from './refusal-counts.ts'
import { RequestCounts, UNROUTED } from './request-counts.ts'
import { createRequestIds } from './request-ids.ts'
import { snapshotRoutes } from './snapshot.ts'
import { userRoutes } from './users.ts'

const BASE_PATH = '/api/v1'
const METHODS: readonly string[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

export interface AppOptions {
  readonly service: IpamService
  readonly authenticator: Authenticator
  readonly logger: Logger
  readonly version: string
  /** Monotonic milliseconds. */
  readonly now?: () => number
  /** For requests that bring no id. */
  readonly newRequestId?: () => string
  /** Where requests are counted. */
  readonly counts?: RequestCounts
  /** What was above a limit is counted there. */
  readonly refusals?: RefusalCounts
  /** Null: who comes in may ask as often as he wants. */
  readonly limiter?: RateLimiter | null
  readonly addresses?: ClientAddresses
  readonly bodyBytesMax?: number
  /** What `/metrics` answers; without it there is no such path. */
  readonly scrape?: () => Promise<string>
  /** Null: nothing is followed. */
  readonly tracer?: Tracer | null
  /** Nobody is asked who reads `/metrics`. */
  readonly isMetricsOpen?: boolean
  /** Of passwords that are set; a test has no time. */
  readonly passwordCost?: PasswordCost
}

/** A route and who may call it. */
export interface DeclaredRoute {
  readonly method: string
  /** A pattern. */
  readonly path: string
  readonly access: Access
}

/** Answers every request, whatever it is: a known path, 404, 405, OPTIONS. Never throws. */
export function createApp(options: AppOptions): Hono {
  return createApi(options).app
}

/** Also tells which routes there are. */
export function createApi({
  service,
  authenticator,
  logger,
  version,
  now = () => performance.now(),
  newRequestId = createRequestIds(),
  counts = new RequestCounts(),
  refusals = new RefusalCounts(),
  limiter = null,
  addresses = new ClientAddresses(NO_PROXIES),
  bodyBytesMax = BODY_BYTES_MAX,
  scrape,
  tracer = null,
  isMetricsOpen = false,
  passwordCost = PASSWORD_COST,
}: AppOptions): { readonly app: Hono; readonly routes: readonly DeclaredRoute[] } {
  const accesses = new Map<unknown, Access>()
  const handle = createHandle({
    logger,
    now,
    newRequestId,
    counts,
    admit: createAdmission({ guard: createGuard(authenticator, addresses), limiter, addresses }),
    limiter,
    bodyBytesMax,
    refusals,
    tracer,
    onHandler: (handler: Handler, access) => accesses.set(handler, access),
  })
  const startedAt = now()
  const uptimeMs = () => now() - startedAt
  const app = new Hono()
  // Before the routes by id, which would take "export" for one.
  app.route(BASE_PATH, exportRoutes(service, handle))
  app.route(BASE_PATH, importRoutes(service, handle))
  app.route(BASE_PATH, networkRoutes(service, handle))
  app.route(BASE_PATH, networkSpaceRoutes(service, handle))
  app.route(BASE_PATH, allocationRoutes(service, handle))
  app.route(BASE_PATH, addressRoutes(service, handle))
  app.route(BASE_PATH, clusterRoutes(service, { version, handle }))
  app.route(BASE_PATH, snapshotRoutes(service, handle))
  app.route(BASE_PATH, healthRoutes(service, { version, uptimeMs, handle }))
  app.route(BASE_PATH, auditRoutes(service, handle))
  app.route(BASE_PATH, userRoutes(service, { handle, passwordCost }))
  app.route(BASE_PATH, keyRoutes(service, handle))
  if (scrape !== undefined) app.route('/', metricsRoutes(scrape, { handle, isOpen: isMetricsOpen }))
  app.route('/', descriptionRoutes({ handle, version, routes: () => routes }))
  const routes = app.routes.map(({ method, path, handler }): DeclaredRoute => {
    const access = accesses.get(handler)
    assert(access !== undefined, '{} {} does not say who may call it', method, path)
    return { method, path, access }
  })
  const answerUnrouted = handle(ANYONE, (c) => unrouted(app, c), UNROUTED)
  app.notFound(async (c) => (await answerUnrouted(c, async () => {})) as Response)
  return { app, routes }
}

/** The router knows which methods a path has, so there is no second list to forget. */
function unrouted(app: Hono, c: Context): Answer {
  const methods = METHODS.filter((method) => app.router.match(method, c.req.path)[0].length > 0)
  if (methods.length === 0) {
    const message = `${show(c.req.path)} is no path of this API, ${wayOutOf(app, c.req.path)}`
    throw new ProblemError({ status: 404, reason: 'route_not_found', message })
  }
  const head = methods.includes('GET') ? ['HEAD'] : []
  const allow = [...methods, ...head, 'OPTIONS'].join(', ')
  if (c.req.method === 'OPTIONS') return noContent({ Allow: allow })
  throw new ProblemError({
    status: 405,
    reason: 'method_not_allowed',
    message: `${c.req.method} is not allowed on ${show(c.req.path)}; allowed are ${allow}`,
    headers: { Allow: allow },
  })
}

/** Other APIs want the slash behind a path that ours does not have. */
function wayOutOf(app: Hono, path: string): string {
  const shorter = path.slice(0, -1)
  const isRoute =
    path.endsWith('/') && METHODS.some((method) => app.router.match(method, shorter)[0].length > 0)
  return isRoute ? `which has it without the slash: ${shorter}` : `whose paths start with ${BASE_PATH}/`
}
