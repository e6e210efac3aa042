/** A peer's program as a process that cannot outlive the benchmark. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'

const TOLD_BYTES_MAX = 2_000

/** Whether all of these programs can be found. */
export function areInstalled(programs: readonly string[]): boolean {
  return programs.every((program) => spawnSync('which', [program]).status === 0)
}

export class ServerProgram {
  readonly #child: ChildProcess
  readonly #logPath: string
  readonly exited: Promise<void>

  /**
   * @param logPath Gets standard output and error without a detour through this process, whose time would count.
   * @param options.user Who runs it; null for ourselves.
   * @param options.endSignal What ends it at once when we are gone, however we went.
   */
  constructor(
    command: readonly string[],
    {
      cwd,
      logPath,
      user = null,
      endSignal = 'KILL',
    }: { cwd: string; logPath: string; user?: string | null; endSignal?: 'KILL' | 'QUIT' },
  ) {
    const log = openSync(logPath, 'a')
    const as = user === null ? [] : [`--reuid=${user}`, `--regid=${user}`, '--init-groups']
    this.#child = spawn('setpriv', [...as, '--pdeathsig', endSignal, ...command], {
      cwd,
      // Not detached: a session of its own would be scheduled against ours instead of with it (sched(7), autogroups).
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    this.#logPath = logPath
    this.exited = new Promise((resolve, reject) => {
      this.#child.once('error', reject)
      this.#child.once('exit', () => resolve())
    })
    this.exited.catch(() => {})
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** @throws with the end of its log if it does not run. */
  checkRuns(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) return
    const log = readFileSync(this.#logPath, 'utf8').slice(-TOLD_BYTES_MAX)
    throw new Error(`${this.#child.spawnargs.join(' ')} has ended:\n${log}`)
  }

  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill(signal)
    await this.exited.catch(() => {})
  }
}
