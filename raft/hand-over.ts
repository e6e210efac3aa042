/** Transfers of leadership that a node makes on its own account: when it is stopped or drained. */

import type { Effects } from './core/effects.ts'
import type { Event } from './core/event.ts'
import type { Timing } from './core/state.ts'
import { MembershipRefusedError } from './errors.ts'
import type { Clock } from './ports.ts'

export type TransferFate = Effects['transfers'][number]

/** Makes the event that starts a transfer with that id. */
type TransferEvent = (id: number) => Event

export class HandOvers {
  readonly #clock: Clock
  readonly #timing: Timing
  readonly #tickMs: number
  readonly #emit: (event: Event) => void
  readonly #isLeader: () => boolean
  readonly #isQuiet: () => boolean
  readonly #waiting = new Map<number, (fate: TransferFate) => void>()
  /** Negative: those of `Proposals` are positive. */
  #nextId = -1
  #isClosed = false

  constructor(options: {
    clock: Clock
    timing: Timing
    /** Between two looks at whether it is time to go on. */
    tickMs: number
    emit: (event: Event) => void
    isLeader: () => boolean
    /** Somebody leads, and nobody waits for this node. */
    isQuiet: () => boolean
  }) {
    this.#clock = options.clock
    this.#timing = options.timing
    this.#tickMs = options.tickMs
    this.#emit = options.emit
    this.#isLeader = options.isLeader
    this.#isQuiet = options.isQuiet
  }

  /** An id for a transfer that nobody waits for. */
  takeId(): number {
    const id = this.#nextId
    this.#nextId -= 1
    return id
  }

  /** @returns Whether leadership was ours, and is gone. */
  async handOver(): Promise<boolean> {
    if (!this.#isLeader()) return false
    const { refusal } = await this.#start((id) => ({ type: 'transfer', id, target: null }))
    return refusal === null || refusal === 'not_leader'
  }

  /** @throws {MembershipRefusedError} if this node leads and nobody takes over; nothing has changed then. */
  async setDrained(isDrained: boolean): Promise<void> {
    if (!isDrained) {
      this.#emit({ type: 'drain', isDrained, transferId: 0 })
      return
    }
    const fate = await this.#start((transferId) => ({ type: 'drain', isDrained, transferId }))
    if (fate.refusal === null || fate.refusal === 'not_leader') return
    this.#emit({ type: 'drain', isDrained: false, transferId: 0 })
    throw new MembershipRefusedError(fate.refusal, fate.message)
  }

  /** Resolves when it has been quiet for two heartbeats, or after an election timeout. */
  async settleDown(): Promise<void> {
    const { electionMinMs, heartbeatMs } = this.#timing
    const deadline = this.#clock.now() + electionMinMs
    let quietSince = this.#clock.now()
    while (this.#clock.now() < deadline && this.#clock.now() - quietSince < 2 * heartbeatMs) {
      await this.#nextLook()
      if (!this.#isQuiet()) quietSince = this.#clock.now()
    }
  }

  #nextLook(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.setTimer(this.#tickMs, resolve)
    })
  }

  /** A transfer that is under way goes first, whoever wanted it: mostly leadership is gone with it. */
  async #start(eventOf: TransferEvent): Promise<TransferFate> {
    const deadline = this.#clock.now() + 2 * this.#timing.electionMinMs
    let fate = await this.#try(eventOf)
    while (fate.refusal === 'transfer_in_flight' && this.#clock.now() < deadline) {
      await this.#nextLook()
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
