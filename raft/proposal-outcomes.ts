/** What became of requests, counted for whoever watches. */
import { Durations } from './durations.ts'
import type { Origin } from './request.ts'

export class ProposalOutcomes {
  /** Of this node's own callers: from the call to the result. What failed is not in it: that is how long callers are patient. */
  readonly durations = new Durations()
  /** By `applied`, or the code of the error. The first one is there before it happens: rates need a start. */
  readonly #local = new Map([['applied', 0]])
  readonly #peer = new Map([['applied', 0]])

  noteApplied(origin: Origin['type'], ms: number): void {
    this.#count(origin, 'applied')
    if (origin === 'local') this.durations.note(ms)
  }

  noteFailed(origin: Origin['type'], code: string): void {
    this.#count(origin, code)
  }

  #count(origin: Origin['type'], outcome: string): void {
    const counts = origin === 'local' ? this.#local : this.#peer
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  }

  /** Errors as far as there are any. */
  all(): { readonly origin: Origin['type']; readonly outcome: string; readonly count: number }[] {
    const of = (origin: Origin['type'], counts: ReadonlyMap<string, number>) =>
      [...counts].map(([outcome, count]) => ({ origin, outcome, count }))
    return [...of('local', this.#local), ...of('peer', this.#peer)]
  }
}
