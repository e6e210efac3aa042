/** For how long what is due waits because something else runs. */
import { type Clock, Durations } from '../../raft/index.ts'

const SAMPLE_MS = 20

/** A timer that looks how late it is, and nothing more: cumulative, so that any number of scrapers sees the same. */
export class EventLoopDelay {
  readonly delays = new Durations()
  readonly #clock: Pick<Clock, 'now' | 'setTimer'>
  #cancel: () => void = () => {}

  constructor(clock: Pick<Clock, 'now' | 'setTimer'>) {
    this.#clock = clock
  }

  start(): void {
    const dueAt = this.#clock.now() + SAMPLE_MS
    this.#cancel = this.#clock.setTimer(SAMPLE_MS, () => {
      this.delays.note(Math.max(0, this.#clock.now() - dueAt))
      this.start()
    })
  }

  stop(): void {
    this.#cancel()
  }
}
