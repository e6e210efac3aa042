/** Bodies that are made while they are sent: only exports and snapshots have them. */

/** One part after the other, as the client takes them. */
export interface Parts {
  /** Null after the last one. */
  next(): Promise<Uint8Array | null>
  /** Nobody asks for more. Also after the end, and while a part is made. */
  release(): Promise<void>
}

/**
 * Asks for more only when the client has taken what there was.
 *
 * It never fails: the adapter below us prints the stack of a stream that does, past the log. A client that goes away is no failure at
 * all; parts that cannot be made are told to `onFailure`, which has to end the connection: half a file must not look whole.
 */
export function streamOf(parts: Parts, onFailure: (error: unknown) => void): ReadableStream<Uint8Array> {
  let isOver = false
  return new ReadableStream({
    async pull(controller) {
      if (isOver) return
      try {
        const part = await parts.next()
        if (isOver) return
        if (part === null) controller.close()
        else controller.enqueue(part)
      } catch (error) {
        if (isOver) return
        isOver = true
        onFailure(error)
      }
    },
    async cancel() {
      isOver = true
      // Whoever is told of it is gone.
      await parts.release().catch(() => {})
    },
  })
}
