/** What the files of a node take, and what is left for more. */
import { readdir, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'

/** A scrape waits for the disk at most so long, and then tells what was last known. */
const PATIENCE_MS = 100

export interface DiskFigures {
  readonly sizeBytes: number
  readonly freeBytes: number
  /** With the one that is prepared for later. */
  readonly segments: number
  readonly logBytes: number
  readonly stateBytes: number
  /** Of all snapshot files, also one that is being made or received. */
  readonly snapshotBytes: number
  /** Of the newest complete one: ms since 1970. Null if there is none. */
  readonly snapshotTime: number | null
}

interface FileEntry {
  readonly name: string
  readonly bytes: number
  readonly changedAt: number
}

export class DiskUsage {
  readonly #directory: string
  #known: DiskFigures | null = null
  /** A disk that hangs does not answer: one look at most is under way, for as long as it takes. */
  #looking: Promise<void> | null = null

  /** @param directory The data directory of a node. */
  constructor(directory: string) {
    this.#directory = directory
  }

  /** Null if the disk has never answered. */
  async figures(): Promise<DiskFigures | null> {
    this.#looking ??= this.#look()
      .then(
        (figures) => {
          this.#known = figures
        },
        // A file that went while it was looked at, or a disk in trouble, of which others tell: what was last known stands.
        () => {},
      )
      .finally(() => {
        this.#looking = null
      })
    await within(PATIENCE_MS, this.#looking)
    return this.#known
  }

  async #look(): Promise<DiskFigures> {
    const { blocks, bavail, bsize } = await statfs(this.#directory)
    const log = (await this.#files('log')).filter(({ name }) => name.endsWith('.log'))
    const state = await this.#files('state')
    const snapshots = await this.#files('snapshots')
    const complete = snapshots.filter(({ name }) => name.endsWith('.snapshot'))
    return {
      sizeBytes: blocks * bsize,
      freeBytes: bavail * bsize,
      segments: log.length,
      logBytes: total(log),
      stateBytes: total(state),
      snapshotBytes: total(snapshots),
      snapshotTime: complete.length === 0 ? null : Math.max(...complete.map(({ changedAt }) => changedAt)),
    }
  }

  async #files(directory: string): Promise<FileEntry[]> {
    const path = join(this.#directory, directory)
    const names = await readdir(path).catch(() => [])
    const files = await Promise.all(
      names.map(async (name): Promise<FileEntry | null> => {
        const found = await stat(join(path, name)).catch(() => null)
        return found?.isFile() === true ? { name, bytes: found.size, changedAt: found.mtimeMs } : null
      }),
    )
    return files.filter((file) => file !== null)
  }
}

function total(files: readonly FileEntry[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0)
}

async function within(ms: number, done: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([done, patience])
  clearTimeout(timer)
}
