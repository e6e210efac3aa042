/** docs/production.md, as a newcomer reads it: a cluster with TLS and log-ins behind HAProxy, from nothing to a restored backup. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { environment } from './balancer.ts'
import type { AllocationBody } from './client.ts'
import { test } from './cluster-test.ts'
import { expectPrinted, installProgram, scriptOf, stepsOf } from './page.ts'
import { reservePorts } from './ports.ts'

const PAGE = 'docs/production.md'
/** It takes 35 to 55 s. */
const WITHIN_MS = 200_000
/** While three nodes are stopped and started, one after the other. */
const WRITES_MIN = 30

/** The same port for the same text, in the page and in the files of `deploy/`. */
async function portsOf(texts: readonly string[]): Promise<(text: string) => string> {
  const documented = [...new Set(texts.flatMap((text) => text.match(/(?<=127\.0\.0\.1:)\d+/g) ?? []))]
  const ports = await reservePorts(documented.length)
  return (text) => text.replaceAll(/(?<=127\.0\.0\.1:)\d+/g, (port) => `${ports[documented.indexOf(port)]}`)
}

/** Everything that the script starts is in its process group, and ends with it, however it ends. */
async function runInGroup(script: string, options: { cwd: string; env: NodeJS.ProcessEnv }): Promise<Ended> {
  const shell = spawn('bash', ['-euc', script], { ...options, detached: true })
  const printed = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    shell[name].setEncoding('utf8').on('data', (text: string) => {
      printed[name] += text
    })
  }
  const endGroup = (): void => {
    try {
      if (shell.pid !== undefined) process.kill(-shell.pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
  const deadline = setTimeout(endGroup, WITHIN_MS)
  const [code] = (await once(shell, 'exit')) as [number | null]
  clearTimeout(deadline)
  endGroup()
  return { code, ...printed }
}

interface Ended {
  /** Null: not within the time. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

test(`${PAGE} runs as it stands`, { timeout: WITHIN_MS + 10_000 }, async ({ directory }) => {
  const steps = stepsOf(PAGE)
  const shipped = readFileSync('deploy/haproxy.cfg', 'utf8')
  const withPorts = await portsOf([shipped, scriptOf(steps)])
  const programs = join(directory, 'programs')
  installProgram(programs)
  const deploy = join(directory, 'deploy')
  mkdirSync(deploy)
  writeFileSync(join(deploy, 'haproxy.cfg'), withPorts(shipped))
  const empty = join(directory, 'empty')
  mkdirSync(empty)
  const { PATH, ...env } = environment()

  const { code, stdout, stderr } = await runInGroup(withPorts(scriptOf(steps)), {
    cwd: empty,
    env: { ...env, PATH: `${programs}:${PATH}`, DEPLOY: deploy },
  })

  expect({ code, stderr: code === 0 ? '' : `${stdout}\n${stderr}` }).toEqual({ code: 0, stderr: '' })
  expectPrinted(steps, stdout)
  expectEachWriteOnce(empty)
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
