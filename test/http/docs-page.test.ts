/** The page for people: complete without its script, and unable to load or run anything else. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { OPERATIONS } from '../../src/http/openapi/operations.ts'
import { html } from '../../src/http/openapi/page/html.ts'
import { type Api, openApi } from './fixture.ts'

let api: Api
let page: string
let policy: string

beforeAll(async () => {
  api = await openApi({ mode: 'required' })
  const response = await fetch(`http://${api.host}:${api.port}/docs`)
  page = await response.text()
  policy = response.headers.get('content-security-policy') ?? ''
})

afterAll(() => api.close())

test('every operation is on the page, with a call that one can type', () => {
  for (const { id, summary } of OPERATIONS) {
    expect(page).toContain(`<details class="operation" id="${id}"`)
    expect(page).toContain(html`${summary}`.text)
  }
  expect(page.match(/<pre class="curl">curl /g)?.length).toBe(OPERATIONS.length)
})

test('every schema that is linked to is there', () => {
  const links = [...page.matchAll(/href="#([\w-]+)"/g)].map(([, name]) => name)

  expect(links.filter((name) => !page.includes(`id="${name}"`))).toEqual([])
  expect(links.length).toBeGreaterThan(OPERATIONS.length)
})

test('the page refers to nothing but itself and the document', () => {
  const targets = [...page.matchAll(/(?:href|src)="([^"#][^"]*)"/g)].map(([, target]) => target)

  expect(new Set(targets)).toEqual(new Set(['data:,', 'openapi.json']))
  expect(page).not.toMatch(/@import|url\(/)
})

test('its policy lets its own script and style run, by their digests, and nothing else', () => {
  const [, script = ''] = /<script>([\s\S]*?)<\/script>/.exec(page) ?? []
  const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(page) ?? []
  const digest = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

  expect(policy.split('; ')).toEqual([
    "default-src 'none'",
    `script-src ${digest(script)}`,
    `style-src ${digest(style)}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ])
  expect(page).not.toMatch(/ on[a-z]+=|style="/)
})

test('types are in words', () => {
  expect(page).toContain('<td>string | null</td>')
  expect(page).toContain('<td>list of <a href="#schema-Network">Network</a></td>')
  expect(page.replace(/<script>[\s\S]*/, '')).not.toMatch(/undefined|\[object/)
})

test('text cannot become markup', () => {
  const evil = `<script>"&'`

  expect(html`<p title="${evil}">${[evil, html`<b>${1}</b>`]}</p>`.text).toBe(
    '<p title="&#60;script&#62;&#34;&#38;&#39;">&#60;script&#62;&#34;&#38;&#39;<b>1</b></p>',
  )
})
