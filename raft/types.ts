/** The words of the protocol: what a log holds, who is a member, what nodes say to each other. */

/** A positive safe integer, chosen by the operator, never used again once removed. */
export type NodeId = number
/** From 1; 0 is "before the first term". */
export type Term = number
/** A position in the log, from 1; 0 is "before the first entry". */
export type LogIndex = number

/** `noop` opens a term (§6.4), `command` is a client's, `membership` is a configuration (§4.1). */
export type EntryType = 'noop' | 'command' | 'membership'

/** One position of the log. */
export interface Entry {
  readonly index: LogIndex
  readonly term: Term
  /** Milliseconds since 1970, stamped by the leader that appended it; never less than the entry before it. */
  readonly time: number
  readonly type: EntryType
  /** Encoded once, by whoever proposed it; the same bytes go to the log, to every peer and to its log. */
  readonly payload: Uint8Array
}

/** What a node must not forget (Figure 3.1, persistent state); one atomic record. */
export interface HardState {
  readonly currentTerm: Term
  readonly votedFor: NodeId | null
}

/** The versions of the state machine's commands that a node can both read and write, 1 or more, `min` to `max`. */
export interface SchemaRange {
  readonly min: number
  readonly max: number
}

/** A node as the configuration names it. */
export interface Member {
  readonly id: NodeId
  /** `host:port` of its Raft listener. */
  readonly addr: string
  /** False for a learner, which gets the log but does not count (§4.2.1). */
  readonly voter: boolean
  /** Of its data directory, once a leader has learned it; another one under this id is refused. */
  readonly incarnation: string | null
  /** Of its program, as a leader last saw it; null until one has. */
  readonly schemas: SchemaRange | null
  /** Its data directory turned out to be older than what it had acknowledged: it is refused, and counts until removed. */
  readonly isRolledBack: boolean
}

/** The configuration (§4.1). */
export interface Membership {
  /** Ascending by id. */
  readonly members: readonly Member[]
  /** Ids that were removed and never return. Ascending. */
  readonly removed: readonly NodeId[]
  /** In which commands are written; every member can read it. Raised by the leader, never lowered. */
  readonly schemaVersion: number
}

/** A run of entries with one term; the terms of a whole log are a short list of them. */
export interface TermRun {
  readonly firstIndex: LogIndex
  readonly term: Term
}

/** The point that a log starts after: everything up to it is in the state machine (ch. 5). */
export interface SnapshotMeta {
  readonly lastIndex: LogIndex
  readonly lastTerm: Term
  /** The log time of `lastIndex`, in ms since 1970. */
  readonly lastTime: number
  /** In force at `lastIndex`. */
  readonly membership: Membership
  /** Where that membership was appended; 0 for the one a cluster starts with. */
  readonly membershipIndex: LogIndex
}

/** Where a snapshot that leaves its cluster, as a backup, comes from. */
export interface SnapshotOrigin {
  readonly clusterId: number
  readonly nodeId: NodeId
  /** By the node's wall clock, ms since 1970. */
  readonly takenAt: number
  /** Which version of the program took it. */
  readonly program: string
}

/** What a node knows of its own disk. */
export interface DiskHealth {
  /** For how long the oldest batch that is not on disk, or a state machine without room for more, has waited; 0 if neither does. Whole milliseconds. */
  readonly stallMs: number
  /** Too little room for commands that need some for good. */
  readonly isLow: boolean
}

interface Envelope {
  readonly from: NodeId
  readonly to: NodeId
  /** The sender's current term, but for a pre-vote: there the term it would campaign in (§9.6). */
  readonly term: Term
}

/** §3.4, §3.6.1; as a pre-vote §9.6. */
export interface RequestVote extends Envelope {
  readonly type: 'RequestVote'
  readonly isPreVote: boolean
  /** Sent because the leader asked us to campaign (§3.10): voters answer it even while they hear that leader. */
  readonly isTransfer: boolean
  readonly lastLogIndex: LogIndex
  readonly lastLogTerm: Term
}

/** Its `term` is the voter's own, but where it grants a pre-vote: there it is the request's. */
export interface RequestVoteReply extends Envelope {
  readonly type: 'RequestVoteReply'
  readonly isPreVote: boolean
  readonly voteGranted: boolean
}

/** §3.5; a heartbeat when `entries` is empty. */
export interface AppendEntries extends Envelope {
  readonly type: 'AppendEntries'
  readonly prevLogIndex: LogIndex
  readonly prevLogTerm: Term
  readonly entries: readonly Entry[]
  readonly leaderCommit: LogIndex
  /** Up to here the leader's log is on its own disk: what it must still have when it comes back. */
  readonly leaderDurable: LogIndex
  /** Names this membership of this peer under this leader; a reply with another one is from an earlier life. */
  readonly session: number
  /** The leader's read counter (§6.4); echoed. */
  readonly readRound: number
}

/** Made at the end of a follower's step, not for each request: see `acknowledge`. */
export interface AppendEntriesReply extends Envelope {
  readonly type: 'AppendEntriesReply'
  readonly success: boolean
  /** On success: verified against this leader and durable here. On failure: 0. */
  readonly matchIndex: LogIndex
  /** On failure: the leader may try `prevLogIndex` here next; see `append-entries.ts`. */
  readonly conflictIndex: LogIndex
  readonly conflictTerm: Term
  /** The `prevLogIndex` that failed, so that an old rejection is told from a new one. */
  readonly rejectedIndex: LogIndex
  readonly session: number
  readonly readRound: number
  /** Its operator does not want it to lead. */
  readonly isDrained: boolean
  /** The sender's. */
  readonly disk: DiskHealth
}

/** "Your log is too far behind: I am sending a snapshot on its own connection" (ch. 5). A heartbeat meanwhile. */
export interface InstallSnapshot extends Envelope {
  readonly type: 'InstallSnapshot'
  readonly lastIndex: LogIndex
  readonly session: number
  readonly readRound: number
}

/** The snapshot is installed and durable, or cannot be. */
export interface InstallSnapshotReply extends Envelope {
  readonly type: 'InstallSnapshotReply'
  readonly success: boolean
  readonly lastIndex: LogIndex
  readonly session: number
  readonly readRound: number
  /** The sender's. */
  readonly disk: DiskHealth
}

/** §3.10: campaign now. */
export interface TimeoutNow extends Envelope {
  readonly type: 'TimeoutNow'
}

/** A follower asks for an index from which a read is linearizable (§6.4). */
export interface ReadIndexRequest extends Envelope {
  readonly type: 'ReadIndexRequest'
  readonly requestId: number
}

/** To whoever asked, as soon as a quorum has confirmed that the leader leads. */
export interface ReadIndexReply extends Envelope {
  readonly type: 'ReadIndexReply'
  readonly requestId: number
  /** Null: this node cannot say, ask again. */
  readonly readIndex: LogIndex | null
}

/** What one core says to another. */
export type RaftMessage =
  | RequestVote
  | RequestVoteReply
  | AppendEntries
  | AppendEntriesReply
  | InstallSnapshot
  | InstallSnapshotReply
  | TimeoutNow
  | ReadIndexRequest
  | ReadIndexReply

/** A change that the cluster's administrator asks for. */
export type MembershipChange =
  | { readonly type: 'add'; readonly id: NodeId; readonly addr: string }
  | { readonly type: 'remove'; readonly id: NodeId; readonly isForced: boolean }

/** What its proposer knows of a command. */
export interface CommandTraits {
  /**
   * However often the same bytes are in the log, they take effect once or do no harm, and the result of any copy is
   * the answer (§6.3). They are sent again when nobody can say what became of them.
   */
  readonly isIdempotent: boolean
  /** It takes room on disk for good: refused while too few nodes have any. */
  readonly needsRoom: boolean
}

/** Work that a follower hands to the leader. */
export type ForwardedRequest =
  | { readonly type: 'command'; readonly payload: Uint8Array; readonly traits: CommandTraits }
  | { readonly type: 'membership'; readonly change: MembershipChange; readonly note: string }
  | { readonly type: 'transfer'; readonly target: NodeId | null }

/** What became of it. `code` is a `RaftError` code; `index` the log position on success; `transferred` is who leads now. */
export type ForwardedOutcome =
  | { readonly type: 'result'; readonly result: Uint8Array; readonly index: LogIndex }
  | { readonly type: 'transferred'; readonly leaderId: NodeId }
  | {
      readonly type: 'error'
      readonly code: string
      readonly message: string
      readonly leaderId: NodeId | null
    }

/**
 * All that gathered in one turn of the follower, as one frame. Ids are the sender's, unique per process; a request
 * that is sent again keeps its id.
 */
export interface ForwardRequests {
  readonly type: 'ForwardRequests'
  readonly from: NodeId
  readonly to: NodeId
  readonly requests: readonly {
    readonly id: number
    readonly request: ForwardedRequest
    /** Opaque here, and part of no log: see `request-trace.ts`. Null: it is not followed. */
    readonly trace: string | null
  }[]
}

/** Outcomes of forwarded requests, as they come, by the ids of who sent them. */
export interface ForwardReplies {
  readonly type: 'ForwardReplies'
  readonly from: NodeId
  readonly to: NodeId
  readonly replies: readonly { readonly id: number; readonly outcome: ForwardedOutcome }[]
}

/** The state after the entry at `index`. Hashes are opaque, and only ever compared. */
export interface Checkpoint {
  readonly index: LogIndex
  readonly hash: string
}

/** A node's state, to be compared; best effort. */
export interface StateHashes {
  readonly type: 'StateHashes'
  readonly from: NodeId
  readonly to: NodeId
  /** Ascending; at most `CHECKPOINTS_MAX`. */
  readonly checkpoints: readonly Checkpoint[]
}

/** A node's state was not what a majority of voters had. */
export interface Divergence {
  readonly index: LogIndex
  readonly hash: string
  readonly majorityHash: string
}

/** What travels on the connection between two nodes. */
export type Message = RaftMessage | ForwardRequests | ForwardReplies | StateHashes
