/** A collector of traces: takes OTLP over HTTP in JSON, checks it to the letter, and can behave badly. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const PATH = '/v1/traces'
const KINDS = ['', 'internal', 'server', 'client']

export interface Received {
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | null
  readonly name: string
  readonly kind: string
  readonly traceState: string
  readonly isParentRemote: boolean
  /** Ns since 1970. */
  readonly startedAt: bigint
  readonly endedAt: bigint
  readonly attributes: Readonly<Record<string, unknown>>
  /** Null unless its status is one. */
  readonly error: string | null
  /** Of the resource. */
  readonly resource: Readonly<Record<string, unknown>>
}

/** How it answers: as it should, with a status, or never. */
export type Mood = 'well' | number | 'silent'

export class Collector {
  mood: Mood = 'well'
  /** In the answer to what is taken. */
  answer: unknown = {}
  readonly spans: Received[] = []
  /** What was wrong with what came in. */
  readonly complaints: string[] = []
  readonly headers: IncomingMessage['headers'][] = []
  requestCount = 0
  readonly #server = createServer((request, response) => void this.#take(request, response))

  static async open(): Promise<Collector> {
    const collector = new Collector()
    await new Promise<void>((resolve) => collector.#server.listen(0, '127.0.0.1', resolve))
    return collector
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${PATH}`
  }

  of(traceId: string): Received[] {
    return this.spans.filter((span) => span.traceId === traceId)
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requestCount += 1
    this.headers.push(request.headers)
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    if (this.mood === 'silent') return
    if (this.mood !== 'well') {
      response.writeHead(this.mood, { Location: '/elsewhere' }).end('no')
      return
    }
    try {
      if (request.method !== 'POST' || request.url !== PATH)
        throw new Error(`${request.method} ${request.url}`)
      const type = request.headers['content-type']
      if (type !== 'application/json') throw new Error(`the content is ${type}`)
      this.spans.push(...parseOtlp(JSON.parse(Buffer.concat(chunks).toString('utf8'))))
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(this.answer))
    } catch (error) {
      this.complaints.push(String(error))
      response.writeHead(400).end()
    }
  }
}

/** @throws for anything that https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding does not allow. */
export function parseOtlp(body: unknown): Received[] {
  return list(fields(body, ['resourceSpans'])['resourceSpans']).flatMap((group) => {
    const { resource, scopeSpans } = fields(group, ['resource', 'scopeSpans'])
    const attributes = parseAttributes(fields(resource, ['attributes'])['attributes'])
    return list(scopeSpans).flatMap((scoped) => {
      const { scope, spans } = fields(scoped, ['scope', 'spans'])
      text(fields(scope, ['name', 'version'])['name'], /^ipam$/)
      return list(spans).map((span) => parseSpan(span, attributes))
    })
  })
}

const SPAN_FIELDS = [
  ...['traceId', 'spanId', 'traceState', 'parentSpanId', 'flags', 'name', 'kind'],
  ...['startTimeUnixNano', 'endTimeUnixNano', 'attributes', 'status'],
]

function parseSpan(span: unknown, resource: Received['resource']): Received {
  const own = fields(span, SPAN_FIELDS)
  const startedAt = BigInt(text(own['startTimeUnixNano'], /^[0-9]{19}$/))
  const endedAt = BigInt(text(own['endTimeUnixNano'], /^[0-9]{19}$/))
  if (endedAt < startedAt) throw new Error('it ends before it begins')
  const flags = whole(own['flags'])
  const status = own['status'] === undefined ? null : fields(own['status'], ['code', 'message'])
  if (status !== null && status['code'] !== 2) throw new Error(`status ${status['code']}`)
  return {
    traceId: text(own['traceId'], /^(?!0{32})[0-9a-f]{32}$/),
    spanId: text(own['spanId'], /^(?!0{16})[0-9a-f]{16}$/),
    parentId: own['parentSpanId'] === undefined ? null : text(own['parentSpanId'], /^(?!0{16})[0-9a-f]{16}$/),
    name: text(own['name'], /^.{1,128}$/),
    kind: KINDS[whole(own['kind'])] ?? '',
    traceState: own['traceState'] === undefined ? '' : text(own['traceState'], /^.{1,512}$/),
    isParentRemote: (flags & 0x200) !== 0,
    startedAt,
    endedAt,
    attributes: parseAttributes(own['attributes']),
    error: status === null ? null : text(status['message'], /^.+$/),
    resource,
  }
}

function parseAttributes(attributes: unknown): Record<string, unknown> {
  const parsed: Record<string, unknown> = {}
  for (const attribute of list(attributes)) {
    const { key, value } = fields(attribute, ['key', 'value'])
    const name = text(key, /^[a-z][a-z0-9._]*$/)
    if (name in parsed) throw new Error(`${name} is there twice`)
    parsed[name] = parseValue(value)
  }
  return parsed
}

function parseValue(value: unknown): unknown {
  const [[type, inner] = ['', null], ...others] = Object.entries(
    fields(value, ['stringValue', 'boolValue', 'intValue', 'doubleValue']),
  )
  if (others.length > 0) throw new Error('a value of two types')
  if (type === 'intValue') return Number(text(inner, /^-?[0-9]+$/))
  const isOfType =
    (type === 'stringValue' && typeof inner === 'string') ||
    (type === 'boolValue' && typeof inner === 'boolean') ||
    (type === 'doubleValue' && typeof inner === 'number')
  if (!isOfType) throw new Error(`${type}: ${JSON.stringify(inner)}`)
  return inner
}

function fields(value: unknown, known: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Error('no object')
  const unknown = Object.keys(value).filter((key) => !known.includes(key))
  if (unknown.length > 0) throw new Error(`unknown: ${unknown.join(', ')}`)
  return value as Record<string, unknown>
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error('no list')
  return value
}

function text(value: unknown, form: RegExp): string {
  if (typeof value !== 'string' || !form.test(value))
    throw new Error(`${JSON.stringify(value)} is not ${form}`)
  return value
}

function whole(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw new Error(`${JSON.stringify(value)} is no whole number`)
  return value as number
}

/**
 * Spans as a tree: each below its parent, in the order of time, with its kind and the node that it was on.
 *
 * @param root The id of the span that the first ones hang from.
 */
export function treeOf(spans: readonly Received[], root: string | null, depth = 0): string[] {
  return spans
    .filter(({ parentId }) => parentId === root)
    .toSorted((a, b) => Number(a.startedAt - b.startedAt) || (a.name < b.name ? -1 : 1))
    .flatMap((span) => [
      `${'  '.repeat(depth)}${span.name} (${span.kind}, node ${span.resource['ipam.node_id']})`,
      ...treeOf(spans, span.spanId, depth + 1),
    ])
}
