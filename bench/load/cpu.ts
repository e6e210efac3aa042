/** Processor time of this process, of others, and of the machine (Linux). */
import { readdirSync, readFileSync } from 'node:fs'
import type { CpuUse } from './job.ts'

/** `USER_HZ`, in which /proc counts: 100 on every Linux that Node.js runs on. */
const TICK_MS = 10

/** What each has used up to one moment. */
export interface CpuTimes {
  readonly driverMs: number
  /** By process id: between two moments some may have ended, and others begun. */
  readonly serversMs: ReadonlyMap<number, number>
  readonly machineMs: number
}

/** @param roots The servers of this moment. Their descendants count with them: a database may have a process for each connection. */
export function cpuTimes(roots: readonly number[]): CpuTimes {
  const { user, system } = process.cpuUsage()
  return {
    driverMs: (user + system) / 1_000,
    serversMs: new Map([...treeOf(roots)].map(([pid, ticks]) => [pid, ticks * TICK_MS])),
    machineMs: machineTicks() * TICK_MS,
  }
}

/** Of a server that has ended in between nobody knows any more what it used: that goes to the others. */
export function cpuUsed(before: CpuTimes, after: CpuTimes): CpuUse {
  const servers = [...after.serversMs].map(([pid, ms]) => ms - (before.serversMs.get(pid) ?? 0))
  return {
    driverMs: after.driverMs - before.driverMs,
    serversMs: servers.reduce((sum, ms) => sum + ms, 0),
    machineMs: after.machineMs - before.machineMs,
  }
}

/** Ticks of each process of the trees below `roots`, by its id. */
function treeOf(roots: readonly number[]): Map<number, number> {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => statOf(Number(name)))
    .filter((stat) => stat !== null)
  const found = new Map(all.filter(({ pid }) => roots.includes(pid)).map((stat) => [stat.pid, stat.ticks]))
  for (let size = -1; size !== found.size; ) {
    size = found.size
    for (const { pid, parent, ticks } of all) if (found.has(parent)) found.set(pid, ticks)
  }
  return found
}

function statOf(pid: number): { pid: number; parent: number; ticks: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The command may have spaces and parentheses itself.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { pid, parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }
  } catch {
    // It has ended since the directory was read.
    return null
  }
}

/** user, nice, system, irq, softirq and steal; not idle and iowait. */
function machineTicks(): number {
  const fields = (readFileSync('/proc/stat', 'latin1').split('\n')[0] ?? '').trim().split(/\s+/).map(Number)
  return [1, 2, 3, 6, 7, 8].reduce((sum, i) => sum + (fields[i] ?? 0), 0)
}
