import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ClientBuckets, type Rate, type Rates } from '../../src/http/client-buckets.ts'

/**
 * The same, slowly: what a client has is worked out anew from everything that it has ever taken. Nobody is forgotten. In whole
 * thousandths of a request.
 */
class SlowBuckets {
  readonly #rates: Rates
  readonly #taken = new Map<string, number[]>()

  constructor(rates: Rates) {
    this.#rates = rates
  }

  take(name: string, kind: 'reads' | 'writes', ms: number): { isIn: boolean; left: number } | null {
    const rate = this.#rates[kind]
    if (rate === null) return null
    const key = `${kind} ${name}`
    const times = this.#taken.get(key) ?? []
    const left = leftAt(rate, times, ms)
    if (left < 1_000) return { isIn: false, left }
    this.#taken.set(key, [...times, ms])
    return { isIn: true, left: left - 1_000 }
  }
}

function leftAt({ perSecond, burst }: Rate, times: readonly number[], ms: number): number {
  let left = burst * 1_000
  let at = times[0] ?? ms
  for (const time of [...times, ms]) {
    for (; at < time; at++) left = Math.min(burst * 1_000, left + perSecond)
    left -= 1_000
  }
  return left + 1_000
}

const RATE = fc.option(
  fc.record({ perSecond: fc.integer({ min: 1, max: 700 }), burst: fc.integer({ min: 1, max: 6 }) }),
)

const CALLS = fc.array(
  fc.record({
    name: fc.constantFrom('a', 'b', 'c'),
    kind: fc.constantFrom('reads' as const, 'writes' as const),
    passedMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 3_000 })),
  }),
  { maxLength: 60 },
)

function open({ reads = null, writes = null }: Partial<Rates>, clientsMax = 100) {
  const clock = { ms: 0 }
  const buckets = new ClientBuckets({ rates: { reads, writes }, clientsMax, now: () => clock.ms })
  return { clock, buckets }
}

describe('buckets of requests', () => {
  test('let in and leave exactly what the slow model does, and say exactly when the next one is let in', () => {
    fc.assert(
      fc.property(RATE, RATE, CALLS, (reads, writes, calls) => {
        const { clock, buckets } = open({ reads, writes })
        const slow = new SlowBuckets({ reads, writes })
        for (const { name, kind, passedMs } of calls) {
          clock.ms += passedMs
          const taken = buckets.take(name, kind)
          const expected = slow.take(name, kind, clock.ms)
          if (taken === null || expected === null) {
            expect(taken).toBe(expected)
            continue
          }
          expect(taken.waitMs === 0).toBe(expected.isIn)
          expect(taken.remaining).toBe(Math.floor(expected.left / 1_000))
          const { perSecond = 0, burst = 0 } = (kind === 'reads' ? reads : writes) ?? {}
          expect(taken.fullInMs).toBe((burst * 1_000 - expected.left) / perSecond)
          if (!expected.isIn) expect(taken.waitMs).toBe((1_000 - expected.left) / perSecond)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('whoever goes on asking gets the rate all the same', () => {
    const { clock, buckets } = open({ reads: { perSecond: 10, burst: 1 } })
    let letIn = 0
    for (; clock.ms < 10_000; clock.ms += 7) if (buckets.take('a', 'reads')?.waitMs === 0) letIn += 1

    // Each time up to one step late.
    expect(letIn).toBeGreaterThan(90)
    expect(letIn).toBeLessThanOrEqual(101)
  })

  test('are no more than the limit, however many clients come', () => {
    const { clock, buckets } = open({ reads: { perSecond: 1, burst: 2 } }, 50)
    for (let i = 0; i < 10_000; i++) {
      clock.ms += i % 3
      buckets.take(`client ${i % 777}`, 'reads')
      expect(buckets.size).toBeLessThanOrEqual(50)
    }
    expect(buckets.size).toBe(50)
  })

  test('of the few that were longest not seen the first is forgotten whose buckets are full again', () => {
    const { clock, buckets } = open({ reads: { perSecond: 1, burst: 5 } }, 3)
    for (let i = 0; i < 5; i++) buckets.take('greedy', 'reads')
    clock.ms = 500
    buckets.take('modest', 'reads')
    buckets.take('late', 'reads')
    // "modest" is full again, "greedy" is not, though it was not seen for longer.
    clock.ms = 1_600

    buckets.take('new', 'reads')

    expect(buckets.size).toBe(3)
    expect(buckets.take('greedy', 'reads')?.remaining).toBe(0)
    expect(buckets.take('greedy', 'reads')?.waitMs).toBeGreaterThan(0)
  })

  test('where none of them is full the one is forgotten that was longest not seen', () => {
    const { buckets } = open({ reads: { perSecond: 1, burst: 2 } }, 2)
    for (const name of ['a', 'b', 'a', 'c']) buckets.take(name, 'reads')

    // "b" is forgotten, and starts anew; "a" is not.
    expect(buckets.take('a', 'reads')?.waitMs).toBeGreaterThan(0)
    expect(buckets.take('b', 'reads')?.remaining).toBe(1)
  })
})
