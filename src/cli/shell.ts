/** What a command needs of the process it runs in. */
export interface Shell {
  readonly env: Readonly<Record<string, string | undefined>>
  /** How to start another process of this program: the executable, then its first arguments. */
  readonly self: readonly [string, ...string[]]
  /** One or more lines for people and scripts, on standard output. */
  print(text: string): void
  /** The same for much text: resolves when it has left. @throws {OutputClosedError | OutputFailedError} */
  write(text: string): Promise<void>
  /** One line on standard error. */
  complain(line: string): void
  /** Resolves at the first signal to stop. The second one ends the process at once. */
  readonly stopped: Promise<void>
}

/** What a node needs besides. */
export interface ServerShell extends Shell {
  /** From now on SIGHUP, which would end the process, calls this instead. */
  onHangUp(callback: () => void): void
}

/** What the commands that talk to a cluster need besides. */
export interface ClientShell extends Shell {
  /** Width of the terminal that standard output is; null where it is none. */
  readonly columns: number | null
  /** Standard error is a terminal. */
  readonly isErrorTerminal: boolean
  /** Standard input. */
  input(): AsyncIterable<Uint8Array>
  /** Asks on the terminal, where the answer does not show; null where nobody can be asked. @throws {SecretRefusedError} */
  readonly askSecret: ((question: string) => Promise<string>) | null
  /** Text on standard error as it is, without a line end: progress. */
  report(text: string): void
  /** Monotonic milliseconds. */
  now(): number
  /** Milliseconds since 1970. */
  wallTime(): number
  wait(ms: number): Promise<void>
}

/** 1: it failed. 2: it was called the wrong way. The client's alone: 3: not found. 4: conflict. 5: outcome unknown. */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5

/** Nobody reads our output any more: the other end of the pipe is closed. */
export class OutputClosedError extends Error {
  override readonly name = 'OutputClosedError'
}

/** What we print goes to a file that takes no more, as on a full disk. */
export class OutputFailedError extends Error {
  override readonly name = 'OutputFailedError'
}

/** @returns What `Shell.write` is, for `stream`. */
export function writerTo(stream: NodeJS.WritableStream): (text: string) => Promise<void> {
  // Each write gets the error too; without a listener it would end the process.
  let hasListener = false
  return (text) => {
    if (!hasListener) stream.on('error', () => {})
    hasListener = true
    return new Promise((resolve, reject) => {
      stream.write(text, (error?: NodeJS.ErrnoException | null) => {
        if (!error) resolve()
        else if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED') {
          reject(new OutputClosedError('the output is closed', { cause: error }))
        } else {
          reject(new OutputFailedError(`the output cannot be written: ${error.message}`, { cause: error }))
        }
      })
    })
  }
}
