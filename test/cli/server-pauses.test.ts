/** A real `ipam server`, of which V8 itself tells how it collects garbage. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { reservePorts } from '../cluster/ports.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const COLLECTED = 'collected when asked to'
const ROUNDS = 10
/**
 * Collects garbage of both generations when asked to, which a server does only in time; so often that what V8 keeps of its
 * output until that is much is only of the last rounds.
 */
const ON_REQUEST = `
  import { setFlagsFromString } from 'node:v8'
  import { runInNewContext } from 'node:vm'
  process.on('SIGUSR2', () => {
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc')
    for (let round = 0; round < ${ROUNDS}; round++) {
      const kept = []
      // What V8 parses is always new; objects of this code it would soon make old ones at once.
      for (let i = 0; i < 20_000; i++) kept.push(JSON.parse('{ "list": [1, 2, 3] }'))
      gc({ type: 'minor' })
      gc()
      if (kept.length === 0) break
    }
    console.log('${COLLECTED}')
  })
`

let directory: string
let server: ChildProcess | null = null

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ipam-pauses-'))
})

afterEach(async () => {
  const child = server
  if (child !== null && child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }
  rmSync(directory, { recursive: true, force: true })
})

/** @returns what V8 says of all collections; the last ones are those that the server was asked for. */
async function traceOfServer(): Promise<string> {
  const [port] = await reservePorts(1)
  const preload = `data:text/javascript,${encodeURIComponent(ON_REQUEST)}`
  const v8 = ['--trace-gc-nvp', '--trace-gc-verbose']
  const program = ['--import', 'tsx', '--import', preload, MAIN]
  const flags = ['--data-dir', directory, '--listen', `127.0.0.1:${port}`, '--log-level', 'error']
  const child = spawn(process.execPath, [...v8, ...program, 'server', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  server = child
  return new Promise((resolve, reject) => {
    let output = ''
    let isAsked = false
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (!isAsked && output.includes(' serves http')) isAsked = child.kill('SIGUSR2')
      if (output.includes(COLLECTED)) resolve(output)
    })
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${output.slice(-500)}`)))
  })
}

test('a server has its garbage collected seldom, and without waiting for threads', async () => {
  const trace = await traceOfServer()

  const last = (pattern: RegExp): unknown[] =>
    [...trace.matchAll(pattern)].slice(-ROUNDS / 2).map(([, value]) => value)
  // By how much the old generation may grow until the next time.
  expect(new Set(last(/\[HeapController\] Limit: .*\((.*)\)/g))).toEqual(new Set(['3.0']))
  // How long threads have worked while the main thread waited.
  expect(new Set(last(/gc=s .*background\.scavenge\.parallel=(\S+)/g))).toEqual(new Set(['0.00']))
})
