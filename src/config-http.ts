/** The section `http` of the cluster file. */
import { z } from 'zod'
import { type HttpTls, HttpTlsSchema } from './config-tls.ts'
import { expected, section, wholeNumber } from './config-values.ts'
import { FORWARDED_HEADERS, NO_PROXIES, type ProxyTrust } from './http/client-address.ts'
import type { Rate } from './http/client-buckets.ts'
import { BODY_BYTES_MAX, HTTP_LIMITS, type HttpLimits, RATE_LIMITS, type RateLimits } from './http/limits.ts'
import { AddressSyntaxError } from './ipam/address.ts'
import { type Prefix, parsePrefix } from './ipam/prefix.ts'

export interface HttpConfig {
  readonly limits: HttpLimits
  readonly bodyBytesMax: number
  readonly rates: RateLimits
  readonly trust: ProxyTrust
}

export const HTTP_DEFAULTS: HttpConfig = {
  limits: HTTP_LIMITS,
  bodyBytesMax: BODY_BYTES_MAX,
  rates: RATE_LIMITS,
  trust: NO_PROXIES,
}

const CONNECTIONS_MAX = 1_000_000
const SECONDS_MAX = 3_600
/** Requests wait up to 10 s for a leader, and nothing is sent meanwhile. */
const ANSWER_SECONDS_MIN = 15
/** Long enough for a load balancer that looks several times a second. */
const SHUTDOWN_DELAY_MS_DEFAULT = 1_000
const SHUTDOWN_DELAY_MS_MAX = 600_000
const PER_SECOND_MAX = 1_000_000
const CLIENTS_MAX = 1_000_000
const PROXIES_MAX = 64
/** What a bucket holds unless the file says so. */
const BURST_SECONDS = 5

const prefix = z
  .string({ error: (issue) => expected('a CIDR such as "10.0.0.0/24"', issue.input) })
  .transform((text, context): Prefix => {
    try {
      return parsePrefix(text)
    } catch (error) {
      if (!(error instanceof AddressSyntaxError)) throw error
      context.addIssue({ code: 'custom', message: error.message, input: text })
      return z.NEVER
    }
  })

const perSecond = wholeNumber(PER_SECOND_MAX, 0).default(0)
const burst = wholeNumber(PER_SECOND_MAX).nullable().default(null)

const RateLimitSchema = z.strictObject(
  {
    reads_per_second: perSecond,
    reads_burst: burst,
    writes_per_second: perSecond,
    writes_burst: burst,
    clients_max: wholeNumber(CLIENTS_MAX).default(RATE_LIMITS.clientsMax),
  },
  { error: section },
)

function seconds(defaultMs: number, min = 1) {
  return wholeNumber(SECONDS_MAX, min).default(defaultMs / 1_000)
}

export const HttpSchema = z
  .strictObject(
    {
      tls: HttpTlsSchema.nullable().default(null),
      connections_max: wholeNumber(CONNECTIONS_MAX).default(HTTP_LIMITS.connectionsMax),
      client_connections_max: wholeNumber(CONNECTIONS_MAX, 0).default(HTTP_LIMITS.clientConnectionsMax),
      url_bytes_max: wholeNumber(64 << 10, 256).default(HTTP_LIMITS.urlBytesMax),
      header_bytes_max: wholeNumber(256 << 10, 1_024).default(HTTP_LIMITS.headerBytesMax),
      headers_max: wholeNumber(1_000, 16).default(HTTP_LIMITS.headersMax),
      body_bytes_max: wholeNumber(BODY_BYTES_MAX, 1_024).default(BODY_BYTES_MAX),
      headers_timeout_seconds: seconds(HTTP_LIMITS.headersTimeoutMs),
      request_timeout_seconds: seconds(HTTP_LIMITS.requestTimeoutMs),
      answer_timeout_seconds: seconds(HTTP_LIMITS.answerTimeoutMs, ANSWER_SECONDS_MIN),
      idle_timeout_seconds: seconds(HTTP_LIMITS.keepAliveTimeoutMs),
      close_timeout_seconds: seconds(HTTP_LIMITS.closeTimeoutMs),
      shutdown_delay_ms: wholeNumber(SHUTDOWN_DELAY_MS_MAX, 0).default(SHUTDOWN_DELAY_MS_DEFAULT),
      trusted_proxies: z
        .array(prefix, { error: (issue) => expected('a list of CIDRs', issue.input) })
        .max(PROXIES_MAX, { error: `must have at most ${PROXIES_MAX} CIDRs` })
        .default([]),
      forwarded_header: z
        .enum(FORWARDED_HEADERS, {
          error: (issue) => expected(`one of ${FORWARDED_HEADERS.join(', ')}`, issue.input),
        })
        .default(NO_PROXIES.header),
      rate_limit: RateLimitSchema.prefault({}),
    },
    { error: section },
  )
  .superRefine((http, context) => {
    const { url_bytes_max, header_bytes_max, headers_timeout_seconds, request_timeout_seconds } = http
    if (url_bytes_max > header_bytes_max) {
      const message = `${url_bytes_max} is above header_bytes_max ${header_bytes_max}, of which the URL is a part`
      context.addIssue({ code: 'custom', path: ['url_bytes_max'], message, input: http })
    }
    if (headers_timeout_seconds > request_timeout_seconds) {
      const message = `${headers_timeout_seconds} is above request_timeout_seconds ${request_timeout_seconds}, of which the headers are the beginning`
      context.addIssue({ code: 'custom', path: ['headers_timeout_seconds'], message, input: http })
    }
  })

export function toHttpConfig(http: z.output<typeof HttpSchema>): HttpConfig {
  return {
    limits: {
      connectionsMax: http.connections_max,
      clientConnectionsMax: http.client_connections_max,
      urlBytesMax: http.url_bytes_max,
      headerBytesMax: http.header_bytes_max,
      headersMax: http.headers_max,
      headersTimeoutMs: http.headers_timeout_seconds * 1_000,
      requestTimeoutMs: http.request_timeout_seconds * 1_000,
      answerTimeoutMs: http.answer_timeout_seconds * 1_000,
      keepAliveTimeoutMs: http.idle_timeout_seconds * 1_000,
      closeTimeoutMs: http.close_timeout_seconds * 1_000,
    },
    bodyBytesMax: http.body_bytes_max,
    rates: toRateLimits(http.rate_limit),
    trust: { proxies: http.trusted_proxies, header: http.forwarded_header },
  }
}

export function toHttpTls({ tls }: z.output<typeof HttpSchema>): HttpTls | null {
  return tls === null ? null : { cert: tls.cert, key: tls.key, clientCa: tls.client_ca }
}

/** The keys of the section, or of what is in it. */
export function httpKeys(key: PropertyKey | undefined): string[] {
  if (key === 'tls') return Object.keys(HttpTlsSchema.shape)
  return Object.keys(key === 'rate_limit' ? RateLimitSchema.shape : HttpSchema.shape)
}

function toRateLimits(rates: z.output<typeof RateLimitSchema>): RateLimits {
  return {
    reads: toRate(rates.reads_per_second, rates.reads_burst),
    writes: toRate(rates.writes_per_second, rates.writes_burst),
    clientsMax: rates.clients_max,
  }
}

function toRate(perSecond: number, burst: number | null): Rate | null {
  return perSecond === 0 ? null : { perSecond, burst: burst ?? BURST_SECONDS * perSecond }
}
