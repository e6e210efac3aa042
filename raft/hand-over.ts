/** Transfers of leadership that a node makes on its own account: when it is stopped or drained. */
import type { Effects, Event, Timing } from './core/state.ts'
import type { Clock } from './ports.ts'

export type TransferFate = Effects['transfers'][number]

/** Makes the event that starts a transfer with that id. */
export type TransferEvent = (id: number) => Event

export class HandOvers {
  readonly #clock: Clock
  readonly #timing: Timing
  readonly #retryMs: number
  readonly #emit: (event: Event) => void
  readonly #waiting = new Map<number, (fate: TransferFate) => void>()
  /** Negative: those of `Proposals` are positive. */
  #nextId = -1
  #isClosed = false

  constructor(options: {
    clock: Clock
    timing: Timing
    /** Between two tries while another transfer is under way. */
    retryMs: number
    emit: (event: Event) => void
  }) {
    this.#clock = options.clock
    this.#timing = options.timing
    this.#retryMs = options.retryMs
    this.#emit = options.emit
  }

  /** An id for a transfer that nobody waits for. */
  takeId(): number {
    const id = this.#nextId
    this.#nextId -= 1
    return id
  }

  /** A transfer that is under way goes first, whoever wanted it: mostly leadership is gone with it. */
  async start(eventOf: TransferEvent): Promise<TransferFate> {
    const deadline = this.#clock.now() + 2 * this.#timing.electionMinMs
    let fate = await this.#try(eventOf)
    while (fate.refusal === 'transfer_in_flight' && this.#clock.now() < deadline) {
      await new Promise<void>((resolve) => {
        this.#clock.setTimer(this.#retryMs, resolve)
      })
      fate = await this.#try(eventOf)
    }
    return fate
  }

  #try(eventOf: TransferEvent): Promise<TransferFate> {
    const id = this.takeId()
    if (this.#isClosed) return Promise.resolve(closed(id))
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      this.#emit(eventOf(id))
    })
  }

  /** @returns Whether it was one of these. */
  handleFate(fate: TransferFate): boolean {
    const resolve = this.#waiting.get(fate.id)
    this.#waiting.delete(fate.id)
    resolve?.(fate)
    return resolve !== undefined
  }

  /** Answers whoever waits. */
  close(): void {
    this.#isClosed = true
    for (const [id, resolve] of this.#waiting) resolve(closed(id))
    this.#waiting.clear()
  }
}

function closed(id: number): TransferFate {
  return { id, refusal: 'closed', message: 'this node is shutting down' }
}
