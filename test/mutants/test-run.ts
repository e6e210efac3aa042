/** Runs one test file of a tree, and says which test failed first. */
import { spawn } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Tree } from './tree.ts'

/** Whoever takes longer waits for something that never comes. */
const RUN_MS_MAX = 180_000
const REPORT = 'test-report.json'

/** What of vitest's JSON report matters here. */
interface Report {
  readonly numPassedTests: number
  readonly testResults: readonly {
    readonly message: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

/**
 * @returns The name of the first test that failed, null if all passed.
 * @throws if no test of the file ran: a file that does not load catches nothing.
 */
export async function firstFailure(tree: Tree, file: string): Promise<string | null> {
  const reportPath = join(tree.path, REPORT)
  await rm(reportPath, { force: true })
  const { hasEnded, output } = await runVitest(tree, file)
  if (!hasEnded) return `the tests do not end within ${RUN_MS_MAX / 1000} s`
  const report = JSON.parse(await readFile(reportPath, 'utf8').catch(() => '{"testResults":[]}')) as Report
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults)
  if (tests.length === 0) throw new Error(`no test of ${file} ran:\n${output}`)
  const failed = tests.find(({ status }) => status === 'failed')
  if (failed !== undefined) return failed.fullName
  const unhandled = /Unhandled (?:Rejection|Error)[\s\S]*?(\w*Error: .*)/.exec(output)
  return unhandled === null ? null : `unhandled: ${unhandled[1]}`
}

async function runVitest(tree: Tree, file: string): Promise<{ hasEnded: boolean; output: string }> {
  const child = spawn(
    process.execPath,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--project=unit',
      '--reporter=json',
      `--outputFile=${REPORT}`,
      file,
    ],
    // A process group of its own, for its workers must end with it.
    {
      cwd: tree.path,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, NO_COLOR: '1' },
    },
  )
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-20_000)
    })
  }
  let hasEnded = true
  const timeout = setTimeout(() => {
    hasEnded = false
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  }, RUN_MS_MAX)
  await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  clearTimeout(timeout)
  return { hasEnded, output }
}
