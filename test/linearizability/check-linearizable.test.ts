import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkLinearizable } from './check-linearizable.ts'
import { isLinearizableByEveryOrder } from './every-order.ts'
import type { Model, Operation } from './history.ts'

const NEVER = Number.POSITIVE_INFINITY

type Input = { readonly type: 'read' } | { readonly type: 'write'; readonly value: number }
type RegisterOperation = Operation<Input, number>

/** A write answers with what it wrote. */
const register: Model<number, Input, number> = {
  init: () => 0,
  step: (state, { input, output }) => {
    const next = input.type === 'read' ? state : input.value
    return output === null || output === next ? next : null
  },
  key: String,
}

type Times = readonly [invokedAt: number, returnedAt: number]

function read([invokedAt, returnedAt]: Times, output: number | null): RegisterOperation {
  return { client: 0, invokedAt, returnedAt, input: { type: 'read' }, output }
}

function write([invokedAt, returnedAt]: Times, value: number): RegisterOperation {
  const output = returnedAt === NEVER ? null : value
  return { client: 1, invokedAt, returnedAt, input: { type: 'write', value }, output }
}

const HISTORIES: { why: string; ok: boolean; history: RegisterOperation[] }[] = [
  { why: 'nothing happened', ok: true, history: [] },
  { why: 'a read sees what was written before it', ok: true, history: [write([0, 1], 7), read([2, 3], 7)] },
  { why: 'a read is stale', ok: false, history: [write([0, 1], 7), read([2, 3], 0)] },
  { why: 'a read during a write sees the old value', ok: true, history: [write([0, 9], 7), read([2, 3], 0)] },
  { why: 'a read during a write sees the new value', ok: true, history: [write([0, 9], 7), read([2, 3], 7)] },
  {
    why: 'what one read saw is gone for the next',
    ok: false,
    history: [write([0, 9], 7), read([1, 2], 7), read([3, 4], 0)],
  },
  { why: 'a read sees what nobody wrote', ok: false, history: [write([0, 1], 7), read([0, 1], 8)] },
  {
    why: 'concurrent writes come in one order',
    ok: true,
    history: [write([0, 5], 1), write([0, 5], 2), read([6, 7], 1)],
  },
  {
    why: 'concurrent writes come in the other order',
    ok: true,
    history: [write([0, 5], 1), write([0, 5], 2), read([6, 7], 2)],
  },
  {
    why: 'two clients see concurrent writes in different orders',
    ok: false,
    history: [
      ...[write([0, 9], 1), write([0, 9], 2)],
      ...[read([1, 2], 1), read([3, 4], 2), read([5, 6], 1)],
    ],
  },
  {
    why: 'a later write is lost to an earlier one',
    ok: false,
    history: [write([0, 1], 1), write([2, 3], 2), read([4, 5], 1)],
  },
  {
    why: 'a write takes effect before it was asked for',
    ok: false,
    history: [read([0, 1], 7), write([2, 3], 7)],
  },
  {
    why: 'a return and an invocation at one moment overlap',
    ok: true,
    history: [write([0, 2], 7), read([2, 3], 0)],
  },
  { why: 'an unanswered write did happen', ok: true, history: [write([0, NEVER], 7), read([1, 2], 7)] },
  { why: 'an unanswered write did not happen', ok: true, history: [write([0, NEVER], 7), read([1, 2], 0)] },
  {
    why: 'an unanswered write happens long after',
    ok: true,
    history: [write([0, NEVER], 7), read([1, 2], 0), write([3, 4], 8), read([5, 6], 7)],
  },
  {
    why: 'an unanswered write happens twice',
    ok: false,
    history: [write([0, NEVER], 7), read([1, 2], 7), write([3, 4], 8), read([5, 6], 8), read([7, 8], 7)],
  },
  {
    why: 'an unanswered write happens before it was asked for',
    ok: false,
    history: [read([0, 1], 7), write([2, NEVER], 7)],
  },
  {
    why: 'an answered operation of unknown answer must have happened',
    ok: false,
    history: [{ ...write([0, 1], 7), output: null }, read([2, 3], 0)],
  },
]

describe('linearizability (Herlihy and Wing 1990)', () => {
  test.each(HISTORIES)('where $why: $ok', ({ history, ok }) => {
    expect(checkLinearizable(register, history).ok).toBe(ok)
    expect(isLinearizableByEveryOrder(register, history)).toBe(ok)
  })

  test('a violation names the longest order and what could not follow', () => {
    const [first, second, stale] = [write([0, 1], 1), write([2, 3], 2), read([4, 5], 1)]

    const verdict = checkLinearizable(register, [stale, second, first])

    expect(verdict).toEqual({ ok: false, result: 'violation', prefix: [first, second], blocked: [stale] })
  })

  test('the check gives up at its bound, and says so', () => {
    const writes = Array.from({ length: 30 }, (_, value) => write([0, 9], value))

    const verdict = checkLinearizable(register, [...writes, read([10, 11], -1)], { statesMax: 1_000 })

    expect(verdict).toEqual({ ok: false, result: 'unknown', statesMax: 1_000 })
  })

  test('any few operations are judged as by trying every order', () => {
    const time = fc.integer({ min: 0, max: 12 })
    const value = fc.integer({ min: 0, max: 2 })
    const operation = fc
      .record({
        a: time,
        b: time,
        value,
        isRead: fc.boolean(),
        isAnswered: fc.boolean(),
        isKnown: fc.boolean(),
      })
      .map(({ a, b, value, isRead, isAnswered, isKnown }): RegisterOperation => {
        return {
          client: 0,
          invokedAt: Math.min(a, b),
          returnedAt: isAnswered ? Math.max(a, b) : NEVER,
          input: isRead ? { type: 'read' } : { type: 'write', value },
          output: isAnswered && isKnown ? value : null,
        }
      })
    const counts = { ok: 0, violation: 0 }
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 6 }), (history) => {
        const expected = isLinearizableByEveryOrder(register, history)
        counts[expected ? 'ok' : 'violation'] += 1
        expect(checkLinearizable(register, history).ok).toBe(expected)
      }),
      { numRuns: 3_000 },
    )
    // Neither answer is right by chance.
    expect(Math.min(counts.ok, counts.violation)).toBeGreaterThan(300)
  })

  test('200 operations of 10 clients take few states, whether they are linearizable or not', () => {
    const history = Array.from({ length: 200 }, (_, i) => {
      const start = Math.floor(i / 10) * 10
      const times: Times = [start + (i % 7), start + 9]
      return i % 3 === 0 ? write(times, i) : read(times, i - (i % 3))
    })
    const limits = { statesMax: 20_000 }

    expect(checkLinearizable(register, history, limits)).toEqual({ ok: true })
    expect(checkLinearizable(register, [...history, read([500, 501], 0)], limits)).toMatchObject({
      ok: false,
      result: 'violation',
    })
  })

  test('a history of 50,000 operations of one client is no deeper than a short one', () => {
    const history = Array.from({ length: 50_000 }, (_, i) => write([2 * i, 2 * i + 1], i))

    expect(checkLinearizable(register, history).ok).toBe(true)
  })
})
