/** The description of the API (OpenAPI 3.1), made of the schemas that validate requests and of what the routes declare. */
import type { z } from 'zod'
import { assert } from '../../../raft/assert.ts'
import type { Access } from '../access.ts'
import { ANSWERS, REQUESTS } from './components.ts'
import {
  type HeaderName,
  nameOf,
  RATE_HEADERS,
  REQUEST_HEADERS,
  RESPONSE_HEADERS,
  type RequestHeaderName,
} from './headers.ts'
import { type JsonSchema, SchemaWriter } from './json-schema.ts'
import { type Kind, type Operation, type Success, TAGS } from './operation.ts'
import { OPERATIONS } from './operations.ts'
import { problemsOf } from './problems.ts'

export interface RouteAccess {
  readonly method: string
  /** As the router has it. */
  readonly path: string
  readonly access: Access
}

type Json = Readonly<Record<string, unknown>>

export interface Document extends Json {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Json>>>>
  readonly components: Readonly<Record<string, Json>>
}

const ABOUT = `IP address management on a cluster: every node answers every request, no address is given out twice, and what was
answered with success is on the disks of a majority.

Reads show every write that was answered before they were asked, unless \`consistency\` or \`min_index\` says otherwise. A write with
an \`Idempotency-Key\` is carried out once, however often it is sent. Each failed write says in \`applied\` whether it may have been
made, and has a \`Retry-After\` where trying again can help. Unknown parameters and fields are refused.`

const SECURITY_SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer', description: 'An API key: ipam_…' },
  basic: { type: 'http', scheme: 'basic', description: 'Name and password of a user.' },
  apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'An API key: ipam_…' },
  certificate: {
    type: 'mutualTLS',
    description: 'A client certificate whose CN is the name of a user, where the node asks for one.',
  },
} as const

const HEADERS_OF_KIND: Record<Kind, readonly HeaderName[]> = {
  local: [],
  read: ['X-Raft-Index', 'X-Raft-Last-Contact-Ms'],
  write: ['X-Raft-Index'],
  membership: ['X-Raft-Index'],
}

/** @param routes Of the API: each has its operation. Those of which there is none are not described. */
export function describeApi({
  routes,
  version,
}: {
  routes: readonly RouteAccess[]
  version: string
}): Document {
  const schemas = new SchemaWriter({ ...ANSWERS, ...REQUESTS })
  const paths: Record<string, Record<string, Json>> = {}
  for (const operation of OPERATIONS) {
    const route = routes.find(({ method, path }) => method === operation.method && path === operation.path)
    if (route === undefined) continue
    const path = operation.path.replaceAll(/:([a-z]+)/g, '{$1}')
    paths[path] = {
      ...paths[path],
      [operation.method.toLowerCase()]: describeOperation(operation, { access: route.access, schemas }),
    }
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'ipam',
      version,
      description: ABOUT.replaceAll(/(?<!\n)\n(?!\n)/g, ' '),
    },
    servers: [{ url: '/', description: 'The node, or the load balancer, that this comes from.' }],
    security: Object.keys(SECURITY_SCHEMES).map((name) => ({ [name]: [] })),
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: {
        ...writeAll(schemas, ANSWERS, 'output'),
        ...writeAll(schemas, REQUESTS, 'input'),
      },
      headers: RESPONSE_HEADERS,
      parameters: headerParameters(),
      securitySchemes: SECURITY_SCHEMES,
    },
  }
}

function writeAll(
  schemas: SchemaWriter,
  named: Readonly<Record<string, z.ZodType>>,
  io: 'input' | 'output',
): Record<string, JsonSchema> {
  return Object.fromEntries(
    Object.entries(named).map(([name, schema]) => [name, schemas.write(schema, { io, isDefinition: true })]),
  )
}

function headerParameters(): Json {
  return Object.fromEntries(
    Object.entries(REQUEST_HEADERS).map(([name, header]) => [
      name,
      { name, in: 'header', required: false, ...header },
    ]),
  )
}

function describeOperation(
  operation: Operation,
  { access, schemas }: { access: Access; schemas: SchemaWriter },
): Json {
  const { id, tag, summary, description, body } = operation
  return {
    operationId: id,
    tags: [tag],
    summary,
    description: `${description} ${roleInWords(access)}`,
    'x-required-role': access.role,
    ...(access.role === null && { security: [] }),
    parameters: [...describeParameters(operation, schemas), ...headersOf(operation)],
    ...(body !== null && { requestBody: describeBody(operation, schemas) }),
    responses: {
      [operation.success.status]: describeSuccess(operation, { access, schemas }),
      ...Object.fromEntries(
        [...problemsOf(operation, access)].map(([status, words]) => [
          status,
          describeProblem(status, { words, operation, access }),
        ]),
      ),
    },
  }
}

function roleInWords({ role, keepsScope }: Access): string {
  if (role === null) return 'Nobody is asked who it is.'
  const scoped = keepsScope ? '' : ' Not for keys with a scope.'
  return `Needs the role ${role}.${scoped}`
}

function describeParameters(operation: Operation, schemas: SchemaWriter): Json[] {
  const { params, query, example, path } = operation
  const names = [...path.matchAll(/:([a-z]+)/g)].map(([, name]) => name ?? '')
  const inPath = names.map((name) => {
    const schema = params[name]
    assert(schema !== undefined, `${path} does not say what ${name} is`)
    const written = schemas.write(schema, { io: 'input' })
    const text = example.params[name]
    return {
      name,
      in: 'path',
      required: true,
      ...described(written),
      example: written['type'] === 'integer' ? Number(text) : text,
    }
  })
  const { properties = {}, required = [] } = schemas.write(query, { io: 'input' }) as {
    properties?: Record<string, JsonSchema>
    required?: readonly string[]
  }
  const inQuery = Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...described(withoutNull(schema)),
    ...(name in example.query && { example: example.query[name] }),
  }))
  return [...inPath, ...inQuery]
}

/** The description belongs to the parameter. */
function described({ description, ...schema }: JsonSchema): Json {
  return { ...(description !== undefined && { description }), schema }
}

/** A query has no null: it is what our own default stands for. */
function withoutNull({ anyOf, default: byDefault, ...rest }: JsonSchema): JsonSchema {
  const given = byDefault === undefined || byDefault === null ? {} : { default: byDefault }
  const [only] = Array.isArray(anyOf) ? anyOf.filter(({ type }) => type !== 'null') : []
  return { ...only, ...rest, ...given }
}

function headersOf({ isIdempotent, hasPrecondition }: Operation): Json[] {
  const names: RequestHeaderName[] = ['X-Request-Id']
  if (isIdempotent) names.push('Idempotency-Key')
  if (hasPrecondition) names.push('If-Match')
  return names.map((name) => ({ $ref: `#/components/parameters/${name}` }))
}

function describeBody({ body, example }: Operation, schemas: SchemaWriter): Json {
  assert(body !== null, 'there is a body')
  const schema = body.schema === null ? { type: 'string' } : schemas.write(body.schema, { io: 'input' })
  return {
    required: body.isRequired,
    content: { [body.mediaType]: { schema, ...(example.body !== null && { example: example.body }) } },
  }
}

function describeSuccess(
  operation: Operation,
  { access, schemas }: { access: Access; schemas: SchemaWriter },
): Json {
  const { success, kind, isIdempotent, example } = operation
  const names = [...new Set([...success.headers, ...HEADERS_OF_KIND[kind]])]
  if (isIdempotent) names.push('Idempotency-Replayed')
  if (!access.toleratesStale) names.push(...RATE_HEADERS)
  return {
    description: success.description,
    headers: describeHeaders([...names, 'X-Request-Id']),
    ...(success.status !== 204 && {
      content: describeContent(success, { schemas, example: example.answer }),
    }),
  }
}

/** The example is of the media type that it asks for: the first, unless it is JSON lines. */
function describeContent(
  { content }: Success,
  { schemas, example }: { schemas: SchemaWriter; example: unknown },
): Json {
  const types = Object.keys(content)
  const shown = typeof example === 'string' && example.startsWith('{') ? types.at(-1) : types[0]
  return Object.fromEntries(
    Object.entries(content).map(([type, shape]) => [
      type,
      {
        schema: shape === null ? { type: 'string' } : schemas.write(shape, { io: 'output' }),
        ...(type === shown && { example }),
      },
    ]),
  )
}

function describeHeaders(names: readonly HeaderName[]): Json {
  return Object.fromEntries(names.map((name) => [nameOf(name), { $ref: `#/components/headers/${name}` }]))
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'What was sent is not right; details name it.',
  401: 'Who asks?',
  403: 'Not allowed.',
  404: 'There is none.',
  409: 'The state does not allow it.',
  412: 'It was changed since.',
  413: 'Too much at once.',
  415: 'The body is no JSON.',
  422: 'The idempotency key was used for another request.',
  429: 'Too much is asked at the moment.',
  500: 'A bug: the log of the node has the rest.',
  503: 'This node cannot answer now; nothing was changed.',
  504: 'Nobody knows yet whether the change was made.',
  507: 'Too little room on the disks of a majority.',
}

/** Of refusals, which are remembered under the key of their request as successes are. */
const REPLAYED: readonly number[] = [400, 403, 404, 409, 412]

function describeProblem(
  status: number,
  { words, operation, access }: { words: readonly string[]; operation: Operation; access: Access },
): Json {
  const names: HeaderName[] = ['X-Request-Id']
  if (status === 429 || status === 503 || status === 507) names.push('Retry-After')
  if (status === 404 && operation.kind === 'read') names.push('MissingAtIndex', 'X-Raft-Last-Contact-Ms')
  if (status === 401) names.push('WWW-Authenticate')
  else if (!access.toleratesStale) names.push(...RATE_HEADERS)
  if (operation.isIdempotent && REPLAYED.includes(status)) names.push('Idempotency-Replayed')
  const reason = { type: 'object', properties: { reason: { enum: words } } }
  return {
    description: `${TITLES[status] ?? 'Failed.'} \`reason\`: ${words.join(', ')}.`,
    headers: describeHeaders(names),
    content: {
      'application/json': { schema: { allOf: [{ $ref: '#/components/schemas/Problem' }, reason] } },
      'application/problem+json': {
        schema: { allOf: [{ $ref: '#/components/schemas/ProblemDetails' }, reason] },
      },
    },
  }
}
