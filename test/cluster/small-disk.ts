/** A disk of a few MiB, that a test can fill: a file system in memory. Needs the right to mount. */
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { cp, mkdir, open, rename, rm, stat, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const MIB = 1024 * 1024

const mounted = new Set<string>()
// The last resort, for a run that is aborted.
process.on('exit', () => {
  for (const path of mounted) execFileSync('umount', ['--lazy', path])
})

export class SmallDisk {
  readonly path: string

  /** The directory is made, and what it held is hidden until `unmount`. */
  static async mount(path: string, { mib }: { mib: number }): Promise<SmallDisk> {
    await mkdir(path, { recursive: true })
    await run('mount', ['-t', 'tmpfs', '-o', `size=${mib}m,mode=700`, 'tmpfs', path])
    mounted.add(path)
    return new SmallDisk(path)
  }

  private constructor(path: string) {
    this.path = path
  }

  get #ballast(): string {
    return join(this.path, 'ballast')
  }

  /** Somebody else's file takes all but `leaveMib`. */
  async fill({ leaveMib }: { leaveMib: number }): Promise<void> {
    const { bavail, bsize } = await statfs(this.path)
    const bytes = bavail * bsize - leaveMib * MIB
    const file = await open(this.#ballast, 'w')
    try {
      const zeros = Buffer.alloc(MIB)
      for (let at = 0; at < bytes; at += MIB) await file.write(zeros, 0, Math.min(MIB, bytes - at))
    } catch (error) {
      // Others write as well.
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    } finally {
      await file.close()
    }
  }

  /** That file is gone. */
  async free(): Promise<void> {
    await rm(this.#ballast, { force: true })
  }

  /** Nothing uses it any more. */
  async unmount(): Promise<void> {
    await run('umount', [this.path])
    mounted.delete(this.path)
  }

  /** As `unmount`, and what is on it stays where it is, for whoever looks. */
  async unmountAndKeep(): Promise<void> {
    const copy = `${this.path}.copy`
    const isPlain = async (path: string): Promise<boolean> => !(await stat(path)).isSocket()
    await cp(this.path, copy, { recursive: true, filter: isPlain })
    await this.unmount()
    await rm(this.path, { recursive: true })
    await rename(copy, this.path)
  }
}

/** Whether this machine lets us: a container often does not. */
export function canMount(): boolean {
  const path = mkdtempSync(join(tmpdir(), 'ipam-mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path], { stdio: 'ignore' })
    execFileSync('umount', [path], { stdio: 'ignore' })
    return true
  } catch {
    return false
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}
