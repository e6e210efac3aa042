/** Chance that is the same for the same seed. */

/** sfc32: small, fast, and good enough that neighbouring seeds have nothing in common. */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number) {
    this.#a = seed | 0
    this.#b = (seed / 0x1_0000_0000) | 0
    this.#c = 0x9e3779b9
    for (let i = 0; i < 12; i++) this.next()
  }

  /** In [0, 1). */
  readonly next = (): number => {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return (sum >>> 0) / 0x1_0000_0000
  }

  /** A stream of its own: what one part of the simulation draws does not shift what another one does. */
  fork(): Random {
    return new Random(Math.floor(this.next() * 2 ** 52))
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  between(min: number, max: number): number {
    return min + this.next() * (max - min)
  }

  /** A whole number in [min, max]. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1))
  }

  /** With that mean, mostly less, sometimes much more. */
  exponential(mean: number): number {
    return -Math.log(1 - this.next()) * mean
  }

  pick<T>(values: readonly T[]): T | null {
    return values[Math.floor(this.next() * values.length)] ?? null
  }

  shuffle<T>(values: readonly T[]): T[] {
    const shuffled = [...values]
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = this.integer(0, i)
      const [a, b] = [shuffled[i] as T, shuffled[j] as T]
      shuffled[i] = b
      shuffled[j] = a
    }
    return shuffled
  }
}
