/** The source of the client: a type for each schema of the description, a method for each operation. */
import { OPEN } from '../src/http/access.ts'
import { ANSWERS } from '../src/http/openapi/components.ts'
import { describeApi } from '../src/http/openapi/document.ts'
import type { Operation } from '../src/http/openapi/operation.ts'
import { OPERATIONS } from '../src/http/openapi/operations.ts'
import type { Schema } from '../src/http/openapi/page/schema.ts'

const HEAD =
  '// Made from the description of the API by scripts/generate-client.ts; a test keeps it in step.\n'

const DOCUMENT = describeApi({
  routes: OPERATIONS.map(({ method, path }) => ({ method, path, access: OPEN })),
  version: '',
})

interface Described {
  readonly parameters: readonly {
    readonly name?: string
    readonly in?: string
    readonly schema: Schema
    readonly description?: string
  }[]
  readonly requestBody?: {
    readonly required: boolean
    readonly content: Readonly<Record<string, { schema: Schema }>>
  }
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>
  >
}

export function generateClient(): Record<'types.ts' | 'ipam-client.ts', string> {
  return { 'types.ts': writeTypes(), 'ipam-client.ts': writeClient() }
}

function writeTypes(): string {
  const named = Object.entries(DOCUMENT.components['schemas'] ?? {}).map(([name, schema]) => {
    return writeInterface(name, schema as Schema, { isAnswer: name in ANSWERS })
  })
  const queries = OPERATIONS.flatMap((operation) => {
    const properties = queryOf(operation)
    if (Object.keys(properties).length === 0) return []
    return [writeInterface(queryName(operation), { properties }, { isAnswer: false })]
  })
  return `${HEAD}${[...named, ...queries, writeReasons()].join('\n')}`
}

/** Of all problems. */
function writeReasons(): string {
  const words = OPERATIONS.flatMap((operation) =>
    Object.values(described(operation).responses).flatMap(({ content }) => {
      const [, reason] =
        (content?.['application/json']?.schema as { allOf?: Schema[] } | undefined)?.allOf ?? []
      return (reason?.properties?.['reason']?.enum ?? []) as string[]
    }),
  )
  const union = [...new Set(words)].toSorted().map((word) => `\n  | '${word}'`)
  return `/** Why a request failed, in words for programs. */\nexport type Reason =${union.join('')}\n`
}

function writeInterface(name: string, schema: Schema, { isAnswer }: { isAnswer: boolean }): string {
  const fields = Object.entries(schema.properties ?? {}).map(([key, field]) => {
    const isThere = schema.required?.includes(key) === true
    const type = typeText(field)
    return `${comment(aboutOf(field), '  ')}  ${key}${isThere ? '' : '?'}: ${type}${isThere ? '' : ' | undefined'}\n`
  })
  const about = comment(schema.description ?? (isAnswer ? '' : ''), '')
  if (fields.length === 0) return `${about}export type ${name} = Record<string, never>\n`
  return `${about}export interface ${name} {\n${fields.join('')}}\n`
}

function aboutOf({ description, anyOf = [], examples, default: byDefault }: Schema): string {
  const text = description ?? anyOf.map((inner) => inner.description).find((inner) => inner !== undefined)
  const more = [
    byDefault === undefined ? null : `Default: ${JSON.stringify(byDefault)}.`,
    examples === undefined
      ? null
      : `Such as ${examples.map((example) => JSON.stringify(example)).join(', ')}.`,
  ]
  return [text, ...more].filter((part) => typeof part === 'string').join(' ')
}

function comment(text: string, indent: string): string {
  return text === '' ? '' : `${indent}/** ${text.replaceAll('*/', '* /')} */\n`
}

function typeText(schema: Schema): string {
  const { $ref, anyOf, items, properties, required = [], additionalProperties, type } = schema
  if ($ref !== undefined) return $ref.split('/').at(-1) ?? ''
  if (schema.const !== undefined) return literal(schema.const)
  if (schema.enum !== undefined) return schema.enum.map(literal).join(' | ')
  if (anyOf !== undefined) return anyOf.map(typeText).join(' | ')
  if (Array.isArray(type)) return type.map((one: string) => typeText({ ...schema, type: one })).join(' | ')
  if (type === 'array') return `readonly ${inBrackets(typeText(items ?? {}))}[]`
  if (properties !== undefined) {
    const fields = Object.entries(properties).map(([name, field]) => {
      const isThere = required.includes(name)
      return `${name}${isThere ? '' : '?'}: ${typeText(field)}${isThere ? '' : ' | undefined'}`
    })
    return `{ ${fields.join('; ')} }`
  }
  if (typeof additionalProperties === 'object') return `Record<string, ${typeText(additionalProperties)}>`
  return type === 'integer' ? 'number' : String(type ?? 'unknown')
}

function inBrackets(text: string): string {
  return text.includes(' ') && !text.startsWith('{') ? `(${text})` : text
}

function literal(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value)
}

function described({ path, method }: Operation): Described {
  const methods = DOCUMENT.paths[path.replaceAll(/:([a-z]+)/g, '{$1}')]
  return methods?.[method.toLowerCase()] as unknown as Described
}

function queryOf(operation: Operation): Record<string, Schema> {
  const parameters = described(operation).parameters.filter((parameter) => parameter.in === 'query')
  return Object.fromEntries(
    parameters.map(({ name, schema, description }) => [
      name,
      { ...asGiven(schema), ...(description && { description }) },
    ]),
  )
}

/** In code, a yes or no is one. */
function asGiven(schema: Schema): Schema {
  return schema.enum?.join() === 'true,false' ? { ...schema, enum: [true, false] } : schema
}

function queryName({ id }: Operation): string {
  return `${id[0]?.toUpperCase()}${id.slice(1)}Query`
}

function writeClient(): string {
  const methods = OPERATIONS.map(writeMethod)
  const text = methods.join('\n')
  const names = [...Object.keys(DOCUMENT.components['schemas'] ?? {}), ...OPERATIONS.map(queryName)]
  const used = [...new Set(names)].filter((name) => new RegExp(`\\b${name}\\b`).test(text)).toSorted()
  return `${HEAD}import type { Answer } from '../answer.ts'
import { Caller, type CallOptions, type ClientOptions, type WriteOptions } from '../caller.ts'
import type { Rows } from '../rows.ts'
import type {
${used.map((name) => `  ${name},\n`).join('')}} from './types.ts'

/** The API of a cluster, a method for each operation. */
export class IpamClient {
  readonly #caller: Caller

  constructor(options: ClientOptions) {
    this.#caller = new Caller(options)
  }

${text}}
`
}

function writeMethod(operation: Operation): string {
  const { id, method, path, summary, description, kind, isIdempotent, success, params, body } = operation
  const { requestBody, responses } = described(operation)
  const content = responses[success.status]?.content ?? {}
  const [schema = {}] = Object.values(content).map((media) => media.schema)
  const hasQuery = Object.keys(queryOf(operation)).length > 0
  const isList = success.headers.includes('Link')
  const bodyType =
    body?.schema === null ? 'string' : typeText(requestBody?.content['application/json']?.schema ?? {})
  const options = kind === 'local' || kind === 'read' ? 'CallOptions' : 'WriteOptions'
  const args = [
    ...Object.keys(params).map(
      (name) => `${name}: ${name === 'id' && kind === 'membership' ? 'number' : 'string'}`,
    ),
    ...(requestBody === undefined
      ? []
      : [requestBody.required ? `body: ${bodyType}` : `body: ${bodyType} = {}`]),
    ...(hasQuery ? [`query: ${queryName(operation)} = {}`] : []),
    `options: ${options} = {}`,
  ]
  const answers = answersOf(operation)
  const place = path.replaceAll(/:([a-z]+)/g, (_, name: string) => `\${encodeURIComponent(${name})}`)
  const quote = place.includes('$') ? '`' : "'"
  const call = [
    `method: '${method}'`,
    `path: ${quote}${place}${quote}`,
    ...(hasQuery && !isList ? ['query: { ...query }'] : []),
    ...(requestBody === undefined ? [] : ['body']),
    `answers: '${answers}'`,
    `isIdempotent: ${isIdempotent}`,
  ].join(', ')
  const doc = comment(`${summary}. ${description}`.replace('?. ', '? '), '  ')
  if (isList) {
    const row = typeText(schema.items ?? {})
    return `${doc}  ${id}(${args.join(', ')}): Rows<${row}> {
    return this.#caller.rows({ ${call} }, { ...query }, options)
  }
`
  }
  return `${doc}  ${id}(${args.join(', ')}): Promise<Answer<${valueText(answers, schema)}>> {
    return this.#caller.call({ ${call} }, options)
  }
`
}

function answersOf({ success }: Operation): 'json' | 'text' | 'stream' | 'nothing' {
  if (success.status === 204) return 'nothing'
  if ('application/json' in success.content) return 'json'
  return success.headers.includes('Content-Disposition') ? 'stream' : 'text'
}

function valueText(answers: ReturnType<typeof answersOf>, schema: Schema): string {
  if (answers === 'json') return typeText(schema)
  if (answers === 'stream') return 'AsyncIterable<Uint8Array>'
  return answers === 'text' ? 'string' : 'void'
}
