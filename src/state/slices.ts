/** Long work over many rows in slices, between which heartbeats and clients get their turn of the event loop. */
import type { Clock } from '../../raft/ports.ts'

/** Sorting, coding or checking this much takes a millisecond or two. */
export const SLICE_BYTES = 128 * 1024

export class Slices {
  readonly #clock: Pick<Clock, 'setSoon'>
  readonly #sliceBytes: number
  #bytes = 0

  constructor(clock: Pick<Clock, 'setSoon'>, sliceBytes = SLICE_BYTES) {
    this.#clock = clock
    this.#sliceBytes = sliceBytes
  }

  /** Call after each piece of work, and await it: once the pieces make a slice, what waits comes first. */
  async add(bytes: number): Promise<void> {
    this.#bytes += bytes
    if (this.#bytes < this.#sliceBytes) return
    this.#bytes = 0
    await new Promise<void>((resolve) => this.#clock.setSoon(resolve))
  }
}
