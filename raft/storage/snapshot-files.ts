import { assert } from '../assert.ts'
import type { Disk, DiskFile, SnapshotFile, SnapshotReceiver, SnapshotStore } from '../ports.ts'
import type { LogIndex, SnapshotMeta } from '../types.ts'
import { damage } from './damage.ts'
import { readChunks, readIdentity, SnapshotEncoder, SnapshotReader } from './snapshot-format.ts'
import { completeName, isPartial, lastIndexOf, NEW_NAME, partialName } from './snapshot-names.ts'
import { checkRoom, FileReceiver, SYNC_INTERVAL_BYTES } from './snapshot-receiver.ts'

export interface SnapshotFilesOptions {
  readonly disk: Disk
  readonly directory: string
  /** Free bytes that a snapshot leaves to the log and the state machine, which end the process when they get none. */
  readonly reservedBytes?: number
}

interface Offer {
  readonly identity: string
  readonly lastIndex: LogIndex
  readonly sizeBytes: number
}

/**
 * Snapshots as files. A file gets its final name only once it is whole, verified and durable, and only then do
 * older ones go: at every moment the newest complete one is there.
 */
export class SnapshotFiles implements SnapshotStore {
  readonly #disk: Disk
  readonly #directory: string
  readonly #reservedBytes: number
  #receiver: FileReceiver | null = null
  /** The next receiver waits until this one is open: else neither would know of the other. */
  #opening: Promise<unknown> = Promise.resolve()
  #isCreating = false

  constructor({ disk, directory, reservedBytes = 0 }: SnapshotFilesOptions) {
    this.#disk = disk
    this.#directory = directory
    this.#reservedBytes = reservedBytes
  }

  /** @throws {CorruptLogError} if the newest complete snapshot is damaged where this can be told without reading all. */
  async open(): Promise<SnapshotFile | null> {
    await this.#disk.makeDirectory(this.#directory)
    await this.#disk.remove(this.#path(NEW_NAME))
    const newest = (await this.#completeNames()).at(-1)
    if (newest === undefined) return null
    const file = await openSnapshot(this.#disk, this.#path(newest))
    await this.#removeOlder(file.meta.lastIndex, newest)
    return file
  }

  async create(meta: SnapshotMeta, chunks: AsyncIterable<Uint8Array>): Promise<SnapshotFile> {
    assert(!this.#isCreating, 'two snapshots are created at once')
    this.#isCreating = true
    const path = this.#path(NEW_NAME)
    try {
      await this.#disk.remove(path)
      const file = await this.#disk.open(path, { create: true })
      assert(file !== null, '{} could not be created', path)
      try {
        await writeSnapshot(file, meta, chunks, () => checkRoom(this.#disk, this.#reservedBytes))
        await verify(file, path)
      } catch (error) {
        await file.close()
        await this.#disk.remove(path)
        throw error
      }
      return await this.#complete(path, file, (meta, name) => this.#removeOlder(meta.lastIndex, name))
    } finally {
      this.#isCreating = false
    }
  }

  receive(offer: Offer): Promise<SnapshotReceiver> {
    const opening = this.#opening.then(() => this.#receive(offer))
    this.#opening = opening.catch(() => {})
    return opening
  }

  async #receive({ identity, lastIndex, sizeBytes }: Offer): Promise<SnapshotReceiver> {
    // Whoever wrote before lost its connection, or will not get through: two writers would spoil the file.
    await this.#receiver?.suspend()
    this.#receiver = null
    const name = partialName(identity)
    for (const other of await this.#disk.list(this.#directory)) {
      if (isPartial(other) && other !== name) await this.#disk.remove(this.#path(other))
    }
    const path = this.#path(name)
    const complete = (file: DiskFile): Promise<SnapshotFile> => {
      return this.#complete(path, file, (_, kept) => this.#removeOthers(kept))
    }
    this.#receiver = await FileReceiver.open({
      disk: this.#disk,
      path,
      lastIndex,
      sizeBytes,
      reservedBytes: this.#reservedBytes,
      complete,
    })
    await this.#disk.syncDirectory(this.#directory)
    return this.#receiver
  }

  async clear(): Promise<void> {
    await this.#receiver?.suspend()
    this.#receiver = null
    for (const name of await this.#disk.list(this.#directory)) await this.#disk.remove(this.#path(name))
    await this.#disk.syncDirectory(this.#directory)
  }

  /** `file`, at `path`, is whole, verified and synced. */
  async #complete(
    path: string,
    file: DiskFile,
    removeReplaced: (meta: SnapshotMeta, name: string) => Promise<void>,
  ): Promise<SnapshotFile> {
    const identity = await readIdentity(file, path)
    const meta = await new SnapshotReader(file, path).readHeader()
    await file.close()
    const name = completeName(meta.lastIndex, identity)
    await this.#disk.rename(path, this.#path(name))
    await this.#disk.syncDirectory(this.#directory)
    await removeReplaced(meta, name)
    return openSnapshot(this.#disk, this.#path(name))
  }

  /** Not newer ones: a snapshot may have been received while this one was created. */
  async #removeOlder(lastIndex: LogIndex, kept: string): Promise<void> {
    for (const name of await this.#completeNames()) {
      const other = lastIndexOf(name)
      if (name !== kept && other !== null && other <= lastIndex) await this.#disk.remove(this.#path(name))
    }
    await this.#disk.syncDirectory(this.#directory)
  }

  /** Newer ones too: they came from leaders that were none any more, and a restart must not take them for this one. */
  async #removeOthers(kept: string): Promise<void> {
    for (const name of await this.#completeNames())
      if (name !== kept) await this.#disk.remove(this.#path(name))
    await this.#disk.syncDirectory(this.#directory)
  }

  /** Ascending by last index. */
  async #completeNames(): Promise<string[]> {
    const names = await this.#disk.list(this.#directory)
    return names.filter((name) => lastIndexOf(name) !== null).toSorted()
  }

  #path(name: string): string {
    return `${this.#directory}/${name}`
  }
}

async function writeSnapshot(
  file: DiskFile,
  meta: SnapshotMeta,
  chunks: AsyncIterable<Uint8Array>,
  checkRoom: () => Promise<void>,
): Promise<void> {
  await checkRoom()
  const encoder = new SnapshotEncoder()
  let offset = 0
  let syncedOffset = 0
  const write = (bytes: Buffer): void => {
    file.write(offset, bytes)
    offset += bytes.length
  }
  write(encoder.header(meta))
  for await (const chunk of chunks) {
    if (chunk.length > 0) write(encoder.chunk(chunk))
    if (offset - syncedOffset < SYNC_INTERVAL_BYTES) continue
    syncedOffset = offset
    await file.sync()
    await checkRoom()
  }
  write(encoder.trailer())
  await file.sync()
}

/** Before an older snapshot goes: this one must be readable. */
async function verify(file: DiskFile, path: string): Promise<void> {
  const reader = new SnapshotReader(file, path)
  await reader.readHeader()
  while ((await reader.readChunk()) !== null);
}

async function openSnapshot(disk: Disk, path: string): Promise<SnapshotFile> {
  const file = await disk.open(path, { create: false })
  if (file === null) throw damage(path, 0, 'the snapshot is missing')
  try {
    const meta = await new SnapshotReader(file, path).readHeader()
    return new StoredSnapshot(path, file, { meta, identity: await readIdentity(file, path) })
  } catch (error) {
    await file.close()
    throw error
  }
}

class StoredSnapshot implements SnapshotFile {
  readonly meta: SnapshotMeta
  readonly identity: string
  readonly #path: string
  readonly #file: DiskFile

  constructor(path: string, file: DiskFile, { meta, identity }: { meta: SnapshotMeta; identity: string }) {
    this.#path = path
    this.#file = file
    this.meta = meta
    this.identity = identity
  }

  get sizeBytes(): number {
    return this.#file.sizeBytes()
  }

  read(offset: number, length: number): Promise<Buffer> {
    return this.#file.read(offset, length)
  }

  chunks(): AsyncIterable<Uint8Array> {
    return readChunks(this.#file, this.#path)
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
