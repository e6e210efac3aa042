/** Runs test files of a tree, again and again, without starting anew: most of the time of a short run is its start. */
import { join } from 'node:path'
import { createVitest, type TestCase, type TestModule, type Vitest } from 'vitest/node'

/** Whoever takes longer waits for something that never comes. */
const RUN_MS_MAX = 240_000

export class TestRunner {
  readonly #root: string
  #vitest: Vitest | null = null

  /** @param root Where the tree is that the files belong to. */
  constructor(root: string) {
    this.#root = root
  }

  /**
   * @param files Test files.
   * @param changed The source file that was changed since the run before; null for none.
   * @returns The name of the first test that failed, null if all passed.
   * @throws if a file does not load: it catches nothing.
   */
  async firstFailure(files: readonly string[], changed: string | null): Promise<string | null> {
    this.#vitest ??= await this.#start()
    const vitest = this.#vitest
    if (changed !== null) vitest.invalidateFile(join(this.#root, changed))
    const specifications = files.flatMap((file) => vitest.getModuleSpecifications(join(this.#root, file)))
    const run = await Promise.race([vitest.runTestSpecifications(specifications), timeLimit()])
    if (changed !== null) vitest.invalidateFile(join(this.#root, changed))
    if (run === null) {
      await this.close()
      return `the tests do not end within ${RUN_MS_MAX / 1000} s`
    }
    // It also has what it still knows of files that were run before.
    const asked = new Set(specifications.map(({ moduleId }) => moduleId))
    const modules = run.testModules.filter(({ moduleId }) => asked.has(moduleId))
    if (modules.length < asked.size || asked.size < files.length) throw new Error(`not all of ${files} ran`)
    const failed = modules.map(firstFailureOf).find((name) => name !== null)
    if (failed !== undefined) return failed
    return run.unhandledErrors.length === 0 ? null : `unhandled: ${messageOf(run.unhandledErrors[0])}`
  }

  async close(): Promise<void> {
    await this.#vitest?.close()
    this.#vitest = null
  }

  async #start(): Promise<Vitest> {
    // An object without methods: a reporter that says nothing.
    const options = { root: this.#root, watch: false, project: ['unit'], reporters: [{}] }
    const vitest = await createVitest('test', options)
    await vitest.standalone()
    await vitest.globTestSpecifications()
    return vitest
  }
}

function firstFailureOf(module: TestModule): string | null {
  const tests = [...module.children.allTests()]
  if (tests.length === 0) {
    const reason = module.errors().map(messageOf).join('; ')
    throw new Error(`no test of ${module.moduleId} ran: ${reason}`)
  }
  const failed = tests.filter((test) => test.result().state === 'failed')
  // On a busy machine a test may be too slow without any bug: one that says what is wrong goes first.
  const first = failed.find((test) => !hasTimedOut(test)) ?? failed[0]
  if (first === undefined) return null
  return hasTimedOut(first) ? `${first.fullName} (timed out)` : first.fullName
}

function hasTimedOut(test: TestCase): boolean {
  return test.result().errors?.some(({ message }) => message.includes('timed out')) ?? false
}

function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error
    ? String(error.message)
    : String(error)
}

async function timeLimit(): Promise<null> {
  await new Promise((resolve) => {
    setTimeout(resolve, RUN_MS_MAX).unref()
  })
  return null
}
