/** What becomes of a request when an attempt at it has ended: it is answered, or waits for another. */
import { NotLeaderError, type RaftError } from './errors.ts'
import type { OpenRequests } from './open-requests.ts'
import type { ParkedRequests } from './parked-requests.ts'
import { type Completion, canBeSentAgain, isFromPeer, type Request, uncertain } from './request.ts'
import type { NodeId } from './types.ts'

export class Attempts {
  readonly #open: OpenRequests
  readonly #parked: ParkedRequests
  readonly #leaderId: () => NodeId | null
  readonly #onAnswered: (request: Request) => void

  constructor(options: {
    open: OpenRequests
    parked: ParkedRequests
    leaderId: () => NodeId | null
    /** Before whoever waits for it hears of it. */
    onAnswered: (request: Request) => void
  }) {
    this.#open = options.open
    this.#parked = options.parked
    this.#leaderId = options.leaderId
    this.#onAnswered = options.onAnswered
  }

  complete(request: Request, completion: Omit<Completion, 'isOnlyCopy'>): void {
    this.#onAnswered(request)
    this.#open.complete(request, completion)
  }

  completeTransfer(request: Request, { from, to }: { from: NodeId; to: NodeId }): void {
    this.complete(request, { result: { from, to }, index: 0 })
  }

  fail(request: Request, error: RaftError): void {
    this.#onAnswered(request)
    this.#open.fail(request, error)
  }

  /** Its attempt has left nothing in any log: another is safe. A peer's request goes back to the peer, which tries. */
  giveBack(request: Request): void {
    request.isGiven = false
    if (isFromPeer(request)) this.fail(request, new NotLeaderError(this.#leaderId()))
    else this.#parked.park(request)
  }

  /** The same, but it would fail again if it were made at once. */
  hold(request: Request): void {
    request.isGiven = false
    this.#parked.hold(request)
  }

  /** Nobody can say any more whether its attempt has left anything in a log. */
  lose(request: Request): void {
    if (!canBeSentAgain(request)) {
      this.fail(request, uncertain())
      return
    }
    request.isMaybeLogged = true
    this.giveBack(request)
  }
}
