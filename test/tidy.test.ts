/** What a reader may rely on without reading everything: which part knows which, and what is not ambient. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'

const FILES = ['raft', 'src'].flatMap((root) =>
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => {
      const path = join(root, name)
      const text = readFileSync(path, 'utf8')
      return { path, code: withoutComments(text), imports: importsOf(path, text) }
    }),
)

function importsOf(path: string, text: string): string[] {
  const specifiers = [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map((match) => match[1] ?? '')
  return specifiers.map((specifier) =>
    specifier.startsWith('.') ? normalize(join(dirname(path), specifier)) : specifier,
  )
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '')
}

/** What the files under `of` may import, beside files under `of` itself; a pattern is a prefix of the path. */
const LAYERS: { of: string; may: string[] }[] = [
  {
    of: 'raft/core/',
    may: ['raft/types.ts', 'raft/errors.ts', 'raft/assert.ts', 'raft/entry.ts'],
  },
  {
    of: 'raft/storage/',
    may: [
      'raft/types.ts',
      'raft/errors.ts',
      'raft/assert.ts',
      'raft/entry.ts',
      'raft/ports.ts',
      'node:',
      'msgpackr',
    ],
  },
  {
    of: 'raft/transport/',
    may: [
      'raft/types.ts',
      'raft/request-trace.ts',
      'raft/errors.ts',
      'raft/assert.ts',
      'raft/entry.ts',
      'raft/ports.ts',
      'node:',
      'msgpackr',
    ],
  },
  { of: 'raft/', may: ['node:', 'msgpackr'] },
  { of: 'src/ipam/', may: ['raft/assert.ts', 'raft/types.ts', 'msgpackr'] },
  {
    of: 'src/state/',
    may: [
      'src/ipam/',
      'src/sync-directory.ts',
      'raft/assert.ts',
      'raft/durations.ts',
      'raft/types.ts',
      'raft/ports.ts',
      'node:',
      'msgpackr',
      'level',
      'abstract-level',
    ],
  },
  { of: 'src/bulk/', may: ['src/ipam/', 'src/show.ts', 'src/nearest.ts', 'src/json.ts'] },
  {
    of: 'src/metrics/',
    may: [
      'src/http/listen.ts',
      'src/http/rate-limiter.ts',
      'src/http/refusal-counts.ts',
      'src/http/request-counts.ts',
      'src/auth/access-control.ts',
      'src/certificate-watch.ts',
      'src/state/',
      'src/ipam/',
      'src/config.ts',
      'src/expiry.ts',
      'src/replicated-service.ts',
      'src/tracing/',
      'raft/',
      'node:',
    ],
  },
  {
    of: 'src/backup/',
    may: ['src/config.ts', 'src/data-directory.ts', 'src/state/', 'src/ipam/', 'raft/', 'node:'],
  },
  { of: 'src/service.ts', may: ['src/ipam/', 'src/tracing/span.ts'] },
  { of: 'src/tracing/', may: ['raft/ports.ts', 'raft/request-trace.ts', 'raft/types.ts', 'node:'] },
  { of: 'src/auth/', may: ['src/ipam/', 'raft/ports.ts', 'node:'] },
  // Nothing of Node: it runs in browsers too.
  { of: 'src/client/', may: ['src/show.ts'] },
  {
    of: 'src/cli/client/',
    may: [
      'src/bulk/',
      'src/backup/',
      'src/ipam/',
      'src/sync-directory.ts',
      'src/auth/password.ts',
      'src/client/',
      'src/cli/shell.ts',
      'src/cli/ask-secret.ts',
      'src/show.ts',
      'src/nearest.ts',
      'node:',
      'nanoid',
    ],
  },
  {
    of: 'src/http/',
    may: [
      'src/service.ts',
      'src/tracing/',
      'src/auth/',
      'src/ipam/',
      'src/bulk/',
      'src/logger.ts',
      'src/show.ts',
      'src/nearest.ts',
      'src/json.ts',
      'src/config-addr.ts',
      'raft/assert.ts',
      'raft/errors.ts',
      'raft/durations.ts',
      'node:',
      'hono',
      '@hono/node-server',
      'zod',
      'nanoid',
    ],
  },
]

describe('layers', () => {
  test.each(LAYERS)('$of imports only what stands above it', ({ of, may }) => {
    const own = FILES.filter(({ path }) => path.startsWith(of))
    expect(own).not.toEqual([])

    const offences = own.flatMap(({ path, imports }) =>
      imports
        .filter((target) => ![of, ...may].some((allowed) => target.startsWith(allowed)))
        .map((target) => `${path} imports ${target}`),
    )

    expect(offences).toEqual([])
  })
})

const AMBIENT: { what: string; pattern: RegExp; only: string[] }[] = [
  { what: 'the wall clock', pattern: /\bDate\.now\b|new Date\(\)/, only: ['raft/system-clock.ts'] },
  { what: 'chance', pattern: /\bMath\.random\b/, only: ['src/server.ts'] },
  { what: 'the environment', pattern: /\bprocess\.(env|argv|exit|on)\b/, only: ['src/main.ts'] },
  { what: 'the console', pattern: /\bconsole\./, only: [] },
]

describe('ambient state', () => {
  test.each(AMBIENT)('only $only touches $what', ({ pattern, only }) => {
    const users = FILES.filter(({ code }) => pattern.test(code)).map(({ path }) => path)
    expect(users.toSorted()).toEqual(only)
  })

  test('there is no default export and no event emitter', () => {
    const offences = FILES.filter(({ code }) => /export default|EventEmitter/.test(code)).map(
      ({ path }) => path,
    )
    expect(offences).toEqual([])
  })
})
