/** Where requests stand in this node's log. They stay when leadership is lost: what is applied there tells the outcome. */
import type { LogIndex, Term } from './types.ts'

/** A request at an index of the log. */
export interface Appended {
  readonly id: number
  /** In which it was appended. */
  readonly term: Term
  readonly since: number
}

export class AppendedRequests {
  /** In the order of age. */
  readonly #byIndex = new Map<LogIndex, Appended>()

  /** @returns The one that was there: an entry of ours from an earlier term, now cut from our log. */
  add(index: LogIndex, appended: Appended): Appended | null {
    const cut = this.take(index)
    this.#byIndex.set(index, appended)
    return cut
  }

  /** The one that stands at `index`, which is decided. */
  take(index: LogIndex): Appended | null {
    const appended = this.#byIndex.get(index) ?? null
    this.#byIndex.delete(index)
    return appended
  }

  /** Those that stand at `index` or before. */
  takeUpTo(index: LogIndex): Appended[] {
    const taken: Appended[] = []
    for (const [at, appended] of this.#byIndex) {
      if (at > index) continue
      this.#byIndex.delete(at)
      taken.push(appended)
    }
    return taken
  }

  takeAll(): Appended[] {
    const taken = [...this.#byIndex.values()]
    this.#byIndex.clear()
    return taken
  }

  /** Those that stand at an index which perhaps nobody fills: for `askAgainMs` nobody has. Oldest first. */
  *silent(options: {
    now: number
    askAgainMs: number
    /** Null unless this node leads. */
    leadingTerm: Term | null
  }): Generator<[LogIndex, Appended]> {
    const { now, askAgainMs, leadingTerm } = options
    for (const [index, appended] of this.#byIndex) {
      const { since, term } = appended
      // While we lead our entry is in the log, and will be decided there.
      if (now - since < askAgainMs || term === leadingTerm) break
      yield [index, appended]
    }
  }
}
