/** The description of an API, for tests to hold answers against. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

// biome-ignore lint/suspicious/noExplicitAny: a document of any shape, which other tests check.
type Json = any

export interface Answered {
  readonly status: number
  /** Null: whatever the operation says. */
  readonly contentType: string | null
  /** Null: they are not looked at. */
  readonly headers: Headers | null
  /** Parsed where it is JSON. */
  readonly body: unknown
}

/** What HTTP itself says of an answer, whatever it is about. */
const OF_HTTP: readonly string[] = [
  'cache-control',
  'connection',
  'content-length',
  'content-type',
  'date',
  'keep-alive',
  'transfer-encoding',
]

const METHODS = ['get', 'post', 'patch', 'delete'] as const

export class Described {
  readonly document: Json
  readonly operations: readonly Json[]
  readonly #ajv: Ajv2020
  readonly #validators = new Map<string, ValidateFunction>()

  private constructor(document: Json) {
    this.document = document
    this.operations = Object.values<Json>(document.paths).flatMap((path) =>
      METHODS.flatMap((method) => (path[method] === undefined ? [] : [path[method]])),
    )
    this.#ajv = new Ajv2020({ strict: true, strictRequired: false, allErrors: true })
    addFormats.default(this.#ajv)
    // Answers of this version have these fields and no others, whatever later versions add.
    this.#ajv.addSchema(closed(document), 'document')
    this.#ajv.addVocabulary(['openapi', 'info', 'servers', 'security', 'tags', 'paths', 'components'])
  }

  static async read(server: string): Promise<Described> {
    const response = await fetch(`${server}/openapi.json`)
    return new Described(await response.json())
  }

  operation(id: string): Json {
    const found = this.operations.find(({ operationId }) => operationId === id)
    if (found === undefined) throw new Error(`${id} is not described`)
    return found
  }

  queryParameters(id: string): Json[] {
    return this.operation(id).parameters.filter((parameter: Json) => parameter.in === 'query')
  }

  queryNames(id: string): string[] {
    return this.queryParameters(id).map(({ name }) => name)
  }

  fields(id: string): [string, { schema: Json; isRequired: boolean }][] {
    const schema = this.resolved(this.operation(id).requestBody?.content['application/json']?.schema ?? {})
    return Object.entries<Json>(schema.properties ?? {}).map(([name, property]) => [
      name,
      { schema: this.resolved(property), isRequired: schema.required?.includes(name) === true },
    ])
  }

  fieldNames(id: string): string[] {
    return this.fields(id).map(([name]) => name)
  }

  resolved(schema: Json): Json {
    if (typeof schema.$ref !== 'string') return schema
    const parts = schema.$ref.slice('#/'.length).split('/')
    return parts.reduce((at: Json, part: string) => at[part], this.document)
  }

  /** What an answer has that the description does not say; none if it is as described. */
  complaints(id: string, answered: Answered): string[] {
    const response = this.operation(id).responses[answered.status]
    if (response === undefined) return [`${id} does not say that it answers ${answered.status}`]
    return [...this.#headerComplaints(id, answered), ...this.#contentComplaints(id, answered)]
  }

  #headerComplaints(id: string, { status, headers }: Answered): string[] {
    if (headers === null) return []
    const described = new Map<string, Json>(
      Object.entries<Json>(this.operation(id).responses[status].headers ?? {}).map(([name, header]) => [
        name.toLowerCase(),
        this.resolved(header),
      ]),
    )
    const missing = [...described]
      .filter(([name, { required }]) => required === true && !headers.has(name))
      .map(([name]) => `${id}: ${status} comes without ${name}`)
    const wrong = [...headers]
      .filter(([name]) => !OF_HTTP.includes(name))
      .flatMap(([name, text]) => {
        const schema = described.get(name)?.schema
        if (schema === undefined) return [`${id}: ${status} has ${name}, which is not described`]
        const isRight = this.#ajv.validate(schema, schema.type === 'integer' ? Number(text) : text)
        return isRight ? [] : [`${id}: ${status} has ${name}: ${text}`]
      })
    return [...missing, ...wrong]
  }

  #contentComplaints(id: string, { status, contentType, body }: Answered): string[] {
    const response = this.operation(id).responses[status]
    if (response.content === undefined) return body === null ? [] : [`${id}: ${status} has a body`]
    const [type] = contentType === null ? Object.keys(response.content) : contentType.split(';')
    if (!(type ?? '' in response.content)) return [`${id}: ${status} is not described as ${type}`]
    return this.#validate(
      ['paths', ...this.#placeOf(id), 'responses', status, 'content', type ?? '', 'schema'],
      body,
    )
  }

  bodyComplaints(id: string, body: unknown): string[] {
    return this.#validate(
      ['paths', ...this.#placeOf(id), 'requestBody', 'content', 'application/json', 'schema'],
      body ?? {},
    )
  }

  compileAll(): void {
    for (const { operationId, responses } of this.operations) {
      for (const status of Object.keys(responses)) {
        for (const type of Object.keys(responses[status].content ?? {})) {
          this.#validator([
            'paths',
            ...this.#placeOf(operationId),
            'responses',
            status,
            'content',
            type,
            'schema',
          ])
        }
      }
    }
  }

  #placeOf(id: string): [path: string, method: string] {
    for (const [path, operations] of Object.entries<Json>(this.document.paths)) {
      for (const method of METHODS) if (operations[method]?.operationId === id) return [path, method]
    }
    throw new Error(`${id} is not described`)
  }

  #validate(place: readonly (string | number)[], value: unknown): string[] {
    const validate = this.#validator(place)
    if (validate(value)) return []
    return (validate.errors ?? []).map(({ instancePath, message, params }) => {
      return `${place.join(' ')}: ${instancePath} ${message} ${JSON.stringify(params)}`
    })
  }

  #validator(place: readonly (string | number)[]): ValidateFunction {
    const pointer = place
      .map((part) => encodeURIComponent(String(part).replaceAll('~', '~0').replaceAll('/', '~1')))
      .join('/')
    const known = this.#validators.get(pointer)
    if (known !== undefined) return known
    const compiled = this.#ajv.compile({ $ref: `document#/${pointer}` })
    this.#validators.set(pointer, compiled)
    return compiled
  }
}

/** The same with no fields beside those that are named, where it has any. */
function closed(value: Json): Json {
  if (Array.isArray(value)) return value.map(closed)
  if (typeof value !== 'object' || value === null) return value
  const copy = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, closed(inner)]))
  const isRecord =
    copy['type'] === 'object' && copy['properties'] !== undefined && copy['required'] !== undefined
  return isRecord ? { additionalProperties: false, ...copy } : copy
}
