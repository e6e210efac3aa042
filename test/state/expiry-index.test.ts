import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Expiry, ExpiryIndex, type ExpiryPlace } from '../../src/state/expiry-index.ts'
import { positionOf } from '../../src/state/key-encoding.ts'

function inOrder(expiries: readonly Expiry[]): Expiry[] {
  return expiries.toSorted((a, b) => a.expiresAt - b.expiresAt || (a.position < b.position ? -1 : 1))
}

/** Everything, each piece after the last of the one before. */
function inPieces(index: ExpiryIndex, limit: number): Expiry[] {
  const visited: Expiry[] = []
  let after: ExpiryPlace | null = null
  do {
    const count = visited.length
    after = index.visitAfter(after, limit, (expiresAt, place, sequence) => {
      visited.push({ expiresAt, position: positionOf(place, sequence) })
    })
    expect(visited.length - count).toBeLessThanOrEqual(limit)
  } while (after !== null)
  return visited
}

test('expiries come in the order of their time, then of creation, whatever is added and deleted', () => {
  // Few distinct times, so that ties span chunks; far more entries than a chunk holds.
  const expiresAt = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 2 ** 45 }))
  const additions = fc.array(fc.tuple(expiresAt, fc.boolean()), {
    minLength: 500,
    maxLength: 3000,
    size: 'max',
  })
  fc.assert(
    fc.property(additions, fc.nat(20), fc.integer({ min: 1, max: 3000 }), (additions, time, limit) => {
      const index = new ExpiryIndex()
      const added = additions.map(([expiresAt, isDeleted], i) => {
        const expiry = { expiresAt, position: positionOf(Math.floor(i / 2), i % 2) }
        index.add(expiry)
        return { expiry, isDeleted }
      })
      for (const { expiry, isDeleted } of added) if (isDeleted) index.delete(expiry)
      const left = inOrder(added.flatMap(({ expiry, isDeleted }) => (isDeleted ? [] : [expiry])))

      expect(index.earliest).toBe(left[0]?.expiresAt ?? null)
      expect(index.due({ time: Number.MAX_SAFE_INTEGER, limit: Number.MAX_SAFE_INTEGER })).toEqual(left)
      const due = left.filter((e) => e.expiresAt <= time).slice(0, limit)
      expect(index.due({ time, limit })).toEqual(due)
      expect(index.countDue(time, limit)).toBe(due.length)
      expect(inPieces(index, limit)).toEqual(left)
    }),
    { numRuns: 20 },
  )
})

test('what is due by now stays what it was, whatever is added and deleted before it is looked at', () => {
  const index = new ExpiryIndex()
  const expiries = Array.from({ length: 1_200 }, (_, i) => ({ expiresAt: i, position: positionOf(i + 1, 0) }))
  for (const expiry of expiries) index.add(expiry)
  const everything = { time: 1_100, limit: 1_000, after: expiries[9] as Expiry }

  const due = index.dueByNow(everything)
  for (const expiry of expiries.slice(0, 600)) index.delete(expiry)
  index.add({ expiresAt: 700, position: positionOf(9_999, 0) })

  expect([...due]).toEqual(expiries.slice(10, 1_010))
  expect(index.due(everything)).toHaveLength(502)
})

test('an index that is built from its end is the same, and can be changed', () => {
  const expiries = Array.from({ length: 2_000 }, (_, i) => {
    return { expiresAt: Math.floor(i / 3), position: positionOf(2 ** 48 + i, i % 3) }
  })
  const index = new ExpiryIndex()
  for (const [i, { expiresAt }] of expiries.entries()) {
    index.append(expiresAt, { index: 2 ** 48 + i, sequence: i % 3 })
  }
  const [first, second] = expiries as [Expiry, Expiry]

  const everything = { time: Number.MAX_SAFE_INTEGER, limit: Number.MAX_SAFE_INTEGER }
  expect(index.due(everything)).toEqual(expiries)
  for (const _ of [1, 2]) {
    index.remove(first)
    index.put(second)
  }
  expect(index.due(everything)).toEqual(expiries.slice(1))
  for (const _ of [1, 2]) index.put(first)
  expect(index.due(everything)).toEqual(expiries)
})

test('where all that came first has ended, what comes next is the earliest, and is due', () => {
  const index = new ExpiryIndex()
  const expiries = Array.from({ length: 2_000 }, (_, i) => ({ expiresAt: i, position: positionOf(i, 0) }))
  for (const expiry of expiries) index.add(expiry)

  for (const expiry of expiries.slice(0, 1_500)) index.delete(expiry)
  expect(index.earliest).toBe(1_500)
  expect(index.countDue(1_600, 10_000)).toBe(101)
  for (const expiry of expiries.slice(1_500)) index.delete(expiry)

  expect([index.earliest, index.countDue(2_000, 10_000)]).toEqual([null, 0])
})

test('what is not there cannot be deleted', () => {
  const index = new ExpiryIndex()
  index.add({ expiresAt: 5, position: positionOf(1, 0) })

  expect(() => index.delete({ expiresAt: 5, position: positionOf(2, 0) })).toThrow('no expiry at 5')
})
