/** The description of the API has nothing that a public linter complains of: that of Redocly, with the rules of redocly.yaml. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openApi } from './fixture.ts'

const RULES = fileURLToPath(new URL('redocly.yaml', import.meta.url))
const LINTER = join(
  dirname(createRequire(import.meta.url).resolve('@redocly/cli/package.json')),
  'bin/cli.js',
)
/** It asks nobody for a newer version, and tells nobody that it ran. */
const OFFLINE = { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' }

interface Finding {
  readonly ruleId: string
  readonly message: string
  readonly location: readonly { readonly pointer?: string }[]
}

let directory: string
let description: string

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'ipam-linted-'))
  const api = await openApi()
  description = await (await fetch(`http://${api.host}:${api.port}/openapi.json`)).text()
  await api.close()
})

afterAll(() => rmSync(directory, { recursive: true }))

/** A line for each finding. @throws if the linter fails otherwise, a misspelt rule included. */
async function findings(text: string): Promise<string[]> {
  const path = join(directory, 'openapi.json')
  writeFileSync(path, text)
  const args = [LINTER, 'lint', path, '--config', RULES, '--lint-config', 'error', '--format', 'json']
  const options = { cwd: directory, env: { ...process.env, ...OFFLINE }, maxBuffer: 16 << 20 }
  const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, args, options, (_, stdout, stderr) => resolve({ stdout, stderr }))
  })
  if (!stdout.startsWith('{')) throw new Error(`the linter says no JSON: ${stdout}\n${stderr}`)
  expect(stderr).not.toContain('Unused rules')
  const { problems }: { problems: readonly Finding[] } = JSON.parse(stdout)
  return problems.map(({ ruleId, message, location: [at] }) => `${ruleId}: ${message} ${at?.pointer ?? ''}`)
}

describe('a public linter', () => {
  test('finds nothing in the description of the API', async () => {
    expect(await findings(description)).toEqual([])
  })

  test.each([
    {
      why: 'a parameter says nothing of itself',
      find: '"description":"Expiring before this time.",',
      replace: '',
      rule: 'parameter-description',
    },
    {
      why: 'two operations have one name',
      find: '"operationId":"getNetwork"',
      replace: '"operationId":"listNetworks"',
      rule: 'operation-operationId-unique',
    },
    {
      why: 'a reference leads nowhere',
      find: '#/components/schemas/Network"',
      replace: '#/components/schemas/Netwrk"',
      rule: 'no-unresolved-refs',
    },
    {
      why: 'a limit is no number',
      find: '"minimum":1,"maximum":10000',
      replace: '"minimum":1,"maximum":"10000"',
      rule: 'struct',
    },
  ])('finds it if $why', async ({ find, replace, rule }) => {
    expect(description).toContain(find)

    const found = await findings(description.replace(find, replace))

    expect(found).toContainEqual(expect.stringMatching(`^${rule}: `))
  })
})
