/** The disk lane: everything that changes the log on disk, one at a time and in order. */
import type { PersistBatch } from './core/effects.ts'
import type { LogStore } from './ports.ts'
import type { Entry, HardState, RaftMessage } from './types.ts'

type Job =
  | { readonly type: 'batch'; readonly batch: PersistBatch; readonly since: number }
  | { readonly type: 'task'; readonly isLong: boolean; run(): Promise<void> }

/**
 * Group commit without a timer: one write is in flight, and all batches that gather meanwhile are the next.
 * A failure is final; see `LogStore`.
 */
export class DiskLane {
  readonly #log: LogStore
  readonly #onPersisted: (done: { messages: readonly RaftMessage[]; batchNumber: number }) => void
  readonly #onFatal: (error: unknown) => void
  #jobs: Job[] = []
  #isBusy = false
  #isStopped = false
  /** Milliseconds that have been counted. */
  #time = 0
  /** The batches under way: when the oldest of them came. */
  #writingSince: number | null = null
  #isInLongTask = false

  constructor(options: {
    log: LogStore
    /** A batch and all before it are on disk; its messages may leave. */
    onPersisted: (done: { messages: readonly RaftMessage[]; batchNumber: number }) => void
    onFatal: (error: unknown) => void
  }) {
    this.#log = options.log
    this.#onPersisted = options.onPersisted
    this.#onFatal = options.onFatal
  }

  /** Lets time pass for `stallMs`. What the process has slept through is not the disk's: the caller leaves it out. */
  elapse(ms: number): void {
    if (!this.#isInLongTask) this.#time += ms
  }

  /** For how long the oldest batch that is not on disk has waited, in ms, also behind others; 0 if there is none. */
  get stallMs(): number {
    const since = this.#writingSince ?? this.#jobs.find((job) => job.type === 'batch')?.since
    return since === undefined ? 0 : this.#time - since
  }

  /** Batches and tasks that wait for the one under way. */
  get queuedCount(): number {
    return this.#jobs.length
  }

  push(batch: PersistBatch): void {
    this.#jobs.push({ type: 'batch', batch, since: this.#time })
    this.#start()
  }

  /**
   * Runs `task` after everything pushed so far and before everything pushed later.
   *
   * @param isLong It takes its time, and what waits behind it says nothing about the disk.
   */
  pushTask(task: () => Promise<void>, { isLong = false } = {}): void {
    this.#jobs.push({ type: 'task', isLong, run: task })
    this.#start()
  }

  /** Finishes what is under way, drops the rest. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#jobs = []
    while (this.#isBusy) await this.#idle
  }

  #idle: Promise<void> = Promise.resolve()

  #start(): void {
    if (this.#isBusy || this.#isStopped) return
    this.#isBusy = true
    this.#idle = this.#run().catch((error: unknown) => {
      this.#isBusy = false
      this.#isStopped = true
      this.#onFatal(error)
    })
  }

  async #run(): Promise<void> {
    while (this.#jobs.length > 0) {
      const [first] = this.#jobs
      if (first?.type === 'task') {
        this.#jobs.shift()
        this.#isInLongTask = first.isLong
        await first.run()
        this.#isInLongTask = false
      } else {
        this.#writingSince = first?.since ?? null
        await this.#write(this.#takeBatches())
        this.#writingSince = null
      }
    }
    this.#isBusy = false
  }

  #takeBatches(): PersistBatch[] {
    const end = this.#jobs.findIndex((job) => job.type === 'task')
    const jobs = this.#jobs.splice(0, end === -1 ? this.#jobs.length : end)
    return jobs.flatMap((job) => (job.type === 'batch' ? [job.batch] : []))
  }

  async #write(batches: readonly PersistBatch[]): Promise<void> {
    const { hardState, entries } = merge(batches)
    if (hardState !== null || entries.length > 0) await this.#log.append({ hardState, entries })
    const last = batches.at(-1)
    if (last === undefined || this.#isStopped) return
    this.#onPersisted({ messages: batches.flatMap((batch) => batch.messages), batchNumber: last.number })
  }
}

/** What the disk would hold after all of them, as one write: a later batch replaces from its first entry on. */
export function merge(batches: readonly PersistBatch[]): { hardState: HardState | null; entries: Entry[] } {
  if (batches.length === 1 && batches[0] !== undefined) return batches[0]
  let hardState: HardState | null = null
  const entries: Entry[] = []
  for (const batch of batches) {
    hardState = batch.hardState ?? hardState
    const first = batch.entries[0]?.index
    if (first === undefined) continue
    while ((entries.at(-1)?.index ?? 0) >= first) entries.pop()
    for (const entry of batch.entries) entries.push(entry)
  }
  return { hardState, entries }
}
