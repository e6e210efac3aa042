/** What every request has in common: its id, its errors, its log line, its response. */
import type { HttpBindings } from '@hono/node-server'
import type { Context, Handler } from 'hono'
import { routePath } from 'hono/route'
import { SYSTEM_USER } from '../ipam/audit.ts'
import type { Logger } from '../logger.ts'
import type { Followed, Tracer } from '../tracing/tracer.ts'
import type { Access, Caller } from './access.ts'
import { type Admit, type Admitted, isRead } from './admission.ts'
import type { Answer } from './answer.ts'
import { limitBody } from './input.ts'
import { formatProblem, type Problem, toProblem } from './problem.ts'
import type { RateLimiter } from './rate-limiter.ts'
import type { RefusalCounts } from './refusal-counts.ts'
import type { RequestCounts, RouteCounts } from './request-counts.ts'
import { headerOf } from './request-headers.ts'
import { endTrace, followRequest } from './request-trace.ts'
import { streamOf } from './stream.ts'

/** Answers one request; whatever it throws becomes a problem. */
export type Respond = (c: Context, caller: Caller) => Answer | Promise<Answer>

/**
 * Makes a hono handler of it, for one route.
 *
 * @param access Who may call it.
 * @param route What to count it as; the pattern of the route if left out.
 */
export type Handle = (access: Access, respond: Respond, route?: string) => Handler

const REQUEST_ID = /^[\x20-\x7e]{1,128}$/
/** A 503 is a regular answer there. */
const PROBE = /\/health(?:\/|$)/
const LOGGED_PATH_CHARS_MAX = 256
/** Longer than an election: whoever waits so long asks why. */
const SLOW_MS = 1_000

/**
 * Wraps the handler itself and is no middleware: hono then calls it directly, and the response is built once.
 * Setting headers after `next()` would rebuild it, at twice the cost of a request.
 *
 * @param now Monotonic milliseconds.
 */
export function createHandle({
  logger,
  now,
  newRequestId,
  counts,
  admit,
  limiter,
  bodyBytesMax,
  refusals,
  tracer,
  onHandler,
}: {
  logger: Logger
  now: () => number
  newRequestId: () => string
  counts: RequestCounts
  admit: Admit
  /** Null: nothing is limited. */
  limiter: RateLimiter | null
  bodyBytesMax: number
  refusals: RefusalCounts
  /** Null: nothing is followed. */
  tracer: Tracer | null
  /** Told of each handler, so that routes without one are noticed. */
  onHandler: (handler: Handler, access: Access) => void
}): Handle {
  return (access, respond, route) => {
    // The same for nearly all requests of a handler, and not to be looked up for each.
    let counted: RouteCounts | null = null
    const countsOf = (c: Context): RouteCounts => {
      if (counted?.method !== c.req.method) counted = counts.of(c.req.method, route ?? routePath(c))
      return counted
    }
    const handler: Handler = async (c) => {
      const startedAt = now()
      counts.inFlight += 1
      const requestId = requestIdOf(c) ?? newRequestId()
      const path = withoutTokens(c.req.path).slice(0, LOGGED_PATH_CHARS_MAX)
      const followed =
        tracer === null ? null : followRequest(tracer, c, { access, route: countsOf(c), path, requestId })
      let answer: Answer
      let reason: string | null = null
      let admitted: Admitted | null = null
      try {
        admitted = await admit(c, access)
        const { identity } = admitted
        limitBody(c, bodyBytesMax)
        answer = await respond(c, {
          user: identity?.user ?? SYSTEM_USER,
          requestId,
          identity,
          trace: followed?.span ?? null,
        })
      } catch (error) {
        const problem = problemOf(error, c.req.method)
        reason = problem.reason
        answer = formatProblem(problem, { requestId, isRfc9457: wantsRfc9457(c) })
        if (problem.reason === 'body_too_large') refusals.note('body_bytes')
        if (problem.status === 500) logger.error(withTrace({ err: error, requestId }, followed), 'bug')
      }
      answer.headers['X-Request-Id'] = requestId
      if (admitted?.quota) limiter?.setHeaders(answer.headers, admitted.quota)
      const durationMs = now() - startedAt
      counts.inFlight -= 1
      countsOf(c).note(answer.status, durationMs)
      const line = {
        method: c.req.method,
        path,
        status: answer.status,
        durationMs: Math.round(durationMs * 1000) / 1000,
        requestId,
      }
      logRequest(logger, withTrace(line, followed))
      if (followed !== null) endTrace(followed, { status: answer.status, reason })
      const { status, headers } = answer
      if (answer.body === null || typeof answer.body === 'string') {
        return new Response(answer.body, { status, headers })
      }
      const cutOff = (error: unknown): void => {
        logger.warn(withTrace({ err: error, path, requestId }, followed), 'an answer was cut off')
        endConnection(c)
      }
      return new Response(streamOf(answer.body, cutOff), { status, headers })
    }
    onHandler(handler, access)
    return handler
  }
}

/** What goes wrong with a read, even by our own bug, has changed nothing: but for one that is put on record, and nobody knows whether it was. */
function problemOf(error: unknown, method: string): Problem {
  const problem = toProblem(error)
  if (!isRead(method) || problem.applied !== 'unknown') return problem
  return problem.reason === 'outcome_unknown' ? problem : { ...problem, applied: 'no' }
}

/** Named as tools look for it (https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/). */
function withTrace<T extends object>(
  fields: T,
  followed: Followed | null,
): T & { readonly trace_id?: string } {
  return followed === null ? fields : { ...fields, trace_id: followed.traceId }
}

/**
 * What went well shows at level `debug`: thousands a second would fill a disk within days, and the audit log has each
 * change with its user and request id. Nor does what load balancers ask each second belong there.
 */
function logRequest(
  logger: Logger,
  request: {
    readonly path: string
    readonly status: number
    readonly durationMs: number
    readonly trace_id?: string
  },
): void {
  if (PROBE.test(request.path)) logger.debug(request, 'request')
  else if (request.status >= 500) logger.warn(request, 'request')
  else if (request.status >= 400 || request.durationMs >= SLOW_MS || request.trace_id !== undefined) {
    logger.info(request, 'request')
  } else logger.debug(request, 'request')
}

function endConnection(c: Context): void {
  const { outgoing } = (c.env ?? {}) as Partial<HttpBindings>
  outgoing?.destroy()
}

/** Somebody may put the whole token where its id belongs. */
function withoutTokens(path: string): string {
  return path.includes('ipam_') ? path.replaceAll(/ipam_[A-Za-z0-9_-]+/g, 'ipam_…') : path
}

/** The client's own id, if it is fit for logs and headers. */
function requestIdOf(c: Context): string | null {
  const id = headerOf(c, 'x-request-id')
  return id !== null && REQUEST_ID.test(id) ? id : null
}

/** RFC 9457 §3; a quality of 0 is a refusal. */
function wantsRfc9457(c: Context): boolean {
  const accept = headerOf(c, 'accept') ?? ''
  return /application\/problem\+json(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(accept)
}
