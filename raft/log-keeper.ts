/** Old log entries: read back for peers that lag, and let go of once nobody is likely to want them. */

import type { Effects } from './core/effects.ts'
import type { Event } from './core/event.ts'
import { type Log, snapshotMetaAt } from './core/log.ts'
import type { DiskLane } from './disk-lane.ts'
import type { LogStore } from './ports.ts'
import type { Entry, LogIndex } from './types.ts'

type Fetch = Effects['fetches'][number]

export class LogKeeper {
  readonly #store: LogStore
  readonly #log: Log
  readonly #disk: DiskLane
  readonly #retainedEntriesMin: number
  readonly #retainedBytesMax: number
  readonly #emit: (event: Event) => void
  readonly #onFatal: (error: unknown) => void
  /** Reads under way, with the first entry that each wants: it must not be removed. */
  readonly #fetching = new Map<Promise<void>, LogIndex>()
  #isCompacting = false
  /** Up to here the log is, or may already be, gone from disk; the core learns it a turn later. */
  #compactedTo: LogIndex = 0

  constructor(options: {
    store: LogStore
    /** As the core sees it. */
    log: Log
    disk: DiskLane
    /** Entries kept although the state machine has them durably. */
    retainedEntriesMin: number
    /** … but not many more bytes than this, whatever the number: opening reads and checks all of them. */
    retainedBytesMax: number
    emit: (event: Event) => void
    onFatal: (error: unknown) => void
  }) {
    this.#store = options.store
    this.#log = options.log
    this.#disk = options.disk
    this.#retainedEntriesMin = options.retainedEntriesMin
    this.#retainedBytesMax = options.retainedBytesMax
    this.#emit = options.emit
    this.#onFatal = options.onFatal
  }

  /** Answers with a `fetched` event; without entries if they are gone, or going. */
  fetch(wanted: Fetch): void {
    const fetching = this.#read(wanted).then(
      (entries) => this.#emit({ type: 'fetched', to: wanted.to, session: wanted.session, entries }),
      this.#onFatal,
    )
    this.#fetching.set(fetching, wanted.first)
    void fetching.then(() => this.#fetching.delete(fetching))
  }

  async #read({ first, last, bytesMax }: Fetch): Promise<Entry[]> {
    if (first <= Math.max(this.#log.base.lastIndex, this.#compactedTo)) return []
    return this.#store.read({ first, last, bytesMax })
  }

  /** Resolves when no read is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#fetching.keys())
  }

  /**
   * Forgets what the state machine holds durably, in steps that are worth it, and emits `compacted`.
   *
   * @param reachable The last index that nothing under way needs any more.
   */
  compact(reachable: LogIndex): void {
    if (this.#isCompacting) return
    const beyondBytes = Math.min(reachable, this.#store.indexBefore(this.#retainedBytesMax))
    const target = Math.min(
      Math.max(reachable - this.#retainedEntriesMin, beyondBytes),
      ...this.#beforeFetches(),
    )
    const removable = target - this.#log.base.lastIndex
    const isWorthIt = removable >= Math.max(1, this.#retainedEntriesMin / 4)
    if (!isWorthIt && (removable < 1 || target > beyondBytes)) return
    this.#isCompacting = true
    this.#compactedTo = target
    const base = snapshotMetaAt(this.#log, target)
    this.#disk.pushTask(async () => {
      await this.#store.compact(base)
      this.#emit({ type: 'compacted', base })
      this.#isCompacting = false
    })
  }

  #beforeFetches(): LogIndex[] {
    return [...this.#fetching.values()].map((first) => first - 1)
  }
}
