/** A command line as somebody types it, that runs in the foreground until Ctrl-C. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { until } from './until.ts'

const PRINTED_CHARS_MAX = 1 << 20

export class Foreground {
  readonly #shell: ChildProcess
  readonly #closed: Promise<unknown>
  #printed = ''
  #isOver = false

  constructor(line: string, options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv }) {
    // In a process group of its own, as a terminal does it.
    this.#shell = spawn('bash', ['-euc', line], {
      ...options,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.#shell.stdout, this.#shell.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#printed = (this.#printed + text).slice(-PRINTED_CHARS_MAX)
      })
    }
    // Comes after the last line of output.
    this.#closed = once(this.#shell, 'close').then(() => {
      this.#isOver = true
    })
  }

  /** By everything that it starts. */
  get printed(): string {
    return this.#printed
  }

  async untilPrinted(text: string): Promise<void> {
    const isThere = await until(
      `it prints: ${text}`,
      () => (this.#printed.includes(text) && 'printed') || (this.#isOver && 'over'),
      { timeoutMs: 90_000 },
    )
    if (isThere === 'over') throw new Error(`it ended before it had printed: ${text}\n${this.#printed}`)
  }

  /** Ctrl-C, which a terminal sends to all of the group. */
  async interrupt(): Promise<void> {
    this.#signal('SIGINT')
    await this.#closed
  }

  async kill(): Promise<void> {
    this.#signal('SIGKILL')
    await this.#closed
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      if (!this.#isOver && this.#shell.pid !== undefined) process.kill(-this.#shell.pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}
