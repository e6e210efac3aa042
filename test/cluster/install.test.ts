/** docs/install.md, as a newcomer reads it who has the package and npm. */
import { cp, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { expect } from 'vitest'
import { test } from './cluster-test.ts'
import { packBuild } from './packages.ts'
import { expectPageRuns, PAGE_DIRECTORY, reservePortsOf, stepsOf } from './page.ts'
import { MAIN } from './program.ts'
import { installerEnvironment, startRegistry } from './registry.ts'

const PAGE = 'docs/install.md'
const WITHIN_MS = 110_000
const LISTEN = '127.0.0.1:8080'

test(`${PAGE} runs as it stands, with what npm installs of the package`, async ({ directory }) => {
  const { version } = JSON.parse(await readFile('package.json', 'utf8'))
  const archive = await packBuild({ main: MAIN, version }, directory)
  await cp(archive, join(directory, PAGE_DIRECTORY, basename(archive)))
  const steps = stepsOf(PAGE)
  const withPorts = await reservePortsOf([LISTEN, ...steps.map(({ script }) => script)])
  const address = withPorts(LISTEN)
  await using registry = await startRegistry(directory)
  const prefix = join(directory, 'installed')
  const env = {
    ...installerEnvironment(registry, { prefix }),
    IPAM_LISTEN: address,
    IPAM_SERVER: `http://${address}`,
  }

  await expectPageRuns(steps, {
    directory,
    programs: join(prefix, 'bin'),
    withPorts,
    env,
    withinMs: WITHIN_MS,
  })

  expect(steps.length).toBeGreaterThanOrEqual(3)
})
