/** What makes and runs containers has nothing that public linters complain of; each of them complains of what is wrong. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DCLinter } from 'dclint'
import { validate } from 'dockerfile-utils'
import { describe, expect, test } from 'vitest'
import { readInstructions } from './dockerfile.ts'

const DOCKERFILE = readFileSync('deploy/Dockerfile', 'utf8')
const COMPOSE = readFileSync('deploy/compose.yaml', 'utf8')
/** Taste, or blind for lists in brackets. */
const COMPOSE_RULES_OFF = [
  'no-quotes-in-volumes',
  'require-quotes-in-ports',
  'service-keys-order',
  'services-alphabetical-order',
  'top-level-properties-order',
]

/** Its own types do not say it where modules are resolved as Node does. */
interface ComposeResult {
  readonly messages: readonly { readonly rule: string; readonly message: string }[]
}

/** @throws if there is nothing to replace. */
function broken(text: string, { find, replace }: { find: string; replace: string }): string {
  expect(text).toContain(find)
  return text.replace(find, () => replace)
}

/** What the validator of Docker's language server says of the instructions. */
function dockerfileComplaints(text: string): string[] {
  return validate(text).map(({ message }) => (typeof message === 'string' ? message : message.value))
}

/** What shellcheck says of the scripts of RUN, each by its code. */
function scriptComplaints(text: string): string[] {
  const scripts = readInstructions(text).filter(({ word }) => word === 'RUN')
  expect(scripts.length).toBeGreaterThan(0)
  return scripts.flatMap(({ rest }) => shellcheck(['--shell=dash', '-'], `${rest}\n`))
}

function shellcheck(args: readonly string[], input = ''): string[] {
  const options = { input, encoding: 'utf8' } as const
  const { stdout, error } = spawnSync('shellcheck', ['--format=json', ...args], options)
  if (error !== undefined) throw new Error('the tests need shellcheck', { cause: error })
  const found: readonly { code: number; message: string }[] = JSON.parse(stdout)
  return found.map(({ code, message }) => `SC${code}: ${message}`)
}

/** What dclint says, which has the schema of the Compose specification and rules of its own. */
function composeComplaints(text: string): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'ipam-compose-'))
  try {
    const path = join(directory, 'compose.yaml')
    writeFileSync(path, text)
    const rules = Object.fromEntries(COMPOSE_RULES_OFF.map((rule) => [rule, 0 as const]))
    const linter = new DCLinter({ rules, quiet: true, debug: false, exclude: [] })
    const results: readonly ComposeResult[] = linter.lintFiles([path], false)
    expect(results).toHaveLength(1)
    return results.flatMap(({ messages }) => messages.map(({ rule, message }) => `${rule}: ${message}`))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

describe('deploy/Dockerfile', () => {
  test('has instructions that Docker takes', () => {
    expect(dockerfileComplaints(DOCKERFILE)).toEqual([])
  })

  test.each([
    { why: 'an instruction is misspelt', find: 'USER 10001', replace: 'USR 10001', says: 'USR' },
    { why: 'a port is none', find: 'EXPOSE 8080', replace: 'EXPOSE http', says: 'http' },
    {
      why: 'a signal is none',
      find: 'STOPSIGNAL SIGTERM',
      replace: 'STOPSIGNAL TERMINATE',
      says: 'TERMINATE',
    },
    { why: 'a time has no unit', find: '--interval=5s', replace: '--interval=5', says: 'unit' },
    { why: 'a flag does not exist', find: 'COPY --from=', replace: 'COPY --form=', says: 'form' },
    {
      why: 'a command is given twice',
      find: 'CMD ["server"',
      replace: 'CMD ["ipam"]\nCMD ["server"',
      says: 'CMD',
    },
    {
      why: 'an image is missing',
      find: 'FROM node:24-bookworm-slim\n',
      replace: 'FROM\n',
      says: 'no arguments',
    },
  ])('the linter of instructions says so if $why', ({ find, replace, says }) => {
    expect(dockerfileComplaints(broken(DOCKERFILE, { find, replace })).join()).toContain(says)
  })

  test('has scripts that shellcheck finds nothing wrong with', () => {
    expect(scriptComplaints(DOCKERFILE)).toEqual([])
  })

  test.each([
    { why: 'a command is not ended', find: `-name '*.map'`, replace: `-name '*.map`, says: 'SC1' },
    { why: 'a pattern is not quoted', find: `-name '*.map'`, replace: `-name *.map`, says: 'SC2061' },
    {
      why: 'only bash has it',
      find: 'npm run build &&',
      replace: '[[ -e src ]] && npm run build &&',
      says: 'SC3010',
    },
  ])('shellcheck says so if $why', ({ find, replace, says }) => {
    expect(scriptComplaints(broken(DOCKERFILE, { find, replace })).join()).toContain(says)
  })
})

describe('deploy/compose.yaml', () => {
  test('is as the Compose specification says, and binds no port to all addresses', () => {
    expect(composeComplaints(COMPOSE)).toEqual([])
  })

  test.each([
    {
      why: 'a key is misspelt',
      find: 'stop_grace_period',
      replace: 'stop_grace_perod',
      says: 'invalid-schema',
    },
    {
      why: 'a value is of another type',
      find: 'read_only: true',
      replace: 'read_only: [1]',
      says: 'invalid-schema',
    },
    {
      why: 'a port is open to all',
      find: '"127.0.0.1:8000:8000"',
      replace: '"8000:8000"',
      says: 'no-unbound',
    },
    { why: 'an image has no version', find: 'haproxy:2.8', replace: 'haproxy', says: 'explicit-tag' },
  ])('the linter says so if $why', ({ find, replace, says }) => {
    expect(composeComplaints(broken(COMPOSE, { find, replace })).join()).toContain(says)
  })
})

test.each(['scripts/install-test-programs', 'scripts/sbom'])(
  'shellcheck finds nothing wrong with %s',
  (path) => {
    expect(shellcheck([path])).toEqual([])
  },
)
