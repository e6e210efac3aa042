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
/** For pages that start, stop and restart nodes one after the other. */
const PAGE_MS_MAX = 240_000

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

const PORTS_OF_THREE = ['5001', '5002', '5003', '8080', '8081', '8082']

test.for([
  { path: 'docs/backup.md', documented: PORTS_OF_THREE, stepsMin: 8 },
  { path: 'docs/operate.md', documented: [...PORTS_OF_THREE, '5004', '8083'], stepsMin: 14 },
  { path: 'docs/tracing.md', documented: [...PORTS_OF_THREE, '4318'], stepsMin: 3 },
])(
  '$path runs as it stands, and starts its nodes itself',
  { timeout: PAGE_MS_MAX },
  async ({ path, documented, stepsMin }, { directory }) => {
    const programs = join(directory, 'programs')
    installProgram(programs)
    const empty = join(directory, 'empty')
    mkdirSync(empty)
    const ports = await reservePorts(documented.length)
    const steps = stepsOf(path)
    const withPorts = scriptOf(steps).replaceAll(/127\.0\.0\.1:(\d+)/g, (_, port: string) => {
      return `127.0.0.1:${ports[documented.indexOf(port)]}`
    })

    const { stdout } = await promisify(execFile)(
      'bash',
      // What it has started ends with it, however it ends.
      ['-euc', `trap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n${withPorts}`],
      {
        cwd: empty,
        env: { ...process.env, PATH: `${programs}:${process.env['PATH']}` },
        timeout: PAGE_MS_MAX - 5_000,
      },
    )

    expect(steps.length).toBeGreaterThanOrEqual(stepsMin)
    expectPrinted(steps, stdout)
  },
)
