/** Which node is meant, by the flags, variables and cluster file that it is started with. */
import { readFileSync } from 'node:fs'
import { type Config, ConfigError, loadConfig } from '../config.ts'
import { BackupError } from './backup-error.ts'

/**
 * @param flags Null where a flag is not given.
 * @throws {BackupError}
 */
export function loadNodeConfig(
  flags: Readonly<Record<'config' | 'node-id' | 'data-dir', string | null>>,
  env: Readonly<Record<string, string | undefined>>,
): Config {
  const argv = Object.entries(flags).flatMap(([name, value]) =>
    value === null ? [] : [`--${name}=${value}`],
  )
  try {
    return loadConfig(argv, env, (path) => readFileSync(path, 'utf8'))
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause
    throw new BackupError(cause.message, { cause })
  }
}
