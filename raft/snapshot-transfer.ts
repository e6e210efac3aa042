/** Snapshots between nodes: made when a peer needs one, sent and received beside the log. */
import type {
  Log,
  SnapshotFile,
  SnapshotOffer,
  SnapshotReceiver,
  SnapshotStore,
  StateMachine,
  Transport,
} from './ports.ts'
import { RefusedError } from './transport/errors.ts'
import type { LogIndex, NodeId, SnapshotMeta } from './types.ts'

export interface SnapshotTransferHost {
  readonly id: NodeId
  readonly snapshots: SnapshotStore
  readonly stateMachine: StateMachine
  readonly transport: Transport
  readonly logger: Log
  currentTerm(): number
  /** What the log knows about an index that the state machine has applied. */
  metaAt(index: LogIndex): SnapshotMeta
  /** The log starts after this. */
  baseIndex(): LogIndex
  /** A snapshot is being put in place. */
  isInstalling(): boolean
}

export class SnapshotTransfer {
  readonly #host: SnapshotTransferHost
  /** Made for a peer, and sent to others as long as the log goes on from there. */
  #outgoing: Promise<SnapshotFile> | null = null
  /** The log must be kept after these while they are on their way: one for each attempt, of which a peer may have two for a moment. */
  readonly #sending = new Map<object, LogIndex>()
  #received: SnapshotFile | null = null
  /** The identity of one that this program cannot read: it is not sent here again, as often as its sender may try. */
  #unreadable: string | null = null

  constructor(host: SnapshotTransferHost) {
    this.#host = host
  }

  /** The lowest index that a snapshot under way brings a peer to; the log may not be compacted past it. */
  get lowestSending(): LogIndex {
    return Math.min(Number.MAX_SAFE_INTEGER, ...this.#sending.values())
  }

  /** Sends a snapshot that is at most as old as the log. @returns Whether the peer has all of it. */
  async send(to: NodeId, session: number, onStarted: (lastIndex: LogIndex) => void): Promise<boolean> {
    const { id, transport, logger } = this.#host
    const attempt = {}
    this.#sending.set(attempt, this.#host.baseIndex())
    let reading: ReadWatch | null = null
    try {
      const file = await this.#current()
      reading = new ReadWatch(file)
      const { lastIndex } = file.meta
      this.#sending.set(attempt, lastIndex)
      onStarted(lastIndex)
      logger.info({ peer: to, lastIndex, bytes: file.sizeBytes }, 'sending a snapshot')
      const { identity, sizeBytes } = file
      const term = this.#host.currentTerm()
      await transport.sendSnapshot({ from: id, to, term, session, lastIndex, sizeBytes, identity }, reading)
      return true
    } catch (error) {
      logger.warn({ peer: to, error }, 'a snapshot could not be sent; it is tried again')
      const isCorrupt = error instanceof RefusedError && error.reason === 'corrupt'
      // A peer may be wrong about a file that others are just reading; we are not.
      const isBad = reading?.hasFailed === true || (isCorrupt && this.#sending.size === 1)
      if (reading !== null && isBad) await this.#discard(reading.file)
      return false
    } finally {
      this.#sending.delete(attempt)
    }
  }

  /** Several peers may ask at once; one file is made for all of them. */
  async #current(): Promise<SnapshotFile> {
    const outgoing = this.#outgoing
    const existing = await outgoing?.catch(() => null)
    if (existing && existing.meta.lastIndex >= this.#host.baseIndex()) return existing
    if (this.#outgoing === outgoing) this.#outgoing = this.#replace(existing ?? null)
    return this.#outgoing ?? this.#current()
  }

  /** The file does not read back: the next try must not be with the same one, or it would be so for ever. */
  async #discard(file: SnapshotFile): Promise<void> {
    const outgoing = this.#outgoing
    if ((await outgoing?.catch(() => null)) !== file || this.#outgoing !== outgoing) return
    this.#outgoing = null
    await file.close().catch((error: unknown) => this.#warnOfClose(error))
  }

  async #replace(existing: SnapshotFile | null): Promise<SnapshotFile> {
    await existing?.close()
    return this.#create()
  }

  async #create(): Promise<SnapshotFile> {
    const { stateMachine, snapshots } = this.#host
    const image = await stateMachine.snapshot()
    try {
      return await snapshots.create(this.#host.metaAt(image.appliedIndex), image.chunks())
    } finally {
      await image.release()
    }
  }

  /**
   * Where an offered snapshot goes. It does not become the file that a restart would find while another one waits
   * for the core's word or is being put in place: that one's file may be needed until it is.
   */
  async receive({ identity, lastIndex, sizeBytes }: SnapshotOffer): Promise<SnapshotReceiver> {
    if (identity === this.#unreadable) throw new Error('this snapshot is one that cannot be read here')
    const receiver = await this.#host.snapshots.receive({ identity, lastIndex, sizeBytes })
    return {
      get offset() {
        return receiver.offset
      },
      write: (bytes) => receiver.write(bytes),
      finish: async () => {
        if (this.#received !== null || this.#host.isInstalling()) {
          throw new Error('another snapshot is being installed')
        }
        const file = await receiver.finish()
        await this.#checkReadable(file)
        return file
      },
      suspend: () => receiver.suspend(),
    }
  }

  /** The log would be gone when the state machine finds out, and this program could not even start any more. */
  async #checkReadable(file: SnapshotFile): Promise<void> {
    const { stateMachine, logger } = this.#host
    try {
      const reason = await stateMachine.refusalOf(file.meta, file.chunks())
      if (reason === null) return
      this.#unreadable = file.identity
      const fields = { lastIndex: file.meta.lastIndex, reason }
      logger.error(
        fields,
        'this program cannot read a snapshot: the node keeps what it has, and falls behind',
      )
      throw new Error(reason)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** Holds a complete snapshot until the core has said whether it is wanted. */
  keepReceived(file: SnapshotFile): void {
    this.dropReceived()
    this.#received = file
  }

  dropReceived(): void {
    const file = this.#received
    this.#received = null
    file?.close().catch((error: unknown) => this.#warnOfClose(error))
  }

  #warnOfClose(error: unknown): void {
    this.#host.logger.warn({ error }, 'a snapshot could not be closed')
  }

  takeReceived(): SnapshotFile | null {
    const file = this.#received
    this.#received = null
    return file
  }

  async close(): Promise<void> {
    await (await this.#outgoing?.catch(() => null))?.close()
    await this.#received?.close()
  }
}

/** A file as the transport sees it, which remembers if it could not be read. */
class ReadWatch implements SnapshotFile {
  readonly meta: SnapshotMeta
  readonly identity: string
  readonly sizeBytes: number
  hasFailed = false
  readonly file: SnapshotFile

  constructor(file: SnapshotFile) {
    this.file = file
    this.meta = file.meta
    this.identity = file.identity
    this.sizeBytes = file.sizeBytes
  }

  async read(offset: number, length: number): Promise<Buffer> {
    try {
      const bytes = await this.file.read(offset, length)
      if (bytes.length === 0 && offset < this.sizeBytes)
        throw new Error(`the snapshot file ends at ${offset}`)
      return bytes
    } catch (error) {
      this.hasFailed = true
      throw error
    }
  }

  chunks(): AsyncIterable<Uint8Array> {
    return this.file.chunks()
  }

  close(): Promise<void> {
    return this.file.close()
  }
}
