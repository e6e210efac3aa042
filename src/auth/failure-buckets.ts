/** Slows down whoever guesses: a token bucket for each client and name, of which each failed log-in takes a token. */

export interface BucketLimits {
  /** So many failures at once. */
  readonly burst: number
  /** Then one more each time. */
  readonly refillMs: number
  /** Beyond, the one that was longest not used is forgotten. */
  readonly bucketsMax: number
}

export const BUCKET_LIMITS: BucketLimits = { burst: 10, refillMs: 6_000, bucketsMax: 10_000 }

interface Bucket {
  tokens: number
  /** Monotonic milliseconds. */
  filledAt: number
}

export class FailureBuckets {
  readonly #limits: BucketLimits
  readonly #now: () => number
  /** The one that was longest not used comes first. */
  readonly #buckets = new Map<string, Bucket>()

  /** @param options.now Monotonic milliseconds. */
  constructor({ now, limits = BUCKET_LIMITS }: { now: () => number; limits?: BucketLimits }) {
    this.#now = now
    this.#limits = limits
  }

  get size(): number {
    return this.#buckets.size
  }

  /** @returns 0 when a token was taken, else after how many milliseconds there will be one. */
  take(key: string): number {
    const bucket = this.#filled(key)
    this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
    this.#forgetBeyondMax()
    if (bucket.tokens < 1) return Math.ceil((1 - bucket.tokens) * this.#limits.refillMs)
    bucket.tokens -= 1
    return 0
  }

  /** It was no failure after all. */
  giveBack(key: string): void {
    const bucket = this.#buckets.get(key)
    if (bucket === undefined) return
    bucket.tokens = Math.min(this.#limits.burst, bucket.tokens + 1)
    if (bucket.tokens === this.#limits.burst) this.#buckets.delete(key)
  }

  #filled(key: string): Bucket {
    const { burst, refillMs } = this.#limits
    const now = this.#now()
    const bucket = this.#buckets.get(key)
    if (bucket === undefined) return { tokens: burst, filledAt: now }
    const tokens = Math.min(burst, bucket.tokens + (now - bucket.filledAt) / refillMs)
    return { tokens, filledAt: now }
  }

  #forgetBeyondMax(): void {
    for (const key of this.#buckets.keys()) {
      if (this.#buckets.size <= this.#limits.bucketsMax) return
      this.#buckets.delete(key)
    }
  }
}
