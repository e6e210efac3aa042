/** `make sim`: many seeds on all cores. SEEDS=10000, SEEDS=5000-5999 or SEED=345; KEEP_GOING=1 goes on after a failure. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseSeeds, type SeedRange } from './seed-range.ts'
import { bundleSimulator, runSeeds, type SeedFailure } from './seed-run.ts'

/** One process takes so many: enough to forget its start, few enough that all cores end at about the same time. */
const BLOCK_SEEDS = 50
const SEEDS_DEFAULT = '1000'
const CACHE = 'node_modules/.cache/sim'
/** Where nobody watches, a line now and then shall do. */
const PROGRESS_MS = process.stderr.isTTY ? 500 : 15_000

const { SEED, SEEDS = SEEDS_DEFAULT, KEEP_GOING = '' } = process.env
const seeds = SEED === undefined ? parseSeeds(SEEDS) : parseSeeds(`${SEED}-${SEED}`)
const startedAt = performance.now()
const stopping = new AbortController()
const failures: SeedFailure[] = []
let next = seeds.first
let doneCount = 0

// Its own: a run that begins while this one goes on, of code that was changed meanwhile, must not exchange it.
mkdirSync(CACHE, { recursive: true })
const directory = mkdtempSync(join(CACHE, 'run-'))
const bundle = join(directory, 'run.mjs')
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stopping.abort()
    process.exit(130)
  })
}

await bundleSimulator('.', bundle)
const progress = setInterval(showProgress, PROGRESS_MS)
await Promise.all(Array.from({ length: availableParallelism() }, () => work()))
clearInterval(progress)
showProgress()
process.stderr.write('\n')
if (failures.length > 0) {
  const failed = failures.map(({ seed }) => seed).toSorted((a, b) => a - b)
  say(`${failed.length === 1 ? 'seed' : 'seeds'} ${failed.join(', ')} failed`)
  process.exitCode = 1
}

async function work(): Promise<void> {
  for (let block = takeBlock(); block !== null && !stopping.signal.aborted; block = takeBlock()) {
    await runBlock(block)
  }
}

function takeBlock(): SeedRange | null {
  if (next > seeds.last) return null
  const first = next
  next = Math.min(first + BLOCK_SEEDS, seeds.last + 1)
  return { first, last: next - 1 }
}

/** A failure ends its process: another one takes the rest. */
async function runBlock({ first, last }: SeedRange): Promise<void> {
  const onPassed = (): void => {
    doneCount += 1
  }
  for (let from = first; from <= last && !stopping.signal.aborted; ) {
    const rest = { first: from, last }
    const failure = await runSeeds({ bundle, seeds: rest, onPassed, signal: stopping.signal })
    if (failure === null) return
    doneCount += 1
    showFailure(failure)
    from = failure.seed + 1
  }
}

function showFailure(failure: SeedFailure): void {
  failures.push(failure)
  const { seed, reason, report } = failure
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  say(`seed ${seed} failed: ${reason}\n\n${report}\nTo run it again: make sim SEED=${seed}\n`)
  if (KEEP_GOING === '') stopping.abort()
}

function showProgress(): void {
  const seconds = (performance.now() - startedAt) / 1000
  const total = seeds.last - seeds.first + 1
  const line = `${doneCount} of ${total} seeds, ${(doneCount / seconds).toFixed(1)} a second, ${failures.length} failed`
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${line}` : `${line}\n`)
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
