/** Looks for one mutant, where its record says. */
import { join } from 'node:path'
import { bundleSimulator, runSeeds } from '../sim/seed-run.ts'
import type { Hunt, Mutant } from './mutant.ts'
import type { TestRunner } from './test-run.ts'
import type { Tree } from './tree.ts'

export interface Verdict {
  readonly mutant: Mutant
  readonly hunt: Hunt
  /** The invariant or the test that noticed it; null: it survived, or the hunt itself failed. */
  readonly caughtBy: string | null
  /** Why the hunt could not be ended; null if it was. */
  readonly problem: string | null
  /** How many the simulator ran, the one that failed included; null for a test. */
  readonly seedCount: number | null
  readonly seconds: number
}

/** Where one worker plants and looks. */
export interface Ground {
  readonly tree: Tree
  readonly tests: TestRunner
}

export async function huntFor(mutant: Mutant, hunt: Hunt, { tree, tests }: Ground): Promise<Verdict> {
  const startedAt = performance.now()
  const found = await tree
    .with(mutant, async (): Promise<Found> => {
      if (hunt.by === 'simulator') return simulate(tree, hunt.seedsMax)
      const caughtBy = await tests.firstFailure([hunt.file], mutant.file)
      return { caughtBy, problem: null, seedCount: null }
    })
    .catch((error: unknown): Found => ({ caughtBy: null, problem: String(error), seedCount: null }))
  return { mutant, hunt, ...found, seconds: (performance.now() - startedAt) / 1000 }
}

type Found = Pick<Verdict, 'caughtBy' | 'problem' | 'seedCount'>

async function simulate(tree: Tree, seedsMax: number): Promise<Found> {
  const bundle = join(tree.path, 'simulator.mjs')
  await bundleSimulator(tree.path, bundle)
  const failure = await runSeeds({
    bundle,
    seeds: { first: 1, last: seedsMax },
    onPassed: () => {},
    signal: new AbortController().signal,
  })
  return { caughtBy: failure?.reason ?? null, problem: null, seedCount: failure?.seed ?? seedsMax }
}
