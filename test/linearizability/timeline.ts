import type { Operation } from './history.ts'

const HEAD = 0

/**
 * Invocations and returns in the order of time, as a doubly linked list from which an operation can be lifted and
 * put back (Wing and Gong 1993, §4). Operations are numbered in the order of their invocation.
 *
 * An operation that returns at the moment in which another is invoked is concurrent to it.
 */
export class Timeline<I, O> {
  readonly operations: readonly Operation<I, O>[]
  readonly #next: Int32Array
  readonly #previous: Int32Array
  /** Of each entry; `~n` is the return of operation n. */
  readonly #meaning: Int32Array
  readonly #invocations: Int32Array
  /** 0 for operations that were never answered. */
  readonly #returns: Int32Array

  constructor(history: readonly Operation<I, O>[]) {
    this.operations = history.toSorted((a, b) => a.invokedAt - b.invokedAt)
    const moments = this.operations.flatMap(({ invokedAt, returnedAt }, n) => {
      const invocation = { time: invokedAt, meaning: n }
      return returnedAt === Number.POSITIVE_INFINITY
        ? [invocation]
        : [invocation, { time: returnedAt, meaning: ~n }]
    })
    moments.sort((a, b) => a.time - b.time || Number(a.meaning < 0) - Number(b.meaning < 0))
    this.#invocations = new Int32Array(this.operations.length)
    this.#returns = new Int32Array(this.operations.length)
    this.#meaning = Int32Array.from([0, ...moments.map(({ meaning }) => meaning)])
    this.#next = Int32Array.from(this.#meaning, (_, entry) => (entry === moments.length ? HEAD : entry + 1))
    this.#previous = Int32Array.from(this.#meaning, (_, entry) =>
      entry === HEAD ? moments.length : entry - 1,
    )
    for (const [i, { meaning }] of moments.entries()) {
      if (meaning < 0) this.#returns[~meaning] = i + 1
      else this.#invocations[meaning] = i + 1
    }
  }

  isAnswered(n: number): boolean {
    return this.#returns[n] !== 0
  }

  /** The first entry; the list is not empty. */
  get first(): number {
    return at(this.#next, HEAD)
  }

  after(entry: number): number {
    return at(this.#next, entry)
  }

  /** The entry behind the invocation of operation n. */
  afterInvocation(n: number): number {
    return at(this.#next, at(this.#invocations, n))
  }

  /** The operation that is invoked here; null where one returns. */
  invocationAt(entry: number): number | null {
    const meaning = at(this.#meaning, entry)
    return meaning < 0 ? null : meaning
  }

  lift(n: number): void {
    this.#unlink(at(this.#invocations, n))
    if (this.isAnswered(n)) this.#unlink(at(this.#returns, n))
  }

  /** The operation lifted last goes back first. */
  putBack(n: number): void {
    if (this.isAnswered(n)) this.#link(at(this.#returns, n))
    this.#link(at(this.#invocations, n))
  }

  /** What is in the list up to `entry`: all that may be next. */
  pendingBefore(entry: number): number[] {
    const pending: number[] = []
    for (let e = this.first; e !== entry; e = this.after(e)) {
      const n = this.invocationAt(e)
      if (n !== null) pending.push(n)
    }
    return pending
  }

  #unlink(entry: number): void {
    this.#next[at(this.#previous, entry)] = at(this.#next, entry)
    this.#previous[at(this.#next, entry)] = at(this.#previous, entry)
  }

  #link(entry: number): void {
    this.#next[at(this.#previous, entry)] = entry
    this.#previous[at(this.#next, entry)] = entry
  }
}

function at(numbers: Int32Array, i: number): number {
  return numbers[i] ?? 0
}
