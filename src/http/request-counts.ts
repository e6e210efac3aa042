/** How many requests there were of each kind, and how long they took: plain numbers, read by whoever watches. */
import { Durations } from '../../raft/durations.ts'

/** Of all requests whose path or method no route has. */
export const UNROUTED = 'unrouted'

const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** Requests with one method on one route. */
export class RouteCounts {
  readonly method: string
  readonly route: string
  readonly statuses = new Map<number, number>()
  /** Until the answer is made: a stream may take longer. */
  readonly durations = new Durations()

  constructor(method: string, route: string) {
    this.method = method
    this.route = route
  }

  note(status: number, ms: number): void {
    this.durations.note(ms)
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
  }
}

export class RequestCounts {
  readonly #routes = new Map<string, RouteCounts>()
  /** Requests that are not answered yet. */
  inFlight = 0

  /**
   * As many as there are routes and methods of them: whatever a client sends cannot add any.
   *
   * @param route A pattern, never a path.
   */
  of(method: string, route: string): RouteCounts {
    const known = METHODS.includes(method) ? method : 'other'
    const key = `${known} ${route}`
    const counts = this.#routes.get(key)
    if (counts !== undefined) return counts
    const created = new RouteCounts(known, route)
    this.#routes.set(key, created)
    return created
  }

  all(): Iterable<RouteCounts> {
    return this.#routes.values()
  }
}
