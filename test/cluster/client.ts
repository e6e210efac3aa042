/** A client of one node that says of every request what became of it. */
import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { request as requestTls, Agent as TlsAgent } from 'node:https'

const TIMEOUT_MS = 20_000

/** `unknown`: it may or may not have been carried out. `not applied`: the node promises that it was not. */
export type Fate = 'done' | 'refused' | 'not applied' | 'unknown'

export interface Answer<Body = unknown> {
  /** 0 if the connection ended without an answer. */
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Null where there is none. */
  readonly body: Body
  readonly fate: Fate
}

export interface ErrorBody {
  readonly error: string
  readonly code: number
  readonly reason: string
  readonly applied?: 'no' | 'unknown'
  readonly reasons?: readonly string[]
}

export interface NetworkBody {
  readonly id: string
  readonly cidr: string
  readonly parent_id: string | null
}

export interface AllocationBody {
  readonly id: string
  readonly network_id: string
  readonly ip: string
  readonly end_ip: string | null
  readonly hostname: string | null
  readonly status: 'allocated' | 'released' | 'expired'
  readonly allocated_at: string
  readonly expires_at: string | null
  readonly released_at: string | null
}

export interface AuditBody {
  readonly timestamp: string
  readonly action: string
  readonly resource: string
  readonly details: string
  readonly user: string
  /** Of the log entry; rows of one entry have the same. */
  readonly index: number
}

export interface MemberBody {
  readonly node_id: number
  readonly addr: string
  readonly role: string
  readonly voter: boolean
  readonly schemas: { readonly min: number; readonly max: number } | null
  readonly healthy: boolean | null
  readonly match_index: number | null
  readonly reasons: readonly string[]
}

export interface StatusBody {
  readonly node_id: number
  readonly role: string
  readonly members: readonly MemberBody[]
  readonly leader_id: number | null
  readonly term: number
  readonly commit_index: number
  readonly applied_index: number
  readonly schema_version: number
  /** Of the software of the node that answers. */
  readonly version: string
}

export class Client {
  readonly port: number
  readonly #agent: Agent
  readonly #isTls: boolean

  /** @param ca Whose certificates are believed, in PEM; null: plain HTTP. */
  constructor(port: number, ca: string | null = null) {
    this.port = port
    this.#isTls = ca !== null
    const options = { keepAlive: true, maxSockets: 4_096 }
    this.#agent = ca === null ? new Agent(options) : new TlsAgent({ ...options, ca })
  }

  get url(): string {
    return `${this.#isTls ? 'https' : 'http'}://127.0.0.1:${this.port}/api/v1`
  }

  /** @param path Below `/api/v1`. Never rejects: a lost connection is an answer, too. */
  send<Body = unknown>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer<Body>> {
    return this.begin<Body>(method, path, body, headers).answer
  }

  /** `isSent` resolves when the operating system has taken the request, which on loopback is the node's own. */
  begin<Body = unknown>(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): { isSent: Promise<void>; answer: Promise<Answer<Body>> } {
    const text = body === undefined ? null : JSON.stringify(body)
    let markSent = (): void => {}
    const isSent = new Promise<void>((resolve) => {
      markSent = resolve
    })
    const answer = new Promise<Answer<Body>>((resolve) => {
      const fail = (error?: Error): void => {
        // Nobody listens there: nothing was sent.
        const isRefused = error !== undefined && 'code' in error && error.code === 'ECONNREFUSED'
        resolve({ status: 0, headers: {}, body: null as Body, fate: isRefused ? 'not applied' : 'unknown' })
      }
      const sent = (this.#isTls ? requestTls : request)(
        {
          host: '127.0.0.1',
          port: this.port,
          method,
          path: `/api/v1${path}`,
          agent: this.#agent,
          timeout: TIMEOUT_MS,
          headers:
            text === null
              ? headers
              : {
                  ...headers,
                  'Content-Type': 'application/json',
                  'Content-Length': Buffer.byteLength(text),
                },
        },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('error', fail)
          response.on('close', () => fail())
          response.on('end', () => {
            const status = response.statusCode ?? 0
            const received = Buffer.concat(chunks).toString('utf8')
            const parsed = received === '' ? null : JSON.parse(received)
            resolve({
              status,
              headers: response.headers,
              body: parsed as Body,
              fate: fateOf(status, parsed as Partial<ErrorBody> | null),
            })
          })
        },
      )
      sent.on('error', fail)
      sent.on('timeout', () => sent.destroy())
      sent.on('finish', markSent)
      sent.end(text)
    })
    return { isSent, answer }
  }

  /** @throws unless it is answered with 2xx. */
  async get<Body>(path: string): Promise<Body> {
    return this.#expectDone('GET', path, await this.send<Body>('GET', path))
  }

  /** @throws unless it is answered with 2xx. */
  async post<Body>(path: string, body?: unknown): Promise<Body> {
    return this.#expectDone('POST', path, await this.send<Body>('POST', path, body))
  }

  /** @throws unless it is answered with 2xx. */
  async delete(path: string): Promise<void> {
    this.#expectDone('DELETE', path, await this.send('DELETE', path))
  }

  #expectDone<Body>(method: string, path: string, { status, body, fate }: Answer<Body>): Body {
    if (fate === 'done') return body
    throw new Error(`${method} ${this.url}${path}: ${status} ${JSON.stringify(body)}`)
  }

  /**
   * All pages of a list, and the log index that each of them came from.
   *
   * @param isBackwards Each page comes before those that were read: the audit log starts with the newest.
   */
  async list<Row>(
    path: string,
    { isBackwards = false } = {},
  ): Promise<{ rows: Row[]; indexes: Set<number> }> {
    const pages: (readonly Row[])[] = []
    const indexes = new Set<number>()
    let next: string | null = `${path}${path.includes('?') ? '&' : '?'}limit=10000`
    while (next !== null) {
      const answer: Answer<Row[]> = await this.send<Row[]>('GET', next)
      pages.push(this.#expectDone('GET', next, answer))
      indexes.add(Number(answer.headers['x-raft-index']))
      next = /^<\/api\/v1(\/[^>]+)>; rel="next"$/.exec(String(answer.headers['link'] ?? ''))?.[1] ?? null
    }
    return { rows: (isBackwards ? pages.toReversed() : pages).flat(), indexes }
  }

  status(): Promise<StatusBody> {
    return this.get('/cluster/status')
  }

  /** Empty if the node is ready; null if it does not answer. */
  async readiness(): Promise<readonly string[] | null> {
    const { status, body } = await this.send<Partial<ErrorBody>>('GET', '/health/ready')
    if (status === 200) return []
    return status === 0 ? null : (body.reasons ?? [])
  }

  close(): void {
    this.#agent.destroy()
  }
}

function fateOf(status: number, body: Partial<ErrorBody> | null): Fate {
  if (status >= 200 && status < 300) return 'done'
  if (status >= 400 && status < 500 && status !== 429) return 'refused'
  return body?.applied === 'no' ? 'not applied' : 'unknown'
}
