import { cpus } from 'node:os'
import { describe, expect, test } from 'vitest'
import type { JobResult } from '../../bench/load/job.ts'
import { costTable, resultTable } from '../../bench/report/markdown.ts'
import { compare, figureOf, figureRow, isReached, missingRow, secondsRow } from '../../bench/report/row.ts'

const WINDOW_MS = 2_000

/** A round with that many operations in its two seconds. */
function round(count: number, { p99 = 10, driverMs = 200, serversMs = 400, othersMs = 200 } = {}): JobResult {
  return {
    count,
    rows: count,
    windowMs: WINDOW_MS,
    retries: count * 2,
    latency: { p50: 5, p99, max: 20 },
    cpu: { driverMs, serversMs, machineMs: driverMs + serversMs + othersMs },
  }
}

describe('a figure', () => {
  test('has medians, and the cost of one operation', () => {
    const figure = figureOf('ipam', [round(1_000), round(3_000), round(2_000)])

    expect(figure).toMatchObject({
      perSecond: 1_000,
      p50Ms: 5,
      driverMicros: 100,
      serverMicros: 200,
      driverCores: 0.1,
      serverCores: 0.2,
      otherCores: 0.1,
      retriesEach: 2,
      isDriverLimited: false,
    })
  })

  test.each([
    { limited: 1, isMarked: false, why: 'one of three rounds may be an accident' },
    { limited: 2, isMarked: true, why: 'most rounds are' },
  ])(
    'of three rounds of which the driver limits $limited is marked: $isMarked, $why',
    ({ limited, isMarked }) => {
      // The servers use nothing, so that there is room on any number of cores above one.
      const rounds = [0, 1, 2].map((i) => round(1_000, { driverMs: i < limited ? 1_800 : 200, serversMs: 0 }))

      expect(figureOf('ipam', rounds).isDriverLimited).toBe(isMarked && cpus().length > 1)
    },
  )
})

describe('what a claim asks for', () => {
  const ours = figureOf('ipam', [round(1_500, { p99: 8 })])
  const peer = figureOf('etcd', [round(1_000, { p99: 10 })])
  const both = { what: 'writes', clients: 64, ours, peer }

  test.each([
    { bound: 1.5, isUpper: false, reached: true, why: 'throughput may be just so much' },
    { bound: 1.6, isUpper: false, reached: false, why: 'throughput has to be at least that' },
    { bound: 0.8, isUpper: true, reached: true, why: 'a latency may be just so much' },
    { bound: 0.7, isUpper: true, reached: false, why: 'a latency has to be at most that' },
  ])('$bound is reached: $reached, $why', ({ bound, isUpper, reached }) => {
    const row = compare({ ...both, metric: isUpper ? 'p99Ms' : 'perSecond', bound })
    expect(isReached(row, row.bound)).toBe(reached)
  })

  test('the report says by how much, and whether that is enough', () => {
    const rows = [
      compare({ ...both, bound: 1.2, aim: 1.7 }),
      compare({ ...both, bound: 1.2, aim: 1.4 }),
      compare({ ...both, metric: 'p99Ms', bound: 0.5 }),
      secondsRow({ what: 'catching up', clients: 64, seconds: [4, 12, 8], bound: 10 }),
      figureRow({ what: 'alone', clients: 16, ours }),
      compare({ ...both, peer: figureOf('etcd', [round(1_000, { othersMs: 1_000 })]) }),
      missingRow('reads', 'etcd is not installed: apt-get install etcd-server'),
    ]

    expect(resultTable(rows).split('\n').slice(2)).toEqual([
      '| writes | 64 | 750/s | etcd: 500/s | **1.50×** (1.50×–1.50×) | 1.2× | 1.7× | ✓ |',
      '| writes | 64 | 750/s | etcd: 500/s | **1.50×** (1.50×–1.50×) | 1.2× | 1.4× | ✓ aim |',
      '| writes | 64 | 8.00 ms | etcd: 10.00 ms | **0.80×** (0.80×–0.80×) | ≤ 0.5× |  | ✗ |',
      '| catching up | 64 |  |  | **8.00 s** (4.00 s–12.0 s) | ≤ 10 s |  | ✓ |',
      '| alone | 16 | 750/s |  |  |  |  |  |',
      '| writes | 64 | 750/s | etcd: 500/s | **1.50×** (1.50×–1.50×) † |  |  |  |',
      '| reads | | | | etcd is not installed: apt-get install etcd-server | | | |',
    ])
  })

  test('what a measurement took of the machine is told once, however many rows it has', () => {
    const rows = [compare({ ...both }), compare({ ...both, metric: 'p99Ms' })]

    expect(costTable(rows).split('\n').slice(2)).toEqual([
      '| writes | 64 | ipam | 750 | 5.00 | 8.00 | 2.0 | 133 | 267 | 0.10 | 0.20 | 0.10 |',
      '| writes | 64 | etcd | 500 | 5.00 | 10.00 | 2.0 | 200 | 400 | 0.10 | 0.20 | 0.10 |',
    ])
  })
})
