/** Lists of the API, page after page. */
import { nextQuery, type Params } from '../../client/query.ts'
import type { Api } from './api.ts'
import { ClientError } from './client-error.ts'

/** As many as the API gives without being asked for more: large enough, and soon there. */
const PAGE_ROWS = 1_000

export interface ListPage<Row> {
  readonly rows: readonly Row[]
  /** The array as the API wrote it. */
  readonly text: string
}

/**
 * Follows the `Link` of each page (RFC 8288) to the end. A page may be short, or empty, before it.
 *
 * @param limit Rows in all; null for every one.
 */
export async function* pagesOf<Row>(
  api: Api,
  path: string,
  params: Params,
  { limit = null, pageRows = PAGE_ROWS }: { limit?: number | null; pageRows?: number } = {},
): AsyncGenerator<ListPage<Row>, void> {
  let left = limit ?? Number.POSITIVE_INFINITY
  let query: Params | null = params
  while (query !== null) {
    const { text, headers } = await api.get(path, { ...query, limit: Math.min(left, pageRows) })
    const rows = rowsOf<Row>(text)
    left -= rows.length
    yield { rows, text }
    query = left > 0 ? nextQuery(headers.get('link')) : null
  }
}

/** A short list as a whole. */
export async function listOf<Row>(
  api: Api,
  path: string,
  params: Params,
  options: { limit: number },
): Promise<readonly Row[]> {
  const rows: Row[] = []
  for await (const page of pagesOf<Row>(api, path, params, options)) rows.push(...page.rows)
  return rows
}

function rowsOf<Row>(text: string): readonly Row[] {
  const value: unknown = parse(text)
  if (Array.isArray(value)) return value
  throw notOurs()
}

/** One object of the API. @throws {ClientError} where something else answers. */
export function objectOf<Body extends object>(text: string): Body {
  const value: unknown = parse(text)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Body
  throw notOurs()
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw notOurs()
  }
}

function notOurs(): ClientError {
  return new ClientError('what answers is no ipam server; see --server and IPAM_SERVER', 1)
}
