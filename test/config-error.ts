import { ConfigError } from '../src/config.ts'

/** What an operator is told when `run` takes a configuration that will not do. */
export function complaintOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  throw new Error('no error')
}
