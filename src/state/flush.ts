/** Brings applied rows to disk, behind the answers to clients: the log has made the entries durable already. */
import { assert } from '../../raft/assert.ts'
import type { Durations } from '../../raft/durations.ts'
import type { Clock } from '../../raft/ports.ts'
import { APPLIED_KEY } from './key-space.ts'
import type { Layer, Overlay } from './overlay.ts'
import { type AppliedPoint, encodeApplied } from './row-codec.ts'
import type { StateDatabase } from './storage.ts'

export interface FlushLimits {
  /** `waitForCapacity` holds back above this many bytes of unflushed rows. */
  readonly dirtyBytesMax: number
  /** A flush starts at once when this much has gathered. */
  readonly eagerBytes: number
  /** Otherwise after this long: every sync competes with the log's for the same disk, and nobody waits for this one. */
  readonly delayMs: number
}

export const DEFAULT_FLUSH_LIMITS: FlushLimits = {
  dirtyBytesMax: 32 * 1024 * 1024,
  eagerBytes: 1024 * 1024,
  delayMs: 50,
}

/** What else goes into a batch, and wants to know when it is on disk. */
export interface Companion {
  /** @param layers Whose rows are in the batch. @param index Of their last entry. */
  addTo(batch: ReturnType<StateDatabase['batch']>, layers: readonly Layer[], index: number): void
  noticeFlush(): void
}

/**
 * One synced batch is in flight; what gathers meanwhile is the next. A batch holds whole entries and says which is the
 * last of them, so that the database is always the state at some index. The first failure is the last attempt.
 */
export class WriteBehind {
  readonly #database: StateDatabase
  readonly #overlay: Overlay
  readonly #clock: Pick<Clock, 'now' | 'setTimer'>
  readonly #durations: Durations
  readonly #limits: FlushLimits
  readonly #onFailure: (error: unknown) => void
  #companion: Companion | null = null
  #durable: AppliedPoint
  #inFlight: Promise<void> | null = null
  #cancelTimer: (() => void) | null = null
  #capacity: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null
  #failure: { readonly error: unknown } | null = null
  #isStopped = false

  constructor(options: {
    database: StateDatabase
    overlay: Overlay
    clock: Pick<Clock, 'now' | 'setTimer'>
    /** Each flush is noted there. */
    durations: Durations
    limits: FlushLimits
    onFailure: (error: unknown) => void
  }) {
    this.#database = options.database
    this.#overlay = options.overlay
    this.#clock = options.clock
    this.#durations = options.durations
    this.#limits = options.limits
    this.#onFailure = options.onFailure
    this.#durable = options.overlay.point
  }

  /** From the next batch on. */
  accompany(companion: Companion): void {
    this.#companion = companion
  }

  get durableIndex(): number {
    return this.#durable.index
  }

  get hasFailed(): boolean {
    return this.#failure !== null
  }

  /** Call after each entry. */
  noticeEntry(): void {
    if (this.#inFlight !== null || this.#isStopped) return
    if (this.#overlay.sizeBytes >= this.#limits.eagerBytes) this.#start()
    else this.#cancelTimer ??= this.#clock.setTimer(this.#limits.delayMs, () => this.#start())
  }

  /** Resolves when everything applied before the call is on disk. */
  async flush(): Promise<void> {
    const { index } = this.#overlay.point
    while (this.#durable.index < index) {
      if (this.#failure !== null) throw this.#failure.error
      assert(!this.#isStopped, 'flush after stop')
      if (this.#inFlight === null) this.#start()
      await this.#inFlight
    }
  }

  /** Null when there is room now. */
  waitForCapacity(): Promise<void> | null {
    if (this.#overlay.sizeBytes < this.#limits.dirtyBytesMax) return null
    this.#capacity ??= deferred()
    return this.#capacity.promise
  }

  /** Nothing is written after the batch in flight; resolves when that has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancelTimer?.()
    this.#cancelTimer = null
    this.#capacity?.resolve()
    this.#capacity = null
    await this.#inFlight
  }

  /** The rows cannot be trusted: none of them may reach the disk. */
  fail(error: unknown): void {
    if (this.#failure !== null) return
    this.#failure = { error }
    this.#isStopped = true
    this.#cancelTimer?.()
    this.#onFailure(error)
  }

  #start(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    if (this.#isStopped || this.#durable.index === this.#overlay.point.index) return
    this.#inFlight = this.#write()
  }

  async #write(): Promise<void> {
    try {
      const startedAt = this.#clock.now()
      const { layers, point } = this.#overlay.beginFlush()
      const batch = this.#database.batch()
      for (const { rows } of layers) {
        for (const [key, row] of rows) {
          if (row === null) batch.del(key)
          else batch.put(key, row)
        }
      }
      this.#companion?.addTo(batch, layers, point.index)
      await batch.put(APPLIED_KEY, encodeApplied(point)).write(SYNCED)
      this.#durations.note(this.#clock.now() - startedAt)
      this.#overlay.endFlush()
      this.#durable = point
    } catch (error) {
      this.fail(error)
      return
    } finally {
      this.#inFlight = null
    }
    this.#releaseCapacity()
    this.#companion?.noticeFlush()
    if (this.#durable.index < this.#overlay.point.index) this.noticeEntry()
  }

  #releaseCapacity(): void {
    if (this.#capacity === null || this.#overlay.sizeBytes >= this.#limits.dirtyBytesMax) return
    this.#capacity.resolve()
    this.#capacity = null
  }
}

/** Not in the types of `abstract-level`; databases without durability ignore it. */
export const SYNCED: object = { sync: true }

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((r) => {
    resolve = r
  })
  return { promise, resolve }
}
