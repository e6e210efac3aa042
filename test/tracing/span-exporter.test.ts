import { describe, expect, test } from 'vitest'
import type { FinishedSpan } from '../../src/tracing/span.ts'
import { type Delivery, EXPORT_LIMITS, SpanExporter } from '../../src/tracing/span-exporter.ts'
import { HandClock } from '../raft/transport/support.ts'

const LIMITS = { ...EXPORT_LIMITS, spansMax: 10, batchSpansMax: 4 }
const TAKEN: Delivery = { outcome: 'taken', rejectedCount: 0 }
const LATER: Delivery = { outcome: 'later', why: 'ECONNREFUSED' }
const REFUSED: Delivery = { outcome: 'refused', why: 'the collector answers 401' }

function spanOf(name: string): FinishedSpan {
  return {
    name,
    kind: 'internal',
    context: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: 1, traceState: '' },
    parentId: null,
    isParentRemote: false,
    startedAt: 1,
    endedAt: 2,
    attributes: {},
    error: null,
  }
}

/** An exporter; the test is its clock and its collector. */
class Outlet {
  readonly clock = new HandClock()
  readonly lines: string[] = []
  /** Names of spans, by request. */
  readonly requests: string[][] = []
  readonly exporter: SpanExporter
  #answer: ((delivery: Delivery) => void) | null = null
  #kept = 0

  constructor() {
    const line = (fields: object, message: string): void => {
      this.lines.push('why' in fields ? `${message}: ${fields.why}` : message)
    }
    this.exporter = new SpanExporter({
      limits: LIMITS,
      clock: this.clock,
      logger: { info: line, warn: line, error: line },
      send: (spans, signal) => {
        this.requests.push(spans.map(({ name }) => name))
        return new Promise((resolve) => {
          this.#answer = resolve
          signal.addEventListener('abort', () => resolve({ outcome: 'later', why: 'the node stops' }))
        })
      },
    })
  }

  keep(count: number): void {
    for (let i = 0; i < count; i++) this.exporter.keep(spanOf(String(++this.#kept)))
  }

  /** Of the request under way. */
  async answer(delivery: Delivery): Promise<void> {
    this.#answer?.(delivery)
    await settled()
  }
}

/** All that promises lead to. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

describe('spans', () => {
  test('wait for each other for a while', () => {
    const outlet = new Outlet()

    outlet.keep(2)
    outlet.clock.advance(LIMITS.delayMs - 1)
    expect(outlet.requests).toEqual([])
    outlet.clock.advance(1)

    expect(outlet.requests).toEqual([['1', '2']])
  })

  test('leave at once when they fill a request, one request at a time', async () => {
    const outlet = new Outlet()

    outlet.keep(9)
    expect(outlet.requests).toEqual([['1', '2', '3', '4']])
    outlet.clock.advance(60_000)
    expect(outlet.requests).toHaveLength(1)
    await outlet.answer(TAKEN)
    await outlet.answer(TAKEN)
    outlet.clock.advance(LIMITS.delayMs)
    await outlet.answer(TAKEN)

    expect(outlet.requests.slice(1)).toEqual([['5', '6', '7', '8'], ['9']])
    expect(outlet.exporter.figures).toMatchObject({ exportedCount: 9, waiting: { size: 0, max: 10 } })
  })

  test('that find no room are dropped and counted, those under way included in what there is', async () => {
    const outlet = new Outlet()

    outlet.keep(13)

    expect(outlet.exporter.figures).toMatchObject({ waiting: { size: 10 }, dropped: { queue_full: 3 } })
    await outlet.answer(TAKEN)
    expect(outlet.requests[1]).toEqual(['5', '6', '7', '8'])
  })

  test('that were not taken are sent again in their order, later and later', async () => {
    const outlet = new Outlet()
    outlet.keep(5)
    await outlet.answer(LATER)

    const waits: number[] = []
    for (let i = 0; i < 8; i++) {
      const before = outlet.clock.now()
      outlet.clock.next()
      waits.push(outlet.clock.now() - before)
      await outlet.answer(LATER)
    }

    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
    expect(new Set(outlet.requests.map(String))).toEqual(new Set(['1,2,3,4']))
    outlet.clock.next()
    await outlet.answer(TAKEN)
    outlet.clock.next()
    expect(outlet.requests.at(-1)).toEqual(['5'])
  })

  test('do not hurry a collector that has trouble, however many there are', async () => {
    const outlet = new Outlet()
    outlet.keep(4)
    await outlet.answer(LATER)

    outlet.keep(20)
    await settled()

    expect(outlet.requests).toHaveLength(1)
  })

  test('that are refused are dropped and counted, and so are those that it says it has rejected', async () => {
    const outlet = new Outlet()
    outlet.keep(8)

    await outlet.answer(REFUSED)
    await outlet.answer({ outcome: 'taken', rejectedCount: 3 })

    expect(outlet.exporter.figures).toMatchObject({
      exportedCount: 1,
      dropped: { refused: 7 },
      waiting: { size: 0 },
    })
  })
})

describe('a collector that does not take spans', () => {
  test('is complained about once a minute at most', async () => {
    const outlet = new Outlet()
    const times: number[] = []
    outlet.keep(4)
    while (outlet.clock.now() < 300_000) {
      const before = outlet.lines.length
      await outlet.answer(LATER)
      if (outlet.lines.length > before) times.push(outlet.clock.now())
      outlet.clock.next()
    }

    expect(new Set(outlet.lines)).toEqual(new Set(['spans cannot be exported: ECONNREFUSED']))
    expect(times.length).toBeGreaterThan(2)
    for (const [i, time] of times.entries()) {
      expect(time - (times[i - 1] ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(60_000)
    }
  })

  test('is said to be back when it is, once', async () => {
    const outlet = new Outlet()
    outlet.keep(4)
    await outlet.answer(LATER)
    outlet.clock.next()
    await outlet.answer(TAKEN)
    outlet.keep(4)
    await outlet.answer(TAKEN)

    expect(outlet.lines).toEqual(['spans cannot be exported: ECONNREFUSED', 'spans are exported again'])
  })
})

describe('the end', () => {
  test('comes when everything is sent', async () => {
    const outlet = new Outlet()
    outlet.keep(6)

    const closed = outlet.exporter.close()
    await outlet.answer(TAKEN)
    await outlet.answer(TAKEN)
    await closed

    expect(outlet.requests).toEqual([
      ['1', '2', '3', '4'],
      ['5', '6'],
    ])
    expect(outlet.exporter.figures).toMatchObject({ exportedCount: 6, dropped: { shutdown: 0 } })
  })

  test('comes in time where the collector does not answer, and says what is lost', async () => {
    const outlet = new Outlet()
    outlet.keep(6)

    const closed = outlet.exporter.close()
    outlet.clock.advance(LIMITS.closeMs)
    await closed
    outlet.keep(1)

    expect(outlet.requests).toHaveLength(1)
    expect(outlet.exporter.figures).toMatchObject({ waiting: { size: 0 }, dropped: { shutdown: 7 } })
  })

  test('tries once more where the collector was gone, and then gives up', async () => {
    const outlet = new Outlet()
    outlet.keep(6)
    await outlet.answer(LATER)

    const closed = outlet.exporter.close()
    await settled()
    await outlet.answer(LATER)
    await closed

    expect(outlet.requests).toHaveLength(2)
    expect(outlet.exporter.figures.dropped.shutdown).toBe(6)
  })

  test('comes at once where nothing waits, as often as one asks', async () => {
    const outlet = new Outlet()

    await outlet.exporter.close()
    await outlet.exporter.close()

    expect(outlet.requests).toEqual([])
  })
})
