/** What a command needs of the process it runs in. */
export interface Shell {
  readonly env: Readonly<Record<string, string | undefined>>
  /** How to start another process of this program: the executable, then its first arguments. */
  readonly self: readonly [string, ...string[]]
  /** One or more lines for people and scripts, on standard output. */
  print(text: string): void
  /** One line on standard error. */
  complain(line: string): void
  /** Resolves at the first signal to stop. The second one ends the process at once. */
  readonly stopped: Promise<void>
}

/** 1: it failed. 2: it was called the wrong way. */
export type ExitCode = 0 | 1 | 2
