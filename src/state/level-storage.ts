import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Level } from 'level'
import { syncDirectory } from '../sync-directory.ts'
import type { StateDatabase, StateStorage } from './storage.ts'

const BLOCK_CACHE_BYTES = 16 * 1024 * 1024
/** Twice this much is in memory while one is written out. Rows of a larger one are compacted less often. */
const WRITE_BUFFER_BYTES = 32 * 1024 * 1024
const STAGGER_BYTES = 16 * 1024 * 1024
const GOLDEN_RATIO = (1 + Math.sqrt(5)) / 2

/**
 * All nodes write the same rows: with buffers of one size they would also write them out and compact them at the same moment, and no majority of
 * them would be fast then.
 *
 * @returns Bytes, 24 to 40 MiB; of any five following ids at least 2 MiB apart.
 */
export function writeBufferBytesOf(nodeId: number): number {
  return Math.round(WRITE_BUFFER_BYTES + STAGGER_BYTES * (((nodeId * GOLDEN_RATIO) % 1) - 0.5))
}

/** A LevelDB in the directory `location`, which nothing else uses. Its parent exists. */
export function levelStorage(
  location: string,
  { writeBufferBytes = WRITE_BUFFER_BYTES }: { writeBufferBytes?: number } = {},
): StateStorage {
  // LevelDB replays any old log file that it finds beside a new database, so files must never go one by one.
  const discarded = `${location}.discarded`

  return {
    async open(): Promise<StateDatabase> {
      await rm(discarded, { recursive: true, force: true })
      await mkdir(location, { recursive: true })
      await syncDirectory(dirname(location))
      const database = new Level<string, Buffer>(location, {
        keyEncoding: 'utf8',
        valueEncoding: 'buffer',
        cacheSize: BLOCK_CACHE_BYTES,
        writeBufferSize: writeBufferBytes,
      })
      await database.open()
      return database
    },

    async destroy(): Promise<void> {
      await rm(discarded, { recursive: true, force: true })
      try {
        await rename(location, discarded)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
      await syncDirectory(dirname(location))
      await rm(discarded, { recursive: true, force: true })
    },
  }
}
