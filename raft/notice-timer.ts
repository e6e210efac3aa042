/** Wakes a leader to tell its peers of a commit that no further entry has brought them. */
import { commitNoticeDueAt } from './core/commit-notice.ts'
import type { Raft } from './core/state.ts'
import type { Clock } from './ports.ts'

export class NoticeTimer {
  readonly #raft: Raft
  readonly #clock: Pick<Clock, 'now' | 'setTimer'>
  readonly #onDue: () => void
  /** Null: the timer is not running. */
  #cancel: (() => void) | null = null

  /**
   * @param options.raft To be looked at only.
   * @param options.onDue It is time for a step.
   */
  constructor(options: { raft: Raft; clock: Pick<Clock, 'now' | 'setTimer'>; onDue: () => void }) {
    this.#raft = options.raft
    this.#clock = options.clock
    this.#onDue = options.onDue
  }

  /** After each step. While commits follow each other one timer runs, and finds most of them told: that needs no step. */
  follow(): void {
    if (this.#cancel !== null) return
    const dueAt = commitNoticeDueAt(this.#raft)
    if (dueAt === null) return
    // Whole ones: what is left of a rounded sum may be too little for a clock to move.
    const delayMs = Math.max(1, Math.ceil(dueAt - this.#clock.now()))
    this.#cancel = this.#clock.setTimer(delayMs, () => this.#look())
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = null
  }

  #look(): void {
    this.#cancel = null
    const dueAt = commitNoticeDueAt(this.#raft)
    if (dueAt !== null && dueAt <= this.#clock.now()) this.#onDue()
    else this.follow()
  }
}
