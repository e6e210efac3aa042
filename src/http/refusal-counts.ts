/** What was refused or ended because it was above a limit: plain numbers, read by whoever watches. */

export const REFUSING_LIMITS = [
  'connections',
  'client_connections',
  'url_bytes',
  'header_bytes',
  'headers',
  'body_bytes',
  'headers_time',
  'request_time',
  'answer_time',
  'idle_time',
  'close_time',
  'reads',
  'writes',
] as const

export type RefusingLimit = (typeof REFUSING_LIMITS)[number]

export class RefusalCounts {
  readonly #counts = new Map<RefusingLimit, number>(REFUSING_LIMITS.map((limit) => [limit, 0]))

  note(limit: RefusingLimit, count = 1): void {
    this.#counts.set(limit, this.of(limit) + count)
  }

  of(limit: RefusingLimit): number {
    return this.#counts.get(limit) ?? 0
  }

  /** Also those that have refused nothing. */
  all(): Iterable<readonly [RefusingLimit, number]> {
    return this.#counts
  }
}
