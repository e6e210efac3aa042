/** What waits for a node's next turn: all that arrives in one round of the event loop is stepped together. */
import type { Event } from './core/event.ts'
import type { Clock } from './ports.ts'

export class Inbox {
  readonly #clock: Pick<Clock, 'setSoon'>
  readonly #onTurn: () => void
  #events: Event[] = []
  #isTurnQueued = false
  #isClosed = false

  /** @param options.onTurn It is time to take what is here. */
  constructor(options: { clock: Pick<Clock, 'setSoon'>; onTurn: () => void }) {
    this.#clock = options.clock
    this.#onTurn = options.onTurn
  }

  get isEmpty(): boolean {
    return this.#events.length === 0
  }

  /** From now on nothing is taken in, and there are no more turns. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  add(event: Event): void {
    if (this.#isClosed) return
    this.#events.push(event)
    this.wake()
  }

  /** Something but an event waits for the next turn. */
  wake(): void {
    if (this.#isTurnQueued || this.#isClosed) return
    this.#isTurnQueued = true
    this.#clock.setSoon(() => {
      this.#isTurnQueued = false
      if (!this.#isClosed) this.#onTurn()
    })
  }

  /** All of it. */
  take(): Event[] {
    const events = this.#events
    this.#events = []
    return events
  }

  close(): void {
    this.#isClosed = true
  }
}
