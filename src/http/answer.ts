/** What a handler answers. The response is made of it in one place, once, with all its headers. */
import type { Parts } from './stream.ts'

export interface Answer {
  readonly status: number
  /** Ready for the wire, or made while it is sent; null for none. */
  readonly body: string | Parts | null
  readonly headers: Record<string, string>
}

/** Whose body is at hand as a whole. */
export interface TextAnswer extends Answer {
  readonly body: string | null
}

/** Where in the log an answer comes from. */
export interface Position {
  readonly index: number
  /** How long ago this node heard from the leader; null if that does not matter for the answer. */
  readonly lastContactMs: number | null
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  headers['Content-Type'] = 'application/json'
  // A cache between us and the client would turn a linearizable read into an old one.
  headers['Cache-Control'] = 'no-store'
  return { status, body: JSON.stringify(body), headers }
}

export function noContent(headers: Record<string, string> = {}): Answer {
  return { status: 204, body: null, headers }
}

export function positionHeaders({ index, lastContactMs }: Position): Record<string, string> {
  const headers: Record<string, string> = { 'X-Raft-Index': String(index) }
  if (lastContactMs !== null) headers['X-Raft-Last-Contact-Ms'] = String(Math.round(lastContactMs))
  return headers
}

/**
 * Adds to the headers themselves, here and below: a copy by spread that gets one more property has a new hidden class each
 * time in V8 (Node 20), which costs microseconds here and wherever it is read.
 */
export function withEtag(headers: Record<string, string>, changedIndex: number): Record<string, string> {
  headers['ETag'] = etag(changedIndex)
  return headers
}

/** Of what was made. @param path Below that of the API. */
export function withLocation(
  headers: Record<string, string>,
  path: string,
  changedIndex: number,
): Record<string, string> {
  headers['Location'] = `/api/v1${path}`
  return withEtag(headers, changedIndex)
}

function etag(changedIndex: number): string {
  return `"${changedIndex}"`
}

/** RFC 3339 in UTC; milliseconds only where there are any. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z')
}

/** A number while JSON readers take it exactly, decimal text above. */
export function formatCount(count: bigint): number | string {
  return count <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(count) : String(count)
}
