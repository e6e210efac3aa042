/** Makes the disk of a running process fail, from outside: its system calls come back with an error. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { until } from './until.ts'

/** False where strace is missing, or may not attach: it takes root, or the right to trace. */
export function canTrace(): boolean {
  return spawnSync('strace', ['-e', 'trace=none', 'true'], { stdio: 'ignore' }).status === 0
}

/**
 * From the next one on, every `fdatasync` and `fsync` of a file below `directory` fails with EIO, and does nothing:
 * what the kernel says when it could not write back and has dropped the pages.
 *
 * @param pid The process may end while it is traced; the trace ends with it.
 */
export async function failSyncs(pid: number, paths: readonly string[]): Promise<Trace> {
  const child = spawn(
    'strace',
    [
      ...['--follow-forks', '--attach', String(pid), '--signal=none'],
      ...paths.flatMap((path) => ['--trace-path', path]),
      ...['--trace=fdatasync,fsync', '--inject=fdatasync,fsync:error=EIO'],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const trace = new Trace(child)
  await until('strace is attached', () => {
    if (child.exitCode !== null) throw new Error(trace.lines.join('\n'))
    return trace.lines.some((line) => line.includes(' attached'))
  })
  return trace
}

export class Trace {
  readonly lines: string[] = []
  readonly ended: Promise<void>

  constructor(child: ChildProcess) {
    if (child.stderr !== null) createInterface(child.stderr).on('line', (line) => this.lines.push(line))
    this.ended = new Promise((resolve) => child.once('close', () => resolve()))
  }

  get injectedCount(): number {
    return this.lines.filter((line) => line.includes('(INJECTED)')).length
  }
}
