/** The pages for readers do what they say. */
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { test } from './cluster-test.ts'
import { reservePorts } from './ports.ts'
import { MAIN } from './program.ts'
import { until } from './until.ts'

const DOCUMENTED = '127.0.0.1:8080'
const MARK = '=== what was printed by block'

interface Step {
  readonly script: string
  /** Null: it does not matter. */
  readonly printed: string | null
}

/** The blocks of a page that are commands, each with the text that follows it. */
function stepsOf(page: string): Step[] {
  const blocks = [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, kind, text]) => ({
    kind,
    text: text ?? '',
  }))
  return blocks.flatMap(({ kind, text }, i) => {
    const next = blocks[i + 1]
    return kind === 'sh' ? [{ script: text, printed: next?.kind === 'text' ? next.text : null }] : []
  })
}

/** `ipam` as an installation has it. */
function installProgram(directory: string): void {
  mkdirSync(directory)
  writeFileSync(join(directory, 'ipam'), `#!/bin/sh\nexec ${process.execPath} ${MAIN} "$@"\n`, {
    mode: 0o755,
  })
}

test.for([
  { path: 'docs/guide.md', flags: [] },
  { path: 'docs/api.md', flags: [] },
  { path: 'docs/security.md', flags: ['--auth', 'required'] },
])('$path runs as it stands', async ({ path, flags }, { startProgram, directory }) => {
  const [port = 0] = await reservePorts(1)
  startProgram(['server', '--listen', `127.0.0.1:${port}`, ...flags], { cwd: directory })
  await until('the node leads', async () => {
    return (await fetch(`http://127.0.0.1:${port}/api/v1/health/leader`)).ok
  })
  const programs = join(directory, 'programs')
  installProgram(programs)
  const steps = stepsOf(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'))
  const script = steps.map(({ script: text }, i) => `${text}\necho '${MARK}' ${i}`).join('\n')

  const { stdout } = await promisify(execFile)(
    'bash',
    ['-euc', script.replaceAll(DOCUMENTED, `127.0.0.1:${port}`)],
    { cwd: directory, env: { ...process.env, PATH: `${programs}:${process.env['PATH']}` } },
  )

  expect(steps.length).toBeGreaterThanOrEqual(10)
  expectPrinted(steps, stdout)
})

test('docs/backup.md runs as it stands', async ({ directory }) => {
  const programs = join(directory, 'programs')
  installProgram(programs)
  const empty = join(directory, 'empty')
  mkdirSync(empty)
  const documented = ['5001', '5002', '5003', '8080', '8081', '8082']
  const ports = await reservePorts(documented.length)
  const steps = stepsOf(readFileSync(new URL('../../docs/backup.md', import.meta.url), 'utf8'))
  const script = steps.map(({ script: text }, i) => `${text}\necho '${MARK}' ${i}`).join('\n')
  const withPorts = script.replaceAll(/127\.0\.0\.1:(\d+)/g, (_, port: string) => {
    return `127.0.0.1:${ports[documented.indexOf(port)]}`
  })

  const { stdout } = await promisify(execFile)(
    'bash',
    // What it has started ends with it, however it ends.
    ['-euc', `trap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n${withPorts}`],
    { cwd: empty, env: { ...process.env, PATH: `${programs}:${process.env['PATH']}` }, timeout: 120_000 },
  )

  expect(steps.length).toBeGreaterThanOrEqual(8)
  expectPrinted(steps, stdout)
})

function expectPrinted(steps: readonly Step[], stdout: string): void {
  const printed = stdout.split(new RegExp(`${MARK} \\d+\\n`))
  for (const [i, step] of steps.entries()) {
    if (step.printed !== null) expect(printed[i], step.script).toBe(step.printed)
  }
}
