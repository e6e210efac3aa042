/** Our own bug. Nobody catches it: the process logs it and exits. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/** Always on: a node that goes on after a broken invariant may lose data. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** The end of an exhaustive `switch`. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${JSON.stringify(value)}`)
}
