/** Keeps a picture of memory beside the rows, so that opening them need not read a row for every allocation. */
import type { Clock } from '../../raft/ports.ts'
import { CHECKPOINT_CUT, type CheckpointCut, encodeCheckpoint } from './checkpoint-codec.ts'
import { SYNCED } from './flush.ts'
import {
  CHECKPOINT_KEY,
  CHECKPOINT_PARTS,
  checkpointPartKey,
  checkpointParts,
  JOURNAL,
  journalKey,
} from './key-space.ts'
import type { Layer, Overlay } from './overlay.ts'
import { encodeChanges } from './range-journal.ts'
import { type CheckpointHead, encodeCheckpointHead } from './row-codec.ts'
import type { StateMemory } from './row-store.ts'
import type { StateDatabase } from './storage.ts'

export interface CheckpointLimits extends CheckpointCut {
  /** Fewer changes than this need no checkpoint. */
  readonly changesMin: number
  /** So much of it in one write. */
  readonly batchBytes: number
}

/** Opening makes up for so many changes in about a tenth of a second. */
export const DEFAULT_CHECKPOINT_LIMITS: CheckpointLimits = {
  ...CHECKPOINT_CUT,
  changesMin: 20_000,
  batchBytes: 1024 * 1024,
}
/** In about half a second. */
const CHANGES_MAX = 100_000
/** A large checkpoint is made less often, so that it adds no more than this to what a change writes. */
const BYTES_PER_CHANGE = 100

/** What an open database knows of its newest checkpoint. */
export interface CheckpointState {
  /** Null if there is none: all was read from rows. */
  readonly head: CheckpointHead | null
  /** Since it was begun; without one, rows that were read instead. */
  readonly changes: number
}

type Batch = ReturnType<StateDatabase['batch']>

/**
 * A checkpoint is parts, then a head that names them. It is taken while entries are applied (see `encodeCheckpoint`), and its
 * head is written when the rows of all these entries are on disk: so it is never ahead of the rows. From its beginning on, each
 * batch of rows has a row of the changes that the batch makes in memory, the journal. Until the next head is written, the last one
 * and all of its journal stay.
 *
 * A small state has neither.
 */
export class SpaceCheckpoints {
  readonly #database: StateDatabase
  readonly #overlay: Overlay
  readonly #memory: StateMemory
  readonly #clock: Pick<Clock, 'setSoon'>
  readonly #limits: CheckpointLimits
  readonly #flush: () => Promise<void>
  readonly #onFailure: (error: unknown) => void
  #head: CheckpointHead | null
  #changes: number
  #isJournaling: boolean
  #making: Promise<void> | null = null
  #isStopped = false

  constructor(options: {
    database: StateDatabase
    overlay: Overlay
    memory: StateMemory
    clock: Pick<Clock, 'setSoon'>
    checkpoint: CheckpointState
    limits: CheckpointLimits
    /** Resolves when everything applied before the call is on disk. */
    flush: () => Promise<void>
    onFailure: (error: unknown) => void
  }) {
    this.#database = options.database
    this.#overlay = options.overlay
    this.#memory = options.memory
    this.#clock = options.clock
    this.#limits = options.limits
    this.#flush = options.flush
    this.#onFailure = options.onFailure
    this.#head = options.checkpoint.head
    this.#changes = options.checkpoint.changes
    this.#isJournaling = this.#head !== null
  }

  /** @param layers Whose rows are in the batch. @param index Of their last entry. */
  addTo(batch: Batch, layers: readonly Layer[], index: number): void {
    const changes = layers.flatMap((layer) => layer.changes)
    this.#changes += changes.length
    if (this.#isJournaling && changes.length > 0) batch.put(journalKey(index), encodeChanges(changes))
  }

  /** Call when a batch is on disk, and once in the beginning. */
  noticeFlush(): void {
    if (this.#making !== null || this.#isStopped || this.#changes < this.#changesEnough()) return
    this.#making = this.#make().catch((error: unknown) => {
      if (!this.#isStopped) this.#onFailure(error)
    })
  }

  /** Nothing is written after this. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#making
  }

  #changesEnough(): number {
    const { changesMin } = this.#limits
    if (this.#head === null) return changesMin
    return Math.min(Math.max(changesMin, this.#head.bytes / BYTES_PER_CHANGE), CHANGES_MAX)
  }

  async #make(): Promise<void> {
    const generation = this.#overlay.point.index
    this.#isJournaling = true
    this.#changes = 0
    const written = await this.#writeParts(generation)
    if (written === null) return
    // Parts may show entries whose rows are not on disk yet.
    await this.#flush()
    if (this.#isStopped) return
    const head = { generation, ...written }
    await this.#database.put(CHECKPOINT_KEY, encodeCheckpointHead(head), SYNCED)
    this.#head = head
    await this.#removeOld(generation)
    this.#making = null
  }

  /** Null if it was stopped. */
  async #writeParts(generation: number): Promise<Omit<CheckpointHead, 'generation'> | null> {
    let waiting: Buffer[] = []
    let waitingBytes = 0
    let parts = 0
    let bytes = 0
    const write = async (): Promise<void> => {
      const batch = this.#database.batch()
      for (const part of waiting) batch.put(checkpointPartKey(generation, parts++), part)
      await batch.write(SYNCED)
      waiting = []
      bytes += waitingBytes
      waitingBytes = 0
    }
    for await (const part of encodeCheckpoint(this.#memory, this.#clock, this.#limits)) {
      if (this.#isStopped) return null
      waiting.push(part)
      waitingBytes += part.length
      if (waitingBytes >= this.#limits.batchBytes) await write()
    }
    if (this.#isStopped) return null
    await write()
    return { parts, bytes }
  }

  /** Of no use any more; a crash leaves it to the next one. */
  async #removeOld(generation: number): Promise<void> {
    const { gte, lt } = checkpointParts(generation)
    for (const range of [
      { gte: CHECKPOINT_PARTS.gte, lt: gte },
      { gte: lt, lt: CHECKPOINT_PARTS.lt },
      { gte: JOURNAL.gte, lte: journalKey(generation) },
    ]) {
      if (this.#isStopped) return
      await this.#database.clear(range)
    }
  }
}
