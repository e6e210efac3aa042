/** How far long work is, on standard error: a bar on a terminal, else a line now and then. */
import type { ClientShell } from '../shell.ts'

const BAR_WIDTH = 30
const BAR_INTERVAL_MS = 100
const LINE_INTERVAL_MS = 10_000

export class Progress {
  readonly #total: number
  readonly #shell: ClientShell
  readonly #startedAt: number
  #shownAt: number
  #isBarShown = false

  /** @param total Rows. */
  constructor(total: number, shell: ClientShell) {
    this.#total = total
    this.#shell = shell
    this.#startedAt = shell.now()
    this.#shownAt = this.#startedAt
  }

  /** @param done Rows so far. */
  advance(done: number): void {
    const now = this.#shell.now()
    const isTerminal = this.#shell.isErrorTerminal
    const isLast = done >= this.#total
    if (now - this.#shownAt < (isTerminal ? BAR_INTERVAL_MS : LINE_INTERVAL_MS) && !(isTerminal && isLast))
      return
    this.#shownAt = now
    const text = this.#text(done, now)
    if (!isTerminal) this.#shell.complain(text)
    else {
      this.#shell.report(`\r${bar(done / this.#total)} ${text}\u001b[K`)
      this.#isBarShown = true
    }
  }

  /** Leaves the line of the bar, for what is said next. */
  end(): void {
    if (this.#isBarShown) this.#shell.report('\n')
    this.#isBarShown = false
  }

  #text(done: number, now: number): string {
    const seconds = (now - this.#startedAt) / 1_000
    const rate = seconds > 0 ? `, ${Math.round(done / seconds)} rows/s` : ''
    return `${done} of ${this.#total} rows (${Math.floor((100 * done) / this.#total)} %)${rate}`
  }
}

function bar(fraction: number): string {
  const filled = Math.round(Math.min(1, fraction) * BAR_WIDTH)
  return `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}]`
}
