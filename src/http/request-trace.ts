/** A request as a span, in the words of https://opentelemetry.io/docs/specs/semconv/http/http-spans/. */
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { Attributes } from '../tracing/span.ts'
import type { Followed, Tracer } from '../tracing/tracer.ts'
import type { Access } from './access.ts'
import { type RouteCounts, UNROUTED } from './request-counts.ts'
import { headerOf } from './request-headers.ts'

/**
 * Neither the query, nor a body, nor who asks: these are in the audit log, for those who may read it.
 *
 * @param path Without secrets.
 */
export function followRequest(
  tracer: Tracer,
  c: Context,
  {
    access,
    route: { method, route },
    path,
    requestId,
  }: {
    readonly access: Access
    readonly route: RouteCounts
    readonly path: string
    readonly requestId: string
  },
): Followed | null {
  const isKnown = method !== 'other'
  const verb = isKnown ? method : 'HTTP'
  const isRouted = route !== UNROUTED
  return tracer.followRequest(
    { traceparent: headerOf(c, 'traceparent'), tracestate: headerOf(c, 'tracestate') },
    {
      // What looks after the node comes each second, and says nothing about its work.
      canBegin: !access.toleratesStale,
      name: isRouted ? `${verb} ${route}` : verb,
      kind: 'server',
      attributes: {
        'http.request.method': isKnown ? method : '_OTHER',
        ...(!isKnown && { 'http.request.method_original': c.req.method }),
        ...(isRouted && { 'http.route': route }),
        'url.scheme': c.req.url.startsWith('https:') ? 'https' : 'http',
        'url.path': path,
        ...optional('user_agent.original', headerOf(c, 'user-agent')),
        ...optional('network.protocol.version', httpVersionOf(c)),
        'ipam.request_id': requestId,
      },
    },
  )
}

function optional(key: string, value: string | null): Attributes {
  return value === null ? {} : { [key]: value }
}

function httpVersionOf(c: Context): string | null {
  const { incoming } = (c.env ?? {}) as Partial<HttpBindings>
  return incoming?.httpVersion ?? null
}

/** @param reason The stable word of a problem; null for none. A mistake of the client is no error of the server. */
export function endTrace(
  { span }: Followed,
  { status, reason }: { status: number; reason: string | null },
): void {
  if (span === null) return
  span.set('http.response.status_code', status)
  if (reason !== null) span.set('ipam.reason', reason)
  span.end(status >= 500 ? (reason ?? String(status)) : null)
}
