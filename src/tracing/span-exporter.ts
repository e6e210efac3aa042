/** Ended spans on their way to the collector: few wait, nobody waits for them, and what does not fit is counted. */
import type { Clock, Log } from '../../raft/ports.ts'
import type { FinishedSpan } from './span.ts'

export interface ExportLimits {
  /** That wait or are being sent, at about 1 kB each; further ones are dropped. */
  readonly spansMax: number
  /** In one request; so many are sent at once. */
  readonly batchSpansMax: number
  /** Fewer wait for so long. */
  readonly delayMs: number
  /** After a failure, and doubled with each further one … */
  readonly retryMinMs: number
  /** … up to this. */
  readonly retryMaxMs: number
  /** What a collector has for the rest when the node stops. */
  readonly closeMs: number
  /** Between two complaints. */
  readonly complaintMs: number
}

export const EXPORT_LIMITS: ExportLimits = {
  spansMax: 4_096,
  batchSpansMax: 256,
  delayMs: 1_000,
  retryMinMs: 1_000,
  retryMaxMs: 30_000,
  closeMs: 2_000,
  complaintMs: 60_000,
}

/** What came of a batch. `later`: as it is, it may be taken another time. */
export type Delivery =
  | { readonly outcome: 'taken'; readonly rejectedCount: number }
  | { readonly outcome: 'refused' | 'later'; readonly why: string }

/** Never rejects, and comes to an end by itself; sooner when `signal` says so. */
export type SendSpans = (spans: readonly FinishedSpan[], signal: AbortSignal) => Promise<Delivery>

/** Why spans are lost: there was no room, the collector did not want them, or the node ended first. */
export type DropReason = 'queue_full' | 'refused' | 'shutdown'

export class SpanExporter {
  readonly #limits: ExportLimits
  readonly #send: SendSpans
  readonly #clock: Pick<Clock, 'now' | 'setTimer'>
  readonly #logger: Log
  /** Oldest first. */
  #waiting: FinishedSpan[] = []
  #sendingCount = 0
  /** The request under way. */
  #underway: Promise<void> | null = null
  #cancelTimer: (() => void) | null = null
  /** 0 unless the last request failed. */
  #retryMs = 0
  #isClosed = false
  /** The node does not wait any longer. */
  #isOverdue = false
  /** Of the request under way. */
  #abort: AbortController | null = null
  #complainedAt: number | null = null
  #isComplaintOpen = false
  #exportedCount = 0
  readonly #dropped: Record<DropReason, number> = { queue_full: 0, refused: 0, shutdown: 0 }

  constructor(options: {
    limits?: ExportLimits
    send: SendSpans
    clock: Pick<Clock, 'now' | 'setTimer'>
    logger: Log
  }) {
    this.#limits = options.limits ?? EXPORT_LIMITS
    this.#send = options.send
    this.#clock = options.clock
    this.#logger = options.logger
  }

  /** For whoever watches. */
  get figures(): {
    readonly waiting: { readonly size: number; readonly max: number }
    readonly exportedCount: number
    readonly dropped: Readonly<Record<DropReason, number>>
  } {
    const size = this.#waiting.length + this.#sendingCount
    const waiting = { size, max: this.#limits.spansMax }
    return { waiting, exportedCount: this.#exportedCount, dropped: this.#dropped }
  }

  /** Takes it, or drops it: whoever was followed goes on either way. */
  readonly keep = (span: FinishedSpan): void => {
    if (this.#isClosed) this.#dropped.shutdown += 1
    else if (this.#waiting.length + this.#sendingCount >= this.#limits.spansMax) this.#dropped.queue_full += 1
    else {
      this.#waiting.push(span)
      this.#schedule()
    }
  }

  /** What waits is sent, as far as the collector takes it within `closeMs`. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#cancelTimer?.()
    const cancelDeadline = this.#clock.setTimer(this.#limits.closeMs, () => {
      this.#isOverdue = true
      this.#abort?.abort()
    })
    await this.#underway
    // It may be back by now: once more.
    this.#retryMs = 0
    while (this.#waiting.length > 0 && this.#retryMs === 0 && !this.#isOverdue) {
      await this.#sendBatch()
    }
    cancelDeadline()
    this.#dropped.shutdown += this.#waiting.length
    this.#waiting = []
  }

  /** One request at a time, and one timer for the next. */
  #schedule(): void {
    if (this.#underway !== null || this.#isClosed || this.#waiting.length === 0) return
    const isBatchFull = this.#waiting.length >= this.#limits.batchSpansMax
    if (isBatchFull && this.#retryMs === 0) {
      this.#begin()
      return
    }
    if (this.#cancelTimer !== null) return
    const delayMs = this.#retryMs === 0 ? this.#limits.delayMs : this.#retryMs
    this.#cancelTimer = this.#clock.setTimer(delayMs, () => this.#begin())
  }

  #begin(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    this.#underway = this.#sendBatch().finally(() => {
      this.#underway = null
      this.#schedule()
    })
  }

  async #sendBatch(): Promise<void> {
    const batch = this.#waiting.splice(0, this.#limits.batchSpansMax)
    this.#sendingCount = batch.length
    // One for each: listeners of a signal that lives as long as the node would gather.
    this.#abort = new AbortController()
    const delivery = await this.#send(batch, this.#abort.signal)
    this.#abort = null
    this.#sendingCount = 0
    if (delivery.outcome === 'taken') this.#noteTaken(batch.length, delivery.rejectedCount)
    else if (delivery.outcome === 'refused') this.#dropped.refused += batch.length
    else this.#giveBack(batch)
    if (delivery.outcome !== 'taken') this.#complain(delivery.why)
  }

  #noteTaken(count: number, rejectedCount: number): void {
    const rejected = Math.min(count, rejectedCount)
    this.#exportedCount += count - rejected
    this.#dropped.refused += rejected
    this.#retryMs = 0
    if (!this.#isComplaintOpen) return
    this.#isComplaintOpen = false
    this.#logger.info({ dropped: { ...this.#dropped } }, 'spans are exported again')
  }

  #giveBack(batch: readonly FinishedSpan[]): void {
    this.#waiting = [...batch, ...this.#waiting]
    const { retryMinMs, retryMaxMs } = this.#limits
    this.#retryMs = Math.min(retryMaxMs, this.#retryMs === 0 ? retryMinMs : 2 * this.#retryMs)
  }

  #complain(why: string): void {
    const now = this.#clock.now()
    if (this.#complainedAt !== null && now - this.#complainedAt < this.#limits.complaintMs) return
    this.#complainedAt = now
    this.#isComplaintOpen = true
    this.#logger.warn({ why, dropped: { ...this.#dropped } }, 'spans cannot be exported')
  }
}
