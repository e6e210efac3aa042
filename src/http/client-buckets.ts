/** How many requests each client may still make: a token bucket for its reads and one for its writes. */

export interface Rate {
  /** In the long run. A whole number. */
  readonly perSecond: number
  /** At once, by a client that has been quiet. At least 1. */
  readonly burst: number
}

export interface Rates {
  /** Null: without a limit. */
  readonly reads: Rate | null
  readonly writes: Rate | null
}

export type RequestKind = keyof Rates

/** What became of a request, and what its client has left. */
export interface Taken {
  /** 0: it was let in. Else how long it takes until one would be. */
  readonly waitMs: number
  /** Whole requests. */
  readonly remaining: number
  /** Until the bucket is full again. */
  readonly fullInMs: number
}

/** Thousandths of a request: a rate per second is as many of them a millisecond, and whole numbers stay whole. */
const REQUEST = 1_000

interface Client {
  reads: number
  writes: number
  /** Monotonic milliseconds. */
  filledAt: number
}

/** How many of those that were longest not seen are looked at for one to forget. */
const LOOKS_MAX = 8

export class ClientBuckets {
  readonly #rates: Rates
  readonly #clientsMax: number
  readonly #now: () => number
  /** The one that was longest not seen comes first. */
  readonly #clients = new Map<string, Client>()
  #lastSeen: string | null = null

  /**
   * @param options.clientsMax At least 1. Beyond, one is forgotten, and starts with full buckets should it come back: the first, of
   *   the few that were longest not seen, whose buckets are full again, so that nothing is lost; else the very first.
   * @param options.now Monotonic milliseconds.
   */
  constructor({ rates, clientsMax, now }: { rates: Rates; clientsMax: number; now: () => number }) {
    this.#rates = rates
    this.#clientsMax = clientsMax
    this.#now = now
  }

  get size(): number {
    return this.#clients.size
  }

  /** Null where there is no limit. What is refused takes nothing, so that one that goes on asking gets its rate all the same. */
  take(name: string, kind: RequestKind): Taken | null {
    const rate = this.#rates[kind]
    if (rate === null) return null
    const client = this.#filled(name)
    const isEnough = client[kind] >= REQUEST
    if (isEnough) client[kind] -= REQUEST
    return {
      waitMs: isEnough ? 0 : (REQUEST - client[kind]) / rate.perSecond,
      remaining: Math.floor(client[kind] / REQUEST),
      fullInMs: (rate.burst * REQUEST - client[kind]) / rate.perSecond,
    }
  }

  #filled(name: string): Client {
    const now = this.#now()
    const known = this.#clients.get(name)
    if (known === undefined) return this.#met(name, now)
    this.#fill(known, now)
    if (name !== this.#lastSeen) {
      this.#clients.delete(name)
      this.#clients.set(name, known)
      this.#lastSeen = name
    }
    return known
  }

  #met(name: string, now: number): Client {
    if (this.#clients.size >= this.#clientsMax) this.#forgetOne(now)
    const { reads, writes } = this.#rates
    const client = { reads: sizeOf(reads), writes: sizeOf(writes), filledAt: now }
    this.#clients.set(name, client)
    this.#lastSeen = name
    return client
  }

  #fill(client: Client, now: number): void {
    const { reads, writes } = this.#rates
    const passedMs = now - client.filledAt
    if (reads !== null) client.reads = Math.min(sizeOf(reads), client.reads + passedMs * reads.perSecond)
    if (writes !== null) client.writes = Math.min(sizeOf(writes), client.writes + passedMs * writes.perSecond)
    client.filledAt = now
  }

  #forgetOne(now: number): void {
    const { reads, writes } = this.#rates
    let first: string | null = null
    let looks = 0
    for (const [name, client] of this.#clients) {
      first ??= name
      this.#fill(client, now)
      if (client.reads === sizeOf(reads) && client.writes === sizeOf(writes)) {
        this.#clients.delete(name)
        return
      }
      if (++looks >= LOOKS_MAX) break
    }
    if (first !== null) this.#clients.delete(first)
  }
}

/** Full, in thousandths of a request. */
function sizeOf(rate: Rate | null): number {
  return rate === null ? 0 : rate.burst * REQUEST
}
