/** A call as one types it. */
import { type Html, html } from './html.ts'

export interface Call {
  readonly method: string
  /** With its examples in place. */
  readonly path: string
  readonly query: readonly (readonly [name: string, value: unknown])[]
  /** JSON, or text as it is; undefined for none. */
  readonly body: unknown
  readonly needsLogin: boolean
}

/** The origin is the one thing that the page puts in by itself. */
export function curl({ method, path, query, body, needsLogin }: Call): Html {
  const search = query.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&')
  const isText = typeof body === 'string'
  const lines = [
    needsLogin ? '-H "Authorization: Bearer $IPAM_TOKEN"' : null,
    body !== undefined && !isText ? `-H 'Content-Type: application/json'` : null,
    body === undefined
      ? null
      : isText
        ? `--data-binary ${quoted(body)}`
        : `-d ${quoted(JSON.stringify(body))}`,
  ].filter((line) => line !== null)
  const verb = method === 'GET' ? '' : `-X ${method} `
  const rest = lines.map((line) => ` \\\n  ${line}`).join('')
  return html`<pre class="curl">curl ${verb}"<span class="origin">http://127.0.0.1:8080</span>${path}${
    search === '' ? '' : `?${search}`
  }"${rest}</pre>`
}

function quoted(text: string): string {
  return text.includes('\n') || text.includes("'")
    ? `$'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n')}'`
    : `'${text}'`
}
