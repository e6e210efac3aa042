/** What can happen to a node: whatever its driver tells `step`. */
import type {
  DiskHealth,
  Entry,
  LogIndex,
  MembershipChange,
  NodeId,
  RaftMessage,
  SchemaRange,
  SnapshotMeta,
  Term,
} from '../types.ts'

export type Event =
  /** Time has passed: look at the deadlines, and at what has become of our disk. */
  | { readonly type: 'tick'; readonly disk: DiskHealth }
  | { readonly type: 'message'; readonly message: RaftMessage }
  /**
   * @param peer Who is to be answered, and so hears of the commit with the answer at the latest; null: nobody but us.
   * @param time Wall clock, ms since 1970.
   */
  | {
      readonly type: 'propose'
      readonly id: number
      readonly peer: NodeId | null
      readonly payload: Uint8Array
      readonly needsRoom: boolean
      readonly time: number
    }
  | {
      readonly type: 'changeMembership'
      readonly id: number
      /** As of `propose`. */
      readonly peer: NodeId | null
      readonly change: MembershipChange
      readonly note: string
      readonly time: number
    }
  | { readonly type: 'transfer'; readonly id: number; readonly target: NodeId | null }
  /** @param transferId Of the transfer that goes with `isDrained`. */
  | { readonly type: 'drain'; readonly isDrained: boolean; readonly transferId: number }
  | { readonly type: 'readIndex'; readonly id: number }
  /** That batch and all before it are on disk. */
  | { readonly type: 'persisted'; readonly batchNumber: number }
  /** The answer to `Effects.fetches`; no entries if the log no longer has them. */
  | {
      readonly type: 'fetched'
      readonly to: NodeId
      readonly session: number
      readonly entries: readonly Entry[]
    }
  | {
      readonly type: 'snapshotStarted'
      readonly to: NodeId
      readonly session: number
      readonly lastIndex: LogIndex
    }
  | { readonly type: 'snapshotSent'; readonly to: NodeId; readonly session: number; readonly isSent: boolean }
  /** A whole snapshot arrived and is durable as a file. */
  | {
      readonly type: 'snapshotReceived'
      readonly from: NodeId
      readonly term: Term
      readonly meta: SnapshotMeta
    }
  /** `Effects.install` is done: log and state machine start after it. */
  | { readonly type: 'snapshotInstalled'; readonly meta: SnapshotMeta }
  /** The log on disk starts after `base` now. */
  | { readonly type: 'compacted'; readonly base: SnapshotMeta }
  | {
      readonly type: 'peerSeen'
      readonly id: NodeId
      readonly incarnation: string
      readonly schemas: SchemaRange
    }
  /** The connection to a node, member or not, is gone. */
  | { readonly type: 'peerLost'; readonly id: NodeId }
  /** A node came with a data directory that is older than what it had acknowledged. */
  | { readonly type: 'peerRolledBack'; readonly id: NodeId; readonly incarnation: string }
  /** All whose state machine is known to be wrong; `transferId` is for the transfer that follows if we lead. */
  | { readonly type: 'wrongStates'; readonly nodes: readonly NodeId[]; readonly transferId: number }
  /** Time for what a leader does by itself to the membership. @param time Wall clock, ms since 1970. */
  | { readonly type: 'maintain'; readonly time: number }
