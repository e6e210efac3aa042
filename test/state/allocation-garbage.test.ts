/** Memory that is made and dropped again is what a write costs most by, and nothing else counts it. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'

const PROGRAM = fileURLToPath(new URL('allocation-garbage.ts', import.meta.url))
const SEMI_SPACE_MIB = 1_024
/** 14,400 with Node.js 20, 15,400 with 24. */
const BYTES_MAX = 16_200

test('an allocation that is applied makes no more garbage than it did', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'ipam-garbage-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const young = ['--min-semi-space-size', '--max-semi-space-size'].map((flag) => `${flag}=${SEMI_SPACE_MIB}`)
  const args = [...young, '--import', 'tsx', PROGRAM, join(directory, 'state')]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  const bytes = JSON.parse(stdout) as number[]

  // Code that is compiled makes less: the first rounds are higher.
  const least = Math.min(...bytes)
  expect(least).toBeGreaterThan(1_000)
  expect(least).toBeLessThan(BYTES_MAX)
})
