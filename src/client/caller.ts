/** What every call of the client has in common: who asks, keys, retries, and what an answer is made into. */
import { type Answer, toAnswer } from './answer.ts'
import type { ApiAnswer, ApiRequest } from './attempt.ts'
import { ApiError, UnavailableError } from './errors.ts'
import type { Fetch } from './fetch.ts'
import { type Params, withQuery } from './query.ts'
import { Rows } from './rows.ts'
import { isWrite, Sender } from './sender.ts'

/** Whom to ask, and as whom. */
export interface ClientOptions {
  /** URLs of nodes or load balancers, without the path of the API; they are asked in turn. */
  readonly servers: string | readonly string[]
  /** An API key. */
  readonly token?: string
  /** Instead of a token. */
  readonly user?: { readonly name: string; readonly password: string }
  /** Of a call, with all its attempts. Default: 30 s. */
  readonly timeoutMs?: number
  /** For certificates of your own authority, or a proxy. Default: that of the platform. */
  readonly fetch?: Fetch
}

/** Of one call, of any operation. */
export interface CallOptions {
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
  /** Your name for the request, in the log and in audit rows. */
  readonly requestId?: string
}

/** Of one call that changes something. */
export interface WriteOptions extends CallOptions {
  /** Carried out once, however often it is called with this key. Default: one of its own, for all attempts of this call. */
  readonly idempotencyKey?: string
  /** The ETag that the resource must still have. */
  readonly ifMatch?: string
}

/** What a generated method knows of its operation. */
export interface Call {
  readonly method: ApiRequest['method']
  readonly path: string
  readonly query?: Params
  /** Sent as JSON, or as it is if it is text. */
  readonly body?: object | string | undefined
  readonly answers: 'json' | 'text' | 'stream' | 'nothing'
  /** Changes without a key are not sent again once they may have been carried out. */
  readonly isIdempotent: boolean
}

const TIMEOUT_MS = 30_000
const KEY_BYTES = 16

export class Caller {
  readonly #sender: Sender
  readonly #authorization: string | null

  constructor({ servers, token, user, timeoutMs = TIMEOUT_MS, fetch: own }: ClientOptions) {
    const list = (typeof servers === 'string' ? [servers] : servers).map(serverOf)
    if (list.length === 0) throw new TypeError('servers is empty: name at least one')
    this.#authorization = authorizationOf({ token, user })
    this.#sender = new Sender({
      servers: list,
      timeoutMs,
      fetch: own ?? ((url, init) => fetch(url, init)),
      now: () => performance.now(),
      wait,
    })
  }

  rows<Row>(call: Omit<Call, 'query'>, query: Params, options: CallOptions): Rows<Row> {
    return new Rows(query, (asked) => this.call<readonly Row[]>({ ...call, query: asked }, options))
  }

  /** @throws {ApiError | UnavailableError} or the reason of the signal. */
  async call<T>(call: Call, options: WriteOptions): Promise<Answer<T>> {
    const { signal = null, timeoutMs } = options
    const key = call.isIdempotent ? (options.idempotencyKey ?? newKey()) : null
    const request = this.#requestOf(call, { ...options, key })
    const sent = await this.#sender.send(request, {
      isStream: call.answers === 'stream',
      isRepeatable: !isWrite(request) || key !== null,
      signal,
      ...(timeoutMs !== undefined && { timeoutMs }),
    })
    if (sent.type === 'gaveUp') {
      const applied = isWrite(request) && sent.isUncertain ? 'unknown' : 'no'
      throw new UnavailableError({ applied, idempotencyKey: key, failures: sent.failures })
    }
    const { answer } = sent
    if (answer.status < 200 || answer.status > 299) throw new ApiError(answer)
    return toAnswer(answer, valueIn(answer, call.answers) as T)
  }

  #requestOf(
    { method, path, query = {}, body }: Call,
    { key, ifMatch, requestId }: { key: string | null } & WriteOptions,
  ): ApiRequest {
    const isText = typeof body === 'string'
    const headers: Record<string, string> = {}
    if (this.#authorization !== null) headers['Authorization'] = this.#authorization
    if (body !== undefined) headers['Content-Type'] = isText ? 'text/plain' : 'application/json'
    if (key !== null) headers['Idempotency-Key'] = key
    if (ifMatch !== undefined) headers['If-Match'] = ifMatch
    if (requestId !== undefined) headers['X-Request-Id'] = requestId
    const text = body === undefined ? null : isText ? body : JSON.stringify(body)
    return { method, path: withQuery(path, query), headers, body: text }
  }
}

function valueIn({ text, stream }: ApiAnswer, answers: Call['answers']): unknown {
  if (answers === 'nothing') return undefined
  if (answers === 'text') return text
  if (answers === 'stream') return stream
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new TypeError('what answers is no ipam server: its answer is no JSON', { cause: error })
  }
}

function serverOf(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new TypeError(`a server is a URL such as http://127.0.0.1:8080, not ${JSON.stringify(text)}`)
  }
  const { origin, pathname } = new URL(text)
  return `${origin}${pathname}`.replace(/\/+$/, '').replace(/\/api\/v1$/, '')
}

/** RFC 6750, RFC 7617. */
function authorizationOf({
  token,
  user,
}: Pick<{ [Key in keyof ClientOptions]: ClientOptions[Key] | undefined }, 'token' | 'user'>): string | null {
  if (token !== undefined && user !== undefined) throw new TypeError('token and user: one of them is enough')
  if (token !== undefined) return `Bearer ${token}`
  if (user === undefined) return null
  const bytes = new TextEncoder().encode(`${user.name}:${user.password}`)
  return `Basic ${btoa(String.fromCharCode(...bytes))}`
}

/** Of 128 random bits. `crypto.randomUUID` is missing on pages without TLS. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(KEY_BYTES))
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

async function wait(ms: number, signal: AbortSignal | null): Promise<void> {
  signal?.throwIfAborted()
  await new Promise<void>((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal?.addEventListener('abort', stop)
  })
}
