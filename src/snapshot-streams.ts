/** Backups on their way out of this node: each keeps an image of the state open for as long as it is read. */
import {
  type Clock,
  encodeArchive,
  OverloadedError,
  type RaftNode,
  type SnapshotOrigin,
} from '../raft/index.ts'
import type { SnapshotStream } from './service.ts'

export interface SnapshotStreamLimits {
  /** Open at once. Each keeps rows on disk and in memory that the state has meanwhile replaced. */
  readonly streamsMax: number
  /** Nobody asks for the next part for so long: its reader is gone, or as good as gone. */
  readonly idleMsMax: number
}

/** A reader that takes 256 KiB in a minute is slow, and is let be. */
export const SNAPSHOT_STREAM_LIMITS: SnapshotStreamLimits = { streamsMax: 2, idleMsMax: 60_000 }

export class SnapshotStreams {
  readonly #node: Pick<RaftNode, 'image'>
  readonly #clock: Pick<Clock, 'setTimer' | 'wallTime'>
  readonly #origin: Omit<SnapshotOrigin, 'takenAt'>
  readonly #limits: SnapshotStreamLimits
  #openCount = 0

  constructor(options: {
    node: Pick<RaftNode, 'image'>
    clock: Pick<Clock, 'setTimer' | 'wallTime'>
    origin: Omit<SnapshotOrigin, 'takenAt'>
    limits?: Partial<SnapshotStreamLimits>
  }) {
    this.#node = options.node
    this.#clock = options.clock
    this.#origin = options.origin
    this.#limits = { ...SNAPSHOT_STREAM_LIMITS, ...options.limits }
  }

  /** That are open now, and may be. */
  get figures(): { readonly size: number; readonly max: number } {
    return { size: this.#openCount, max: this.#limits.streamsMax }
  }

  /**
   * @param prepare Awaited before the image is taken, with a place for it kept.
   * @throws {RaftError}
   */
  async open(prepare: () => Promise<void>): Promise<SnapshotStream> {
    const { streamsMax } = this.#limits
    if (this.#openCount >= streamsMax) {
      throw new OverloadedError(
        `as many snapshots are being read from this node as may be (${streamsMax}); ask another one, or wait`,
      )
    }
    this.#openCount += 1
    try {
      await prepare()
      return await this.#open()
    } catch (error) {
      this.#openCount -= 1
      throw error
    }
  }

  async #open(): Promise<SnapshotStream> {
    const { meta, image } = await this.#node.image()
    const origin = { ...this.#origin, takenAt: this.#clock.wallTime() }
    return new ImageStream({
      index: meta.lastIndex,
      parts: encodeArchive({ meta, origin }, image.chunks()),
      clock: this.#clock,
      idleMsMax: this.#limits.idleMsMax,
      release: async () => {
        this.#openCount -= 1
        await image.release()
      },
    })
  }
}

class ImageStream implements SnapshotStream {
  readonly index: number
  readonly #parts: AsyncGenerator<Uint8Array>
  readonly #clock: Pick<Clock, 'setTimer'>
  readonly #idleMsMax: number
  readonly #release: () => Promise<void>
  #releasing: Promise<void> | null = null
  #stopTimer: () => void

  constructor(options: {
    index: number
    parts: AsyncGenerator<Uint8Array>
    clock: Pick<Clock, 'setTimer'>
    idleMsMax: number
    release: () => Promise<void>
  }) {
    this.index = options.index
    this.#parts = options.parts
    this.#clock = options.clock
    this.#idleMsMax = options.idleMsMax
    this.#release = options.release
    this.#stopTimer = this.#startTimer()
  }

  async next(): Promise<Uint8Array | null> {
    this.#stopTimer()
    if (this.#releasing !== null)
      throw new Error('the snapshot was given up: nobody has read it for too long')
    try {
      const { value, done } = await this.#parts.next()
      if (done !== true) {
        this.#stopTimer = this.#startTimer()
        return value
      }
    } catch (error) {
      await this.release()
      throw error
    }
    await this.release()
    return null
  }

  release(): Promise<void> {
    this.#stopTimer()
    this.#releasing ??= this.#release()
    return this.#releasing
  }

  #startTimer(): () => void {
    // What goes wrong with the release is told to whoever asks for the next part.
    return this.#clock.setTimer(this.#idleMsMax, () => void this.release().catch(() => {}))
  }
}
