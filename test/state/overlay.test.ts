import { expect, test } from 'vitest'
import { positionOf } from '../../src/state/key-encoding.ts'
import { Overlay } from '../../src/state/overlay.ts'
import type { RangeChange } from '../../src/state/range-journal.ts'
import { NOTHING_APPLIED } from '../../src/state/row-codec.ts'

function change(index: number): RangeChange {
  const address = BigInt(index)
  return {
    network: positionOf(1, 0),
    range: { first: address, last: address },
    isAllocated: true,
    position: positionOf(index, 0),
    expiresAt: { before: null, after: null },
  }
}

test('a flush has what each entry did to memory, in their order, however often the rows were looked at meanwhile', () => {
  const overlay = new Overlay(NOTHING_APPLIED)
  for (let index = 1; index <= 20; index++) {
    overlay.put(`a${index}`, Buffer.from('row'))
    overlay.noteChange(change(index))
    overlay.commit({ index, term: 1, time: index })
    if (index % 3 === 0) overlay.layers()
  }

  const { layers, point } = overlay.beginFlush()

  expect(layers.flatMap(({ changes }) => changes)).toEqual(
    Array.from({ length: 20 }, (_, i) => change(i + 1)),
  )
  expect(layers.length).toBeLessThan(7)
  expect(point.index).toBe(20)
})
