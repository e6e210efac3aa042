/** Under what the figures were measured. */
import { readFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import type { Settings } from '../harness/settings.ts'

export async function conditions(settings: Settings, { tookMs }: { tookMs: number }): Promise<string[]> {
  const load = (await readFile('/proc/loadavg', 'utf8')).split(' ').slice(0, 3).join(' ')
  const { rounds, warmUpMs, measureMs } = settings
  return [
    `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB, one disk, Node.js ${process.versions.node}; driver and servers on this machine.`,
    `${rounds} rounds${rounds < 5 ? ' (fewer than the five that a claim needs)' : ''}, sides in turn; ${warmUpMs / 1_000} s of warm-up and ${measureMs / 1_000} s measured each; one driver process a side; medians, ratios of each round (lowest–highest).`,
    ...(settings.isQuick
      ? ['A quick run: fewer rounds, shorter ones, and all claims with the same servers.']
      : []),
    'Fsync is on everywhere; ours with its default log level, audit and idempotency. Every answer is checked, and the final state.',
    '`*`: limited by the driver (its core at 85 % or more while 5 % of the machine is left). `†`: processes that are not part of the benchmark (others) took more than 0.2 cores: measure again.',
    `Load average at the end ${load}; ${Math.round(tookMs / 1_000)} s in all.`,
  ]
}
