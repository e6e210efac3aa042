import { join, relative } from 'node:path'
import { FileDisk } from '../../../raft/storage/file-disk.ts'
import { SegmentedLog } from '../../../raft/storage/segmented-log.ts'
import { SnapshotFiles } from '../../../raft/storage/snapshot-files.ts'
import { describeDisk } from '../../contract/disk.ts'
import { describeLogStore } from '../../contract/log-store.ts'
import { describeSnapshotStore } from '../../contract/snapshot-store.ts'
import { MemoryDisk } from '../../sim/memory-disk.ts'
import { prng } from './log-model.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const SEGMENT_BYTES = 8192

describeDisk('FileDisk', async () => new FileDisk(temporaryDirectory()))
describeDisk('FileDisk with a relative root', async () => {
  return new FileDisk(relative(process.cwd(), join(temporaryDirectory(), 'new')))
})
describeDisk('MemoryDisk', async () => new MemoryDisk({ random: prng(1) }).mount())

describeLogStore('SegmentedLog on FileDisk', async () => {
  const disk = new FileDisk(temporaryDirectory())
  return () => new SegmentedLog({ disk, directory: 'log', segmentBytes: SEGMENT_BYTES })
})
describeLogStore('SegmentedLog on MemoryDisk', async () => {
  const device = new MemoryDisk({ random: prng(1) })
  return () => new SegmentedLog({ disk: device.mount(), directory: 'log', segmentBytes: SEGMENT_BYTES })
})

describeSnapshotStore('SnapshotFiles on FileDisk', async () => {
  const disk = new FileDisk(temporaryDirectory())
  return () => new SnapshotFiles({ disk, directory: 'snapshots' })
})
describeSnapshotStore('SnapshotFiles on MemoryDisk', async () => {
  const disk = new MemoryDisk({ random: prng(1) }).mount()
  return () => new SnapshotFiles({ disk, directory: 'snapshots' })
})
