/** Commands that work on files of this machine, and send nothing. */
import { BackupError } from '../../backup/backup-error.ts'
import { loadNodeConfig } from '../../backup/node-config.ts'
import { ClientError } from './client-error.ts'
import type { Invocation } from './invocation.ts'

/** @throws {BackupError} */
export function nodeConfigOf({ args, shell }: Invocation): ReturnType<typeof loadNodeConfig> {
  const flags = {
    config: args.text('config'),
    'node-id': args.text('node-id'),
    'data-dir': args.text('data-dir'),
  }
  return loadNodeConfig(flags, shell.env)
}

/** Errors whose message is for the operator, and says the way out. */
const TOLD = ['DataDirectoryError', 'DirectoryInUseError']

/** What the files or the system do not allow, as a failure of the command. @throws {ClientError} */
export async function onFiles<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof BackupError) throw new ClientError(error.message, 1, { cause: error })
    const { name, code, message } = error as NodeJS.ErrnoException
    const isSystem = typeof code === 'string' && /^(E[A-Z]+|LEVEL_[A-Z_]+)$/.test(code)
    if (!isSystem && !TOLD.includes(name)) throw error
    throw new ClientError(message, 1, { cause: error })
  }
}
