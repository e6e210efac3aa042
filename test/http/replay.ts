/** Calls every documented example, in an order in which each finds what it is about. */
import type { Operation } from '../../src/http/openapi/operation.ts'
import { OPERATIONS } from '../../src/http/openapi/operations.ts'
import { type Answered, Described } from './described.ts'

export interface Replayed {
  readonly operation: Operation
  readonly status: number
  /** Where the answer is not as described. */
  readonly complaints: readonly string[]
  /** Parsed where it is JSON. */
  readonly body: unknown
  /** The documented one, with the ids that this server has given. */
  readonly documented: unknown
}

/** What makes things first, then what changes and reads them, then what ends them. */
const STAGES: readonly ((operation: Operation) => boolean)[] = [
  ({ method, id }) => method === 'POST' && id !== 'releaseAllocation' && id !== 'drain',
  ({ method }) => method === 'PATCH',
  ({ method }) => method === 'GET',
  ({ id }) => id === 'releaseAllocation',
  ({ method }) => method === 'DELETE',
  ({ id }) => id === 'drain',
]

/** @param server URL without a path. */
export async function replayExamples(
  server: string,
  { except = [] }: { except?: readonly string[] } = {},
): Promise<readonly Replayed[]> {
  const described = await Described.read(server)
  /** Documented, and real. */
  const ids = new Map<string, string>()
  const replayed: Replayed[] = []
  const inOrder = STAGES.flatMap((isIn) => OPERATIONS.filter(isIn))
  for (const operation of inOrder.filter(({ id }) => !except.includes(id))) {
    const answered = await call(server, operation, ids)
    const { status, body } = answered
    const { id, example, success } = operation
    if (status === success.status) pairIds(example.answer, body, ids)
    replayed.push({
      operation,
      status,
      complaints: described.complaints(id, answered),
      body,
      documented: translated(example.answer, ids),
    })
  }
  return replayed
}

async function call(
  server: string,
  { method, path, example, body: described }: Operation,
  ids: ReadonlyMap<string, string>,
): Promise<Answered> {
  const place = path.replaceAll(/:([a-z]+)/g, (_, name: string) => {
    const documented = example.params[name] ?? ''
    return encodeURIComponent(ids.get(documented) ?? documented)
  })
  const query = new URLSearchParams(
    Object.entries(example.query).map(([name, value]): [string, string] => [name, String(value)]),
  )
  const body = translated(example.body, ids)
  const response = await fetch(`${server}${place}?${query}`, {
    method,
    headers: body === null || described === null ? {} : { 'Content-Type': described.mediaType },
    body: body === null ? null : typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await response.text()
  const contentType = response.headers.get('content-type')
  const isJson = contentType?.includes('json') === true && !contentType.includes('jsonl')
  const { status, headers } = response
  return { status, headers, contentType, body: text === '' ? null : isJson ? JSON.parse(text) : text }
}

function pairIds(documented: unknown, real: unknown, ids: Map<string, string>): void {
  if (Array.isArray(documented) && Array.isArray(real)) {
    for (const [i, member] of documented.entries()) pairIds(member, real[i], ids)
  } else if (isRecord(documented) && isRecord(real)) {
    const [name, given] = [documented['id'], real['id']]
    if (typeof name === 'string' && typeof given === 'string' && !ids.has(name)) ids.set(name, given)
  }
}

function translated(value: unknown, ids: ReadonlyMap<string, string>): unknown {
  if (typeof value === 'string') return ids.get(value) ?? value
  if (Array.isArray(value)) return value.map((member) => translated(member, ids))
  if (!isRecord(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, translated(inner, ids)]))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Without what is another at each run. */
export function lasting(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lasting)
  if (!isRecord(value)) return value
  const kept = Object.entries(value).filter(([key]) => !/_at$|^token$|^created_by$/.test(key))
  return Object.fromEntries(kept.map(([key, inner]) => [key, lasting(inner)]))
}
