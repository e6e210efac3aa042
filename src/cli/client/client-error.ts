/** Why a client command did not do what it was asked, in one line that says the way out. */
import type { ExitCode } from '../shell.ts'

export class ClientError extends Error {
  override readonly name: string = 'ClientError'
  readonly exitCode: ExitCode

  constructor(message: string, exitCode: ExitCode, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

/** Called the wrong way: nothing was sent. */
export class UsageError extends ClientError {
  override readonly name = 'UsageError'

  constructor(message: string) {
    super(message, 2)
  }
}
