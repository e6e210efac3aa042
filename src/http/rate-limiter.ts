/** Who asks too often is told when to come back, and everybody how much there is left. */
import type { Identity } from '../auth/authenticator.ts'
import { ClientBuckets, type RequestKind, type Taken } from './client-buckets.ts'
import type { RateLimits } from './limits.ts'
import { ProblemError } from './problem.ts'
import type { RefusalCounts } from './refusal-counts.ts'

/** Of one request, for the headers of its answer. */
export interface Quota extends Taken {
  readonly kind: RequestKind
}

export class RateLimiter {
  readonly #limits: RateLimits
  readonly #buckets: ClientBuckets
  readonly #refusals: RefusalCounts

  /** @param options.now Monotonic milliseconds. */
  constructor(options: { limits: RateLimits; refusals: RefusalCounts; now: () => number }) {
    const { limits, refusals, now } = options
    this.#limits = limits
    this.#refusals = refusals
    this.#buckets = new ClientBuckets({ rates: limits, clientsMax: limits.clientsMax, now })
  }

  /** That are remembered. */
  get clients(): { readonly size: number; readonly max: number } {
    return { size: this.#buckets.size, max: this.#limits.clientsMax }
  }

  /** Counts a request. Null where there is no limit for such. @throws {ProblemError} for whoever has to wait. */
  admit(client: string, kind: RequestKind): Quota | null {
    const taken = this.#buckets.take(client, kind)
    if (taken === null) return null
    const quota = { kind, ...taken }
    if (taken.waitMs === 0) return quota
    this.#refusals.note(kind)
    throw this.#problem(client, quota)
  }

  /** Of draft-ietf-httpapi-ratelimit-headers-06, which is what clients read; later drafts have other names. */
  setHeaders(headers: Record<string, string>, { kind, remaining, fullInMs }: Quota): void {
    const rate = this.#limits[kind]
    if (rate === null) return
    headers['RateLimit-Limit'] = String(rate.burst)
    headers['RateLimit-Remaining'] = String(remaining)
    headers['RateLimit-Reset'] = String(wholeSeconds(fullInMs))
    headers['RateLimit-Policy'] = `${rate.burst};w=${Math.ceil(rate.burst / rate.perSecond)}`
  }

  #problem(client: string, quota: Quota): ProblemError {
    const { perSecond = 0, burst = 0 } = this.#limits[quota.kind] ?? {}
    const retryAfterS = wholeSeconds(quota.waitMs)
    const message = `too many requests of ${client}: ${perSecond} ${quota.kind} a second are allowed, and ${burst} at once; come back in ${retryAfterS} s`
    const headers: Record<string, string> = {}
    this.setHeaders(headers, quota)
    return new ProblemError({ status: 429, reason: 'rate_limited', message, retryAfterS, headers })
  }
}

/** Null: nothing is limited. */
export function createRateLimiter(options: {
  limits: RateLimits
  refusals: RefusalCounts
  now: () => number
}): RateLimiter | null {
  const { reads, writes } = options.limits
  return reads === null && writes === null ? null : new RateLimiter(options)
}

/** By what a client is counted: whoever is logged in by that, all others by where they come from. */
export function clientName(identity: Identity | null, client: string): string {
  const isSomebody = identity !== null && (identity.account !== null || identity.keyId !== null)
  return isSomebody ? identity.user : client
}

function wholeSeconds(ms: number): number {
  return Math.ceil(ms / 1_000)
}
