/** docs/troubleshooting.md against the source: each error has its row, and each row its error. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const DOCS = readFileSync('docs/troubleshooting.md', 'utf8')
const [START = '', API = ''] = DOCS.split('## A client gets an error')

function sourceOf(...paths: string[]): string {
  return paths.map((path) => readFileSync(path, 'utf8')).join('\n')
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name))
}

function all(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, match = '']) => match)
}

/** All that the API answers as `reason`, as it is written there. */
function reasonsInSource(): string[] {
  const http = sourceOf(...filesIn('src/http'), ...filesIn('src/auth'))
  const raft = sourceOf('raft/core/membership.ts', 'raft/core/timeout-now.ts', 'raft/hand-over.ts')
  const raising = sourceOf('raft/transfer-requests.ts', 'src/replicated-service.ts')
  const refusals = /const REFUSAL_STATUS[^{]*\{([\s\S]*?)\n\}/.exec(http)?.[1] ?? ''
  return [
    ...all(http, /\breason: '([a-z_0-9]+)'/g),
    ...all(http, /\breason = '([a-z_0-9]+)'/g),
    ...all(http, /invalidRequestAs\('([a-z_]+)'/g),
    ...all(http, /\bcomplaint\(\s*(?:'[a-z_]+'|[a-z]+),\s*\d+,\s*'([a-z_]+)'/g),
    ...all(http, /'(auth_[a-z_]+)' :/g),
    ...all(http, /isEmpty \? '([a-z_]+)'/g),
    ...all(refusals, /^ {2}([a-z_]+):/gm),
    ...all(raft, /\brefusal: '([a-z_]+)'/g),
    ...all(raising, /MembershipRefusedError\('([a-z_]+)'/g),
  ]
}

/** The texts for operators; `${…}` stands for a value. */
function startErrorsInSource(): string[] {
  const thrown = sourceOf(
    'src/config.ts',
    'src/config-flags.ts',
    'src/config-secret.ts',
    'src/data-directory.ts',
    'src/certificates.ts',
  )
  return [
    ...all(thrown, /new (?:ConfigError|DataDirectoryError|CertificateError)\(\s*`([^`]*)`/g),
    // What begins with the message of another error is found there.
    ...all(sourceOf('src/cli/start-error.ts'), /return `(?!\$\{error\.message\}: stop)([^`]*)`/g),
  ].filter((text) => /[a-z]{3}/.test(text.replaceAll(/\$\{(?:[^{}]|\{[^}]*\})*\}/g, '')))
}

describe('docs/troubleshooting.md', () => {
  test('has one row for each reason that the API answers, and no other', () => {
    const documented = all(API, /^\| `([a-z_]+)` \|/gm)

    expect(documented.toSorted()).toEqual([...new Set(reasonsInSource())].toSorted())
  })

  test('has a row for each line of a node that does not start', () => {
    const fragments = all(START, /^\| `([^`]+)` \|/gm)
    const texts = startErrorsInSource()

    expect(texts.length).toBeGreaterThan(25)
    expect(texts.filter((text) => !fragments.some((fragment) => text.includes(fragment)))).toEqual([])
  })

  test('has no row for a line that no node prints', () => {
    const files = [
      ...filesIn('src/cli').filter((path) => path.endsWith('start-error.ts')),
      ...readdirSync('src')
        .filter((name) => /^(?:config|certificates|data-directory)/.test(name))
        .map((name) => join('src', name)),
      'raft/storage/directory-lock.ts',
    ]
    const source = sourceOf(...files)
    const fragments = all(START, /^\| `([^`]+)` \|/gm)

    expect(fragments.filter((fragment) => !source.includes(fragment))).toEqual([])
  })
})
