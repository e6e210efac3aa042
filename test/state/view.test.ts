import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EVERYTHING } from '../../src/state/key-space.ts'
import { Overlay } from '../../src/state/overlay.ts'
import { NOTHING_APPLIED } from '../../src/state/row-codec.ts'
import { View } from '../../src/state/view.ts'
import { MemoryStorage } from './memory-storage.ts'

const key = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(15)).map(([kind, n]) => kind + n.toString(16))
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('put' as const), key, value: fc.nat(255) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('delete' as const), key }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('view', 'beginFlush', 'endFlush') }) },
)
const ranges = [EVERYTHING, { gte: 'a', lt: 'b' }, { gte: 'b3', lt: 'c7' }, { gte: 'a4\0', lt: 'a9' }]

test('a view shows the rows as they were when it was taken, in either order, wherever they are by now', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 120, size: 'max' }), async (steps) => {
      const database = await new MemoryStorage().open()
      const overlay = new Overlay(NOTHING_APPLIED)
      const rows = new Map<string, number>()
      const views: { view: View; expected: [string, number][] }[] = []
      let flushing: ReturnType<Overlay['beginFlush']> | null = null
      for (const step of steps) {
        if (step.type === 'put') {
          overlay.put(step.key, Buffer.of(step.value))
          rows.set(step.key, step.value)
        } else if (step.type === 'delete') {
          overlay.put(step.key, null)
          rows.delete(step.key)
        } else if (step.type === 'view') {
          const expected = [...rows].sort(([a], [b]) => (a < b ? -1 : 1))
          views.push({
            view: new View({ database, layers: overlay.layers(), point: overlay.point }),
            expected,
          })
        } else if (step.type === 'beginFlush' && flushing === null) {
          flushing = overlay.beginFlush()
        } else if (step.type === 'endFlush' && flushing !== null) {
          const batch = database.batch()
          for (const layer of flushing.layers) {
            for (const [key, row] of layer.rows) row === null ? batch.del(key) : batch.put(key, row)
          }
          await batch.write()
          overlay.endFlush()
          flushing = null
        }
        for (const key of ['a1', 'b2', 'c3']) {
          const row = overlay.get(key)
          expect((row === undefined ? database.getSync(key) : row)?.[0]).toBe(rows.get(key))
        }
      }

      for (const { view, expected } of views) {
        for (const range of ranges) {
          const inRange = expected.filter(([key]) => range.gte <= key && key < range.lt)
          expect(await numbersOf(view, range, false)).toEqual(inRange)
          expect(await numbersOf(view, range, true)).toEqual(inRange.toReversed())
        }
        const keys = ['a0', 'c3', 'b9', 'a1']
        const found = await view.getMany(keys)
        expect(found.map((row) => row?.[0])).toEqual(keys.map((key) => new Map(expected).get(key)))
        await view.close()
      }
    }),
    { numRuns: 80 },
  )
})

async function numbersOf(
  view: View,
  range: { gte: string; lt: string },
  isReverse: boolean,
): Promise<[string, number][]> {
  const scan = view.scan({ ...range, isReverse })
  const rows = [...(await scan.take(3)), ...(await scan.take(1000))]
  await scan.close()
  return rows.map(([key, value]) => [key, value[0] as number])
}
