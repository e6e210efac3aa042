import type { Context } from 'hono'
import { expect, test } from 'vitest'
import { headerOf } from '../../src/http/request-headers.ts'

function requestWith(...rawHeaders: string[]): Context {
  return { env: { incoming: { rawHeaders } } } as unknown as Context
}

test('a header is found in any case, and is null where there is none', () => {
  const request = requestWith('Host', 'a', 'X-API-KEY', 'k')

  expect(headerOf(request, 'x-api-key')).toBe('k')
  expect(headerOf(request, 'x-api-kez')).toBeNull()
})

test.each(['Authorization', 'Content-Type', 'If-Match'])(
  'several lines of %s are one list, as in Headers',
  (name) => {
    const lines: [string, string][] = [
      [name, 'one'],
      ['Host', 'a'],
      [name.toUpperCase(), 'two'],
    ]

    expect(headerOf(requestWith(...lines.flat()), name.toLowerCase())).toBe(new Headers(lines).get(name))
  },
)
