/** A disk whose syncs and written bytes are counted; otherwise as the one that it stands before. */
import { Durations } from '../../raft/durations.ts'
import type { Disk, DiskFile } from '../../raft/ports.ts'

export class TimedDisk implements Disk {
  readonly syncs = new Durations()
  writtenBytes = 0
  readonly #disk: Disk
  readonly #now: () => number

  /** @param now Monotonic milliseconds. */
  constructor(disk: Disk, now: () => number) {
    this.#disk = disk
    this.#now = now
  }

  list(directory: string): Promise<string[]> {
    return this.#disk.list(directory)
  }

  async open(path: string, options: { create: boolean }): Promise<DiskFile | null> {
    const file = await this.#disk.open(path, options)
    return file === null ? null : this.#timed(file)
  }

  rename(from: string, to: string): Promise<void> {
    return this.#disk.rename(from, to)
  }

  remove(path: string): Promise<void> {
    return this.#disk.remove(path)
  }

  makeDirectory(path: string): Promise<void> {
    return this.#disk.makeDirectory(path)
  }

  syncDirectory(path: string): Promise<void> {
    return this.#disk.syncDirectory(path)
  }

  freeBytes(): Promise<number> {
    return this.#disk.freeBytes()
  }

  #timed(file: DiskFile): DiskFile {
    return {
      sizeBytes: () => file.sizeBytes(),
      read: (offset, length) => file.read(offset, length),
      write: (offset, bytes) => {
        file.write(offset, bytes)
        this.writtenBytes += bytes.length
      },
      allocate: (sizeBytes) => file.allocate(sizeBytes),
      truncate: (sizeBytes) => file.truncate(sizeBytes),
      sync: async () => {
        const startedAt = this.#now()
        await file.sync()
        this.syncs.note(this.#now() - startedAt)
      },
      close: () => file.close(),
    }
  }
}
