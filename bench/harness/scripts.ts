/** Benchmarks that are programs of their own and print rows of a table: they compare with nothing. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('..', import.meta.url))

export interface Script {
  /** The file's, without its ending. */
  readonly name: string
  readonly says: string
}

export const SCRIPTS: readonly Script[] = [
  { name: 'scale', says: 'memory, start and lists of a node with 1,000,000 allocations' },
  { name: 'cluster-restart', says: 'how long a node, and a whole cluster, takes to start again' },
  { name: 'cluster-failover', says: 'how long writes stand still after kill -9 of the leader' },
  { name: 'snapshot-heartbeats', says: 'how long a snapshot blocks the event loop' },
  { name: 'expiry', says: 'p99 while TTLs expire' },
]

/** Its rows, or one that says why there are none. */
export async function runScript({ name, says }: Script, onStart: (pid: number) => void): Promise<string[]> {
  const path = join(FOLDER, `${name}.ts`)
  if (!existsSync(path)) return [`| ${says} | there is no bench/${name}.ts | |`]
  const child = spawn(process.execPath, [...process.execArgv, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  onStart(child.pid ?? 0)
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve))
  const lines = (await text(child.stdout)).split('\n').filter((line) => line.startsWith('|'))
  const code = await exit
  return code === 0
    ? lines
    : [...lines, `| ${says} | ended with ${code}: a claim does not hold, or it failed | |`]
}
