import { expect, test } from 'vitest'
import { recover } from '../../../raft/storage/recovery.ts'
import { SegmentedLog } from '../../../raft/storage/segmented-log.ts'
import { entryAt, metaAt } from '../../contract/log-store.ts'
import { MemoryDisk } from '../../sim/memory-disk.ts'
import { prng } from './log-model.ts'

test('a segment that is removed stays open for the reads that have begun', async () => {
  const device = new MemoryDisk({ random: prng(1) })
  const log = new SegmentedLog({ disk: device.mount(), directory: 'log' })
  await log.open()
  await log.initialize(metaAt(0))
  // Longer than a first look at the file: it takes two reads.
  await log.append({ hardState: null, entries: [entryAt(1, { text: 'x'.repeat(10_000) })] })
  await log.close()
  const [segment] = (await recover(device.mount(), 'log')).segments
  if (segment === undefined) throw new Error('there is no segment')

  const read = segment.read({ first: 1, last: 1, bytes: 1 })
  await segment.retire()

  expect(await read).toHaveLength(1)
  await expect(segment.file.read(0, 1)).rejects.toThrow('the file is closed')
})
