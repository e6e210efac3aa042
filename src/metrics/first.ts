/** The first `max` in an order, of however many there are, in little more room than they take. */
export class First<T> {
  readonly #max: number
  readonly #compare: (a: T, b: T) => number
  #kept: T[] = []
  /** The last of the first so far: what comes after it need not be kept. */
  #threshold: T | null = null

  constructor(max: number, compare: (a: T, b: T) => number) {
    this.#max = max
    this.#compare = compare
  }

  add(one: T): void {
    if (this.#max === 0) return
    if (this.#threshold !== null && this.#compare(one, this.#threshold) >= 0) return
    this.#kept.push(one)
    if (this.#kept.length >= 2 * this.#max) this.#cut()
  }

  /** In order. */
  take(): readonly T[] {
    this.#cut()
    return this.#kept
  }

  #cut(): void {
    this.#kept.sort(this.#compare)
    if (this.#kept.length > this.#max) this.#kept.length = this.#max
    if (this.#kept.length === this.#max) this.#threshold = this.#kept.at(-1) ?? null
  }
}
