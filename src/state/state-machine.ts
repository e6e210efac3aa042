import { createHash } from 'node:crypto'
import { assert, unreachable } from '../../raft/assert.ts'
import { Durations } from '../../raft/durations.ts'
import type { Clock, Log, StateImage, StateMachine } from '../../raft/ports.ts'
import type { Divergence, Entry, SnapshotMeta } from '../../raft/types.ts'
import type { AccessView } from '../ipam/access.ts'
import { applyEnvelope } from '../ipam/apply.ts'
import { applyMembership } from '../ipam/apply-membership.ts'
import { decodeCommand } from '../ipam/command-codec.ts'
import { ANSWER_LIMITS, type AnswerLimits } from '../ipam/idempotency.ts'
import type { Outcome } from '../ipam/outcome.ts'
import type { AnswerTo, Query } from '../ipam/query.ts'
import { refuseUnsupported } from '../ipam/refuse.ts'
import { CorruptStateError } from './errors.ts'
import { type StateFigures, stateFigures } from './figures.ts'
import { DEFAULT_FLUSH_LIMITS, type FlushLimits, SYNCED } from './flush.ts'
import { APPLIED_KEY, DIVERGENCE_KEY, EVERYTHING } from './key-space.ts'
import { type Loaded, load, loadRows } from './load.ts'
import { OpenState, type OpenStateOptions } from './open-state.ts'
import { decodeOutcome, encodeOutcome } from './outcome-codec.ts'
import { answer } from './query/answer.ts'
import { oldestAudit } from './query/list-audit.ts'
import { decodeApplied, encodeDivergence } from './row-codec.ts'
import type { RowStore } from './row-store.ts'
import { Slices } from './slices.ts'
import { decodeRows, encodeRows, readHead, writeRows } from './snapshot.ts'
import { type CheckpointLimits, DEFAULT_CHECKPOINT_LIMITS } from './space-checkpoints.ts'
import { formatHash } from './state-hash.ts'
import type { StateStorage } from './storage.ts'
import type { StoredRow, View } from './view.ts'

export interface StateMachineOptions {
  readonly storage: StateStorage
  readonly clock: Pick<Clock, 'now' | 'setTimer' | 'setSoon'>
  readonly logger: Log
  readonly limits?: Partial<FlushLimits>
  /** Of idempotency keys; a program has only the default, which all nodes share. */
  readonly answerLimits?: AnswerLimits
  readonly checkpointLimits?: Partial<CheckpointLimits>
}

/** The networks, allocations and audit rows of the cluster: the same on every node at the same log index. */
export class IpamStateMachine implements StateMachine {
  readonly failed: Promise<never>
  readonly #storage: StateStorage
  readonly #clock: Pick<Clock, 'now' | 'setTimer' | 'setSoon'>
  readonly #logger: Log
  readonly #openOptions: OpenStateOptions
  /** Replaced as a whole by `restore`. */
  #opened: OpenState
  /** Resolves when the restore under way ends, either way. */
  #restoring: Promise<void> | null = null
  /** Half of an entry or of a snapshot may be in what was opened: until the process ends, nothing is answered from it. */
  #failure: { readonly error: unknown } | null = null

  private constructor(options: StateMachineOptions, loaded: Loaded) {
    const { storage, clock, logger, limits, answerLimits = ANSWER_LIMITS, checkpointLimits } = options
    this.#storage = storage
    this.#clock = clock
    this.#logger = logger
    let fail = (_error: unknown): void => {}
    this.failed = new Promise((_, reject) => {
      fail = reject
    })
    // Whoever cares has a handler of its own; to the others this is no forgotten promise.
    this.failed.catch(() => {})
    this.#openOptions = {
      clock,
      answerLimits,
      flushLimits: { ...DEFAULT_FLUSH_LIMITS, ...limits },
      checkpointLimits: { ...DEFAULT_CHECKPOINT_LIMITS, ...checkpointLimits },
      flushes: new Durations(),
      onFailure: (error) => {
        logger.error({ error }, 'state machine failed')
        fail(error)
      },
    }
    this.#opened = this.#open(loaded)
  }

  /**
   * Opens the state as it was last flushed. Rows that a restore left half-made are removed: `durableIndex` is 0 then.
   *
   * @throws {CorruptStateError}
   */
  static async open(options: StateMachineOptions): Promise<IpamStateMachine> {
    const loaded = await load(options.storage)
    const { networks, point } = loaded
    options.logger.info({ appliedIndex: point.index, networks: networks.size }, 'state opened')
    return new IpamStateMachine(options, loaded)
  }

  get appliedIndex(): number {
    return this.#opened.overlay.point.index
  }

  /** Log time of the last applied entry, ms since 1970; 0 before the first. */
  get appliedTime(): number {
    return this.#opened.overlay.point.time
  }

  get durableIndex(): number {
    return this.#opened.writeBehind.durableIndex
  }

  /** Over everything that was written up to `appliedIndex`. */
  get stateHash(): string {
    return formatHash(this.#opened.overlay.point.hash)
  }

  get divergence(): Divergence | null {
    return this.#opened.divergence
  }

  /** When the next active allocation expires, or released address has rested; ms since 1970, null if none does. O(1). */
  get nextExpiry(): number | null {
    const { expiries, coolings } = this.#opened.memory
    const [expiry, cooling] = [expiries.earliest, coolings.earliest]
    return expiry === null || cooling === null ? (expiry ?? cooling) : Math.min(expiry, cooling)
  }

  /** How many allocations expire, and released addresses have rested, at or before this time; not more than `limit`. */
  countDue(time: number, limit: number): number {
    const { expiries, coolings } = this.#opened.memory
    const count = expiries.countDue(time, limit)
    return count < limit ? count + coolings.countDue(time, limit - count) : count
  }

  /** Users and keys, as applied; null during a restore, when nothing is known of them. */
  get access(): AccessView | null {
    return this.#restoring === null && this.#failure === null ? this.#opened.memory.access : null
  }

  /** For whoever watches: what there is in memory, without waiting for anything. */
  get figures(): StateFigures {
    const { memory, overlay } = this.#opened
    const { answerLimits, flushes, flushLimits } = this.#openOptions
    const { dirtyBytesMax: unflushedBytesMax } = flushLimits
    return stateFigures({
      memory,
      answerLimits,
      flushes,
      unflushedBytes: overlay.sizeBytes,
      unflushedBytesMax,
    })
  }

  /** Log time of the oldest audit row that is left; null if there is none. */
  async oldestAudit(): Promise<number | null> {
    if (this.#restoring !== null) await this.#restoring
    this.#checkWhole()
    const opened = this.#opened
    return opened.read(opened.view(), oldestAudit)
  }

  apply(entry: Entry): Outcome | null {
    const { overlay, store, writeBehind } = this.#opened
    assert(this.#restoring === null, 'entry {} during a restore', entry.index)
    assert(entry.index === overlay.point.index + 1, 'entry {} after {}', entry.index, overlay.point.index)
    try {
      store.beginEntry(entry.index)
      const outcome = applyEntry(store, entry)
      store.endEntry()
      overlay.commit({ index: entry.index, term: entry.term, time: entry.time })
      writeBehind.noticeEntry()
      return outcome
    } catch (error) {
      // Half of the entry may be in the rows.
      this.#failure = { error }
      writeBehind.fail(error)
      throw error
    }
  }

  async markDiverged(divergence: Divergence): Promise<void> {
    const opened = this.#opened
    if (this.#restoring !== null) await this.#restoring
    // Replaced meanwhile: it was not about these rows.
    if (this.#opened !== opened) return
    opened.divergence = divergence
    await opened.database.put(DIVERGENCE_KEY, encodeDivergence(divergence), SYNCED)
  }

  waitForCapacity(): Promise<void> | null {
    return this.#opened.writeBehind.waitForCapacity()
  }

  encodeResult(result: unknown): Uint8Array {
    return encodeOutcome(result as Outcome)
  }

  decodeResult(bytes: Uint8Array): Outcome {
    return decodeOutcome(bytes)
  }

  flush(): Promise<void> {
    return this.#opened.writeBehind.flush()
  }

  /**
   * Answers from the state at the index at which the call starts, or, during a restore, from the restored one.
   *
   * @throws {InvalidCursorError}
   * @throws what `apply` or `restore` has failed with
   */
  async query<Q extends Query>(query: Q): Promise<AnswerTo<Q>> {
    if (this.#restoring !== null) await this.#restoring
    this.#checkWhole()
    const opened = this.#opened
    const { memory, store, overlay, database } = opened
    const read = <T>(ask: (view: View) => Promise<T>): Promise<T> => opened.read(opened.view(), ask)
    // Views are taken before the first `await`: what comes after must not show.
    return (await answer(query, { memory, store, overlay, database, read })) as AnswerTo<Q>
  }

  async snapshot(): Promise<StateImage> {
    const image = this.#opened.image()
    // The log may be cut at the image's index, so the rows up to there have to outlive a crash.
    try {
      await this.flush()
    } catch (error) {
      await image.release()
      throw error
    }
    return image
  }

  async refusalOf(meta: SnapshotMeta, chunks: AsyncIterable<Uint8Array>): Promise<string | null> {
    const batches = decodeRows(chunks, new Slices(this.#clock))
    try {
      await readHeadOf(meta, batches)
      return null
    } catch (error) {
      if (error instanceof CorruptStateError) return error.message
      throw error
    } finally {
      await batches.return(undefined)
    }
  }

  /**
   * Waits for reads under way; images that are not released yet break.
   *
   * @throws {CorruptStateError} if the chunks are not an image of `meta.lastIndex`: found at once, nothing has changed;
   *   found later, the state is empty.
   */
  async restore(meta: SnapshotMeta, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    assert(this.#restoring === null, 'one restore at a time')
    let end = (): void => {}
    this.#restoring = new Promise((resolve) => {
      end = resolve
    })
    try {
      await this.#restore(meta, decodeRows(chunks, new Slices(this.#clock)))
    } finally {
      this.#restoring = null
      end()
    }
  }

  /** SHA-256 over every row: the same on all nodes at the same applied index. For tests; reads everything. */
  async stateDigest(): Promise<string> {
    const opened = this.#opened
    return opened.read(opened.view({ withApplied: true }), async (view) => {
      const hash = createHash('sha256')
      const scan = view.scan(EVERYTHING)
      for await (const chunk of encodeRows(scan, new Slices(this.#clock))) hash.update(chunk)
      await scan.close()
      return hash.digest('hex')
    })
  }

  /** Flushes what is applied, and closes the database. */
  async close(): Promise<void> {
    if (this.#restoring !== null) await this.#restoring
    const opened = this.#opened
    try {
      if (!opened.writeBehind.hasFailed) await opened.writeBehind.flush()
    } finally {
      await opened.close()
    }
  }

  #checkWhole(): void {
    if (this.#failure !== null) throw this.#failure.error
  }

  #open(loaded: Loaded): OpenState {
    return new OpenState(loaded, this.#openOptions)
  }

  async #restore(meta: SnapshotMeta, batches: AsyncGenerator<StoredRow[]>): Promise<void> {
    const { applied, rows } = await readHeadOf(meta, batches)
    await this.#opened.close()
    await this.#storage.destroy()
    this.#opened = this.#open(await load(this.#storage))
    const { database } = this.#opened
    try {
      await writeRows(database, rows, batches)
      // Only this row makes them count: without it, they are removed when they are opened.
      await database.put(APPLIED_KEY, applied, SYNCED)
      this.#opened = this.#open(await loadRows(database))
      this.#failure = null
      this.#logger.info({ appliedIndex: meta.lastIndex }, 'state restored')
    } catch (error) {
      this.#failure = { error }
      await database.close()
      await this.#storage.destroy()
      this.#opened = this.#open(await load(this.#storage))
      throw error
    }
  }
}

/** What an image begins with: which format its rows are in, and how far they go. */
async function readHeadOf(
  meta: SnapshotMeta,
  batches: AsyncGenerator<StoredRow[]>,
): Promise<{ applied: Buffer; rows: StoredRow[] }> {
  const head = await readHead(batches)
  const { index } = decodeApplied(head.applied)
  if (index !== meta.lastIndex) {
    throw new CorruptStateError(`an image of index ${index} is offered as one of ${meta.lastIndex}`)
  }
  return head
}

function applyEntry(store: RowStore, { type, index, time, payload }: Entry): Outcome | null {
  switch (type) {
    case 'noop':
      return null
    case 'membership':
      applyMembership(store, payload, { index, time })
      return null
    case 'command': {
      const envelope = decodeCommand(payload)
      if (envelope === null) {
        return refuseUnsupported(`Entry ${index} is a command that this version does not know`)
      }
      return applyEnvelope(store, envelope, { index, time })
    }
    default:
      return unreachable(type)
  }
}
