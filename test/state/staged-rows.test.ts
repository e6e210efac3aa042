import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { Overlay } from '../../src/state/overlay.ts'
import { NOTHING_APPLIED } from '../../src/state/row-codec.ts'
import { StagedRows } from '../../src/state/staged-rows.ts'
import { MemoryStorage } from './memory-storage.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as (options: { type: 'minor' }) => void

test('the rows of an entry that are written out are no work for full collections', async () => {
  const database = await new MemoryStorage().open()
  const overlay = new Overlay(NOTHING_APPLIED)
  const rows = new StagedRows({ database, overlay })
  const writeEntry = (index: number, collections = 0) => {
    for (let i = 0; i < 300; i++) rows.put(`key ${i} of entry ${index}`, Buffer.from(`row ${i}`))
    for (let i = 0; i < collections; i++) collect({ type: 'minor' })
    rows.endEntry()
    overlay.commit({ index, term: 1, time: index })
    overlay.beginFlush()
    overlay.endFlush()
    collect({ type: 'minor' })
  }
  // What two collections find in use is old.
  writeEntry(1, 2)
  for (let index = 2; index <= 100; index++) writeEntry(index)
  const before = oldBytes()
  for (let index = 101; index <= 400; index++) writeEntry(index)

  expect((oldBytes() - before) / 300).toBeLessThan(10_000)
})

function oldBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')?.space_used_size ?? 0
}
