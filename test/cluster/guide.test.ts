/** The pages for readers do what they say. */
import { expect } from 'vitest'
import { test } from './cluster-test.ts'
import { expectPageRuns, reservePortsOf, stepsOf } from './page.ts'
import { until } from './until.ts'

const DOCUMENTED = '127.0.0.1:8080'
/** For pages that start, stop and restart nodes one after the other. */
const PAGE_MS_MAX = 240_000
const WITHIN_MS = PAGE_MS_MAX - 10_000

test.for([
  { path: 'docs/guide.md', stepsMin: 25, flags: [] },
  { path: 'docs/api.md', stepsMin: 14, flags: [] },
  { path: 'docs/files.md', stepsMin: 4, flags: [] },
  { path: 'docs/security.md', stepsMin: 10, flags: ['--auth', 'required'] },
])(
  '$path runs as it stands',
  { timeout: PAGE_MS_MAX },
  async ({ path, stepsMin, flags }, { startProgram, directory }) => {
    const steps = stepsOf(path)
    const withPorts = await reservePortsOf([DOCUMENTED, ...steps.map(({ script }) => script)])
    const node = withPorts(DOCUMENTED)
    startProgram(['server', '--listen', node, ...flags], { cwd: directory })
    await until('the node leads', async () => (await fetch(`http://${node}/api/v1/health/leader`)).ok)

    await expectPageRuns(steps, { directory, withPorts, withinMs: WITHIN_MS })

    expect(steps.length).toBeGreaterThanOrEqual(stepsMin)
  },
)

test.for([
  { path: 'docs/backup.md', stepsMin: 8 },
  { path: 'docs/operate.md', stepsMin: 15 },
  { path: 'docs/configure.md', stepsMin: 5 },
  { path: 'docs/tracing.md', stepsMin: 3 },
])(
  '$path runs as it stands, and starts its nodes itself',
  { timeout: PAGE_MS_MAX },
  async ({ path, stepsMin }, { directory }) => {
    const steps = stepsOf(path)
    const withPorts = await reservePortsOf(steps.map(({ script }) => script))

    await expectPageRuns(steps, { directory, withPorts, withinMs: WITHIN_MS })

    expect(steps.length).toBeGreaterThanOrEqual(stepsMin)
  },
)

test('docs/cli.md runs as it stands', { timeout: PAGE_MS_MAX }, async ({ directory }) => {
  const steps = stepsOf('docs/cli.md')
  const withPorts = await reservePortsOf(steps.map(({ script }) => script))

  await expectPageRuns(steps, { directory, withPorts, withoutVariation, withinMs: WITHIN_MS })

  expect(steps.length).toBeGreaterThanOrEqual(25)
})

/** The ids that a cluster gives, times, positions in the log, and so the widths of columns. */
function withoutVariation(text: string): string {
  return text
    .replaceAll(/\b(net|alloc)-[\w-]+/g, '$1-ID')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/(?<=^(?:term|committed) +|applied )\d+/gm, 'N')
    .replaceAll(/(?<= yes +yes +)\d+ +\d+ ms/g, 'N ms')
    .replaceAll(/(?<=127\.0\.0\.1:)\d+/g, 'PORT')
    .replaceAll(/ +/g, ' ')
    .replaceAll(/ $/gm, '')
}
