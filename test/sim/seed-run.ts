/** Runs seeds in a process of its own, and gives up on one that makes no progress. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { build } from 'esbuild'
import type { SeedRange } from './seed-range.ts'

/** What `run.ts` says. */
export type SeedReport =
  | { readonly type: 'begun' | 'passed'; readonly seed: number }
  | { readonly type: 'failed'; readonly seed: number; readonly message: string }

export interface SeedFailure {
  readonly seed: number
  /** What did not hold, in a line. */
  readonly reason: string
  /** All that is known, with the last events. */
  readonly report: string
}

/** A seed takes less than a second; on a busy machine, or with rich faults, many times that. */
const SILENCE_MS_MAX = 180_000
const STDERR_CHARS_MAX = 20_000

/** Bundles the simulator of the tree at `root` into one file, which starts in a fraction of the time. */
export async function bundleSimulator(root: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [join(root, 'test/sim/run.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    sourcemap: 'inline',
    logLevel: 'silent',
  })
}

/**
 * Runs the seeds one after the other until one fails.
 *
 * @param options.bundle Of `bundleSimulator`.
 * @param options.onPassed Called for each seed that found nothing.
 * @param options.signal Ends it early; then the result is null.
 * @returns The failure, null if there was none.
 * @throws if the simulator did not even begin: that is no failure of a seed.
 */
export async function runSeeds(options: {
  bundle: string
  seeds: SeedRange
  onPassed: (seed: number) => void
  signal: AbortSignal
}): Promise<SeedFailure | null> {
  const { bundle, seeds, onPassed, signal } = options
  const child = spawn(
    process.execPath,
    ['--enable-source-maps', bundle, '--seeds', `${seeds.first}-${seeds.last}`],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const stop = (): void => void child.kill('SIGKILL')
  signal.addEventListener('abort', stop)
  let begun: number | null = null
  let failure: SeedFailure | null = null
  let hasHung = false
  let stderr = ''
  const silence = setTimeout(() => {
    hasHung = true
    stop()
  }, SILENCE_MS_MAX)
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(0, STDERR_CHARS_MAX)
  })
  createInterface({ input: child.stdout }).on('line', (line) => {
    silence.refresh()
    const report = JSON.parse(line) as SeedReport
    begun = report.seed
    if (report.type === 'passed') onPassed(report.seed)
    if (report.type === 'failed') failure = failureOf(report)
  })
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  clearTimeout(silence)
  signal.removeEventListener('abort', stop)
  if (failure !== null || signal.aborted || (code === 0 && !hasHung)) return failure
  if (begun === null) throw new Error(`the simulator did not begin:\n${stderr}`)
  if (hasHung)
    return { seed: begun, reason: `nothing came of it for ${SILENCE_MS_MAX / 1000} s`, report: stderr }
  return { seed: begun, reason: `the process ended: ${firstErrorLine(stderr)}`, report: stderr }
}

function failureOf({ seed, message }: SeedReport & { type: 'failed' }): SeedFailure {
  const [firstLine = ''] = message.split('\n')
  // Which seed it was, and that it is an error, is known here.
  const reason = firstLine.replace(/^seed \d+ \(.*?\): /, '').replace(/^Error: /, '')
  return { seed, reason, report: message }
}

/** Node prints the place first, then the error. */
function firstErrorLine(stderr: string): string {
  const lines = stderr.split('\n')
  return (
    lines.find((line) => /^\S*Error\b/.test(line)) ?? lines.find((line) => line !== '') ?? 'without a word'
  )
}
