/** What a client sent, checked: everything wrong with it becomes a 400 that names the field and the way out. */
import type { Context } from 'hono'
import type { z } from 'zod'
import { JsonSyntaxError, parseJson } from '../json.ts'
import { nearest } from '../nearest.ts'
import { cut, show } from '../show.ts'
import { BODY_BYTES_MAX } from './limits.ts'
import { type Detail, invalidRequest, ProblemError } from './problem.ts'
import { headerOf } from './request-headers.ts'
import { safeParseSparse } from './sparse-object.ts'

/** Where the handler of a request finds the limit of its body. */
const BODY_BYTES_MAX_KEY = 'bodyBytesMax'

const DETAILS_MAX = 20

const UTF8 = new TextDecoder('utf-8', { fatal: true })

/**
 * The JSON object in the body. `isOptional` takes an empty body for `{}`.
 *
 * @throws {ProblemError}
 */
export async function readBody<S extends z.ZodObject>(
  c: Context,
  schema: S,
  options: { isOptional?: boolean } = {},
): Promise<z.output<S>> {
  return check(await readObject(c, options), schema, 'field')
}

/** For changes, where what is left out and what is null are not the same. @throws {ProblemError} */
export async function readBodyAndKeys<S extends z.ZodObject>(
  c: Context,
  schema: S,
): Promise<{ readonly body: z.output<S>; readonly keys: ReadonlySet<string> }> {
  const value = await readObject(c, {})
  return { body: check(value, schema, 'field'), keys: new Set(Object.keys(value)) }
}

async function readObject(c: Context, { isOptional = false }: { isOptional?: boolean }): Promise<object> {
  const bytes = await readBytes(c)
  if (bytes.byteLength === 0 && isOptional) return {}
  checkMediaType(c)
  const value = parseBody(bytes)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidRequest([{ field: 'body', message: `must be a JSON object, not ${show(value)}` }])
  }
  return value
}

/** @throws {ProblemError} */
export function readQuery<S extends z.ZodObject>(c: Context, schema: S): z.output<S> {
  const values: Record<string, string> = Object.create(null)
  for (const [name, value] of queryPairs(c.req.raw.url)) {
    if (name in values) throw invalidRequest([{ field: cut(name), message: 'is given more than once' }])
    values[name] = value
  }
  return check(values, schema, 'parameter')
}

/** Before it is read. */
export function limitBody(c: Context, bytesMax: number): void {
  c.set(BODY_BYTES_MAX_KEY, bytesMax)
}

function bodyBytesMaxOf(c: Context): number {
  const bytesMax: unknown = c.get(BODY_BYTES_MAX_KEY)
  return typeof bytesMax === 'number' ? bytesMax : BODY_BYTES_MAX
}

/** The body as it is. @throws {ProblemError} */
export async function readRawBody(c: Context): Promise<Uint8Array> {
  const bytes = await readBytes(c)
  checkEncoding(c)
  return bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes)
}

/** Stops at the limit, whether the length was announced or not. */
async function readBytes(c: Context): Promise<ArrayBuffer | Uint8Array> {
  const announced = headerOf(c, 'content-length')
  const bytesMax = bodyBytesMaxOf(c)
  if (announced !== null && Number(announced) > bytesMax) throw bodyTooLarge(bytesMax)
  try {
    // The announced length is what the HTTP parser delivers; only without one we have to count.
    if (announced !== null) return await c.req.raw.arrayBuffer()
    return await readCounting(c.req.raw.body, bytesMax)
  } catch (error) {
    if (error instanceof ProblemError) throw error
    throw new ProblemError({ status: 400, reason: 'body_incomplete', message: 'the body ended too early' })
  }
}

async function readCounting(body: ReadableStream<Uint8Array> | null, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let byteCount = 0
  for await (const chunk of body ?? []) {
    byteCount += chunk.byteLength
    if (byteCount > bytesMax) throw bodyTooLarge(bytesMax)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function bodyTooLarge(bytesMax: number): ProblemError {
  const message = `the body is above ${bytesMax} bytes (http.body_bytes_max)`
  return new ProblemError({ status: 413, reason: 'body_too_large', message })
}

function checkMediaType(c: Context): void {
  const type = headerOf(c, 'content-type')
  if (type === null || !/^application\/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i.test(type)) {
    const message = `Content-Type must be application/json, not ${show(type ?? undefined)}`
    throw new ProblemError({ status: 415, reason: 'unsupported_media_type', message })
  }
  checkEncoding(c)
}

/** What is compressed would be read as what it is not. */
function checkEncoding(c: Context): void {
  const encoding = headerOf(c, 'content-encoding')
  if (encoding === null || encoding.toLowerCase() === 'identity') return
  const message = `Content-Encoding ${show(encoding)} is not supported; send the body as it is`
  throw new ProblemError({ status: 415, reason: 'unsupported_media_type', message })
}

function parseBody(bytes: ArrayBuffer | Uint8Array): unknown {
  let text: string
  try {
    text = UTF8.decode(bytes)
  } catch {
    throw new ProblemError({ status: 400, reason: 'invalid_json', message: 'the body is not valid UTF-8' })
  }
  try {
    const value = parseJson(text)
    if (MAY_NAME_PROTO.test(text)) refuseProto(value, [])
    return value
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    const message = `the body is not valid JSON: ${error.message}`
    throw new ProblemError({ status: 400, reason: 'invalid_json', message })
  }
}

const PROTO = '__proto__'
/** Its characters may be written as escapes. */
const MAY_NAME_PROTO = /__proto__|\\u00/
/** Where maps are: `items[0].metadata`. What is below is refused for what it is. */
const MAP_DEPTH_MAX = 3

/** The schemas leave such a key out of a map without a word; beside fields it is unknown, as others are. */
function refuseProto(value: unknown, path: readonly PropertyKey[]): void {
  if (typeof value !== 'object' || value === null || path.length > MAP_DEPTH_MAX) return
  if (path.length > 0 && Object.hasOwn(value, PROTO)) {
    throw invalidRequest([{ field: formatPath(path), message: `must not have the key ${PROTO}` }])
  }
  const isList = Array.isArray(value)
  for (const [key, inner] of Object.entries(value)) refuseProto(inner, [...path, isList ? Number(key) : key])
}

function* queryPairs(url: string): Generator<[name: string, value: string]> {
  const [, query = ''] = /\?([^#]*)/.exec(url) ?? []
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = equals < 0 ? pair : pair.slice(0, equals)
    yield [decodeQuery(name), equals < 0 ? '' : decodeQuery(pair.slice(equals + 1))]
  }
}

function decodeQuery(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw new ProblemError({
      status: 400,
      reason: 'invalid_query',
      message: `${show(text)} in the query is not valid percent-encoded UTF-8`,
    })
  }
}

function check<S extends z.ZodObject>(value: object, schema: S, kind: 'field' | 'parameter'): z.output<S> {
  const result = safeParseSparse(schema, value)
  if (result.success) return result.data
  const known = Object.keys(schema.shape)
  const details = result.error.issues.flatMap((issue) => toDetails(issue, known, kind))
  // A number that is too large for two checks is still one mistake.
  const distinct = details.filter(({ field, message }, i) => {
    return details.findIndex((other) => other.field === field && other.message === message) === i
  })
  throw invalidRequest(distinct.slice(0, DETAILS_MAX))
}

function toDetails(issue: z.core.$ZodIssue, known: readonly string[], kind: string): Detail[] {
  if (issue.code !== 'unrecognized_keys') {
    return [{ field: formatPath(issue.path), message: issue.message }]
  }
  return issue.keys.slice(0, DETAILS_MAX).map((key) => {
    const meant = nearest(key, known)
    const wayOut = meant !== null ? `did you mean ${meant}?` : knownNames(known)
    return { field: cut(key), message: `unknown ${kind}; ${wayOut}` }
  })
}

function knownNames(known: readonly string[]): string {
  return known.length === 0 ? 'this request takes none' : `known are ${known.join(', ')}`
}

function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i > 0 ? '.' : ''}${String(key)}`))
    .join('')
}
