/** A snapshot as a file that leaves the cluster: a backup. The same layout as on a node's disk, and its origin in the header. */
import type { Disk, DiskFile } from '../ports.ts'
import type { SnapshotMeta, SnapshotOrigin } from '../types.ts'
import { damage } from './damage.ts'
import { readChunks, readIdentity, SnapshotEncoder, SnapshotReader } from './snapshot-format.ts'

/** The bytes of the file, part by part. What is cut off anywhere is no archive: the trailer is its last part. */
export async function* encodeArchive(
  { meta, origin }: { meta: SnapshotMeta; origin: SnapshotOrigin },
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  const encoder = new SnapshotEncoder()
  yield encoder.header(meta, origin)
  for await (const chunk of chunks) if (chunk.length > 0) yield encoder.chunk(chunk)
  yield encoder.trailer()
}

/** Such a file, opened: what its header says, and then its chunks. */
export class SnapshotArchive {
  readonly meta: SnapshotMeta
  readonly origin: SnapshotOrigin
  /** Tells it from every other: digest and size. */
  readonly identity: string
  readonly #path: string
  readonly #file: DiskFile

  /**
   * Reads its header and its end alone.
   *
   * @throws {CorruptLogError} if it is none, or of a format that this version does not know.
   */
  static async open(disk: Pick<Disk, 'open'>, path: string): Promise<SnapshotArchive> {
    const file = await disk.open(path, { create: false })
    if (file === null) throw damage(path, 0, 'there is no such file')
    try {
      const reader = new SnapshotReader(file, path)
      const meta = await reader.readHeader()
      const { origin } = reader
      if (origin === null) throw damage(path, 0, 'it was made for a node of its cluster, and is no backup')
      return new SnapshotArchive({ path, file, meta, origin, identity: await readIdentity(file, path) })
    } catch (error) {
      await file.close()
      throw error
    }
  }

  private constructor(options: {
    path: string
    file: DiskFile
    meta: SnapshotMeta
    origin: SnapshotOrigin
    identity: string
  }) {
    this.meta = options.meta
    this.origin = options.origin
    this.identity = options.identity
    this.#path = options.path
    this.#file = options.file
  }

  get sizeBytes(): number {
    return this.#file.sizeBytes()
  }

  /**
   * From the beginning, each time. Everything is verified once the last one was given out, and not before.
   *
   * @throws {CorruptLogError} from the iteration.
   */
  chunks(): AsyncGenerator<Uint8Array> {
    return readChunks(this.#file, this.#path)
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
