/** Families as Prometheus reads them: its text format, version 0.0.4. */
import type { Family, Sample } from './family.ts'

/** Without the end of the last line. */
export function formatFamily({ name, help, type, samples }: Family): string {
  let text = `# HELP ${name} ${help.replace(/[\\\n]/g, escaped)}\n# TYPE ${name} ${type}`
  for (const sample of samples) text += `\n${formatSample(sample)}`
  return text
}

function formatSample({ metricName, labels, value }: Sample): string {
  const pairs = Object.entries(labels).map(([label, text]) => {
    return `${label}="${String(text).replace(/[\\\n"]/g, escaped)}"`
  })
  const inBraces = pairs.length === 0 ? '' : `{${pairs.join(',')}}`
  return `${metricName}${inBraces} ${formatValue(value)}`
}

function escaped(character: string): string {
  return character === '\n' ? '\\n' : `\\${character}`
}

function formatValue(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}
