/** The API of a cluster, whichever of its nodes answers: servers in turn, retries, idempotency keys. */
import { nanoid } from 'nanoid'
import { type ApiAnswer, type ApiRequest, readProblem } from '../../client/attempt.ts'
import type { Fetch } from '../../client/fetch.ts'
import { type Params, withQuery } from '../../client/query.ts'
import { isWrite, Sender, type Sent } from '../../client/sender.ts'
import type { ClientShell, ExitCode } from '../shell.ts'
import { ClientError } from './client-error.ts'

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

/** `isAfterUncertain`: an attempt before it may have been carried out, so that a replay may be ours. */
export type WriteAnswer = ApiAnswer & { readonly isAfterUncertain: boolean }

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

const BASE_PATH = '/api/v1'

interface ApiOptions {
  /** At least one: URLs without a path of the API. */
  readonly servers: readonly string[]
  readonly timeoutMs: number
  readonly fetch: Fetch
  /** Of each request; asked for once, with the first. */
  readonly authorization: () => Promise<string | null>
}

export class Api {
  readonly servers: readonly string[]
  readonly #options: ApiOptions
  readonly #shell: ClientShell
  readonly #sender: Sender
  #authorization: Promise<string | null> | null = null
  #writesUnderWay = 0

  constructor(options: ApiOptions, shell: ClientShell) {
    this.servers = options.servers
    this.#options = options
    this.#shell = shell
    this.#sender = new Sender({ ...options, now: () => shell.now(), wait: (ms) => shell.wait(ms) })
  }

  /** One of the servers alone, which is not waited for longer than `timeoutMs`. */
  alone(server: string, timeoutMs: number): Api {
    const options = { servers: [server], timeoutMs: Math.min(timeoutMs, this.#options.timeoutMs) }
    return new Api({ ...this.#options, ...options, authorization: () => this.#authorize() }, this.#shell)
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
    { ifMatch = null, key = newKey(), contentType = 'application/json', ...options }: WriteOptions = {},
  ): Promise<WriteAnswer> {
    const { wayOut = wayOutWith(key) } = options
    const headers: Record<string, string> = {}
    if (body !== null) headers['Content-Type'] = contentType
    if (ifMatch !== null) headers['If-Match'] = `"${ifMatch}"`
    if (key !== null) headers['Idempotency-Key'] = key
    const text = body === null || typeof body === 'string' ? body : JSON.stringify(body)
    this.#writesUnderWay += 1
    try {
      return await this.#send({ method, path: BASE_PATH + path, headers, body: text }, { wayOut })
    } finally {
      this.#writesUnderWay -= 1
    }
  }

  async #send(
    unsigned: ApiRequest,
    { isStream = false, wayOut = null }: { isStream?: boolean; wayOut?: string | null } = {},
  ): Promise<WriteAnswer> {
    const request = await this.#signed(unsigned)
    const sent = await this.#sender.send(request, { isStream })
    if (sent.type === 'gaveUp') throw giveUp(request, sent, wayOut)
    const { answer, isUncertain } = sent
    if (answer.status >= 200 && answer.status < 300) return { ...answer, isAfterUncertain: isUncertain }
    throw new RefusedError(answer, { isWrite: isWrite(request), isAfterUncertain: isUncertain })
  }

  /** Before the time runs: somebody may have to type. */
  async #signed(request: ApiRequest): Promise<ApiRequest> {
    const authorization = await this.#authorize()
    if (authorization === null) return request
    return { ...request, headers: { ...request.headers, Authorization: authorization } }
  }

  #authorize(): Promise<string | null> {
    this.#authorization ??= this.#options.authorization()
    return this.#authorization
  }
}

function giveUp(
  request: ApiRequest,
  { failures, afterMs, isUncertain }: Extract<Sent, { type: 'gaveUp' }>,
  wayOut: string | null,
): ClientError {
  const reasons = [...failures].map(([server, message]) => `${server}: ${message}`).join('; ')
  const seconds = Math.round(afterMs / 1_000)
  if (isWrite(request) && isUncertain) {
    const next = wayOut === null ? '' : `; ${wayOut}`
    return new ClientError(`the outcome is unknown after ${seconds} s (${reasons})${next}`, 5)
  }
  const nothing = isWrite(request) ? '; nothing was changed' : ''
  if (seconds > 0) return new ClientError(`gave up after ${seconds} s: ${reasons}${nothing}`, 1)
  return new ClientError(
    `no server can answer: ${reasons}${nothing}. Name others with --server or IPAM_SERVER; to start one: ipam server`,
    1,
  )
}

/** Begins with a letter: people are told to give it to a flag, and one that begins with a dash would be taken for the next flag. */
export function newKey(): string {
  return `k${nanoid(20)}`
}

function wayOutWith(key: string | null): string {
  return key === null
    ? 'look before you try again'
    : `to learn it, run the same command again with --idempotency-key ${key}, which does it once at most`
}

function reading(path: string, params: Params): ApiRequest {
  return { method: 'GET', path: withQuery(BASE_PATH + path, params), headers: {}, body: null }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
