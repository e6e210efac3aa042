/** Rows or a snapshot are not what this version writes. The node must not serve them. */
export class CorruptStateError extends Error {
  override readonly name: string = 'CorruptStateError'
}

/** Nothing is wrong with them, but that another release has written them. The message says which software takes them. */
export class StateFormatError extends CorruptStateError {
  override readonly name = 'StateFormatError'
  /** Than this program. */
  readonly isNewer: boolean
  /** Without the way out. */
  readonly reason: string

  /** @param what A noun: "state", "snapshot". */
  constructor(what: string, { found, known }: { found: unknown; known: number }) {
    const isNewer = typeof found === 'number' && found > known
    const wayOut = isNewer
      ? 'install newer software'
      : 'put the software back that wrote it, or remove this node and join it under a new id with an empty directory'
    const reason = `the ${what} is in format ${found} and this program reads ${known}`
    super(`${reason}: ${wayOut}`)
    this.isNewer = isNewer
    this.reason = reason
  }
}
