/** The description of the API as one page that needs nothing else: no script runs but ours, and nothing is loaded. */
import { createHash } from 'node:crypto'
import type { Document } from '../document.ts'
import { curl } from './curl.ts'
import { type Html, html, Html as Raw } from './html.ts'
import { aboutOf, fieldsOf, type Schema, typeOf } from './schema.ts'
import { SCRIPT } from './script.ts'
import { STYLE } from './style.ts'

interface Parameter {
  readonly $ref?: string
  readonly name: string
  readonly in: string
  readonly required: boolean
  readonly description?: string
  readonly schema: Schema
  readonly example?: unknown
}

type Content = Readonly<Record<string, { readonly schema: Schema; readonly example?: unknown }>>

interface Response {
  readonly description: string
  readonly headers?: Readonly<Record<string, unknown>>
  readonly content?: Content
}

interface Described {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly summary: string
  readonly description: string
  readonly 'x-required-role': string | null
  readonly parameters: readonly Parameter[]
  readonly requestBody?: { readonly required: boolean; readonly content: Content }
  readonly responses: Readonly<Record<string, Response>>
  readonly method: string
  readonly path: string
}

/** Only what is in the page itself: whatever else got into it would not run, and could reach nobody. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `script-src '${hashOf(SCRIPT)}'`,
  `style-src '${hashOf(STYLE)}'`,
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}

export function renderPage(document: Document): string {
  const { info, tags } = document as unknown as {
    info: { version: string; description: string }
    tags: readonly { name: string; description: string }[]
  }
  const operations = operationsOf(document)
  const groups = tags.map((tag) => ({
    ...tag,
    own: operations.filter(({ tags: [name] }) => name === tag.name),
  }))
  const schemas = Object.entries(document.components['schemas'] ?? {}) as [string, Schema][]
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ipam API</title>
<link rel="icon" href="data:,">
<style>${new Raw(STYLE)}</style>
</head>
<body>
<header>
<h1>ipam API <small>${info.version}</small></h1>
<input id="search" type="search" placeholder="Search: method, path, field ( / )" aria-label="Search operations">
<button id="theme" type="button">Light / dark</button>
<a href="openapi.json">openapi.json</a>
</header>
<div class="columns">
<nav aria-label="Operations">${groups.map(renderLinks)}<p><a href="#schemas">Schemas</a></p></nav>
<main>
${info.description.split('\n\n').map((text) => html`<p>${prose(text)}</p>`)}
<p id="none" hidden>Nothing is like that.</p>
${groups.map(renderGroup(document))}
<h2 id="schemas">Schemas</h2>
${schemas.map(([name, schema]) => renderSchema(name, schema))}
</main>
</div>
<script>${new Raw(SCRIPT)}</script>
</body>
</html>
`.text
}

function operationsOf({ paths }: Document): readonly Described[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      ...(operation as unknown as Described),
      method: method.toUpperCase(),
      path,
    })),
  )
}

interface Group {
  readonly name: string
  readonly description: string
  readonly own: readonly Described[]
}

function renderLinks({ name, own }: Group): Html {
  const links = own.map(
    ({ operationId, summary }) =>
      html`<li data-of="${operationId}"><a href="#${operationId}">${summary}</a></li>`,
  )
  return html`<strong>${name}</strong><ul>${links}</ul>`
}

function renderGroup(document: Document): (group: Group) => Html {
  return ({
    name,
    description,
    own,
  }) => html`<section class="group"><h2>${name}</h2><p class="soft">${description}</p>
${own.map((operation) => renderOperation(operation, document))}</section>`
}

function renderOperation(operation: Described, document: Document): Html {
  const { operationId, method, path, summary, description, requestBody } = operation
  const parameters = operation.parameters.map((parameter) => resolved(parameter, document))
  const fields = Object.values(requestBody?.content ?? {}).flatMap(({ schema }) =>
    Object.keys(resolved(schema, document).properties ?? {}),
  )
  const words = [
    operationId,
    method,
    path,
    summary,
    description,
    ...parameters.map(({ name }) => name),
    ...fields,
  ]
  return html`<details class="operation" id="${operationId}" data-words="${words.join(' ').toLowerCase()}">
<summary><span class="method ${method.toLowerCase()}">${method}</span><code>${path}</code><span>${summary}</span></summary>
<div>
<p>${prose(description)}</p>
<p class="soft">Role: <code>${operation['x-required-role'] ?? 'none'}</code>. In the client: <code>${operationId}</code>.</p>
${renderParameters(parameters)}
${requestBody === undefined ? null : renderBody(requestBody, document)}
<h4>Example</h4>
${renderCurl(operation, parameters)}
${renderAnswers(operation)}
</div>
</details>`
}

function resolved<T extends { readonly $ref?: string }>(value: T, document: Document): T {
  if (value.$ref === undefined) return value
  const [, , kind = '', name = ''] = value.$ref.split('/')
  return (document.components[kind]?.[name] ?? value) as T
}

function renderParameters(parameters: readonly Parameter[]): Html {
  const rows = parameters.map(
    ({
      name,
      in: place,
      required,
      description,
      schema,
    }) => html`<tr><td><code>${name}</code>${required ? ' *' : ''}</td>
<td>${place}</td><td>${typeOf(schema)}</td><td>${aboutOf({ ...schema, ...(description !== undefined && { description }) })}</td></tr>`,
  )
  return html`<h4>Parameters</h4><table><tr><th>Name</th><th>In</th><th>Type</th><th></th></tr>${rows}</table>`
}

function renderBody({ required, content }: NonNullable<Described['requestBody']>, document: Document): Html {
  const [[type, { schema }] = ['', { schema: {} }]] = Object.entries(content)
  const fields = type === 'application/json' ? fieldsOf(resolved<Schema>(schema, document)) : null
  return html`<h4>Body <span class="soft">${type}${required ? '' : ', may be left out'}</span></h4>${fields}`
}

function renderCurl(operation: Described, parameters: readonly Parameter[]): Html {
  const { method, path, requestBody } = operation
  const [content] = Object.values(requestBody?.content ?? {})
  const shown = parameters.filter(({ example }) => example !== undefined)
  const inPath = new Map(shown.map(({ name, example }) => [name, String(example)]))
  return curl({
    method,
    path: path.replaceAll(/\{([a-z]+)\}/g, (_, name: string) => inPath.get(name) ?? name),
    query: shown.filter((parameter) => parameter.in === 'query').map(({ name, example }) => [name, example]),
    body: content?.example,
    needsLogin: operation['x-required-role'] !== null,
  })
}

function renderAnswers({ responses }: Described): Html {
  const [[status, success] = ['', { description: '' }], ...problems] = Object.entries<Response>(responses)
  const [type = '', shown = null] =
    Object.entries(success.content ?? {}).find(([, { example }]) => example) ?? []
  const example = shown?.example
  const text = typeof example === 'string' ? example : JSON.stringify(example, null, 2)
  const headers = Object.keys(success.headers ?? {}).map(
    (name, i) => html`${i > 0 ? ', ' : ''}<code>${name}</code>`,
  )
  return html`<h4>Answers</h4>
<p><strong>${status}</strong> ${success.description} ${shown === null ? null : html`${typeOf(shown.schema)} <span class="soft">${type}</span>`}</p>
<p class="soft">Headers: ${headers}</p>
${example === undefined ? null : html`<pre>${text}</pre>`}
<table>${problems.map(([code, { description }]) => html`<tr><td>${code}</td><td>${prose(description)}</td></tr>`)}</table>`
}

function renderSchema(name: string, schema: Schema): Html {
  return html`<section class="schema" id="schema-${name}"><h3>${name}</h3>
<p>${schema.description ?? ''}</p>${fieldsOf(schema)}</section>`
}

/** With what stands between backticks as code. */
function prose(text: string): Html {
  return html`${text.split('`').map((part, i) => (i % 2 === 0 ? html`${part}` : html`<code>${part}</code>`))}`
}
