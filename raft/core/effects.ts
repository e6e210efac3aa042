/** What a step asks of its driver. */
import type { Entry, HardState, LogIndex, NodeId, RaftMessage, SnapshotMeta, Term } from '../types.ts'

export type ProposalFate =
  | { readonly id: number; readonly index: LogIndex; readonly term: Term }
  | { readonly id: number; readonly refusal: 'not_leader' | 'transferring' | 'overloaded' }
  /** Fewer than a quorum of voters have room on disk, because of those. */
  | { readonly id: number; readonly refusal: 'disk_low'; readonly lowVoters: readonly NodeId[] }

export type MembershipFate =
  | { readonly id: number; readonly index: LogIndex; readonly term: Term }
  | { readonly id: number; readonly refusal: string; readonly message: string }

/** One write for the log, and what may leave only once it is on disk. */
export interface PersistBatch {
  /** Ascending without gaps. */
  readonly number: number
  hardState: HardState | null
  /** Replaces everything from `entries[0].index` on. */
  entries: Entry[]
  messages: RaftMessage[]
}

/** What the driver must do after a `step`, in the order of the fields. */
export interface Effects {
  /** Safe to send at once; a leader replicates while its own disk is busy (§10.2.1). */
  messages: RaftMessage[]
  /** Null if there is nothing to write and nothing that waits for earlier writes. */
  batch: PersistBatch | null
  /** Take the place of log and state machine, after all batches so far; then `snapshotInstalled`. */
  install: SnapshotMeta | null
  /** To be applied in order. On our own disk too, so that a state machine is never ahead of its log. */
  committed: Entry[]
  /** Where proposals stand in the log, or that they certainly do not. */
  proposals: ProposalFate[]
  memberships: MembershipFate[]
  /** A transfer ended: null when leadership is gone from here, else why it failed. */
  transfers: { id: number; refusal: string | null; message: string }[]
  /** A read is linearizable once `readIndex` is applied; null: nobody could say. */
  reads: { id: number; readIndex: LogIndex | null }[]
  /** Read entries from disk for a peer that lags; then `fetched`. */
  fetches: { to: NodeId; session: number; first: LogIndex; last: LogIndex; bytesMax: number }[]
  /** Send a snapshot to a peer; `snapshotStarted`, then `snapshotSent`. */
  snapshots: { to: NodeId; session: number }[]
  /** The peer has lost what it had acknowledged. */
  lostEntries: { peer: NodeId; matchIndex: LogIndex; conflictIndex: LogIndex }[]
}

export function noEffects(): Effects {
  return {
    messages: [],
    batch: null,
    install: null,
    committed: [],
    proposals: [],
    memberships: [],
    transfers: [],
    reads: [],
    fetches: [],
    snapshots: [],
    lostEntries: [],
  }
}
