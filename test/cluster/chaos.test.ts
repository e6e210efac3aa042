import { describe, expect, test } from 'vitest'
import { formatReport, runStorm, type StormReport } from './chaos/run-storm.ts'

/** How long `make chaos` goes on; without it, one short storm on each size. */
const SECONDS = Number(process.env['CHAOS_SECONDS'] ?? 0)
const SEED = Number(process.env['CHAOS_SEED'] ?? 1)
const NODE_COUNTS = (process.env['CHAOS_NODES'] ?? '3,5').split(',').map(Number)

const SHORT_STORM_MS = 20_000
const LONG_STORM_MS = 40_000
/** Start, recovery and checks on a machine with no time to spare. */
const REST_MS_MAX = 480_000

async function storm(options: { seed: number; nodeCount: number; durationMs: number }): Promise<StormReport> {
  const report = await runStorm(options)
  process.stdout.write(`${formatReport(report)}\n`)
  return report
}

describe('a storm of faults on real processes', () => {
  test.skipIf(SECONDS > 0).for(NODE_COUNTS)(
    'breaks no promise of a cluster of %i',
    { timeout: SHORT_STORM_MS + REST_MS_MAX },
    async (nodeCount) => {
      const { complaints } = await storm({ seed: SEED, nodeCount, durationMs: SHORT_STORM_MS })

      expect(complaints).toEqual([])
    },
  )

  test.skipIf(SECONDS === 0)(
    `breaks no promise in ${SECONDS} s of many seeds`,
    { timeout: SECONDS * 1_000 + LONG_STORM_MS + REST_MS_MAX },
    async () => {
      const endsAt = performance.now() + SECONDS * 1_000
      for (let seed = SEED; performance.now() < endsAt; seed++) {
        const nodeCount = NODE_COUNTS[(seed - SEED) % NODE_COUNTS.length] ?? 3
        const { complaints } = await storm({ seed, nodeCount, durationMs: LONG_STORM_MS })
        expect(complaints, `seed ${seed}`).toEqual([])
      }
    },
  )
})
