/** Clusters with many allocations, filled once in a run and kept on disk between the claims that use them. */
import { Ipam } from '../peers/ipam.ts'

export class Shelf {
  readonly #kept = new Map<number, Promise<Ipam>>()
  readonly #say: (line: string) => void

  constructor(say: (line: string) => void) {
    this.#say = say
  }

  /** Running. What was measured with it before has added to `count`. */
  async take(count: number): Promise<Ipam> {
    const kept = this.#kept.get(count)
    if (kept !== undefined) {
      const ipam = await kept
      await ipam.resume()
      return ipam
    }
    const starting = Ipam.start()
    this.#kept.set(count, starting)
    const ipam = await starting
    const startedAt = performance.now()
    await ipam.store(count)
    this.#say(`  ${count} allocations stored in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`)
    return ipam
  }

  async close(): Promise<void> {
    const started = await Promise.allSettled(this.#kept.values())
    await Promise.all(started.map((each) => (each.status === 'fulfilled' ? each.value.close() : null)))
  }
}
