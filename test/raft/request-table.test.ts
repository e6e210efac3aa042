import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RequestTable } from '../../raft/request-table.ts'

type Step =
  | { readonly type: 'add'; readonly skip: number }
  | { readonly type: 'delete'; readonly nth: number }

const steps = fc.array(
  fc.oneof<fc.Arbitrary<Step>[]>(
    fc.record({ type: fc.constant('add' as const), skip: fc.oneof(fc.constant(0), fc.nat(200)) }),
    fc.record({ type: fc.constant('delete' as const), nth: fc.nat(400) }),
  ),
  { maxLength: 400 },
)
/** Up to the end of 32 bits, and far beyond it. */
const firstIds = fc.oneof(
  fc.constant(0),
  fc.constant(2 ** 31 - 50),
  fc.constant(2 ** 32 - 50),
  fc.nat(2 ** 48),
)

test('a table of requests holds what a map would, oldest first', () => {
  fc.assert(
    fc.property(firstIds, steps, (firstId, all) => {
      const table = new RequestTable<{ id: number }>()
      const model = new Map<number, { id: number }>()
      let nextId = firstId
      for (const step of all) {
        if (step.type === 'add') {
          nextId += step.skip
          const request = { id: nextId }
          table.add(nextId, request)
          model.set(nextId, request)
          nextId += 1
        } else {
          const id = firstId + step.nth
          expect(table.delete(id)).toBe(model.delete(id))
        }
        expect(table.size).toBe(model.size)
      }
      expect([...table.values()]).toEqual([...model.values()])
      for (let id = firstId - 1; id <= nextId; id++) expect(table.get(id)).toBe(model.get(id) ?? null)
    }),
    { numRuns: 300 },
  )
})

test('requests may be answered while all are looked at', () => {
  const table = new RequestTable<{ id: number }>()
  for (let id = 1; id <= 200; id++) table.add(id, { id })
  const seen: number[] = []
  for (const { id } of table.values()) {
    seen.push(id)
    table.delete(id)
    table.delete(id + 1)
  }
  expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => 2 * i + 1))
  expect(table.size).toBe(0)
})

test('a number does not come twice', () => {
  const table = new RequestTable<{ id: number }>()
  table.add(7, { id: 7 })
  table.delete(7)
  expect(() => table.add(7, { id: 7 })).toThrow('number 7 comes after 8')
})
