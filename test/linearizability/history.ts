/** What clients saw: who asked for what, when, and what the answer was. */

/** Times are of one monotonic clock, in any unit. */
export interface Operation<I, O> {
  /** For people: the check does not rely on it. */
  readonly client: number
  readonly invokedAt: number
  /** Infinity: never answered. It may take effect at any later time, or never. */
  readonly returnedAt: number
  readonly input: I
  /** Null: unknown. */
  readonly output: O | null
}

/** The sequential object that the history is compared with. States are values: `step` never changes one. */
export interface Model<S, I, O> {
  init(): S
  /**
   * The state after the operation, the same object if it changes nothing; null if it is not possible in this
   * state. An unknown output fits anything that is possible.
   */
  step(state: S, operation: { readonly input: I; readonly output: O | null }): S | null
  /** Equal for equal states only. */
  key(state: S): string
}

/**
 * Linearizability is local (Herlihy and Wing 1990, §3.3): a history is linearizable if that of each object is,
 * and a few short histories are checked much faster than a long one.
 */
export function partition<I, O, K>(
  history: readonly Operation<I, O>[],
  objectOf: (operation: Operation<I, O>) => K,
): Map<K, Operation<I, O>[]> {
  const parts = new Map<K, Operation<I, O>[]>()
  for (const operation of history) {
    const object = objectOf(operation)
    const part = parts.get(object)
    if (part === undefined) parts.set(object, [operation])
    else part.push(operation)
  }
  return parts
}
