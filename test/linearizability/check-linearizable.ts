/**
 * Is there one order of the operations, in keeping with real time, that explains every answer?
 *
 * The search of Wing and Gong (1993) with the memo of Lowe (2017): a set of operations that once led to a state
 * from which nothing followed is not tried again in another order. Iterative, so a history may be of any length.
 */
import { BitSet } from './bit-set.ts'
import type { Model, Operation } from './history.ts'
import { Timeline } from './timeline.ts'

/** Each takes some hundred bytes. */
const STATES_MAX = 5_000_000

export type Verdict<I, O> =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly result: 'violation'
      /** The longest order found. */
      readonly prefix: readonly Operation<I, O>[]
      /** One of these had to be next, and none was possible. */
      readonly blocked: readonly Operation<I, O>[]
    }
  /** The bound was hit before an order was found, or the last one excluded. */
  | { readonly ok: false; readonly result: 'unknown'; readonly statesMax: number }

/** An operation that was never answered may be left out. */
export function checkLinearizable<S, I, O>(
  model: Model<S, I, O>,
  history: readonly Operation<I, O>[],
  { statesMax }: { readonly statesMax: number } = { statesMax: STATES_MAX },
): Verdict<I, O> {
  return new Search(model, new Timeline(history), statesMax).run()
}

class Search<S, I, O> {
  readonly #model: Model<S, I, O>
  readonly #timeline: Timeline<I, O>
  readonly #statesMax: number
  /** The order so far; each with the state before it. */
  readonly #order: { readonly n: number; readonly before: S }[] = []
  readonly #ordered: BitSet
  readonly #memo: Memo<S>
  #longest: { prefix: number[]; blocked: number[] } = { prefix: [], blocked: [] }
  #state: S

  constructor(model: Model<S, I, O>, timeline: Timeline<I, O>, statesMax: number) {
    this.#model = model
    this.#timeline = timeline
    this.#statesMax = statesMax
    this.#ordered = new BitSet(timeline.operations.length)
    this.#memo = new Memo((state) => model.key(state))
    this.#state = model.init()
  }

  run(): Verdict<I, O> {
    const timeline = this.#timeline
    let left = timeline.operations.filter((_, n) => timeline.isAnswered(n)).length
    let entry = timeline.first
    while (left > 0) {
      const n = timeline.invocationAt(entry)
      if (n === null) {
        // What returns here comes before everything behind it.
        this.#noteBlocked(entry)
        const undone = this.#undo()
        if (undone === null) return this.#violation()
        if (timeline.isAnswered(undone)) left += 1
        entry = timeline.afterInvocation(undone)
      } else if (this.#append(n)) {
        if (this.#memo.size > this.#statesMax) {
          return { ok: false, result: 'unknown', statesMax: this.#statesMax }
        }
        if (timeline.isAnswered(n)) left -= 1
        entry = timeline.first
      } else {
        entry = timeline.after(entry)
      }
    }
    return { ok: true }
  }

  /** @returns whether operation n was possible and leads to something new. */
  #append(n: number): boolean {
    const operation = this.#timeline.operations[n]
    const next = operation === undefined ? null : this.#model.step(this.#state, operation)
    if (next === null) return false
    // Leaving it out is as good. It would double the states for each such operation.
    if (next === this.#state && !this.#timeline.isAnswered(n)) return false
    this.#ordered.add(n)
    if (!this.#memo.add(this.#ordered.key, next)) {
      this.#ordered.remove(n)
      return false
    }
    this.#timeline.lift(n)
    this.#order.push({ n, before: this.#state })
    this.#state = next
    return true
  }

  /** @returns the operation that is no longer part of the order; null if there was none. */
  #undo(): number | null {
    const last = this.#order.pop()
    if (last === undefined) return null
    this.#state = last.before
    this.#ordered.remove(last.n)
    this.#timeline.putBack(last.n)
    return last.n
  }

  #noteBlocked(entry: number): void {
    const { prefix, blocked } = this.#longest
    if (this.#order.length <= prefix.length && blocked.length > 0) return
    this.#longest = {
      prefix: this.#order.map(({ n }) => n),
      blocked: this.#timeline.pendingBefore(entry),
    }
  }

  #violation(): Verdict<I, O> {
    const { prefix, blocked } = this.#longest
    return { ok: false, result: 'violation', prefix: this.#named(prefix), blocked: this.#named(blocked) }
  }

  #named(numbers: readonly number[]): Operation<I, O>[] {
    return numbers.flatMap((n) => this.#timeline.operations[n] ?? [])
  }
}

/** Which sets of operations have led to which states. */
class Memo<S> {
  readonly #keyOf: (state: S) => string
  readonly #states = new Map<string, { readonly first: S; readonly keys: Set<string> }>()
  #size = 0

  constructor(keyOf: (state: S) => string) {
    this.#keyOf = keyOf
  }

  get size(): number {
    return this.#size
  }

  /** @returns whether it is new. */
  add(set: string, state: S): boolean {
    const known = this.#states.get(set)
    if (known === undefined) {
      // Most sets come up once, so the key of their state is made only when it is compared.
      this.#states.set(set, { first: state, keys: new Set() })
    } else {
      if (known.keys.size === 0) known.keys.add(this.#keyOf(known.first))
      const key = this.#keyOf(state)
      if (known.keys.has(key)) return false
      known.keys.add(key)
    }
    this.#size += 1
    return true
  }
}
