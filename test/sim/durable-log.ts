/** What is certainly on a node's disk: what the real log has said is durable, and no more. */
import type { LogBatch, LogStore, RecoveredLog } from '../../raft/ports.ts'
import type { Entry, HardState, LogIndex, NodeId, SnapshotMeta, Term } from '../../raft/types.ts'

/** Outlives the processes of its node. */
export class DurableImage {
  /** What the disk held before it was lost: it had been there, and was counted. */
  readonly former: DurableImage | null
  hardState: HardState = { currentTerm: 0, votedFor: null }
  baseIndex: LogIndex = 0
  baseTerm: Term = 0
  /** Terms of the entries after the base. */
  terms: Term[] = []
  /** A write under way may be replacing what is after this. */
  certainIndex: LogIndex = 0

  constructor(former: DurableImage | null = null) {
    this.former = former
  }

  get lastIndex(): LogIndex {
    return this.baseIndex + this.terms.length
  }

  termAt(index: LogIndex): Term | null {
    if (index === this.baseIndex) return this.baseTerm
    return this.terms[index - this.baseIndex - 1] ?? null
  }

  /** What is before the base is in a snapshot. */
  has(index: LogIndex, term: Term): boolean {
    return index < this.baseIndex || this.termAt(index) === term || this.former?.has(index, term) === true
  }

  /** It has that vote, or has left the term behind. */
  hasVoted(term: Term, candidate: NodeId): boolean {
    const { currentTerm, votedFor } = this.hardState
    if (currentTerm > term || (currentTerm === term && votedFor === candidate)) return true
    return this.former?.hasVoted(term, candidate) === true
  }

  setHardState(hardState: HardState): void {
    const { currentTerm, votedFor } = this.hardState
    const isBack = hardState.currentTerm < currentTerm
    const isOther =
      hardState.currentTerm === currentTerm && votedFor !== null && votedFor !== hardState.votedFor
    if (isBack || isOther) {
      throw new Error(
        `term ${currentTerm}, vote ${votedFor} became term ${hardState.currentTerm}, vote ${hardState.votedFor}`,
      )
    }
    this.hardState = hardState
  }

  append(entries: readonly Entry[]): void {
    const [first] = entries
    if (first === undefined) return
    this.terms.length = first.index - this.baseIndex - 1
    for (const { term } of entries) this.terms.push(term)
    this.certainIndex = this.lastIndex
  }

  reset({ lastIndex, lastTerm }: SnapshotMeta): void {
    this.baseIndex = lastIndex
    this.baseTerm = lastTerm
    this.terms = []
    this.certainIndex = lastIndex
  }

  /** A process has read the disk. Nothing that was durable may be gone; a write that was never confirmed may be there. */
  recover(base: SnapshotMeta, { hardState, lastIndex, terms }: RecoveredLog): void {
    this.setHardState(hardState)
    const termAt = (index: LogIndex): Term => terms.findLast((run) => run.firstIndex <= index)?.term ?? 0
    if (base.lastIndex < this.baseIndex) throw new Error(`base ${this.baseIndex} became ${base.lastIndex}`)
    for (let index = base.lastIndex + 1; index <= Math.min(this.certainIndex, this.lastIndex); index++) {
      if (index <= lastIndex && termAt(index) === this.termAt(index)) continue
      throw new Error(`entry ${index} of term ${this.termAt(index)} was durable and is gone`)
    }
    this.reset(base)
    for (let index = base.lastIndex + 1; index <= lastIndex; index++) this.terms.push(termAt(index))
    this.certainIndex = lastIndex
  }
}

/** A real log, whose image is kept up to date. */
export class WatchedLog implements LogStore {
  readonly #log: LogStore
  readonly #image: DurableImage

  constructor(log: LogStore, image: DurableImage) {
    this.#log = log
    this.#image = image
  }

  async open(): Promise<RecoveredLog> {
    const recovered = await this.#log.open()
    const base = recovered.base ?? EMPTY_BASE
    this.#image.recover(base, recovered)
    return recovered
  }

  async initialize(base: SnapshotMeta): Promise<void> {
    await this.#log.initialize(base)
    this.#image.reset(base)
  }

  async append(batch: LogBatch): Promise<void> {
    this.#image.certainIndex = Math.min(this.#image.certainIndex, (batch.entries[0]?.index ?? Infinity) - 1)
    await this.#log.append(batch)
    if (batch.hardState !== null) this.#image.setHardState(batch.hardState)
    this.#image.append(batch.entries)
  }

  read(options: { first: LogIndex; last: LogIndex; bytesMax: number }): Promise<Entry[]> {
    return this.#log.read(options)
  }

  indexBefore(bytes: number): LogIndex {
    return this.#log.indexBefore(bytes)
  }

  compact(base: SnapshotMeta): Promise<void> {
    return this.#log.compact(base)
  }

  async reset(base: SnapshotMeta): Promise<void> {
    this.#image.certainIndex = 0
    await this.#log.reset(base)
    this.#image.reset(base)
  }

  close(): Promise<void> {
    return this.#log.close()
  }
}

const EMPTY_BASE = {
  lastIndex: 0,
  lastTerm: 0,
  lastTime: 0,
  membership: { members: [], removed: [], schemaVersion: 1 },
  membershipIndex: 0,
} as const
