import { assert } from '../assert.ts'
import { CorruptLogError } from '../errors.ts'
import type { Disk, DiskFile, SnapshotFile, SnapshotReceiver } from '../ports.ts'
import type { LogIndex } from '../types.ts'
import { damage } from './damage.ts'
import { SnapshotReader } from './snapshot-format.ts'

/** How many bytes may wait for a sync: what a crash costs, against what each sync costs. */
export const SYNC_INTERVAL_BYTES = 8 * 1024 * 1024
/** Less than one interval, and the bytes that came last. */
const UNSYNCED_BYTES_MAX = 2 * SYNC_INTERVAL_BYTES
const WRITE_BYTES = 1024 * 1024

export interface ReceiverOptions {
  readonly disk: Disk
  readonly path: string
  readonly lastIndex: LogIndex
  readonly sizeBytes: number
  /** See `SnapshotFilesOptions`. */
  readonly reservedBytes: number
  /** Gives the verified and synced file its final name. */
  readonly complete: (file: DiskFile) => Promise<SnapshotFile>
}

/** Collects a snapshot in a file of its own, which a later receiver of the same snapshot continues. */
export class FileReceiver implements SnapshotReceiver {
  readonly #options: ReceiverOptions
  readonly #file: DiskFile
  #offset: number
  #unsyncedBytes = 0
  #isOpen = true
  /** What ends the use of the file: whoever opens it next has to wait for it. */
  #ending: Promise<unknown> = Promise.resolve()

  private constructor(options: ReceiverOptions, file: DiskFile, offset: number) {
    this.#options = options
    this.#file = file
    this.#offset = offset
  }

  /**
   * Continues after the last part that is intact: the checksums in the file say how far that is, better than any
   * count kept beside it.
   */
  static async open(options: ReceiverOptions): Promise<FileReceiver> {
    const { disk, path, sizeBytes } = options
    const file = await disk.open(path, { create: true })
    assert(file !== null, '{} could not be created', path)
    try {
      const intact = await intactBytes(file, path)
      const offset = intact <= sizeBytes ? intact : 0
      if (file.sizeBytes() > offset) await file.truncate(offset)
      await writeAgain(file, offset)
      await file.sync()
      await checkRoom(disk, sizeBytes - offset + options.reservedBytes)
      return new FileReceiver(options, file, offset)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  get offset(): number {
    return this.#offset
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#checkOpen()
    const { sizeBytes } = this.#options
    if (this.#offset + bytes.length > sizeBytes) {
      throw new Error(`a snapshot of ${sizeBytes} bytes goes on after its end`)
    }
    this.#file.write(this.#offset, bytes)
    this.#offset += bytes.length
    this.#unsyncedBytes += bytes.length
    if (this.#unsyncedBytes < SYNC_INTERVAL_BYTES) return
    this.#unsyncedBytes = 0
    await this.#file.sync()
    // Others may have filled the disk since.
    await checkRoom(this.#options.disk, this.#options.reservedBytes)
  }

  finish(): Promise<SnapshotFile> {
    const finished = this.#finish()
    this.#ending = finished.catch(() => {})
    return finished
  }

  async suspend(): Promise<void> {
    if (!this.#isOpen) {
      await this.#ending
      return
    }
    const suspended = this.#suspend()
    this.#ending = suspended.catch(() => {})
    await suspended
  }

  async #finish(): Promise<SnapshotFile> {
    this.#checkOpen()
    this.#isOpen = false
    try {
      await this.#verify()
      await this.#file.sync()
    } catch (error) {
      await this.#file.close()
      if (error instanceof CorruptLogError) await this.#options.disk.remove(this.#options.path)
      throw error
    }
    return this.#options.complete(this.#file)
  }

  async #suspend(): Promise<void> {
    this.#isOpen = false
    try {
      await this.#file.sync()
    } finally {
      await this.#file.close()
    }
  }

  async #verify(): Promise<void> {
    const { path, sizeBytes, lastIndex } = this.#options
    if (this.#offset !== sizeBytes) throw damage(path, this.#offset, `${sizeBytes} bytes were announced`)
    const reader = new SnapshotReader(this.#file, path)
    const meta = await reader.readHeader()
    if (meta.lastIndex !== lastIndex) throw damage(path, 0, `index ${lastIndex} was announced`)
    while ((await reader.readChunk()) !== null);
  }

  #checkOpen(): void {
    if (!this.#isOpen) throw new Error('this snapshot is no longer received here')
  }
}

/**
 * What may not have been synced before `end`. After a sync that failed, the page cache calls pages clean that are not on disk,
 * in this process or an earlier one, and only a new write brings them there.
 */
async function writeAgain(file: DiskFile, end: number): Promise<void> {
  for (let at = Math.max(0, end - UNSYNCED_BYTES_MAX); at < end; at += WRITE_BYTES) {
    file.write(at, await file.read(at, Math.min(WRITE_BYTES, end - at)))
  }
}

/** @throws if fewer bytes are free. */
export async function checkRoom(disk: Disk, bytes: number): Promise<void> {
  const freeBytes = await disk.freeBytes()
  if (freeBytes < bytes) throw new Error(`a snapshot needs ${bytes} bytes of the disk, ${freeBytes} are free`)
}

async function intactBytes(file: DiskFile, path: string): Promise<number> {
  const reader = new SnapshotReader(file, path)
  try {
    await reader.readHeader()
    while ((await reader.readChunk()) !== null);
  } catch (error) {
    if (!(error instanceof CorruptLogError)) throw error
  }
  return reader.position
}
