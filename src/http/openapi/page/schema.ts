/** JSON Schema, for people. */
import { type Html, html } from './html.ts'

/** As much of it as our own has. */
export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Schema | boolean
  readonly format?: string
  readonly pattern?: string
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly maxItems?: number
  readonly maxProperties?: number
}

/** In a few words, with links to what has a name. */
export function typeOf(schema: Schema): Html {
  const { $ref, type, anyOf, items, format, additionalProperties, properties } = schema
  if ($ref !== undefined) {
    const name = $ref.split('/').at(-1) ?? ''
    return html`<a href="#schema-${name}">${name}</a>`
  }
  if (anyOf !== undefined) return joined(anyOf.map(typeOf))
  if (Array.isArray(type)) return joined(type.map((one: string) => typeOf({ ...schema, type: one })))
  if (schema.const !== undefined) return html`<code>${JSON.stringify(schema.const)}</code>`
  if (schema.enum !== undefined) return joined(schema.enum.map((word) => html`<code>${String(word)}</code>`))
  if (type === 'array') return html`list of ${typeOf(items ?? {})}`
  if (properties !== undefined) {
    const fields = Object.entries(properties).map(
      ([name, field]) => html`<code>${name}</code>: ${typeOf(field)}`,
    )
    return html`{ ${joined(fields, ', ')} }`
  }
  if (typeof additionalProperties === 'object') return html`map of ${typeOf(additionalProperties)}`
  return html`${format === 'date-time' ? 'time' : String(type ?? 'anything')}`
}

function joined(parts: readonly Html[], separator = ' | '): Html {
  return html`${parts.map((part, i) => (i === 0 ? part : html`${separator}${part}`))}`
}

/** Its limits, default and examples. */
function limitsOf(schema: Schema): string {
  const { minimum, maximum, minLength, maxLength, maxItems, maxProperties, examples } = schema
  const own = [
    minimum !== undefined && maximum !== undefined ? `${minimum} to ${maximum}` : null,
    minimum !== undefined && maximum === undefined ? `from ${minimum}` : null,
    minimum === undefined && maximum !== undefined ? `up to ${maximum}` : null,
    minLength !== undefined && maxLength === undefined ? `at least ${minLength} characters` : null,
    maxLength !== undefined ? `at most ${maxLength} characters` : null,
    maxItems !== undefined ? `at most ${maxItems}` : null,
    maxProperties !== undefined ? `at most ${maxProperties} keys` : null,
    schema.default !== undefined ? `default ${JSON.stringify(schema.default)}` : null,
    examples !== undefined
      ? `such as ${examples.map((example) => JSON.stringify(example)).join(', ')}`
      : null,
  ].filter((part) => part !== null)
  const nested = (schema.anyOf ?? []).map(limitsOf).filter((text) => text !== '')
  return [...own, ...nested].join('; ')
}

export function fieldsOf({ properties = {}, required = [] }: Schema): Html {
  const rows = Object.entries(properties).map(
    ([name, field]) => html`<tr><td><code>${name}</code>${required.includes(name) ? ' *' : ''}</td>
<td>${typeOf(field)}</td><td>${aboutOf(field)}</td></tr>`,
  )
  if (rows.length === 0) return html`<p class="soft">No fields.</p>`
  return html`<table><tr><th>Field</th><th>Type</th><th></th></tr>${rows}</table>`
}

export function aboutOf(schema: Schema): Html {
  const inner = schema.anyOf?.map(({ description }) => description).find((text) => text !== undefined)
  const text = schema.description ?? inner ?? ''
  const limits = limitsOf(schema)
  return html`${text} ${limits === '' ? null : html`<span class="soft">${limits}</span>`}`
}
