/** The API of a cluster, whichever of its nodes answers: servers in turn, retries, idempotency keys. */
import { nanoid } from 'nanoid'
import type { ClientShell, ExitCode } from '../shell.ts'
import { type ApiAnswer, type ApiRequest, type Attempt, attempt, readProblem } from './attempt.ts'
import { ClientError } from './client-error.ts'
import type { Fetch } from './secure-fetch.ts'

/** Of answers that are neither a success nor a failure of the server. */
const EXIT_CODES = new Map<number, ExitCode>([
  [400, 2],
  [404, 3],
  [409, 4],
  [412, 4],
])

/** The API, or a proxy in front of it, says no. */
export class RefusedError extends ClientError {
  override readonly name = 'RefusedError'
  readonly status: number
  readonly reason: string | null
  readonly details: readonly { readonly field: string; readonly message: string }[]
  /** An attempt before this one may have been carried out. */
  readonly isAfterUncertain: boolean

  constructor({ status, text }: ApiAnswer, { isWrite, isAfterUncertain }: Certainty) {
    const { error, reason, details, applied } = readProblem(text, status)
    super(error, isWrite && applied === 'unknown' ? 5 : (EXIT_CODES.get(status) ?? 1))
    this.status = status
    this.reason = reason
    this.details = details
    this.isAfterUncertain = isAfterUncertain
  }
}

interface Certainty {
  readonly isWrite: boolean
  readonly isAfterUncertain: boolean
}

export interface WriteOptions {
  /** The log index that the resource must still have. */
  readonly ifMatch?: number | null
  /** Null: the endpoint knows no keys. Default: a key of its own. */
  readonly key?: string | null
  /** Of `body`, when that is text. */
  readonly contentType?: string
  /** What to do where nobody knows what became of it; null: whoever asked says that. Default: as the key allows. */
  readonly wayOut?: string | null
}

/** One server that hangs must not use up the time of the others. */
const ATTEMPT_MS_MAX = 10_000
const PAUSE_MS_MIN = 100
const PAUSE_MS_MAX = 2_000

export class Api {
  readonly servers: readonly string[]
  readonly #timeoutMs: number
  readonly #fetch: Fetch
  readonly #askAuthorization: () => Promise<string | null>
  #authorization: Promise<string | null> | null = null
  readonly #shell: ClientShell
  /** The one that answered last; the next request begins there. */
  #preferred = 0
  #writesUnderWay = 0

  /**
   * @param options.servers At least one: URLs without a path of the API.
   * @param options.authorization Of each request; asked for once, with the first.
   */
  constructor(
    options: {
      servers: readonly string[]
      timeoutMs: number
      fetch: Fetch
      authorization: () => Promise<string | null>
    },
    shell: ClientShell,
  ) {
    this.servers = options.servers
    this.#timeoutMs = options.timeoutMs
    this.#fetch = options.fetch
    this.#askAuthorization = options.authorization
    this.#shell = shell
  }

  /** Whoever stops now does not know what becomes of it. */
  get isWriting(): boolean {
    return this.#writesUnderWay > 0
  }

  /** @param params Those that are null are left out. @throws {ClientError} */
  async get(path: string, params: Params = {}): Promise<ApiAnswer> {
    return await this.#send(reading(path, params))
  }

  /** The body as it comes. Once it has begun, it is not tried again. @throws {ClientError} */
  async stream(path: string, params: Params = {}): Promise<AsyncIterable<Uint8Array>> {
    const { stream } = await this.#send(reading(path, params), { isStream: true })
    return stream ?? nothing()
  }

  /**
   * Carried out once at most, however often it has to be sent.
   *
   * @param body Sent as JSON, or as it is if it is text.
   * @throws {ClientError} with exit code 5 where nobody knows what became of it.
   */
  async write(
    method: 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body: object | string | null = null,
    { ifMatch = null, key = nanoid(), contentType = 'application/json', ...options }: WriteOptions = {},
  ): Promise<ApiAnswer> {
    const { wayOut = wayOutWith(key) } = options
    const headers: Record<string, string> = {}
    if (body !== null) headers['Content-Type'] = contentType
    if (ifMatch !== null) headers['If-Match'] = `"${ifMatch}"`
    if (key !== null) headers['Idempotency-Key'] = key
    const text = body === null || typeof body === 'string' ? body : JSON.stringify(body)
    this.#writesUnderWay += 1
    try {
      return await this.#send({ method, path, headers, body: text }, { wayOut })
    } finally {
      this.#writesUnderWay -= 1
    }
  }

  async #send(
    unsigned: ApiRequest,
    { isStream = false, wayOut = null }: { isStream?: boolean; wayOut?: string | null } = {},
  ): Promise<ApiAnswer> {
    const request = await this.#signed(unsigned)
    const startedAt = this.#shell.now()
    const deadline = startedAt + this.#timeoutMs
    const state: Sending = { request, isStream, wayOut, deadline, isUncertain: false, failures: new Map() }
    for (let pauseMs = PAUSE_MS_MIN; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
      const round = await this.#sendRound(state)
      if (round.type === 'answered') return checked(round.answer, state)
      const retryAt = this.#shell.now() + Math.max(round.retryAfterMs ?? 0, pauseMs)
      if (round.retryAfterMs === null || retryAt >= deadline) throw this.#giveUp(state, startedAt)
      await this.#shell.wait(retryAt - this.#shell.now())
    }
  }

  /** Before the time runs: somebody may have to type. */
  async #signed(request: ApiRequest): Promise<ApiRequest> {
    this.#authorization ??= this.#askAuthorization()
    const authorization = await this.#authorization
    if (authorization === null) return request
    return { ...request, headers: { ...request.headers, Authorization: authorization } }
  }

  /** Each server once, from the one on that answered last. */
  async #sendRound(state: Sending): Promise<Round> {
    const waits: number[] = []
    const attemptMs = Math.min(ATTEMPT_MS_MAX, this.#timeoutMs / (this.servers.length + 1))
    const first = this.#preferred
    for (let i = 0; i < this.servers.length; i++) {
      const place = (first + i) % this.servers.length
      const server = this.servers[place] ?? ''
      const leftMs = state.deadline - this.#shell.now()
      if (leftMs <= 0) break
      const { request, isStream } = state
      const limits = { timeoutMs: Math.min(leftMs, attemptMs), isStream }
      const result = await attempt(server, request, { fetch: this.#fetch, ...limits })
      if (result.type === 'answered') {
        this.#preferred = place
        return result
      }
      state.failures.set(server, result.message)
      state.isUncertain ||= isUncertain(result)
      const waitMs = waitAfter(result)
      if (waitMs !== null) waits.push(waitMs)
    }
    if (waits.length > 0) return { type: 'failed', retryAfterMs: Math.min(...waits) }
    // Nothing recovers where nobody is. But a server that took a write may come back and tell.
    return { type: 'failed', retryAfterMs: isWrite(state) && state.isUncertain ? 0 : null }
  }

  #giveUp(state: Sending, startedAt: number): ClientError {
    const { failures } = state
    const reasons = [...failures].map(([server, message]) => `${server}: ${message}`).join('; ')
    const seconds = Math.round((this.#shell.now() - startedAt) / 1_000)
    if (isWrite(state) && state.isUncertain) {
      const wayOut = state.wayOut === null ? '' : `; ${state.wayOut}`
      return new ClientError(`the outcome is unknown after ${seconds} s (${reasons})${wayOut}`, 5)
    }
    const nothing = isWrite(state) ? '; nothing was changed' : ''
    if (seconds > 0) return new ClientError(`gave up after ${seconds} s: ${reasons}${nothing}`, 1)
    return new ClientError(
      `no server can answer: ${reasons}${nothing}. Name others with --server or IPAM_SERVER; to start one: ipam server`,
      1,
    )
  }
}

function wayOutWith(key: string | null): string {
  return key === null
    ? 'look before you try again'
    : `to learn it, run the same command again with --idempotency-key ${key}, which does it once at most`
}

export type Params = Readonly<Record<string, string | number | boolean | null>>

interface Sending {
  readonly request: ApiRequest
  readonly isStream: boolean
  readonly wayOut: string | null
  readonly deadline: number
  isUncertain: boolean
  /** What the last attempt at each server came to. */
  readonly failures: Map<string, string>
}

type Round =
  | { readonly type: 'answered'; readonly answer: ApiAnswer }
  /** Null: to try again is of no use. */
  | { readonly type: 'failed'; readonly retryAfterMs: number | null }

function reading(path: string, params: Params): ApiRequest {
  return { method: 'GET', path: withQuery(path, params), headers: {}, body: null }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** @throws {RefusedError} */
function checked(answer: ApiAnswer, state: Sending): ApiAnswer {
  if (answer.status >= 200 && answer.status < 300) return answer
  throw new RefusedError(answer, { isWrite: isWrite(state), isAfterUncertain: state.isUncertain })
}

function isWrite({ request }: { request: ApiRequest }): boolean {
  return request.method !== 'GET'
}

function isUncertain(result: Attempt): boolean {
  return result.type === 'broken' || (result.type === 'turnedAway' && result.isUncertain)
}

function waitAfter(result: Attempt): number | null {
  if (result.type === 'broken') return 0
  return result.type === 'turnedAway' ? result.retryAfterMs : null
}

function withQuery(path: string, params: Params): string {
  const given = Object.entries(params).filter(([, value]) => value !== null)
  if (given.length === 0) return path
  return `${path}?${new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]))}`
}
