/** The HTTP API of a server, of what its configuration says. */
import { systemClock } from '../raft/index.ts'
import type { AccessControl } from './auth/access-control.ts'
import type { Certificates } from './certificates.ts'
import type { Config } from './config.ts'
import { createApp } from './http/app.ts'
import { ClientAddresses } from './http/client-address.ts'
import { type Listener, listen } from './http/listen.ts'
import { createRateLimiter, type RateLimiter } from './http/rate-limiter.ts'
import { RefusalCounts } from './http/refusal-counts.ts'
import { RequestCounts } from './http/request-counts.ts'
import type { Logger } from './logger.ts'
import type { Exposition } from './metrics/exposition.ts'
import type { IpamService } from './service.ts'
import type { Tracer } from './tracing/tracer.ts'

export interface StartedApi {
  readonly listener: Listener
  readonly counts: RequestCounts
  readonly refusals: RefusalCounts
  /** Null where nothing is limited. */
  readonly limiter: RateLimiter | null
}

/** Resolves once requests are accepted. Rejects with node's own error, such as `EADDRINUSE`. */
export async function startApi(
  { api, http, auth }: Config,
  options: {
    readonly service: IpamService
    readonly access: AccessControl
    /** Null: plain HTTP. */
    readonly certificates: Certificates | null
    readonly exposition: Exposition
    /** Null: requests are not followed. */
    readonly tracer: Tracer | null
    readonly version: string
    readonly logger: Logger
  },
): Promise<StartedApi> {
  const { service, access, certificates, exposition, tracer, version, logger } = options
  const counts = new RequestCounts()
  const refusals = new RefusalCounts()
  const addresses = new ClientAddresses(http.trust)
  const limiter = createRateLimiter({ limits: http.rates, refusals, now: systemClock.now })
  const app = createApp({
    service,
    authenticator: access.authenticator,
    logger,
    version,
    counts,
    refusals,
    limiter,
    addresses,
    bodyBytesMax: http.bodyBytesMax,
    scrape: () => exposition.scrape(),
    tracer,
    isMetricsOpen: auth.isMetricsOpen,
  })
  const listener = await listen(app, {
    ...api,
    logger,
    tls: certificates,
    limits: http.limits,
    addresses,
    refusals,
  })
  return { listener, counts, refusals, limiter }
}
