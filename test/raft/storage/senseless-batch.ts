/** A batch as no node writes it, though every checksum in it is right: what a bug, or a hand, could leave. */
import type { Disk } from '../../../raft/ports.ts'
import { type BatchContent, batchBytes, saltAt, writeBatch } from '../../../raft/storage/batch.ts'
import { LogScan } from '../../../raft/storage/log-scan.ts'

/** Writes it after the last batch of the log, which has room for it in its newest segment. */
export async function writeAfterLast(
  disk: Disk,
  directory: string,
  part: Partial<BatchContent>,
): Promise<{ path: string }> {
  const content = { segment: null, base: null, hardState: null, entries: [], ...part }
  const scan = await LogScan.read(disk, directory)
  const newest = scan.begun.at(-1)
  if (newest === undefined) throw new Error('there is no segment')
  const { path, position, salt, file } = newest
  const batch = Buffer.alloc(batchBytes(content))
  if (position + batch.length > file.sizeBytes()) throw new Error('there is no room in the newest segment')
  writeBatch(batch, content, scan.chain, { salt: saltAt(position, salt), entryOffsets: [] })
  file.write(position, batch)
  await file.sync()
  await scan.close()
  return { path }
}
