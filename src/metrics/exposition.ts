/** Everything that there is to scrape, as text for Prometheus. */
import { setImmediate as breathe } from 'node:timers/promises'
import { assert } from '../../raft/assert.ts'
import type { Family, Source } from './family.ts'
import { formatFamily } from './text-format.ts'

/** Formatting so many takes a few milliseconds; then others have their turn. */
const SLICE_SAMPLES = 500

export class Exposition {
  readonly #sources: Source[] = []
  /** Whoever comes meanwhile shares it: however many scrape, the work is done once at a time. */
  #scraping: Promise<string> | null = null

  add(source: Source): void {
    this.#sources.push(source)
  }

  /** All families, in the order in which their sources were added. */
  async collect(): Promise<readonly Family[]> {
    const collected: Family[] = []
    // One after the other, so that each is of one moment.
    for (const source of this.#sources) collected.push(...(await source()))
    return collected
  }

  scrape(): Promise<string> {
    this.#scraping ??= this.#format().finally(() => {
      this.#scraping = null
    })
    return this.#scraping
  }

  async #format(): Promise<string> {
    const names = new Set<string>()
    const texts: string[] = []
    for (const family of await this.collect()) {
      assert(!names.has(family.name), 'the family {} comes from two sources', family.name)
      names.add(family.name)
      texts.push(formatFamily(family))
      if (family.samples.length >= SLICE_SAMPLES) await breathe()
    }
    return `${texts.join('\n\n')}\n`
  }
}
