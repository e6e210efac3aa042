/** The State box of thesis Figure 3.1 as one plain record, what can happen to it, and what a driver then does. */
import { assert } from '../assert.ts'
import type {
  DiskHealth,
  Entry,
  HardState,
  LogIndex,
  MembershipChange,
  NodeId,
  RaftMessage,
  SchemaRange,
  SnapshotMeta,
  Term,
  TermRun,
} from '../types.ts'
import type { SeenPeer } from './admission.ts'
import { createLog, type Log } from './log.ts'

export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader'

export interface Timing {
  /** A leader says something to every peer at least this often. */
  readonly heartbeatMs: number
  /** A follower that hears nothing campaigns after a random time in [min, max). */
  readonly electionMinMs: number
  readonly electionMaxMs: number
}

export interface Limits {
  /** Entries of one AppendEntries, in encoded bytes; one entry may be larger. */
  readonly appendBytesMax: number
  /** Unacknowledged AppendEntries with entries, per peer. */
  readonly inflightMessagesMax: number
  readonly inflightBytesMax: number
  /** What a leader accepts before a quorum has it. */
  readonly uncommittedEntriesMax: number
  readonly uncommittedBytesMax: number
  /** Entries kept in memory for peers that lag a little. */
  readonly cacheBytesMax: number
  readonly pendingReadsMax: number
  readonly membersMax: number
}

export const DEFAULT_LIMITS: Limits = {
  appendBytesMax: 1024 * 1024,
  inflightMessagesMax: 64,
  inflightBytesMax: 8 * 1024 * 1024,
  uncommittedEntriesMax: 20_000,
  uncommittedBytesMax: 64 * 1024 * 1024,
  cacheBytesMax: 16 * 1024 * 1024,
  pendingReadsMax: 1_024,
  membersMax: 15,
}

export const HEALTHY_DISK: DiskHealth = { stallMs: 0, isLow: false }

/** The leader's view of one peer. */
export interface Progress {
  /** Names this stretch of replication; replies with another session are from an earlier one. */
  readonly session: number
  /** `probe`: one message at a time until the logs meet. `replicate`: pipelined. `snapshot`: the log is too short. */
  state: 'probe' | 'replicate' | 'snapshot'
  /** The next entry to send. */
  nextIndex: LogIndex
  /** Known to be durable there. */
  matchIndex: LogIndex
  /** Messages with entries that are not acknowledged, oldest first. */
  inflight: { lastIndex: LogIndex; bytes: number }[]
  inflightBytes: number
  /** In `probe`: one is out, wait for its reply or the next heartbeat. */
  isProbeSent: boolean
  /** Entries were asked from disk and are not here yet. */
  isFetching: boolean
  /** In `snapshot`: the index it brings the peer to (0 until the driver knows), and whether all bytes are there. */
  snapshotIndex: LogIndex
  isSnapshotSent: boolean
  /** When a reply last came, in `now` terms; before the first, when this view of the peer began. */
  lastContact: number
  /** A reply has come: the peer lives in this term, which `lastContact` alone does not say. */
  hasAnswered: boolean
  /** When something was last sent. */
  lastSent: number
  sentCommit: LogIndex
  /** The highest read round that the peer echoed. */
  ackedRound: number
  sentRound: number
  /** The peer does not want to lead, as it last told. */
  isDrained: boolean
  /** A learner's catching up (§4.2.1): the target of the round under way and when that round started. */
  roundTarget: LogIndex
  roundStart: number
  /** As the peer last told. */
  disk: DiskHealth
}

interface PendingRead {
  readonly id: number
  /** Who asked; ourselves for a local read. */
  readonly from: NodeId
  readonly readIndex: LogIndex
  readonly round: number
}

/** A leadership transfer under way (§3.10). */
interface Transfer {
  /** Null: the leader's own idea, because its disk is stalled. */
  readonly id: number | null
  readonly target: NodeId
  readonly deadline: number
  isTimeoutSent: boolean
}

/** One node's consensus state. Owned and changed by `step` alone. */
export interface Raft {
  readonly id: NodeId
  readonly timing: Timing
  readonly limits: Limits
  /** In [0, 1); the only source of chance. */
  readonly random: () => number

  // Persistent on all nodes (Figure 3.1).
  currentTerm: Term
  votedFor: NodeId | null
  readonly log: Log

  // Volatile on all nodes.
  role: Role
  /** Who leads `currentTerm`, as far as known. */
  leaderId: NodeId | null
  commitIndex: LogIndex
  /** Up to here committed entries were handed out to be applied. */
  releasedIndex: LogIndex
  /** Of the step under way. */
  now: number
  /** Our own, as of the last tick. */
  disk: DiskHealth
  electionDeadline: number
  /** When the leader was last heard; voters stick to it for `electionMinMs` (§4.2.3). */
  lastLeaderContact: number
  /** A snapshot that the driver is putting in place of the log; until then no entry is accepted. */
  installing: SnapshotMeta | null
  /** Nodes as their handshakes showed them. */
  readonly seen: Map<NodeId, SeenPeer>
  /** This node is to be stopped, and should not lead: see `drain.ts`. Forgotten at a restart. */
  isDrained: boolean
  /** Members whose state machine is not what the majority has, this node perhaps: they do not lead. */
  wrongStates: readonly NodeId[]
  /** Candidates that this node has refused since a leader was heard, because they lack what is in its log. */
  refusedForLog: number

  // What the disk has yet to confirm.
  nextBatch: number
  persistedBatch: number
  /** The batch with the newest term and vote: nothing that depends on them leaves before it is on disk. */
  hardStateBatch: number
  /** The last log index that each unconfirmed batch makes durable, oldest first. */
  unpersisted: { readonly number: number; lastIndex: LogIndex }[]

  // Follower.
  /** Up to here our log is known to be the log of `leaderId` in `currentTerm`. */
  verifiedIndex: LogIndex
  ackedIndex: LogIndex
  /** As the leader last told; our own commit index may still be below it. */
  leaderCommit: LogIndex
  isAckDue: boolean
  session: number
  readRound: number

  // Candidate.
  votes: Map<NodeId, boolean>
  /** The campaign was asked for by the leader (§3.10). */
  isTransferCampaign: boolean

  // Leader; reset at every election.
  readonly progress: Map<NodeId, Progress>
  nextSession: number
  /** The no-op that opened the term: before it is committed no read is answered and no member changed. */
  termStartIndex: LogIndex
  /** Until when contact with a quorum must be seen (check-quorum, §6.2). */
  quorumDeadline: number
  uncommittedBytes: number
  pendingReads: PendingRead[]
  /** Reads that wait for `termStartIndex` to commit. */
  earlyReads: { id: number; from: NodeId }[]
  leaderRound: number
  transfer: Transfer | null
  /** Incarnations of members that have lost what they had acknowledged, until the membership says so. */
  readonly rolledBack: Map<NodeId, string>

  /** Gathers what this step wants done. */
  out: Effects
  isHardStateDirty: boolean
}

/** What can happen to a node. */
export type Event =
  /** Time has passed: look at the deadlines, and at what has become of our disk. */
  | { readonly type: 'tick'; readonly disk: DiskHealth }
  | { readonly type: 'message'; readonly message: RaftMessage }
  /** @param time Wall clock, ms since 1970. */
  | {
      readonly type: 'propose'
      readonly id: number
      readonly payload: Uint8Array
      readonly needsRoom: boolean
      readonly time: number
    }
  | {
      readonly type: 'changeMembership'
      readonly id: number
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
  /** A node came with a data directory that is older than what it had acknowledged. */
  | { readonly type: 'peerRolledBack'; readonly id: NodeId; readonly incarnation: string }
  /** All whose state machine is known to be wrong; `transferId` is for the transfer that follows if we lead. */
  | { readonly type: 'wrongStates'; readonly nodes: readonly NodeId[]; readonly transferId: number }
  /** Time for what a leader does by itself to the membership. @param time Wall clock, ms since 1970. */
  | { readonly type: 'maintain'; readonly time: number }

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

/** A node as it comes back from its disk: a follower, always, whatever it was before. */
export function restoreRaft(options: {
  id: NodeId
  hardState: HardState
  base: SnapshotMeta
  lastIndex: LogIndex
  terms: readonly TermRun[]
  membershipEntries: readonly Entry[]
  /** The last entries of the log; at least all after `appliedIndex`. */
  tail: readonly Entry[]
  /** What the state machine has; known to be committed. */
  appliedIndex: LogIndex
  timing: Timing
  limits: Limits
  random: () => number
  now: number
}): Raft {
  const { id, hardState, appliedIndex, timing, limits, random, now } = options
  assert(timing.heartbeatMs * 2 < timing.electionMinMs, 'the election timeout is too close to the heartbeat')
  assert(timing.electionMinMs < timing.electionMaxMs, 'election timeouts must differ')
  const log = createLog(options)
  assert(
    log.base.lastIndex <= appliedIndex && appliedIndex <= log.lastIndex,
    'applied {} is outside of the log {} to {}',
    appliedIndex,
    log.base.lastIndex,
    log.lastIndex,
  )
  return {
    id,
    timing,
    limits,
    random,
    currentTerm: hardState.currentTerm,
    votedFor: hardState.votedFor,
    log,
    role: 'follower',
    leaderId: null,
    commitIndex: appliedIndex,
    releasedIndex: appliedIndex,
    now,
    disk: HEALTHY_DISK,
    electionDeadline: now + timing.electionMinMs + random() * (timing.electionMaxMs - timing.electionMinMs),
    lastLeaderContact: Number.NEGATIVE_INFINITY,
    installing: null,
    seen: new Map(),
    isDrained: false,
    wrongStates: [],
    refusedForLog: 0,
    nextBatch: 1,
    persistedBatch: 0,
    hardStateBatch: 0,
    unpersisted: [],
    verifiedIndex: 0,
    ackedIndex: 0,
    leaderCommit: 0,
    isAckDue: false,
    session: 0,
    readRound: 0,
    votes: new Map(),
    isTransferCampaign: false,
    progress: new Map(),
    nextSession: 1,
    termStartIndex: 0,
    quorumDeadline: 0,
    uncommittedBytes: 0,
    pendingReads: [],
    earlyReads: [],
    leaderRound: 0,
    transfer: null,
    rolledBack: new Map(),
    out: noEffects(),
    isHardStateDirty: false,
  }
}
