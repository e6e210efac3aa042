/** Queries of requests, and those that the API answers in `Link`. */

export type Params = Readonly<Record<string, string | number | boolean | null | undefined>>

/** @param params Those that are null or undefined are left out. */
export function withQuery(path: string, params: Params): string {
  const given = Object.entries(params).flatMap(([name, value]): [string, string][] =>
    value === null || value === undefined ? [] : [[name, String(value)]],
  )
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`
}

/** Of the next page (RFC 8288); null on the last one. */
export function nextQuery(link: string | null): Params | null {
  const [, target] = /<([^>]*)>\s*;\s*rel="next"/.exec(link ?? '') ?? []
  if (target === undefined) return null
  return Object.fromEntries(new URL(target, 'http://server').searchParams)
}
