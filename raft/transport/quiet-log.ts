import type { Clock, Log } from '../ports.ts'

const QUIET_MS = 10_000
const KEYS_MAX = 256

interface Quieted {
  readonly since: number
  suppressed: number
}

/** Warnings that anybody on the network can cause: each key at most once in 10 s, with how many were left out. */
export class QuietLog {
  readonly #clock: Clock
  readonly #logger: Log
  readonly #keys = new Map<string, Quieted>()

  constructor(clock: Clock, logger: Log) {
    this.#clock = clock
    this.#logger = logger
  }

  warn(key: string, fields: object, message: string): void {
    const now = this.#clock.now()
    const known = this.#room(key, now)
    const entry = this.#keys.get(known)
    if (entry !== undefined && now - entry.since < QUIET_MS) {
      entry.suppressed += 1
      return
    }
    const suppressedCount = entry?.suppressed ?? 0
    this.#keys.set(known, { since: now, suppressed: 0 })
    this.#logger.warn({ ...fields, suppressedCount }, message)
  }

  /** Once there are too many keys, those that are new share one. */
  #room(key: string, now: number): string {
    if (this.#keys.has(key) || this.#keys.size < KEYS_MAX) return key
    for (const [old, { since }] of this.#keys) {
      if (now - since >= QUIET_MS) this.#keys.delete(old)
    }
    return this.#keys.size < KEYS_MAX ? key : 'others'
  }
}
