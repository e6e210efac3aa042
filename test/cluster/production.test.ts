/**
 * docs/production.md, as a newcomer reads it: a cluster with TLS and log-ins behind HAProxy, from nothing to a restored backup. Its
 * programs are packages that npm has installed, and the upgrade is from one to another.
 */
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { makeBuilds } from './builds.ts'
import type { AllocationBody } from './client.ts'
import { test } from './cluster-test.ts'
import { packBuild } from './packages.ts'
import { expectPageRuns, PAGE_DIRECTORY, reservePortsOf, stepsOf } from './page.ts'
import { installerEnvironment, type Registry, startRegistry } from './registry.ts'

const PAGE = 'docs/production.md'
/** It takes about a minute. */
const WITHIN_MS = 200_000
/** While three nodes are stopped and started, one after the other. */
const WRITES_MIN = 30

test(`${PAGE} runs as it stands`, { timeout: WITHIN_MS + 10_000 }, async ({ directory }) => {
  const steps = stepsOf(PAGE)
  const shipped = readFileSync('deploy/haproxy.cfg', 'utf8')
  const withPorts = await reservePortsOf([shipped, ...steps.map(({ script }) => script)])
  const deploy = join(directory, 'deploy')
  mkdirSync(deploy)
  writeFileSync(join(deploy, 'haproxy.cfg'), withPorts(shipped))
  await using registry = await startRegistry(directory)
  const { env, programs, next, versions } = await installOlder(registry, directory)

  await expectPageRuns(steps, {
    directory,
    programs,
    withPorts,
    env: { ...env, DEPLOY: deploy, NEXT: next },
    withinMs: WITHIN_MS,
  })

  const page = join(directory, PAGE_DIRECTORY)
  const [old, newer] = versions
  expect(readFileSync(join(page, 'versions'), 'utf8')).toBe(`${newer}\n`.repeat(3))
  // What was there before is there still.
  expect((await promisify(execFile)(join(programs, 'ipam'), ['--version'])).stdout).toBe(`${old}\n`)
  expectEachWriteOnce(page)
})

/** The release under test is installed; the next one is a package, `next`. */
async function installOlder(
  registry: Registry,
  directory: string,
): Promise<{ env: Record<string, string>; programs: string; next: string; versions: [string, string] }> {
  const home = join(directory, 'builds')
  mkdirSync(home)
  const { older, newer } = await makeBuilds(home)
  const prefix = join(directory, 'installed')
  const env = installerEnvironment(registry, { prefix })
  const install = ['install', '--global', '--ignore-scripts', await packBuild(older, directory)]
  await promisify(execFile)('npm', install, { cwd: directory, env })
  const next = await packBuild(newer, directory)
  return { env, programs: join(prefix, 'bin'), next, versions: [older.version, newer.version] }
}

/** As the page does with shell commands, which may be wrong too. */
function expectEachWriteOnce(directory: string): void {
  const told = readFileSync(join(directory, 'writes.log'), 'utf8').trimEnd().split('\n')
  const restored: AllocationBody[] = JSON.parse(readFileSync(join(directory, 'restored.json'), 'utf8'))
  const found = restored.filter(({ hostname }) => hostname?.startsWith('upgrade-'))
  const byNumber = found.toSorted((a, b) => numberOf(a) - numberOf(b))

  expect(told.length).toBeGreaterThan(WRITES_MIN)
  expect(byNumber.map(({ hostname }) => hostname)).toEqual(told.map((_, i) => `upgrade-${i + 1}`))
  expect(told).toEqual(byNumber.map(({ ip }) => `201 ${ip}`))
  expect(new Set(told).size).toBe(told.length)
}

function numberOf({ hostname }: AllocationBody): number {
  return Number(hostname?.replace('upgrade-', ''))
}
