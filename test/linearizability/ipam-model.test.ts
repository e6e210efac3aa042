import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../sim/random.ts'
import { checkLinearizable } from './check-linearizable.ts'
import { isLinearizableByEveryOrder } from './every-order.ts'
import { partition } from './history.ts'
import {
  type FinalRecords,
  finalReads,
  formatIpamOperation,
  type Held,
  type IpamInput,
  type IpamOperation,
  type IpamOutput,
  ipamModel,
  settle,
} from './ipam-model.ts'

const NEVER = Number.POSITIVE_INFINITY
const CHECK_MS_MAX = 5_000

/** As 10.0.0.0/29. */
const model = ipamModel({ first: 1, last: 6 })

/** One digit a moment: `op('1-3', …)` was asked for at 1 and answered at 3; `op('1-', …)` was never answered. */
function op(times: string, input: IpamInput, output: IpamOutput | null): IpamOperation {
  const [invokedAt, returnedAt] = times.split('-')
  return {
    client: 1,
    invokedAt: Number(invokedAt),
    returnedAt: returnedAt === '' ? NEVER : Number(returnedAt),
    input,
    output,
  }
}

function allocate(times: string, id: string, first: number | 'exhausted' | null, count = 1): IpamOperation {
  const output =
    first === 'exhausted' ? { type: 'exhausted' as const } : { type: 'allocated' as const, first: first ?? 0 }
  return op(times, { type: 'allocate', id, count }, first === null ? null : output)
}

function release(times: string, id: string): IpamOperation {
  return op(times, { type: 'release', id }, times.endsWith('-') ? null : { type: 'released' })
}

function list(times: string, ...held: [id: string, first: number][]): IpamOperation {
  const active = held.map(([id, first]) => ({ id, first, count: 1 }))
  return op(times, { type: 'list' }, { type: 'listed', active })
}

function get(times: string, id: string, first: number, isActive: boolean): IpamOperation {
  return op(times, { type: 'get', id }, { type: 'record', first, isActive })
}

const HISTORIES: { why: string; ok: boolean; history: IpamOperation[] }[] = [
  {
    why: 'the lowest addresses come first',
    ok: true,
    history: [allocate('0-1', 'a', 1), allocate('2-3', 'b', 2)],
  },
  { why: 'a higher address than the lowest is chosen', ok: false, history: [allocate('0-1', 'a', 2)] },
  {
    why: 'one address is allocated twice',
    ok: false,
    history: [allocate('0-9', 'a', 1), allocate('0-9', 'b', 1)],
  },
  {
    why: 'concurrent clients get neighbours in either order',
    ok: true,
    history: [allocate('0-9', 'a', 2), allocate('0-9', 'b', 1)],
  },
  {
    why: 'the later of two gets the lower address',
    ok: false,
    history: [allocate('0-1', 'a', 2), allocate('2-3', 'b', 1)],
  },
  {
    why: 'a released address is the next',
    ok: true,
    history: [allocate('0-1', 'a', 1), allocate('2-3', 'b', 2), release('4-5', 'a'), allocate('6-7', 'c', 1)],
  },
  {
    why: 'a released address stays taken',
    ok: false,
    history: [allocate('0-1', 'a', 1), release('2-3', 'a'), allocate('4-5', 'b', 2)],
  },
  {
    why: 'an allocation is lost',
    ok: false,
    history: [allocate('0-1', 'a', 1), list('2-3')],
  },
  {
    why: 'a list is stale',
    ok: false,
    history: [allocate('0-1', 'a', 1), release('2-3', 'a'), list('4-5', ['a', 1])],
  },
  {
    why: 'a list during a release shows either',
    ok: true,
    history: [allocate('0-1', 'a', 1), release('2-9', 'a'), list('3-4', ['a', 1]), list('5-6')],
  },
  {
    why: 'a record is stale',
    ok: false,
    history: [allocate('0-1', 'a', 1), release('2-3', 'a'), get('4-5', 'a', 1, true)],
  },
  {
    why: 'a run goes where it fits, and the gap before it to the next',
    ok: true,
    history: [
      ...[allocate('0-1', 'a', 1), allocate('2-3', 'b', 2), release('4-5', 'a')],
      ...[allocate('6-7', 'c', 3, 2), allocate('8-9', 'd', 1)],
    ],
  },
  {
    why: 'a full network has room',
    ok: false,
    history: [allocate('0-1', 'a', 1, 6), allocate('2-3', 'b', 7)],
  },
  {
    why: 'a full network says so',
    ok: true,
    history: [allocate('0-1', 'a', 1, 6), allocate('2-3', 'b', 'exhausted')],
  },
  {
    why: 'a network with room says that it is full',
    ok: false,
    history: [allocate('0-1', 'a', 1, 5), allocate('2-3', 'b', 'exhausted')],
  },
  {
    why: 'an unanswered allocation did happen',
    ok: true,
    history: [allocate('0-', 'a', null), allocate('1-2', 'b', 2)],
  },
  {
    why: 'an unanswered allocation did not happen',
    ok: true,
    history: [allocate('0-', 'a', null), allocate('1-2', 'b', 1)],
  },
  {
    why: 'an unanswered allocation happened after one list and before the next',
    ok: true,
    history: [allocate('0-', 'a', null), list('1-2'), list('3-4', ['a', 1])],
  },
  {
    why: 'an unanswered allocation comes and goes',
    ok: false,
    history: [allocate('0-', 'a', null), list('1-2', ['a', 1]), list('3-4')],
  },
  {
    why: 'a release by somebody else was never answered',
    ok: true,
    history: [allocate('0-1', 'a', 1), release('2-', 'a'), allocate('3-4', 'b', 1)],
  },
  {
    why: 'an unanswered release takes effect twice',
    ok: false,
    history: [allocate('0-1', 'a', 1), release('2-', 'a'), allocate('3-4', 'b', 1), allocate('5-6', 'c', 1)],
  },
  {
    why: 'what was never allocated is missing',
    ok: true,
    history: [
      op('0-1', { type: 'release', id: 'a' }, { type: 'missing' }),
      op('0-1', { type: 'get', id: 'a' }, { type: 'missing' }),
    ],
  },
  {
    why: 'the counts are of one moment',
    ok: false,
    history: [
      allocate('0-9', 'a', 1),
      op('1-2', { type: 'stats' }, { type: 'counted', allocated: 1, firstFree: 1 }),
    ],
  },
]

describe('a network as one object', () => {
  test.each(HISTORIES)('where $why: $ok', ({ history, ok }) => {
    expect(checkLinearizable(model, history).ok).toBe(ok)
    expect(isLinearizableByEveryOrder(model, history)).toBe(ok)
  })

  test('any few operations are judged as by trying every order', () => {
    const time = fc.integer({ min: 0, max: 12 })
    const id = fc.constantFrom('a', 'b')
    const first = fc.integer({ min: 1, max: 3 })
    const answered = fc.oneof(
      fc.record({ id: fc.constantFrom('c', 'd', 'e'), first }).map((a) => allocate('0-0', a.id, a.first)),
      id.map((id) => release('0-0', id)),
      fc.record({ id, first, isActive: fc.boolean() }).map((g) => get('0-0', g.id, g.first, g.isActive)),
      fc
        .subarray([
          ['a', 1],
          ['b', 2],
          ['c', 1],
        ] as [string, number][])
        .map((held) => list('0-0', ...held)),
    )
    const operation = fc.record({ answered, a: time, b: time, isLost: fc.boolean() }).map((drawn) => {
      const times = { invokedAt: Math.min(drawn.a, drawn.b), returnedAt: Math.max(drawn.a, drawn.b) }
      const lost = drawn.isLost ? { returnedAt: NEVER, output: null } : {}
      return { ...drawn.answered, ...times, ...lost }
    })
    const before = [allocate('0-3', 'a', 1), allocate('0-3', 'b', 2)]
    const counts = { ok: 0, violation: 0 }
    fc.assert(
      fc.property(fc.uniqueArray(operation, { maxLength: 4, selector: idOf }), (drawn) => {
        const history = [...before, ...drawn]
        const expected = isLinearizableByEveryOrder(model, history)
        counts[expected ? 'ok' : 'violation'] += 1
        expect(checkLinearizable(model, history).ok).toBe(expected)
      }),
      { numRuns: 3_000 },
    )
    expect(Math.min(counts.ok, counts.violation)).toBeGreaterThan(300)
  })

  test('10,000 operations of 256 clients on 64 networks are checked in a few seconds', () => {
    const { history, final } = simulateHistory({ operations: 10_000, networks: 64, clients: 256 })
    const before = process.cpuUsage()

    const verdicts = [...partition(history, ({ client }) => client % 64)].map(([network, part]) => {
      const records = final(network)
      return checkLinearizable(MANY, [...settle(part, records), ...finalReads(records)])
    })

    expect(verdicts).toHaveLength(64)
    expect(verdicts.filter(({ ok }) => !ok)).toEqual([])
    // Processor time: others may be at work on this machine.
    const { user, system } = process.cpuUsage(before)
    expect((user + system) / 1_000).toBeLessThan(CHECK_MS_MAX)
  })

  test('one doubled address among 10,000 operations is found, and only in its network', () => {
    const { history, final } = simulateHistory({ operations: 10_000, networks: 64, clients: 256 })
    const forged = history.findLast(
      ({ input, output }) => input.type === 'allocate' && output?.type === 'allocated',
    )
    const broken = history.map((operation) => {
      if (operation !== forged || operation.output?.type !== 'allocated') return operation
      return { ...operation, output: { ...operation.output, first: operation.output.first - 1 } }
    })

    const bad = [...partition(broken, ({ client }) => client % 64)].filter(([network, part]) => {
      return !checkLinearizable(MANY, settle(part, final(network))).ok
    })

    expect(bad.map(([network]) => network)).toEqual([(forged?.client ?? 0) % 64])
  })
})

describe('operations of unknown outcome', () => {
  const final: FinalRecords = {
    readAt: 9,
    records: new Map([
      ['a', { id: 'a', first: 1, count: 1, isActive: false }],
      ['b', { id: 'b', first: 2, count: 1, isActive: true }],
    ]),
  }

  test('are settled by what is found at the end', () => {
    const history = [
      ...[allocate('0-', 'a', null), allocate('0-', 'b', null), allocate('0-', 'c', null)],
      ...[release('1-', 'a'), release('1-', 'b'), op('1-', { type: 'list' }, null)],
    ]

    expect(settle(history, final)).toEqual([
      allocate('0-9', 'a', 1),
      allocate('0-9', 'b', 2),
      release('1-', 'a'),
    ])
    expect(checkLinearizable(model, [...settle(history, final), ...finalReads(final)]).ok).toBe(true)
  })

  test('cost few states where many records contradict the history', () => {
    const ids = Array.from({ length: 60 }, (_, i) => `id-${i}`)
    const history = ids.map((id, i) => ({
      ...allocate('0-8', id, i + 1),
      invokedAt: i / 10,
      returnedAt: i / 10,
    }))
    const held = ids.map((id, i) => [id, { id, first: i + 1, count: 1, isActive: i !== 30 }] as const)

    const verdict = checkLinearizable(
      MANY,
      [...history, ...finalReads({ readAt: 9, records: new Map(held) })],
      {
        statesMax: 1_000,
      },
    )

    expect(verdict).toMatchObject({ ok: false, result: 'violation' })
  })

  test('do not explain what is found and nobody asked for', () => {
    const history = settle([allocate('0-', 'a', null), allocate('0-', 'b', null)], final)

    expect(checkLinearizable(model, [...history, ...finalReads(final)]).ok).toBe(false)
  })
})

test('an operation is told in one line', () => {
  expect(formatIpamOperation(allocate('1-2', 'a', 3))).toBe('[1.000, 2.000] client 1: allocate a 1 → at 3')
  expect(formatIpamOperation(release('1-', 'a'))).toBe('[1.000, Infinity] client 1: release a → unknown')
})

/** As a /26. */
const MANY = ipamModel({ first: 1, last: 62 })

function idOf({ input }: IpamOperation): string {
  return input.type === 'allocate' ? input.id : JSON.stringify(input)
}

/** Another way to keep the same books: every address by itself. */
class Network {
  readonly #holders: (string | null)[] = Array.from({ length: 62 }, () => null)
  readonly records = new Map<string, Held & { isActive: boolean }>()

  answer(input: IpamInput): IpamOutput {
    switch (input.type) {
      case 'allocate':
        return this.#allocate(input)
      case 'release':
        return this.#release(input.id)
      case 'get': {
        const record = this.records.get(input.id)
        if (record === undefined) return { type: 'missing' }
        return { type: 'record', first: record.first, isActive: record.isActive }
      }
      case 'list':
        return { type: 'listed', active: [...this.records.values()].filter(({ isActive }) => isActive) }
      case 'stats': {
        const firstFree = this.#holders.indexOf(null)
        const allocated = this.#holders.filter((holder) => holder !== null).length
        return { type: 'counted', allocated, firstFree: firstFree < 0 ? null : firstFree + 1 }
      }
      default:
        return input satisfies never
    }
  }

  #allocate({ id, count }: { id: string; count: number }): IpamOutput {
    const first = this.#holders.findIndex((_, i) => {
      const run = this.#holders.slice(i, i + count)
      return run.length === count && run.every((holder) => holder === null)
    })
    if (first < 0) return { type: 'exhausted' }
    this.#holders.fill(id, first, first + count)
    this.records.set(id, { id, first: first + 1, count, isActive: true })
    return { type: 'allocated', first: first + 1 }
  }

  #release(id: string): IpamOutput {
    const record = this.records.get(id)
    if (record === undefined) return { type: 'missing' }
    if (record.isActive) this.#holders.fill(null, record.first - 1, record.first - 1 + record.count)
    this.records.set(id, { ...record, isActive: false })
    return { type: 'released' }
  }
}

/** Of a correct service, on a made-up clock: each client works on one network; one operation in 50 gets no answer. */
function simulateHistory(size: { operations: number; networks: number; clients: number }): {
  history: IpamOperation[]
  final: (network: number) => FinalRecords
} {
  const random = new Random(7).next
  const networks = Array.from({ length: size.networks }, () => new Network())
  const idleSince = Array.from({ length: size.clients }, () => 0)
  const history: IpamOperation[] = []
  for (let time = 1; history.length < size.operations; time++) {
    const client = Math.floor(random() * size.clients)
    const invokedAt = Math.max(idleSince[client] ?? 0, time - random() * 500)
    const network = networks[client % size.networks]
    if (invokedAt > time || network === undefined) continue
    const returnedAt = time + random() * 500
    idleSince[client] = returnedAt + 0.001
    const input = drawInput(random, network, `id-${history.length}`)
    const output = network.answer(input)
    const isLost = random() < 0.02
    const outcome = isLost ? { returnedAt: NEVER, output: null } : { returnedAt, output }
    history.push({ client, invokedAt, input, ...outcome })
  }
  const readAt = Math.max(...idleSince)
  return { history, final: (network) => ({ readAt, records: networks[network]?.records ?? new Map() }) }
}

function drawInput(random: () => number, { records }: Network, id: string): IpamInput {
  const known = [...records.keys()]
  const one = known[Math.floor(random() * known.length)] ?? id
  const choice = random()
  if (choice < 0.4) return { type: 'allocate', id, count: 1 + Math.floor(random() * 3) }
  if (choice < 0.7) return { type: 'release', id: one }
  if (choice < 0.8) return { type: 'get', id: one }
  return { type: choice < 0.9 ? 'list' : 'stats' }
}
