/** Reads what a node tells Prometheus. */

export interface Scraped {
  readonly families: readonly { readonly name: string; readonly type: string; readonly help: string }[]
  readonly samples: readonly { readonly name: string; readonly labels: string; readonly value: number }[]
  /** @param sample Its name, and its labels as they are written: `a_total{b="c"}`. Null if it is not there. */
  value(sample: string): number | null
}

export function parseExposition(text: string): Scraped {
  const help = new Map([...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name, words]) => [name, words]))
  const families = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => {
    return { name, type, help: help.get(name) ?? '' }
  })
  const samples = [...text.matchAll(/^([a-z_]+)(\{.*\})? (\S+)$/gm)].map(
    ([, name = '', labels = '', value]) => ({ name, labels, value: Number(value) }),
  )
  const values = new Map(samples.map(({ name, labels, value }) => [name + labels, value]))
  return { families, samples, value: (sample) => values.get(sample) ?? null }
}

/** Of ours, in an expression of PromQL; `up` is Prometheus' own. */
export function metricNamesIn(expression: string): string[] {
  return [...expression.matchAll(/\b(?:ipam|process|nodejs)_[a-z_]+/g)].map(([name]) => name)
}
