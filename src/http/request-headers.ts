import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'

/**
 * One header of a request; null without it. Several lines of one are a list (RFC 9110 §5.3), as in `Headers.get`, which does more for
 * each of the seven that a write asks for. Node's own record keeps the first line alone of some, so that of two `Authorization` it
 * would be the place that says which is believed.
 *
 * @param name In lower case.
 */
export function headerOf(c: Context, name: string): string | null {
  const { incoming } = (c.env ?? {}) as Partial<HttpBindings>
  return incoming === undefined ? c.req.raw.headers.get(name) : valueIn(incoming.rawHeaders, name)
}

/** @param lines Name and value by turns, as they came. */
function valueIn(lines: readonly string[], name: string): string | null {
  let value: string | null = null
  for (let i = 0; i < lines.length; i += 2) {
    const [line = '', text = ''] = [lines[i], lines[i + 1]]
    if (line.length !== name.length || line.toLowerCase() !== name) continue
    value = value === null ? text : `${value}, ${text}`
  }
  return value
}
