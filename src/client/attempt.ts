/** One request to one server: what came of it, without judging. */
import { show } from '../show.ts'
import type { Fetch } from './fetch.ts'

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** From the root of the server, with its query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
}

/** What the API says of an error, as far as it says it. */
export interface Problem {
  readonly error: string
  readonly reason: string | null
  readonly applied: 'no' | 'unknown' | null
  readonly details: readonly { readonly field: string; readonly message: string }[]
  readonly requestId: string | null
}

export interface ApiAnswer {
  readonly status: number
  readonly headers: Headers
  /** The body as it came; empty for none, and for a stream. */
  readonly text: string
  /** What is still to be read; null but for a stream. */
  readonly stream: AsyncIterable<Uint8Array> | null
}

export type Attempt =
  | { readonly type: 'answered'; readonly answer: ApiAnswer }
  | {
      /** An answer that another attempt may better. */
      readonly type: 'turnedAway'
      readonly message: string
      readonly isUncertain: boolean
      /** Null: by itself this server will not recover. */
      readonly retryAfterMs: number | null
    }
  /** Nobody listens there, so nothing was sent. */
  | { readonly type: 'unreachable'; readonly message: string }
  /** Sent, at least in part, and no answer. */
  | { readonly type: 'broken'; readonly message: string }

const RETRY_AFTER_MAX_S = 3_600

/**
 * @param timeoutMs To the end of the answer, or of its head where the body is to be a stream.
 * @param isStream Where it succeeds, leaves the body to be read.
 * @param signal Of the caller, who gets its reason thrown.
 */
export async function attempt(
  base: string,
  { method, path, headers, body }: ApiRequest,
  {
    fetch,
    timeoutMs,
    isStream,
    signal,
  }: { fetch: Fetch; timeoutMs: number; isStream: boolean; signal: AbortSignal | null },
): Promise<Attempt> {
  signal?.throwIfAborted()
  const controller = new AbortController()
  const abort = () => controller.abort()
  signal?.addEventListener('abort', abort)
  const timer = setTimeout(abort, timeoutMs)
  try {
    const response = await fetch(`${base}${path}`, {
      method,
      headers,
      body,
      redirect: 'error',
      signal: controller.signal,
    })
    if (isStream && response.ok) return answered(response, '', response.body as ApiAnswer['stream'])
    return classify(response, await response.text())
  } catch (error) {
    signal?.throwIfAborted()
    if (controller.signal.aborted) {
      return { type: 'broken', message: `no answer within ${Math.round(timeoutMs / 100) / 10} s` }
    }
    return failed(error)
  } finally {
    clearTimeout(timer)
    // A stream is read after this, and can be stopped as long.
    if (!isStream) signal?.removeEventListener('abort', abort)
  }
}

function classify(response: Response, text: string): Attempt {
  const { status } = response
  if (status !== 429 && status !== 502 && status !== 503 && status !== 504)
    return answered(response, text, null)
  const problem = readProblem(text, status)
  return {
    type: 'turnedAway',
    message: problem.error,
    // A proxy's 429 comes from before the API.
    isUncertain: problem.applied === null ? status !== 429 : problem.applied === 'unknown',
    retryAfterMs: retryAfterMs(response, problem),
  }
}

function answered({ status, headers }: Response, text: string, stream: ApiAnswer['stream']): Attempt {
  return { type: 'answered', answer: { status, headers, text, stream } }
}

function retryAfterMs(response: Response, { reason }: Problem): number | null {
  const text = response.headers.get('retry-after')
  if (text !== null && /^[0-9]{1,9}$/.test(text)) return Math.min(Number(text), RETRY_AFTER_MAX_S) * 1_000
  // Our API says when it may get better; a proxy mostly does not.
  return reason === null || response.status === 504 ? 0 : null
}

/** Of what is no problem of our API, such as a page of a proxy, the status and the beginning. */
export function readProblem(text: string, status: number): Problem {
  const value = parseObject(text)
  const { error, reason, applied, details, request_id: requestId } = value ?? {}
  if (typeof error !== 'string') {
    const start = text.trim() === '' ? '' : `: ${show(text.trim())}`
    return { error: `HTTP ${status}${start}`, reason: null, applied: null, details: [], requestId: null }
  }
  return {
    error,
    reason: typeof reason === 'string' ? reason : null,
    applied: applied === 'no' || applied === 'unknown' ? applied : null,
    details: Array.isArray(details) ? details : [],
    requestId: typeof requestId === 'string' ? requestId : null,
  }
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}

/** With these, no byte has left. */
const UNSENT = new Map([
  ['ECONNREFUSED', 'connection refused'],
  ['ENOTFOUND', 'the host has no address'],
  ['EAI_AGAIN', 'the host has no address at the moment'],
  ['EHOSTUNREACH', 'no route to the host'],
  ['ENETUNREACH', 'no route to the network'],
  ['UND_ERR_CONNECT_TIMEOUT', 'no connection'],
])

/** With these, TLS has ended before anything was said. */
const UNTRUSTED: readonly string[] = [
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]

/** What OpenSSL makes of an answer in plain text to the first bytes of TLS; codes differ between `fetch` and node:https. */
const NO_TLS = /wrong version number|packet length too long/

function failed(error: unknown): Attempt {
  const causes = causesOf(error)
  const untrusted = causes.find(({ code }) => code !== undefined && UNTRUSTED.includes(code))
  if (untrusted !== undefined) {
    const message = `its certificate is not trusted (${untrusted.code}); name its authority with --ca or IPAM_CA`
    return { type: 'unreachable', message }
  }
  if (causes.some(({ message }) => NO_TLS.test(message))) {
    return { type: 'unreachable', message: 'it does not speak TLS; try http://' }
  }
  for (const { code } of causes) {
    const message = code === undefined ? undefined : UNSENT.get(code)
    if (message !== undefined) return { type: 'unreachable', message }
  }
  const { message, code } = causes.at(-1) ?? { message: String(error), code: undefined }
  if (message === 'bad port') {
    return { type: 'unreachable', message: 'this port is one that browsers and fetch refuse' }
  }
  return { type: 'broken', message: `the connection broke (${code ?? message})` }
}

/** `fetch` says what went wrong in the cause, or in what a list of addresses gathered. */
function causesOf(error: unknown): (Error & { code?: string })[] {
  const causes: Error[] = []
  for (let cause = error; cause instanceof Error && !causes.includes(cause); cause = cause.cause) {
    causes.push(cause)
  }
  return causes
}
