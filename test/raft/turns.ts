import type { Clock } from '../../raft/ports.ts'

/** Time passes, and the event loop takes its turns, when the test says so. */
export class Turns {
  #now = 0
  readonly #soon: (() => void)[] = []
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>()

  readonly clock: Clock = {
    now: () => this.#now,
    wallTime: () => this.#now,
    setSoon: (callback) => void this.#soon.push(callback),
    setTimer: (delayMs, callback) => {
      const timer = { at: this.#now + delayMs, callback }
      this.#timers.add(timer)
      return () => void this.#timers.delete(timer)
    },
  }

  /** One turn: what is put off meanwhile waits for the next. */
  take(): void {
    for (const callback of this.#soon.splice(0)) callback()
  }

  /** All at once, as after a pause of the process: each timer that is due by then comes late. */
  pass(ms: number): void {
    this.#now += ms
    for (const timer of [...this.#timers]) {
      if (timer.at > this.#now) continue
      this.#timers.delete(timer)
      timer.callback()
    }
  }

  get timerCount(): number {
    return this.#timers.size
  }
}

/** Whether it has come to its end, once all that was ready to run has run. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const ended = promise.then(
    () => true,
    () => true,
  )
  return Promise.race([ended, new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))])
}
