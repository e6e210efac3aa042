/** The description of the API: complete, valid, and of what the routes really take. */
import { Validator } from '@seriousme/openapi-schema-validator'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OPERATIONS } from '../../src/http/openapi/operations.ts'
import { Described } from './described.ts'
import { type Api, openApi } from './fixture.ts'

let api: Api
let described: Described

beforeAll(async () => {
  api = await openApi()
  described = await Described.read(`http://${api.host}:${api.port}`)
})

afterAll(() => api.close())

test('every route has an operation, and every operation a route', () => {
  const routes = api.routes.map(({ method, path }) => `${method} ${path}`)

  expect(OPERATIONS.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(routes.toSorted())
  expect(described.operations.length).toBe(routes.length)
  expect(new Set(OPERATIONS.map(({ id }) => id)).size).toBe(OPERATIONS.length)
})

test('it is valid OpenAPI 3.1, and nothing in it refers to what is not there', async () => {
  const validator = new Validator()

  const result = await validator.validate(structuredClone(described.document))

  expect(result).toEqual({ valid: true })
  expect(validator.version).toBe('3.1')
  expect(() => validator.resolveRefs()).not.toThrow()
})

test('every schema can be used to validate with', () => {
  expect(() => described.compileAll()).not.toThrow()
})

test('it is there without a log-in, and a browser may keep it', async () => {
  const { host, port } = api
  const first = await fetch(`http://${host}:${port}/openapi.json`)

  expect(first.headers.get('content-type')).toBe('application/json')
  expect(first.headers.get('cache-control')).toBe('no-cache')
  const etag = first.headers.get('etag') ?? ''
  const again = await fetch(`http://${host}:${port}/openapi.json`, { headers: { 'If-None-Match': etag } })
  expect([again.status, await again.text()]).toEqual([304, ''])
  for (const [list, status] of [
    [`"other", W/${etag}`, 304],
    ['*', 304],
    ['"other"', 200],
    [etag.slice(1, -1), 200],
  ] as const) {
    const { status: given } = await fetch(`http://${host}:${port}/openapi.json`, {
      headers: { 'If-None-Match': list },
    })
    expect([list, given]).toEqual([list, status])
  }
})

describe.each(OPERATIONS)('$method $path', (operation) => {
  test('says who may call it', () => {
    const route = api.routes.find(
      ({ method, path }) => method === operation.method && path === operation.path,
    )
    const { security, 'x-required-role': role } = described.operation(operation.id)

    expect(role).toBe(route?.access.role)
    expect(security).toEqual(role === null ? [] : undefined)
  })

  test('documents an example that is as it says', () => {
    const { example, success, body } = operation
    const answer = { status: success.status, contentType: null, headers: null, body: example.answer }

    expect(described.complaints(operation.id, answer)).toEqual([])
    if (body?.schema) expect(described.bodyComplaints(operation.id, example.body)).toEqual([])
    for (const { schema, example: shown } of described.operation(operation.id).parameters) {
      if (schema?.type === 'integer' && shown !== undefined) expect(shown).toBeTypeOf('number')
    }
  })

  test('takes the parameters that it names, and no others', async () => {
    if (operation.id === 'getMetrics') return
    const { status, body } = await send({ query: 'zzzzzzzzzzzz=1' })

    const [detail] = status === 400 ? body.details : []
    const [, list] = /known are (.*)$/.exec(detail?.message ?? '') ?? []
    expect([status, detail?.field]).toEqual([400, 'zzzzzzzzzzzz'])
    expect(list?.split(', ') ?? []).toEqual(described.queryNames(operation.id))
  })

  test('refuses what its parameters are not', async () => {
    for (const { name, schema } of described.queryParameters(operation.id)) {
      for (const value of wrongTexts(schema)) {
        const { status, body } = await send({ query: `${name}=${encodeURIComponent(value)}` })
        expect([status, body.details?.[0]?.field], `${name}=${value}`).toEqual([400, name])
      }
    }
  })

  test('takes the fields that it names, and no others', async () => {
    if (!operation.body?.schema) return
    const { status, body } = await send({ body: { zzzzzzzzzzzz: 1 } })

    const { message } = body.details.find(({ field }: { field: string }) => field === 'zzzzzzzzzzzz')
    const [, list] = /known are (.*)$/.exec(message) ?? []
    expect(status).toBe(400)
    expect(list?.split(', ') ?? []).toEqual(described.fieldNames(operation.id))
  })

  test('refuses what its fields are not', async () => {
    for (const [field, { schema, isRequired }] of described.fields(operation.id)) {
      for (const value of wrongValues(schema)) {
        const { status, body } = await send({ body: { [field]: value } })
        const fields = body.details?.map((detail: { field: string }) => detail.field.replace(/[[.].*/, ''))
        expect([status, fields], `${field}: ${JSON.stringify(value)}`).toEqual([
          400,
          expect.arrayContaining([field]),
        ])
      }
      const { body } = await send({ body: {} })
      const missing = body?.details?.map((detail: { field: string }) => detail.field) ?? []
      if (isRequired) expect(missing).toContain(field)
    }
  })

  /** Where nothing is: whoever looks at the query or the body first says so. */
  async function send({ query = '', body }: { query?: string; body?: object }) {
    const path = operation.path.replaceAll(/:([a-z]+)/g, (_, name) => operation.example.params[name] ?? '')
    const url = `http://${api.host}:${api.port}${path}${query === '' ? '' : `?${query}`}`
    const response = await fetch(url, {
      method: operation.method,
      headers: { 'Content-Type': 'application/json' },
      body: operation.method === 'GET' ? null : JSON.stringify(body ?? {}),
    })
    const text = await response.text()
    const answer = { status: response.status, body: text === '' ? null : JSON.parse(text) }
    const contentType = response.headers.get('content-type')
    const { headers } = response
    expect(described.complaints(operation.id, { ...answer, contentType, headers })).toEqual([])
    return answer
  }
})

interface Limits {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly maxLength?: number
  readonly maxItems?: number
  readonly pattern?: string
  readonly anyOf?: readonly Limits[]
}

/** By what the document says, each is wrong. */
function wrongTexts({ type, enum: words, minimum, maximum, maxLength }: Limits): string[] {
  const wrong: string[] = []
  if (type === 'integer') wrong.push('many', '1.5')
  if (words !== undefined) wrong.push(`${words[0]}x`)
  if (minimum !== undefined && minimum > 0) wrong.push(String(minimum - 1))
  if (maximum !== undefined) wrong.push(String(maximum + 1))
  if (maxLength !== undefined) wrong.push('a'.repeat(maxLength + 1))
  return wrong
}

function wrongValues(limits: Limits): unknown[] {
  const alternatives = limits.anyOf ?? [limits]
  const types = new Set(alternatives.map(({ type }) => (type === 'number' ? 'integer' : type)))
  const wrong: unknown[] = [true, 1, 'x', [], {}].filter((value) => !types.has(typeOf(value)))
  if (types.has('boolean')) wrong.push('true')
  if (!types.has('null')) wrong.push(null)
  for (const { type, minimum, maximum, maxLength, maxItems, enum: words } of alternatives) {
    if (words !== undefined) wrong.push(`${words[0]}x`)
    if (minimum !== undefined) wrong.push(minimum - 1)
    if (maximum !== undefined) wrong.push(maximum + 1)
    if (maxLength !== undefined) wrong.push('a'.repeat(maxLength + 1))
    if (type === 'array' && maxItems !== undefined)
      wrong.push(Array.from({ length: maxItems + 1 }, () => 'a'))
  }
  return wrong
}

/** As JSON Schema names it; a whole number is one of both kinds. */
function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  return typeof value === 'number' ? 'integer' : typeof value
}
