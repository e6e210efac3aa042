/** A request to a cluster, whichever of its nodes answers: servers in turn, and again while that may help. */
import { type ApiAnswer, type ApiRequest, type Attempt, attempt } from './attempt.ts'
import type { Fetch } from './fetch.ts'

export interface SenderOptions {
  /** At least one: URLs without a path of the API. */
  readonly servers: readonly string[]
  /** Of a request, with all its attempts. */
  readonly timeoutMs: number
  readonly fetch: Fetch
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** Rejects with the reason of the signal. */
  readonly wait: (ms: number, signal: AbortSignal | null) => Promise<void>
}

export interface SendOptions {
  /** Leaves the body to be read. Once it has begun, it is not tried again. */
  readonly isStream?: boolean
  /** False: after an attempt that may have been carried out, it is not sent again. */
  readonly isRepeatable?: boolean
  readonly signal?: AbortSignal | null
  readonly timeoutMs?: number
}

/** An attempt before the last may have been carried out: then `isUncertain`. */
export type Sent =
  | { readonly type: 'answered'; readonly answer: ApiAnswer; readonly isUncertain: boolean }
  | {
      readonly type: 'gaveUp'
      readonly isUncertain: boolean
      /** Of each server, what the last attempt came to. */
      readonly failures: ReadonlyMap<string, string>
      readonly afterMs: number
    }

/** One server that hangs must not use up the time of the others. */
const ATTEMPT_MS_MAX = 10_000
const PAUSE_MS_MIN = 100
const PAUSE_MS_MAX = 2_000

export class Sender {
  readonly #options: SenderOptions
  /** The one that answered last; the next request begins there. */
  #preferred = 0

  constructor(options: SenderOptions) {
    this.#options = options
  }

  async send(request: ApiRequest, options: SendOptions = {}): Promise<Sent> {
    const { now, wait, timeoutMs } = this.#options
    const { isStream = false, isRepeatable = true, signal = null } = options
    const startedAt = now()
    const allowedMs = options.timeoutMs ?? timeoutMs
    const deadline = startedAt + allowedMs
    const sending: Sending = {
      request,
      isStream,
      isRepeatable,
      signal,
      allowedMs,
      deadline,
      isUncertain: false,
      failures: new Map(),
    }
    for (let pauseMs = PAUSE_MS_MIN; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
      const round = await this.#sendRound(sending)
      const { isUncertain, failures } = sending
      if (round.type === 'answered') return { ...round, isUncertain }
      const retryAt = now() + Math.max(round.retryAfterMs ?? 0, pauseMs)
      if (round.retryAfterMs === null || retryAt >= deadline) {
        return { type: 'gaveUp', isUncertain, failures, afterMs: now() - startedAt }
      }
      await wait(retryAt - now(), signal)
    }
  }

  /** Each server once, from the one on that answered last. */
  async #sendRound(sending: Sending): Promise<Round> {
    const { request, isStream, signal, allowedMs, deadline } = sending
    const { servers, fetch, now } = this.#options
    const waits: number[] = []
    const attemptMs = Math.min(ATTEMPT_MS_MAX, allowedMs / (servers.length + 1))
    const first = this.#preferred
    for (let i = 0; i < servers.length; i++) {
      const place = (first + i) % servers.length
      const server = servers[place] ?? ''
      const leftMs = deadline - now()
      if (leftMs <= 0) break
      const limits = { timeoutMs: Math.min(leftMs, attemptMs), isStream, signal }
      const result = await attempt(server, request, { fetch, ...limits })
      if (result.type === 'answered') {
        this.#preferred = place
        return result
      }
      sending.failures.set(server, result.message)
      sending.isUncertain ||= isUncertain(result)
      if (sending.isUncertain && !sending.isRepeatable) return { type: 'failed', retryAfterMs: null }
      const waitMs = waitAfter(result)
      if (waitMs !== null) waits.push(waitMs)
    }
    if (waits.length > 0) return { type: 'failed', retryAfterMs: Math.min(...waits) }
    // Nothing recovers where nobody is. But a server that took a write may come back and tell.
    return { type: 'failed', retryAfterMs: isWrite(request) && sending.isUncertain ? 0 : null }
  }
}

interface Sending {
  readonly request: ApiRequest
  readonly isStream: boolean
  readonly isRepeatable: boolean
  readonly signal: AbortSignal | null
  readonly allowedMs: number
  readonly deadline: number
  isUncertain: boolean
  readonly failures: Map<string, string>
}

type Round =
  | { readonly type: 'answered'; readonly answer: ApiAnswer }
  /** Null: to try again is of no use. */
  | { readonly type: 'failed'; readonly retryAfterMs: number | null }

export function isWrite({ method }: ApiRequest): boolean {
  return method !== 'GET'
}

function isUncertain(result: Attempt): boolean {
  return result.type === 'broken' || (result.type === 'turnedAway' && result.isUncertain)
}

function waitAfter(result: Attempt): number | null {
  if (result.type === 'broken') return 0
  return result.type === 'turnedAway' ? result.retryAfterMs : null
}
