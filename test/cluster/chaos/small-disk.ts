/** A file system of its own for one node, small enough to be full at once. */
import { execFile, execFileSync } from 'node:child_process'
import { cp, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const exec = promisify(execFile)

/** Two segments of the log, which are allocated ahead, and room for some minutes. */
export const SMALL_DISK_BYTES = 128 << 20
const CHUNK = Buffer.alloc(1 << 20)
const PAGE_BYTES = 4_096

const mounted = new Set<string>()
// The last resort, for a run that is aborted.
process.on('exit', () => {
  for (const directory of mounted) execFileSync('umount', ['--lazy', directory])
})

export class SmallDisk {
  readonly #directory: string

  /** Null where that is not allowed: it takes root. */
  static async mount(directory: string, { bytes = SMALL_DISK_BYTES } = {}): Promise<SmallDisk | null> {
    await mkdir(directory, { recursive: true })
    try {
      await exec('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0700`, 'tmpfs', directory])
    } catch {
      return null
    }
    mounted.add(directory)
    return new SmallDisk(directory)
  }

  private constructor(directory: string) {
    this.#directory = directory
  }

  get #ballast(): string {
    return join(this.#directory, 'ballast')
  }

  /** Not a page is left. */
  async fill(): Promise<void> {
    const file = await open(this.#ballast, 'a')
    try {
      for (let length = CHUNK.length; length >= PAGE_BYTES; ) {
        const isWritten = await file.write(CHUNK, 0, length).then(
          ({ bytesWritten }) => bytesWritten === length,
          () => false,
        )
        if (!isWritten) length = Math.floor(length / 2)
      }
    } finally {
      await file.close()
    }
  }

  async free(): Promise<void> {
    await rm(this.#ballast, { force: true })
  }

  /** Nothing may be open on it. */
  async unmount(): Promise<void> {
    await exec('umount', [this.#directory])
    mounted.delete(this.#directory)
  }

  /** What is on it stays where it was, for whoever looks. */
  async unmountAndKeep(): Promise<void> {
    const copy = `${this.#directory}.copy`
    const isPlain = async (path: string): Promise<boolean> => !(await stat(path)).isSocket()
    await cp(this.#directory, copy, { recursive: true, filter: isPlain })
    await this.unmount()
    await rm(this.#directory, { recursive: true })
    await rename(copy, this.#directory)
  }
}
