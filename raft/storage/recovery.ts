/** Makes what a scan has found the state to go on from: durable, and tidied of what a crash has left. */
import type { Disk, RecoveredLog } from '../ports.ts'
import type { Chain } from './batch.ts'
import { LogScan } from './log-scan.ts'
import { type Segment, segmentPath } from './segment.ts'

export interface Recovery {
  readonly log: RecoveredLog
  /** Ascending; every one holds a batch. The last one takes the next batch. Empty in a new directory. */
  readonly segments: Segment[]
  /** The one after `segments`, if its file is there: without a batch. */
  readonly spare: Segment | null
  readonly chain: Chain
}

/**
 * Reads all, checks all, and only then changes anything.
 *
 * @throws {CorruptLogError} if the durable part is damaged. Nothing is changed then.
 */
export async function recover(disk: Disk, directory: string): Promise<Recovery> {
  await disk.makeDirectory(directory)
  const scan = await LogScan.read(disk, directory)
  try {
    if (scan.damage !== null) throw scan.damage
    await repair(disk, scan)
  } catch (error) {
    await scan.close()
    throw error
  }
  return { log: scan.log, segments: scan.begun, spare: scan.spare, chain: scan.chain }
}

/**
 * Makes what was read durable, and what was cut stay away. Doing it again changes nothing.
 *
 * All of it is written, the zeros as well, whether it reads so or not: after a sync that failed the page cache calls pages
 * clean that are not on disk, and only a new write brings them there. Such zeros could be those of an earlier recovery,
 * over a torn batch: after a power failure its sectors would stand behind newer batches, and look like damage.
 */
async function repair(disk: Disk, { directory, segments, obsolete, lastBatch }: LogScan): Promise<void> {
  const first = lastBatch?.segment.number ?? 0
  for (const { segment } of segments.filter(({ segment }) => segment.number >= first)) {
    const { file, position } = segment
    file.write(position, Buffer.alloc(file.sizeBytes() - position))
    if (segment === lastBatch?.segment) file.write(lastBatch.offset, lastBatch.bytes)
    await file.sync()
  }
  for (const number of obsolete) await disk.remove(segmentPath(directory, number))
  await disk.syncDirectory(directory)
}
