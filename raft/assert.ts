/** Our own bug. Nobody catches it: the process logs it and exits. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/**
 * Always on: a node that goes on after a broken invariant may lose data.
 *
 * @param message With a `{}` for each value: text that is only made when it is read.
 */
export function assert(condition: boolean, message: string, ...values: unknown[]): asserts condition {
  if (!condition) throw new AssertionError(filled(message, values))
}

/** The end of an exhaustive `switch`. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${JSON.stringify(value)}`)
}

function filled(message: string, values: readonly unknown[]): string {
  const rest = values.values()
  return message.replaceAll('{}', () => String(rest.next().value))
}
