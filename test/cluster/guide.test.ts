/** The pages for readers do what they say. */
import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { test } from './cluster-test.ts'
import { expectPrinted, installProgram, scriptOf, stepsOf } from './page.ts'
import { reservePorts } from './ports.ts'
import { until } from './until.ts'

const DOCUMENTED = '127.0.0.1:8080'

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
  const steps = stepsOf(path)

  const { stdout } = await promisify(execFile)(
    'bash',
    ['-euc', scriptOf(steps).replaceAll(DOCUMENTED, `127.0.0.1:${port}`)],
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
  const steps = stepsOf('docs/backup.md')
  const withPorts = scriptOf(steps).replaceAll(/127\.0\.0\.1:(\d+)/g, (_, port: string) => {
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
