/**
 * Work that is counted and not timed: how often each block of our own code runs, as V8's coverage counts it. The same on every machine,
 * so that a loop over all there is fails a test, and a busy processor does not.
 */
import { type Profiler, Session } from 'node:inspector'
import { assert } from '../raft/assert.ts'

/** Where our code is; what is in there is counted, and nothing else. */
const SOURCES = /\/(raft|src)\/[^?]*\.ts/

/** How many blocks are entered until it is done. */
export type StepsOf = (act: () => unknown) => Promise<number>

/**
 * To be called before the code to be counted is loaded, which has to be by `await import`: V8 counts the blocks of functions that it
 * compiles from then on. They run slower for it, so this is for files that only count.
 */
export function countSteps(): StepsOf {
  const session = new Session()
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  // A call of the session answers at once; what it says counts from the last time on.
  const take = (): Profiler.ScriptCoverage[] => {
    let scripts: Profiler.ScriptCoverage[] | null = null
    session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error === null) scripts = answer.result
    })
    assert(scripts !== null, 'V8 gave no coverage')
    return scripts
  }
  return async (act) => {
    take()
    await act()
    return stepsIn(take())
  }
}

function stepsIn(scripts: readonly Profiler.ScriptCoverage[]): number {
  let steps = 0
  for (const { url, functions } of scripts) {
    if (!SOURCES.test(url)) continue
    for (const { ranges, isBlockCoverage, functionName } of functions) {
      const [whole] = ranges
      assert(isBlockCoverage || whole?.count === 0, '{} of {} was loaded before', functionName, url)
      for (const { count } of ranges) steps += count
    }
  }
  return steps
}
