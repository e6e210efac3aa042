/** What of a node survives: hard state, snapshot and log, and what is written but not yet on disk. */
import { assert } from '../../../raft/assert.ts'
import type { PersistBatch } from '../../../raft/core/effects.ts'
import { snapshotMetaAt } from '../../../raft/core/log.ts'
import type { Raft } from '../../../raft/core/state.ts'
import type { Entry, HardState, LogIndex, SnapshotMeta } from '../../../raft/types.ts'

/** In the order in which the core asked for it. */
export type DiskWrite =
  | { readonly type: 'batch'; readonly batch: PersistBatch }
  | { readonly type: 'install'; readonly meta: SnapshotMeta }

export class ScenarioDisk {
  hardState: HardState
  base: SnapshotMeta
  /** All after the base. */
  entries: Entry[]
  /** Asked for, and lost by a crash. */
  pending: DiskWrite[] = []

  constructor(content: { hardState: HardState; base: SnapshotMeta; entries: readonly Entry[] }) {
    this.hardState = content.hardState
    this.base = content.base
    this.entries = [...content.entries]
  }

  get lastIndex(): LogIndex {
    return this.base.lastIndex + this.entries.length
  }

  write(write: DiskWrite): void {
    if (write.type === 'install') {
      this.base = write.meta
      this.entries = []
      return
    }
    const { hardState, entries } = write.batch
    if (hardState !== null) this.hardState = hardState
    const first = entries[0]?.index ?? this.lastIndex + 1
    assert(first <= this.lastIndex + 1, `a write at ${first} leaves a gap after ${this.lastIndex}`)
    this.entries = [...this.entries.filter(({ index }) => index < first), ...entries]
  }

  /** Forgets what the state machine has durably, up to `index`. */
  compact(raft: Raft, index: LogIndex): SnapshotMeta {
    assert(index <= raft.releasedIndex, `entry ${index} is not applied`)
    this.base = snapshotMetaAt(raft.log, index)
    this.entries = this.entries.filter((entry) => entry.index > index)
    return this.base
  }
}
