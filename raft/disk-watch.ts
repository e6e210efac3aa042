/** How the disk of this node is: asked for its free bytes now and then, logged when it turns better or worse. */
import { isStall } from './core/disk-health.ts'
import type { Timing } from './core/state.ts'
import type { Disk, Log } from './ports.ts'
import type { DiskHealth } from './types.ts'

const ASK_INTERVAL_MS = 1_000
/** Low is over with this many times the bytes at which it began: what hovers around one number does not flap. */
const ROOM_AGAIN_FACTOR = 1.25

export class DiskWatch {
  readonly #disk: Pick<Disk, 'freeBytes'>
  readonly #lowBytes: number
  readonly #timing: Timing
  readonly #logger: Log
  /** A disk that hangs does not answer this either: one question at most is open, for as long as it takes. */
  #isAsking = false
  #askedAt = Number.NEGATIVE_INFINITY
  #isUnknown = false
  #isLow = false
  #isStalled = false
  #isStopped = false

  constructor(options: {
    disk: Pick<Disk, 'freeBytes'>
    /** Free bytes below which the disk is low; 0: never. */
    lowBytes: number
    timing: Timing
    logger: Log
  }) {
    this.#disk = options.disk
    this.#lowBytes = options.lowBytes
    this.#timing = options.timing
    this.#logger = options.logger
  }

  /** @param stallMs For how long the oldest batch has waited for the disk, or a full state machine. */
  health({ now, stallMs }: { now: number; stallMs: number }): DiskHealth {
    if (this.#lowBytes > 0 && !this.#isAsking && now - this.#askedAt >= ASK_INTERVAL_MS) {
      this.#askedAt = now
      void this.#ask()
    }
    const health: DiskHealth = { stallMs: Math.round(stallMs), isLow: this.#isLow }
    this.#noteStall(health)
    return health
  }

  stop(): void {
    this.#isStopped = true
  }

  /** Without an answer the last one stands. */
  async #ask(): Promise<void> {
    this.#isAsking = true
    try {
      const freeBytes = await this.#disk.freeBytes()
      this.#isUnknown = false
      this.#noteFreeBytes(freeBytes)
    } catch (error) {
      if (!this.#isUnknown && !this.#isStopped)
        this.#logger.warn({ error }, 'the free space of the disk is unknown')
      this.#isUnknown = true
    } finally {
      this.#isAsking = false
    }
  }

  #noteFreeBytes(freeBytes: number): void {
    const limit = this.#isLow ? this.#lowBytes * ROOM_AGAIN_FACTOR : this.#lowBytes
    const isLow = this.#isLow ? freeBytes <= limit : freeBytes < limit
    if (isLow === this.#isLow || this.#isStopped) return
    this.#isLow = isLow
    const fields = { freeBytes, lowBytes: this.#lowBytes }
    if (isLow) this.#logger.warn(fields, 'the disk is low on space')
    else this.#logger.info(fields, 'the disk has space again')
  }

  #noteStall(health: DiskHealth): void {
    const isStalled = isStall(health, this.#timing)
    if (isStalled === this.#isStalled) return
    this.#isStalled = isStalled
    if (isStalled) this.#logger.warn({ stallMs: health.stallMs }, 'the disk is stalled')
    else this.#logger.info({}, 'the disk keeps up again')
  }
}
