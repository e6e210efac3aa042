/** docs/production.md, as a newcomer reads it: a cluster with TLS and log-ins behind HAProxy, from nothing to a restored backup. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { AllocationBody } from './client.ts'
import { test } from './cluster-test.ts'
import { expectPageRuns, PAGE_DIRECTORY, reservePortsOf, stepsOf } from './page.ts'

const PAGE = 'docs/production.md'
/** It takes 35 to 55 s. */
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

  await expectPageRuns(steps, { directory, withPorts, env: { DEPLOY: deploy }, withinMs: WITHIN_MS })

  expectEachWriteOnce(join(directory, PAGE_DIRECTORY))
})

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
