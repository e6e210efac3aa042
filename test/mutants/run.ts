/**
 * `make mutants`: plants each bug of the list in a copy of the tree, and looks for it.
 * MUTANT=vote takes those with that in their name. SEEDS=2000 lets the simulator look longer. BY=simulator lets it look
 * for all of them, also for those that are a test's, to see what it misses.
 */
import { availableParallelism } from 'node:os'
import { bundleSimulator, runSeeds } from '../sim/seed-run.ts'
import { type Ground, huntFor, type Verdict } from './hunt.ts'
import { MUTANTS } from './list.ts'
import { type Hunt, type Mutant, SEEDS_MAX } from './mutant.ts'
import { formatTable } from './report.ts'
import { TestRunner } from './test-run.ts'
import { Tree } from './tree.ts'

const WORKERS = Math.min(2, availableParallelism())
/** An unchanged tree must pass these: else whatever fails is no mutant's doing. */
const SOUND_SEEDS = 5

const { MUTANT = '', SEEDS = String(SEEDS_MAX), BY = '' } = process.env
const seedsMax = Number(SEEDS)
if (!Number.isSafeInteger(seedsMax) || seedsMax < 1)
  throw new Error(`SEEDS=${SEEDS}: expected a count such as 500`)
const chosen = MUTANTS.filter(({ name }) => name.includes(MUTANT))
if (chosen.length === 0) throw new Error(`MUTANT=${MUTANT}: no mutant has that in its name`)

const waiting = [...chosen]
const verdicts: Verdict[] = []
const grounds = await Promise.all(Array.from({ length: WORKERS }, () => openGround()))
process.once('SIGINT', () => {
  for (const { tree } of grounds) tree.remove()
  process.exit(130)
})
try {
  await checkSound(grounds[0] as Ground)
  await Promise.all(grounds.map((ground) => work(ground)))
} finally {
  for (const { tree, tests } of grounds) {
    await tests.close()
    tree.remove()
  }
}

verdicts.sort((a, b) => chosen.indexOf(a.mutant) - chosen.indexOf(b.mutant))
say(`\n${formatTable(verdicts)}\n`)
const survivors = verdicts.filter(({ caughtBy }) => caughtBy === null)
say(`${verdicts.length} mutants, ${survivors.length} survive`)
for (const { mutant, problem } of survivors)
  say(`${problem ?? 'survives'}: ${mutant.name} (${mutant.source})`)
// Also when nothing survives: the test runner has called the failures that were wanted an error.
process.exitCode = survivors.length > 0 ? 1 : 0

async function openGround(): Promise<Ground> {
  const tree = await Tree.copy()
  return { tree, tests: new TestRunner(tree.path) }
}

async function work(ground: Ground): Promise<void> {
  for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
    const verdict = await huntFor(mutant, huntOf(mutant), ground)
    verdicts.push(verdict)
    const { caughtBy, problem, seedCount, seconds } = verdict
    const effort = seedCount === null ? '' : `${seedCount} seeds, `
    const outcome = caughtBy ?? problem ?? 'SURVIVES'
    say(`${verdicts.length}/${chosen.length} ${mutant.name}: ${outcome} (${effort}${seconds.toFixed(0)} s)`)
  }
}

function huntOf({ caughtBy }: Mutant): Hunt {
  return caughtBy.by === 'simulator' || BY === 'simulator' ? { by: 'simulator', seedsMax } : caughtBy
}

/** @throws if anything fails without a bug in it. */
async function checkSound({ tree, tests }: Ground): Promise<void> {
  const hunts = chosen.map(huntOf)
  if (hunts.some(({ by }) => by === 'simulator')) {
    const bundle = `${tree.path}/simulator.mjs`
    await bundleSimulator(tree.path, bundle)
    const failure = await runSeeds({
      bundle,
      seeds: { first: 1, last: SOUND_SEEDS },
      onPassed: () => {},
      signal: new AbortController().signal,
    })
    if (failure !== null) throw new Error(`seed ${failure.seed} fails without a mutant: ${failure.report}`)
  }
  const files = new Set(hunts.flatMap((hunt) => (hunt.by === 'test' ? [hunt.file] : [])))
  const failed = files.size === 0 ? null : await tests.firstFailure([...files], null)
  if (failed !== null) throw new Error(`a test fails without a mutant: ${failed}`)
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
