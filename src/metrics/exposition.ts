/** Everything that there is to scrape, as text for Prometheus. */
import { setImmediate as breathe } from 'node:timers/promises'
import { type Metric, Registry } from 'prom-client'
import type { Family, Source } from './family.ts'

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
    const registry = new Registry()
    const texts: string[] = []
    for (const family of await this.collect()) {
      registry.registerMetric(asMetric(family))
      texts.push(await registry.getSingleMetricAsString(family.name))
      if (family.samples.length >= SLICE_SAMPLES) await breathe()
    }
    return `${texts.join('\n\n')}\n`
  }
}

/**
 * All that a registry asks of a metric is its name and `get`. The metrics of prom-client keep values of their own, in a hash table that
 * every count would go through; ours are counted elsewhere, in plain numbers, and read here.
 */
function asMetric({ name, help, type, samples }: Family): Metric {
  return { name, get: async () => ({ name, help, type, values: samples }) } as unknown as Metric
}
