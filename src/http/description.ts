/** The description of the API, for programs and for people. */
import { createHash } from 'node:crypto'
import { type Context, Hono } from 'hono'
import { OPEN } from './access.ts'
import type { Answer } from './answer.ts'
import { parseEntityTags } from './entity-tags.ts'
import type { Handle } from './handle.ts'
import { readQuery } from './input.ts'
import { describeApi, type RouteAccess } from './openapi/document.ts'
import { PAGE_POLICY, renderPage } from './openapi/page/page.ts'
import { NO_PARAMS } from './params.ts'
import { headerOf } from './request-headers.ts'

/**
 * Made when it is first asked for: most nodes never are. It has no secrets, and who cannot log in yet may read how to.
 *
 * @param routes Those that there are by then.
 */
export function descriptionRoutes({
  handle,
  version,
  routes,
}: {
  handle: Handle
  version: string
  routes: () => readonly RouteAccess[]
}): Hono {
  const document = once(() => describeApi({ routes: routes(), version }))
  const text = once(() => new Page(JSON.stringify(document())))
  const page = once(() => new Page(renderPage(document())))
  return new Hono()
    .get(
      '/openapi.json',
      handle(OPEN, (c) => {
        readQuery(c, NO_PARAMS)
        return cacheable(c, text(), { 'Content-Type': 'application/json' })
      }),
    )
    .get(
      '/docs',
      handle(OPEN, (c) => {
        readQuery(c, NO_PARAMS)
        return cacheable(c, page(), {
          'Content-Type': 'text/html; charset=utf-8',
          'Content-Security-Policy': PAGE_POLICY,
          'X-Content-Type-Options': 'nosniff',
          'Referrer-Policy': 'no-referrer',
        })
      }),
    )
}

/** It changes with the program and its configuration only: a browser may keep it, and asks whether it still holds. */
class Page {
  readonly body: string
  readonly etag: string

  constructor(body: string) {
    this.body = body
    this.etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  }
}

function cacheable(c: Context, { body, etag }: Page, headers: Record<string, string>): Answer {
  const kept = { ETag: etag, 'Cache-Control': 'no-cache' }
  if (isKnown(headerOf(c, 'if-none-match'), etag)) return { status: 304, body: null, headers: kept }
  return { status: 200, body, headers: { ...headers, ...kept } }
}

/** Whether the client has these bytes: weak tags count as well (RFC 9110 §13.1.2). */
function isKnown(ifNoneMatch: string | null, etag: string): boolean {
  const tags = ifNoneMatch === null ? null : parseEntityTags(ifNoneMatch)
  return tags === 'any' || tags?.some(({ opaque }) => `"${opaque}"` === etag) === true
}

function once<T extends object>(make: () => T): () => T {
  let made: T | null = null
  return () => {
    made ??= make()
    return made
  }
}
