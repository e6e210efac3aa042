/** The section `tracing` of the cluster file. */
import { z } from 'zod'
import { isLoopback } from './config-addr.ts'
import { expected, section, wholeNumber } from './config-values.ts'
import { Secret } from './secret.ts'
import { show } from './show.ts'
import { EXPORT_LIMITS } from './tracing/span-exporter.ts'

export interface TracingConfig {
  /** Where spans are sent. */
  readonly endpoint: URL
  /** With each request to it. */
  readonly headers: Readonly<Record<string, Secret>>
  /** 0 to 1, of the requests that are in no trace yet. */
  readonly sampleRatio: number
  readonly serviceName: string
  /** That wait or are being sent; further ones are lost. */
  readonly spansMax: number
}

const SAMPLE_RATIO_DEFAULT = 0.01
const SERVICE_NAME_DEFAULT = 'ipam'
const SERVICE_NAME_CHARS_MAX = 128
/** At about 1 kB each. */
const SPANS_MAX = 1_000_000
const HEADERS_MAX = 16
const HEADER_CHARS_MAX = 4_096
const EXAMPLE = 'http://127.0.0.1:4318/v1/traces'

/** RFC 9110 §5.1 and §5.5. */
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/
const HEADER_VALUE = /^[\x20-\x7e]*$/
/** Ours to write. */
const OWN_HEADERS: readonly string[] = [
  'content-type',
  'content-length',
  'transfer-encoding',
  'host',
  'connection',
]

/** Complaints about it never show it: it may have a password in it. */
const endpoint = z
  .string({ error: (issue) => expected(`a URL such as "${EXAMPLE}"`, typeof issue.input) })
  .transform((text, context): URL => {
    const complaint = complaintAboutEndpoint(text)
    if (complaint === null) return new URL(text)
    context.addIssue({ code: 'custom', message: complaint, input: null })
    return z.NEVER
  })

function complaintAboutEndpoint(text: string): string | null {
  if (!URL.canParse(text)) return `must be a whole URL such as "${EXAMPLE}"`
  const { protocol, username, password, pathname, hash } = new URL(text)
  if (protocol !== 'http:' && protocol !== 'https:') {
    return `must start with http:// or https://, as spans are sent as OTLP over HTTP; not ${show(protocol)}`
  }
  if (username !== '' || password !== '') {
    return 'must not have a user or password in it: set tracing.headers, as in { Authorization: "Basic …" }'
  }
  // Some programs add the path by themselves: then nothing would be said but 404, by the collector.
  if (pathname === '/') return 'must have the whole path, which is /v1/traces at most collectors'
  return hash === '' ? null : 'must end before the #'
}

/** Complaints never show a value. */
const headers = z
  .record(z.string(), z.unknown(), { error: 'must be a section of header names and values' })
  .transform((entries, context): Readonly<Record<string, Secret>> => {
    const secrets: Record<string, Secret> = {}
    for (const [name, value] of Object.entries(entries)) {
      const complaint = complaintAboutHeader(name, value)
      if (complaint !== null)
        context.addIssue({ code: 'custom', path: [name], message: complaint, input: null })
      else secrets[name] = new Secret(String(value))
    }
    if (Object.keys(entries).length > HEADERS_MAX) {
      context.addIssue({ code: 'custom', message: `must be at most ${HEADERS_MAX} headers`, input: null })
    }
    return secrets
  })

function complaintAboutHeader(name: string, value: unknown): string | null {
  if (!HEADER_NAME.test(name)) return 'is no name of a header'
  if (OWN_HEADERS.includes(name.toLowerCase())) return 'is set by the node itself; leave it out'
  if (typeof value !== 'string') return 'must be a text, in quotes'
  if (value.length > HEADER_CHARS_MAX) return `must have at most ${HEADER_CHARS_MAX} characters`
  return HEADER_VALUE.test(value) ? null : 'must be of printable ASCII characters'
}

const ratio = (issue: { input?: unknown }) => expected('a number from 0 to 1', issue.input)

export const TracingSchema = z
  .strictObject(
    {
      otlp_endpoint: endpoint.nullable().default(null),
      headers: headers.nullable().default(null),
      sample_ratio: z
        .number({ error: ratio })
        .min(0, { error: ratio })
        .max(1, { error: ratio })
        .default(SAMPLE_RATIO_DEFAULT),
      service_name: z
        .string({ error: (issue) => expected('a name such as "ipam"', issue.input) })
        .min(1, { error: 'must not be empty' })
        .max(SERVICE_NAME_CHARS_MAX, { error: `must have at most ${SERVICE_NAME_CHARS_MAX} characters` })
        .default(SERVICE_NAME_DEFAULT),
      spans_max: wholeNumber(SPANS_MAX, EXPORT_LIMITS.batchSpansMax).default(EXPORT_LIMITS.spansMax),
    },
    { error: section },
  )
  .superRefine(({ otlp_endpoint, headers }, context) => {
    if (otlp_endpoint !== null || headers === null) return
    const message = 'are for nobody: set tracing.otlp_endpoint, or leave them out'
    context.addIssue({ code: 'custom', path: ['headers'], message, input: null })
  })

/** Null: requests are not followed. */
export function toTracingConfig(tracing: z.output<typeof TracingSchema>): TracingConfig | null {
  if (tracing.otlp_endpoint === null) return null
  return {
    endpoint: tracing.otlp_endpoint,
    headers: tracing.headers ?? {},
    sampleRatio: tracing.sample_ratio,
    serviceName: tracing.service_name,
    spansMax: tracing.spans_max,
  }
}

/** What is allowed, but probably not meant. */
export function tracingWarnings(tracing: TracingConfig | null): string[] {
  if (tracing === null || tracing.endpoint.protocol === 'https:') return []
  const hostname = tracing.endpoint.hostname.replaceAll(/[[\]]/g, '')
  if (Object.keys(tracing.headers).length === 0 || isLoopback(hostname)) return []
  return [
    `tracing.headers go to ${tracing.endpoint.host} in clear: use https://, or a collector on this machine that adds them`,
  ]
}
