/** One open database, what memory holds over it, and all that reads or writes it until it is closed. */
import type { Durations } from '../../raft/durations.ts'
import type { Clock } from '../../raft/ports.ts'
import type { Divergence } from '../../raft/types.ts'
import type { AnswerLimits } from '../ipam/idempotency.ts'
import { type FlushLimits, WriteBehind } from './flush.ts'
import type { Loaded } from './load.ts'
import { Overlay } from './overlay.ts'
import { RowStore, type StateMemory } from './row-store.ts'
import { appliedLayer, RowImage } from './snapshot.ts'
import { type CheckpointLimits, SpaceCheckpoints } from './space-checkpoints.ts'
import type { StateDatabase } from './storage.ts'
import { View } from './view.ts'

export interface OpenStateOptions {
  readonly clock: Pick<Clock, 'now' | 'setTimer' | 'setSoon'>
  readonly answerLimits: AnswerLimits
  readonly flushLimits: FlushLimits
  readonly checkpointLimits: CheckpointLimits
  /** Each flush is noted there. */
  readonly flushes: Durations
  /** Nothing more will reach the disk. */
  readonly onFailure: (error: unknown) => void
}

export class OpenState {
  readonly database: StateDatabase
  readonly overlay: Overlay
  readonly memory: StateMemory
  readonly store: RowStore
  readonly writeBehind: WriteBehind
  divergence: Divergence | null
  readonly #clock: Pick<Clock, 'now' | 'setTimer' | 'setSoon'>
  readonly #checkpoints: SpaceCheckpoints
  /** Lists and statistics under way. */
  readonly #reading = new Set<Promise<unknown>>()
  readonly #images = new Set<RowImage>()

  constructor({ database, point, divergence, checkpoint, ...memory }: Loaded, options: OpenStateOptions) {
    const { clock, answerLimits, flushLimits, checkpointLimits, flushes, onFailure } = options
    const overlay = new Overlay(point)
    this.database = database
    this.overlay = overlay
    this.memory = memory
    this.divergence = divergence
    this.#clock = clock
    this.store = new RowStore({ database, overlay, memory, answerLimits })
    const writeBehind = new WriteBehind({
      database,
      overlay,
      clock,
      durations: flushes,
      limits: flushLimits,
      onFailure,
    })
    this.writeBehind = writeBehind
    this.#checkpoints = new SpaceCheckpoints({
      database,
      overlay,
      memory,
      clock,
      checkpoint,
      limits: checkpointLimits,
      flush: () => writeBehind.flush(),
      onFailure: (error) => writeBehind.fail(error),
    })
    writeBehind.accompany(this.#checkpoints)
    this.#checkpoints.noticeFlush()
  }

  /** @param options.withApplied Also the row that says how far the rows go, which is only written with each flush. */
  view({ withApplied = false } = {}): View {
    const { database, overlay } = this
    const { point } = overlay
    const layers = overlay.layers()
    return new View({ database, layers: withApplied ? [...layers, appliedLayer(point)] : layers, point })
  }

  /** Calls `read` at once, and closes the view when it is done, also when it throws before it waits for anything. */
  async read<T>(view: View, read: (view: View) => Promise<T>): Promise<T> {
    const reading = (async () => await read(view))()
    this.#reading.add(reading)
    try {
      return await reading
    } finally {
      this.#reading.delete(reading)
      await view.close()
    }
  }

  /** Of everything that is applied. It breaks when this is closed. */
  image(): RowImage {
    const image = new RowImage(this.view({ withApplied: true }), {
      clock: this.#clock,
      onRelease: () => this.#images.delete(image),
    })
    this.#images.add(image)
    return image
  }

  /** Waits for reads under way, breaks images that are not released yet, and closes the database. Flushes nothing. */
  async close(): Promise<void> {
    await this.#checkpoints.stop()
    await this.writeBehind.stop()
    await Promise.allSettled(this.#reading)
    await Promise.all([...this.#images].map((image) => image.release()))
    await this.database.close()
  }
}
