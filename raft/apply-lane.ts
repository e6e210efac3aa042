/** The apply lane: committed entries into the state machine, in order, in slices that leave the event loop free. */
import { Durations } from './durations.ts'
import type { Clock, StateMachine } from './ports.ts'
import type { Entry } from './types.ts'

/** Entries applied in one go; at tens of microseconds each this is some milliseconds. */
const SLICE_ENTRIES_MAX = 256

/** What may be committed and not applied; above it nothing more is taken into the log. */
export interface ApplyLimits {
  readonly unappliedEntriesMax: number
  /** Of payloads. The last batch may go beyond. */
  readonly unappliedBytesMax: number
}

/** At tens of microseconds an entry, less than a second's work. */
export const DEFAULT_APPLY_LIMITS: ApplyLimits = {
  unappliedEntriesMax: 10_000,
  unappliedBytesMax: 16 * 1024 * 1024,
}

export class ApplyLane {
  /** Of each slice, for whoever watches. */
  readonly durations = new Durations()
  readonly #stateMachine: StateMachine
  readonly #clock: Clock
  readonly #onApplied: (entry: Entry, result: unknown) => void
  readonly #onSlice: () => void
  readonly #onFatal: (error: unknown) => void
  readonly #limits: ApplyLimits
  #queue: Entry[] = []
  #queuedBytes = 0
  #appliedCount = 0
  #isRunning = false
  /** For how long the state machine has had no room, in ms; null while it has. */
  #waitedMs: number | null = null
  #isStopped = false
  #idleWaiters: (() => void)[] = []
  #roomWaiters: (() => void)[] = []

  constructor(options: {
    limits: ApplyLimits
    stateMachine: StateMachine
    clock: Clock
    onApplied: (entry: Entry, result: unknown) => void
    /** After each slice, when `appliedIndex` has moved. */
    onSlice: () => void
    onFatal: (error: unknown) => void
  }) {
    this.#limits = options.limits
    this.#stateMachine = options.stateMachine
    this.#clock = options.clock
    this.#onApplied = options.onApplied
    this.#onSlice = options.onSlice
    this.#onFatal = options.onFatal
  }

  get queuedCount(): number {
    return this.#queue.length
  }

  get queuedBytes(): number {
    return this.#queuedBytes
  }

  get isFull(): boolean {
    const { unappliedEntriesMax, unappliedBytesMax } = this.#limits
    return this.#queue.length >= unappliedEntriesMax || this.#queuedBytes >= unappliedBytesMax
  }

  /** Lets time pass for `stallMs`; see `DiskLane.elapse`. */
  elapse(ms: number): void {
    if (this.#waitedMs !== null) this.#waitedMs += ms
  }

  /** For how long the state machine has had no room, because what it holds does not get to disk; 0 while it has. */
  get stallMs(): number {
    return this.#waitedMs ?? 0
  }

  /** Since the start. */
  get appliedCount(): number {
    return this.#appliedCount
  }

  /** Applies what fits into one slice before it returns, the rest later. */
  push(entries: readonly Entry[]): void {
    if (entries.length === 0 || this.#isStopped) return
    for (const entry of entries) {
      this.#queue.push(entry)
      this.#queuedBytes += entry.payload.length
    }
    if (!this.#isRunning) this.#slice()
  }

  /** Resolves once everything pushed so far is applied. */
  idle(): Promise<void> {
    if (!this.#isRunning || this.#isStopped) return Promise.resolve()
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve)
    })
  }

  /** Resolves once it is not full, or stopped. */
  room(): Promise<void> {
    if (!this.isFull || this.#isStopped) return Promise.resolve()
    return new Promise((resolve) => {
      this.#roomWaiters.push(resolve)
    })
  }

  stop(): void {
    this.#isStopped = true
    this.#queue = []
    this.#queuedBytes = 0
    this.#tellRoom()
    this.#finish()
  }

  #slice(): void {
    this.#waitedMs = null
    if (this.#isStopped) return
    try {
      this.#isRunning = true
      const slice = this.#queue.splice(0, SLICE_ENTRIES_MAX)
      const startedAt = this.#clock.now()
      for (const entry of slice) {
        this.#queuedBytes -= entry.payload.length
        this.#onApplied(entry, this.#stateMachine.apply(entry))
      }
      this.#appliedCount += slice.length
      if (slice.length > 0) this.durations.note(this.#clock.now() - startedAt)
      if (!this.isFull) this.#tellRoom()
      if (slice.length > 0) this.#onSlice()
      const capacity = this.#stateMachine.waitForCapacity()
      if (capacity !== null) {
        this.#waitedMs = 0
        capacity.then(() => this.#slice(), this.#onFatal)
      } else if (this.#queue.length > 0) this.#clock.setSoon(() => this.#slice())
      else this.#finish()
    } catch (error) {
      this.#isStopped = true
      this.#tellRoom()
      this.#onFatal(error)
    }
  }

  #tellRoom(): void {
    const waiters = this.#roomWaiters
    this.#roomWaiters = []
    for (const resolve of waiters) resolve()
  }

  #finish(): void {
    this.#isRunning = false
    const waiters = this.#idleWaiters
    this.#idleWaiters = []
    for (const resolve of waiters) resolve()
  }
}
