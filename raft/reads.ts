/** Reads that wait: for the leader to name an index, then for that index to be applied here (§6.4). */
import type { Event } from './core/event.ts'
import {
  ClosedError,
  IndexNotReachedError,
  OverloadedError,
  type RaftError,
  ReadTimeoutError,
} from './errors.ts'
import type { LogIndex } from './types.ts'

/** How many reads may wait on one node, and for how long. */
export interface ReadLimits {
  readonly waitingReadsMax: number
  readonly readTimeoutMs: number
  /** A request for an index that is not answered in this time was lost, and is made again under a new id. */
  readonly retryMs: number
}

/** Those of production. */
export const DEFAULT_READ_LIMITS: ReadLimits = { waitingReadsMax: 20_000, readTimeoutMs: 5_000, retryMs: 500 }

interface Waiter {
  readonly since: number
  readonly resolve: (index: LogIndex) => void
  readonly reject: (error: RaftError) => void
}

export class Reads {
  readonly #limits: ReadLimits
  readonly #now: () => number
  /** Came since the request under way was made: an index confirmed for that one may be too old for them. */
  #waiting: Waiter[] = []
  /** One request is under way at a time; whoever comes meanwhile shares the next. */
  #asked: { readonly id: number; readonly waiters: Waiter[]; readonly at: number } | null = null
  /** Nobody could say: not again before the next tick. */
  #isHeld = false
  #unapplied: { readonly index: LogIndex; readonly waiter: Waiter; readonly isRequested: boolean }[] = []
  #nextId: number
  #isClosed = false

  /** @param firstId Not one of an earlier process: the answer to its question may still be on the way. */
  constructor(limits: ReadLimits, { now, firstId }: { now: () => number; firstId: number }) {
    this.#limits = limits
    this.#now = now
    this.#nextId = firstId
  }

  /** Somebody waits, and the next request can be made. */
  get hasNext(): boolean {
    return this.#asked === null && this.#waiting.length > 0 && !this.#isHeld
  }

  /** Resolves with an index from which a read is linearizable, once it is applied here. */
  wait(): Promise<LogIndex> {
    return this.#admit((waiter) => this.#waiting.push(waiter))
  }

  /** Resolves once `index` is applied here. @throws {IndexNotReachedError} after the read timeout. */
  waitForApplied(index: LogIndex, appliedIndex: LogIndex): Promise<LogIndex> {
    if (appliedIndex >= index) return Promise.resolve(appliedIndex)
    return this.#admit((waiter) => this.#unapplied.push({ index, waiter, isRequested: true }))
  }

  /** Reads that are not answered. */
  get count(): number {
    return this.#waiting.length + this.#unapplied.length + (this.#asked?.waiters.length ?? 0)
  }

  #admit(add: (waiter: Waiter) => void): Promise<LogIndex> {
    if (this.#isClosed) return Promise.reject(new ClosedError())
    const { count } = this
    if (count >= this.#limits.waitingReadsMax) {
      return Promise.reject(new OverloadedError(`${count} reads are waiting on this node`))
    }
    return new Promise((resolve, reject) => {
      add({ since: this.#now(), resolve, reject })
    })
  }

  /** The event that asks for an index, if one is wanted and none is under way. */
  takeEvent(): Event | null {
    if (!this.hasNext) return null
    this.#asked = { id: this.#nextId, waiters: this.#waiting, at: this.#now() }
    this.#nextId += 1
    this.#waiting = []
    return { type: 'readIndex', id: this.#asked.id }
  }

  handleReadIndex(
    { id, readIndex }: { id: number; readIndex: LogIndex | null },
    appliedIndex: LogIndex,
  ): void {
    if (this.#asked?.id !== id) return
    const { waiters } = this.#asked
    this.#asked = null
    if (readIndex === null) {
      this.#waiting = [...waiters, ...this.#waiting]
      this.#isHeld = true
    } else if (readIndex <= appliedIndex) {
      for (const waiter of waiters) waiter.resolve(appliedIndex)
    } else {
      for (const waiter of waiters) this.#unapplied.push({ index: readIndex, waiter, isRequested: false })
    }
  }

  handleApplied(appliedIndex: LogIndex): void {
    if (this.#unapplied.length === 0) return
    const stillWaiting = []
    for (const read of this.#unapplied) {
      if (read.index <= appliedIndex) read.waiter.resolve(appliedIndex)
      else stillWaiting.push(read)
    }
    this.#unapplied = stillWaiting
  }

  handleTick(appliedIndex: LogIndex): void {
    const now = this.#now()
    this.#isHeld = false
    if (this.#asked !== null && now - this.#asked.at >= this.#limits.retryMs) {
      this.#waiting = [...this.#asked.waiters, ...this.#waiting]
      this.#asked = null
    }
    const expiry = now - this.#limits.readTimeoutMs
    this.#waiting = this.#waiting.filter((waiter) => {
      if (waiter.since > expiry) return true
      waiter.reject(new ReadTimeoutError('no leader confirmed the read in time'))
      return false
    })
    this.#unapplied = this.#unapplied.filter(({ index, waiter, isRequested }) => {
      if (waiter.since > expiry) return true
      waiter.reject(
        isRequested
          ? new IndexNotReachedError(index, appliedIndex)
          : new ReadTimeoutError(`index ${index} was not applied here in time, ${appliedIndex} is`),
      )
      return false
    })
  }

  close(): void {
    this.#isClosed = true
    this.rejectAll(() => new ClosedError())
  }

  /** Whoever waits now. */
  rejectAll(error: () => RaftError): void {
    const waiters = [
      ...this.#waiting,
      ...(this.#asked?.waiters ?? []),
      ...this.#unapplied.map(({ waiter }) => waiter),
    ]
    for (const waiter of waiters) waiter.reject(error())
    this.#waiting = []
    this.#asked = null
    this.#unapplied = []
  }
}
