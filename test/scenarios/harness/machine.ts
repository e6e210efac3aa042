/** One node of a scenario: a core while it runs, and the disk that it comes back from. */
import { DEFAULT_LIMITS, type Limits, type Raft, restoreRaft, type Timing } from '../../../raft/core/state.ts'
import type { Entry, LogIndex, Membership, NodeId, Term } from '../../../raft/types.ts'
import { runsOf } from '../../raft/core/solo-node.ts'
import { ScenarioDisk } from './disk.ts'

export const TIMING: Timing = { heartbeatMs: 10, electionMinMs: 100, electionMaxMs: 200 }

/** What a node has on its disk when the scenario begins. */
export interface Content {
  /** The terms of its log, one an entry. */
  readonly terms: readonly Term[]
  /** That of its last entry unless told. */
  readonly currentTerm?: Term
}

export class Machine {
  readonly id: NodeId
  readonly disk: ScenarioDisk
  /** Null while it is down. */
  raft: Raft | null = null
  /** Writes wait until the scenario says that they are on disk. */
  isDiskHeld = false
  /** How long this node waits for a leader, within the bounds of `TIMING`. */
  electionTimeoutMs = TIMING.electionMinMs
  readonly #limits: Limits

  constructor(options: { id: NodeId; membership: Membership; content: Content; limits: Partial<Limits> }) {
    const { id, membership, content } = options
    const { terms, currentTerm = terms.at(-1) ?? 0 } = content
    this.id = id
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.disk = new ScenarioDisk({
      hardState: { currentTerm, votedFor: null },
      base: { lastIndex: 0, lastTerm: 0, lastTime: 0, membership, membershipIndex: 0 },
      entries: terms.map((term, i) => commandEntry(i + 1, term)),
    })
  }

  /** The state machine comes back with what the log starts after: whatever was applied since is applied again. */
  start(now: number): void {
    const { hardState, base, entries, lastIndex } = this.disk
    const { electionMinMs, electionMaxMs } = TIMING
    this.raft = restoreRaft({
      id: this.id,
      hardState,
      base,
      lastIndex,
      terms: runsOf(entries),
      membershipEntries: entries.filter(({ type }) => type === 'membership'),
      tail: entries,
      appliedIndex: base.lastIndex,
      timing: TIMING,
      limits: this.#limits,
      random: () => (this.electionTimeoutMs - electionMinMs) / (electionMaxMs - electionMinMs),
      now,
    })
  }

  /** Everything that was not on disk is forgotten. */
  crash(): void {
    this.raft = null
    this.disk.pending = []
  }
}

function commandEntry(index: LogIndex, term: Term): Entry {
  return { index, term, time: 0, type: 'command', payload: new Uint8Array([term, index]) }
}
