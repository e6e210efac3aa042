/** The definition, tried out: slow, obvious, and right. For a handful of operations. */
import type { Model, Operation } from './history.ts'

export function isLinearizableByEveryOrder<S, I, O>(
  model: Model<S, I, O>,
  history: readonly Operation<I, O>[],
): boolean {
  return canFollow(model, model.init(), history)
}

function canFollow<S, I, O>(model: Model<S, I, O>, state: S, left: readonly Operation<I, O>[]): boolean {
  if (left.every(({ returnedAt }) => returnedAt === Number.POSITIVE_INFINITY)) return true
  return left.some((operation) => {
    const others = left.filter((other) => other !== operation)
    // Nothing that is still to come may have returned before it was asked for.
    if (others.some(({ returnedAt }) => returnedAt < operation.invokedAt)) return false
    const next = model.step(state, operation)
    return next !== null && canFollow(model, next, others)
  })
}
