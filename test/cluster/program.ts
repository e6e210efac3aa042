/** The `ipam` program as a process: what it says, how it ends, that it never outlives the tests. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'

/** The build under test; another one can be given to test beside somebody who builds. */
export const MAIN = resolve(process.env['IPAM_TEST_DIST'] ?? 'dist', 'src/main.js')
const LINES_MAX = 2_000

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

const running = new Set<Program>()
// The last resort, for a run that is aborted; tests end what they start.
process.on('exit', () => {
  for (const program of running) program.signal('SIGKILL')
})

export class Program {
  readonly exited: Promise<Exit>
  readonly #child: ChildProcess
  #exit: Exit | null = null
  #stdout: string[] = []
  #stderr: string[] = []

  /**
   * Settings that the environment of the tests may have do not reach it.
   *
   * @param stderrPath A file to which everything is added that the program writes to standard error.
   */
  constructor(
    args: readonly string[],
    {
      cwd,
      env = {},
      stderr = 'pipe',
      stderrPath = null,
      main = MAIN,
    }: {
      cwd: string
      /** Of another installation. */
      main?: string
      env?: Readonly<Record<string, string>>
      /** An open file instead of the lines that are kept here. */
      stderr?: number | 'pipe'
      stderrPath?: string | null
    },
  ) {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('IPAM_'))
    this.#child = spawn(process.execPath, [main, ...args], {
      cwd,
      env: { ...Object.fromEntries(inherited), ...env },
      // The channel ends with us, however we end, and the program with it.
      stdio: ['ignore', 'pipe', stderr, 'ipc'],
    })
    running.add(this)
    this.exited = new Promise((resolve, reject) => {
      this.#child.once('error', reject)
      // `close` comes after the last line of output.
      this.#child.once('close', (code, signal) => {
        running.delete(this)
        this.#exit = { code, signal }
        resolve(this.#exit)
      })
    })
    this.exited.catch(() => {})
    this.#keepLines(this.#child.stdout, this.#stdout)
    this.#keepLines(this.#child.stderr, this.#stderr)
    if (stderrPath !== null) this.#child.stderr?.pipe(createWriteStream(stderrPath, { flags: 'a' }))
  }

  #keepLines(stream: NodeJS.ReadableStream | null, lines: string[]): void {
    if (stream === null) return
    createInterface(stream).on('line', (line) => {
      // One a write: they would push out everything else.
      if (line.includes('"level":"info"') && line.includes('"msg":"request"')) return
      lines.push(line)
      if (lines.length > LINES_MAX) lines.splice(0, LINES_MAX / 2)
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get exit(): Exit | null {
    return this.#exit
  }

  get isRunning(): boolean {
    return this.#exit === null
  }

  /** The newest lines. */
  get stdout(): readonly string[] {
    return this.#stdout
  }

  get stderr(): readonly string[] {
    return this.#stderr
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async kill(): Promise<void> {
    if (!this.isRunning) return
    this.signal('SIGKILL')
    await this.exited
  }
}

/** Runs the program to its end. */
export async function run(
  args: readonly string[],
  options: { cwd: string; env?: Readonly<Record<string, string>> },
): Promise<Exit & { stdout: readonly string[]; stderr: readonly string[] }> {
  const program = new Program(args, options)
  const exit = await program.exited
  return { ...exit, stdout: program.stdout, stderr: program.stderr }
}
