/** The beat at which a node looks at its deadlines. */
import type { Clock } from './ports.ts'

export class Ticks {
  readonly #clock: Clock
  readonly #tickMs: number
  readonly #onTick: (sinceLastMs: number) => void
  #tickedAt: number
  #cancel: () => void = () => {}
  #isStopped = false

  /**
   * @param options.onTick Gets the time since the last tick; if that came late no more than two take, for the whole
   *   process may have been asleep.
   */
  constructor(options: { clock: Clock; tickMs: number; onTick: (sinceLastMs: number) => void }) {
    this.#clock = options.clock
    this.#tickMs = options.tickMs
    this.#onTick = options.onTick
    this.#tickedAt = options.clock.now()
  }

  start(): void {
    this.#cancel = this.#clock.setTimer(this.#tickMs, () => {
      // After a stall of the event loop the messages that waited go first: they may be the leader's heartbeats.
      this.#clock.setSoon(() => this.#clock.setSoon(() => this.#tick()))
    })
  }

  #tick(): void {
    if (this.#isStopped) return
    const now = this.#clock.now()
    const sinceLastMs = Math.min(now - this.#tickedAt, 2 * this.#tickMs)
    this.#tickedAt = now
    this.#onTick(sinceLastMs)
    this.start()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }
}
