/** Requests that nobody has at the moment: they wait for a leader, oldest first, or for a better time to ask it. */
import { isFromPeer, type Request } from './request.ts'

export class ParkedRequests {
  readonly #isOpen: (request: Request) => boolean
  /** The next leader gets them. Some may have been answered meanwhile. */
  #parked: Request[] = []
  #isSorted = true
  /**
   * Cannot be had now, as a change that has to wait for another, or was sent back by a leader that hands over; tried again
   * at the next tick, or as soon as another leader is known.
   */
  #held: Request[] = []

  /** @param options.isOpen Whether it still waits for its answer. */
  constructor(options: { isOpen: (request: Request) => boolean }) {
    this.#isOpen = options.isOpen
  }

  get hasParked(): boolean {
    return this.#parked.length > 0
  }

  /** One that has just come. */
  add(request: Request): void {
    this.#parked.push(request)
  }

  /** One that comes back. */
  park(request: Request): void {
    this.#parked.push(request)
    this.#isSorted = false
  }

  /** Until `releaseHeld`. */
  hold(request: Request): void {
    this.#held.push(request)
  }

  releaseHeld(): void {
    this.#parked = [...this.#parked, ...this.#held].filter(this.#isOpen)
    this.#isSorted &&= this.#held.length === 0
    this.#held = []
  }

  /** All that are parked, oldest first. */
  take(): Request[] {
    this.#sort()
    const requests = this.#parked.filter(this.#isOpen)
    this.#parked = []
    return requests
  }

  /**
   * Hands over all that are parked, oldest first, in as few frames as may be, until one is not taken: that stays.
   *
   * @param send Says whether the frame was taken.
   */
  takeFrames(bytesMax: number, send: (frame: readonly Request[]) => boolean): void {
    this.#sort()
    while (this.#parked.length > 0) {
      const frame = this.#takeFrame(bytesMax)
      if (frame.length > 0 && !send(frame)) {
        this.#parked = [...frame, ...this.#parked]
        return
      }
    }
  }

  /** A frame always has room for one request. */
  #takeFrame(bytesMax: number): Request[] {
    let bytes = 0
    let count = 0
    for (const request of this.#parked) {
      bytes += request.bytes
      if (bytes > bytesMax && count > 0) break
      count += 1
    }
    return this.#parked.splice(0, count).filter(this.#isOpen)
  }

  /** Those of peers, parked or held. */
  takePeers(): Request[] {
    if (!this.#parked.some(isFromPeer) && !this.#held.some(isFromPeer)) return []
    const ofPeers = [...this.#parked, ...this.#held].filter(isFromPeer)
    this.#parked = this.#parked.filter((request) => !isFromPeer(request))
    this.#held = this.#held.filter((request) => !isFromPeer(request))
    return ofPeers
  }

  /** All of them, parked or held. */
  takeAll(): Request[] {
    const all = [...this.#parked, ...this.#held].filter(this.#isOpen)
    this.#parked = []
    this.#held = []
    return all
  }

  /** What comes back is older than what came meanwhile. */
  #sort(): void {
    if (!this.#isSorted) this.#parked.sort((a, b) => a.id - b.id)
    this.#isSorted = true
  }
}
