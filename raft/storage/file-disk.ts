/** `Disk` on a directory of the operating system's file system. */
import fs from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { assert } from '../assert.ts'
import type { Disk, DiskFile } from '../ports.ts'

const close = promisify(fs.close)
const fdatasync = promisify(fs.fdatasync)
const fsync = promisify(fs.fsync)
const ftruncate = promisify(fs.ftruncate)
// Not `fs.promises`: a plain descriptor also takes the synchronous write of the log.
const open = promisify(fs.open)
const read = promisify(fs.read)
const write = promisify(fs.write)

const ZEROS = Buffer.alloc(1024 * 1024)

/** The file system below one directory. Any error but that a file is missing is passed on: the caller stops. */
export class FileDisk implements Disk {
  readonly #root: string
  readonly #isReadOnly: boolean

  /**
   * @param root Made with its parents by the first `makeDirectory`.
   * @param isReadOnly Nothing can be changed: files are opened for reading, and all that would change one is our bug.
   */
  constructor(root: string, { isReadOnly = false }: { isReadOnly?: boolean } = {}) {
    this.#root = resolve(root)
    this.#isReadOnly = isReadOnly
  }

  async list(directory: string): Promise<string[]> {
    try {
      return await fs.promises.readdir(this.#resolve(directory))
    } catch (error) {
      if (isMissing(error)) return []
      throw error
    }
  }

  async open(path: string, { create }: { create: boolean }): Promise<DiskFile | null> {
    if (create) this.#checkWritable()
    const { O_RDONLY, O_RDWR, O_CREAT } = fs.constants
    const flags = (this.#isReadOnly ? O_RDONLY : O_RDWR) | (create ? O_CREAT : 0)
    try {
      const descriptor = await open(this.#resolve(path), flags, 0o600)
      return new OpenFile(path, descriptor, fs.fstatSync(descriptor).size)
    } catch (error) {
      if (!create && isMissing(error)) return null
      throw error
    }
  }

  async rename(from: string, to: string): Promise<void> {
    this.#checkWritable()
    await fs.promises.rename(this.#resolve(from), this.#resolve(to))
  }

  async remove(path: string): Promise<void> {
    this.#checkWritable()
    await fs.promises.rm(this.#resolve(path), { force: true })
  }

  async makeDirectory(path: string): Promise<void> {
    this.#checkWritable()
    const directory = this.#resolve(path)
    const topmost = await fs.promises.mkdir(directory, { recursive: true, mode: 0o700 })
    if (topmost === undefined) return
    // A new directory is an entry of its parent, up to the first that was there before.
    for (let made = directory; made !== dirname(topmost); made = dirname(made))
      await syncDirectory(dirname(made))
  }

  async syncDirectory(path: string): Promise<void> {
    await syncDirectory(this.#resolve(path))
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await fs.promises.statfs(this.#root)
    return bavail * bsize
  }

  #checkWritable(): void {
    assert(!this.#isReadOnly, '{} is only read', this.#root)
  }

  #resolve(path: string): string {
    assert(!path.split('/').includes('..'), 'path {} leaves the disk', path)
    return join(this.#root, path)
  }
}

class OpenFile implements DiskFile {
  readonly #path: string
  readonly #descriptor: number
  #sizeBytes: number
  #isOpen = true

  constructor(path: string, descriptor: number, sizeBytes: number) {
    this.#path = path
    this.#descriptor = descriptor
    this.#sizeBytes = sizeBytes
  }

  sizeBytes(): number {
    return this.#sizeBytes
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const target = Buffer.allocUnsafe(Math.max(0, Math.min(length, this.#sizeBytes - offset)))
    let filled = 0
    while (filled < target.length) {
      this.#checkOpen()
      const { bytesRead } = await read(
        this.#descriptor,
        target,
        filled,
        target.length - filled,
        offset + filled,
      )
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return target.subarray(0, filled)
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#checkOpen()
    let written = 0
    while (written < bytes.length) {
      // A short write is no error by itself; what stopped it shows in the next one.
      const count = fs.writeSync(this.#descriptor, bytes, written, bytes.length - written, offset + written)
      if (count === 0) throw new Error(`${this.#path}: nothing was written at offset ${offset + written}`)
      written += count
    }
    this.#sizeBytes = Math.max(this.#sizeBytes, offset + written)
  }

  /**
   * Writes the zeros: blocks that are only reserved are marked unwritten, and each first write to one would make the
   * next fdatasync commit that change of the file's block map as well.
   */
  async allocate(sizeBytes: number): Promise<void> {
    assert(sizeBytes >= this.#sizeBytes, '{}: {} bytes are less than it has', this.#path, sizeBytes)
    for (let at = this.#sizeBytes; at < sizeBytes; ) {
      this.#checkOpen()
      const length = Math.min(ZEROS.length, sizeBytes - at)
      const { bytesWritten } = await write(this.#descriptor, ZEROS, 0, length, at)
      if (bytesWritten === 0) throw new Error(`${this.#path}: nothing was written at offset ${at}`)
      at += bytesWritten
      this.#sizeBytes = at
    }
    await fsync(this.#descriptor)
  }

  async truncate(sizeBytes: number): Promise<void> {
    this.#checkOpen()
    await ftruncate(this.#descriptor, sizeBytes)
    this.#sizeBytes = sizeBytes
  }

  async sync(): Promise<void> {
    this.#checkOpen()
    await fdatasync(this.#descriptor)
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    await close(this.#descriptor)
  }

  /** The number of a closed descriptor may belong to another file by now. */
  #checkOpen(): void {
    assert(this.#isOpen, '{} is closed', this.#path)
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const descriptor = await open(directory, fs.constants.O_RDONLY)
  try {
    await fsync(descriptor)
  } finally {
    await close(descriptor)
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
