/**
 * `run.ts --seeds 1-300`: seed after seed until one fails, without a test runner: it takes a third of the time.
 * Says what comes of each in a line of JSON: see `SeedReport`.
 */
import { parseSeeds } from './seed-range.ts'
import type { SeedReport } from './seed-run.ts'
import { simulate } from './simulate.ts'

const [option, seeds] = process.argv.slice(2)
if (option !== '--seeds' || seeds === undefined) throw new Error('usage: run.ts --seeds 1-300')
const { first, last } = parseSeeds(seeds)
for (let seed = first; seed <= last && process.exitCode === undefined; seed++) {
  report({ type: 'begun', seed })
  try {
    await simulate(seed)
    report({ type: 'passed', seed })
  } catch (error) {
    // What is left of that world must not disturb the next one.
    process.exitCode = 1
    report({ type: 'failed', seed, message: error instanceof Error ? error.message : String(error) })
  }
}
process.exit()

function report(line: SeedReport): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
