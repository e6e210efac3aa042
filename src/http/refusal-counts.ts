/** What was refused because it was above a limit: plain numbers, read by whoever watches. */

export const REFUSING_LIMITS = [
  'connections',
  'client_connections',
  'url_bytes',
  'header_bytes',
  'headers',
  'body_bytes',
  'request_time',
  'answer_time',
  'reads',
  'writes',
] as const

export type RefusingLimit = (typeof REFUSING_LIMITS)[number]

export class RefusalCounts {
  readonly #counts = new Map<RefusingLimit, number>(REFUSING_LIMITS.map((limit) => [limit, 0]))

  note(limit: RefusingLimit): void {
    this.#counts.set(limit, this.of(limit) + 1)
  }

  of(limit: RefusingLimit): number {
    return this.#counts.get(limit) ?? 0
  }

  /** Also those that have refused nothing. */
  all(): Iterable<readonly [RefusingLimit, number]> {
    return this.#counts
  }
}
