/** The State box of thesis Figure 3.1 as one plain record, and how it comes back from a disk. */
import { assert } from '../assert.ts'
import type { DiskHealth, Entry, HardState, LogIndex, NodeId, SnapshotMeta, Term, TermRun } from '../types.ts'
import type { SeenPeer } from './admission.ts'
import { type Effects, noEffects } from './effects.ts'
import { createLog, type Log } from './log.ts'
import { HEALTHY_DISK, type Progress } from './progress.ts'

/** Of thesis Figure 3.3; a `preCandidate` asks whether it could win before it campaigns (§9.6). */
export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader'

/** Heartbeats and election timeouts (§3.4, §3.9). `heartbeatMs` is less than half of `electionMinMs`. */
export interface Timing {
  /** A leader says something to every peer at least this often. */
  readonly heartbeatMs: number
  /** A follower that hears nothing campaigns after a random time in [min, max). */
  readonly electionMinMs: number
  readonly electionMaxMs: number
}

/** How much a core may hold, and send without an answer. All above 0. */
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

/** Those of production. */
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
