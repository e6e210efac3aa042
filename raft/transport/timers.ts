import type { Clock } from '../ports.ts'

/** Calls `callback` every `intervalMs` until the returned function is called. */
export function repeat(clock: Clock, intervalMs: number, callback: () => void): () => void {
  let cancel = clock.setTimer(intervalMs, function tick() {
    cancel = clock.setTimer(intervalMs, tick)
    callback()
  })
  return () => cancel()
}

/** Calls `onExpired` once, when `touch` has not been called for `limitMs`. */
export class Watchdog {
  readonly #clock: Clock
  readonly #limitMs: number
  readonly #onExpired: () => void
  #deadline: number
  #cancel: () => void

  constructor({ clock, limitMs, onExpired }: { clock: Clock; limitMs: number; onExpired: () => void }) {
    this.#clock = clock
    this.#limitMs = limitMs
    this.#onExpired = onExpired
    this.#deadline = clock.now() + limitMs
    this.#cancel = clock.setTimer(limitMs, () => this.#look())
  }

  /** Cheap: the timer is only moved when it fires. */
  touch(): void {
    this.#deadline = this.#clock.now() + this.#limitMs
  }

  /** For one step that may take longer. */
  extend(extraMs: number): void {
    this.#deadline += extraMs
    // The timer may be behind the old deadline but never behind the new one, which is later.
  }

  stop(): void {
    this.#cancel()
    this.#cancel = () => {}
  }

  #look(): void {
    if (this.#rearmed()) return
    // After a pause of the whole process the timer fires before the bytes that have arrived meanwhile are read.
    let isStopped = false
    this.#cancel = () => {
      isStopped = true
    }
    this.#clock.setSoon(() => {
      if (isStopped || this.#rearmed()) return
      this.#onExpired()
    })
  }

  #rearmed(): boolean {
    const restMs = this.#deadline - this.#clock.now()
    if (restMs <= 0) return false
    this.#cancel = this.#clock.setTimer(restMs, () => this.#look())
    return true
  }
}
