/** What a leader knows of a peer, and the states of replication to it. */
import type { DiskHealth, LogIndex } from '../types.ts'
import type { Raft } from './state.ts'

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
  /** The read round that began when they were. */
  snapshotRound: number
  /** When a reply last came, in `now` terms; before the first, when this view of the peer began. */
  lastContact: number
  /** A reply has come: the peer lives in this term, which `lastContact` alone does not say. */
  hasAnswered: boolean
  /** When something was last sent. */
  lastSent: number
  sentCommit: LogIndex
  /** It waits for the answer to this entry, or to one before: it is told of that commit at once. */
  waitsForIndex: LogIndex
  /** When it is to hear of what is committed, unless something else tells it before; null if it knows. */
  noticeDueAt: number | null
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

/** Of a peer that the leader has yet to find out about. */
export function newProgress(raft: Raft): Progress {
  const session = raft.nextSession
  raft.nextSession += 1
  return {
    session,
    state: 'probe',
    nextIndex: raft.log.lastIndex + 1,
    matchIndex: 0,
    inflight: [],
    inflightBytes: 0,
    isProbeSent: false,
    isFetching: false,
    isDrained: false,
    snapshotIndex: 0,
    isSnapshotSent: false,
    snapshotRound: 0,
    // Counts as heard now, so that a new member or leader has a whole timeout to be answered in.
    lastContact: raft.now,
    hasAnswered: false,
    lastSent: Number.NEGATIVE_INFINITY,
    sentCommit: 0,
    waitsForIndex: 0,
    noticeDueAt: null,
    ackedRound: 0,
    sentRound: 0,
    roundTarget: raft.log.lastIndex,
    roundStart: raft.now,
    disk: HEALTHY_DISK,
  }
}

/** The logs are looked for where they meet, from `nextIndex` down. */
export function becomeProbe(progress: Progress, nextIndex: LogIndex): void {
  progress.state = 'probe'
  progress.nextIndex = nextIndex
  progress.inflight = []
  progress.inflightBytes = 0
  progress.isProbeSent = false
  progress.isFetching = false
}

/** The logs meet at `matchIndex`. */
export function becomeReplicate(progress: Progress): void {
  progress.state = 'replicate'
  progress.inflight = []
  progress.inflightBytes = 0
}

/** What comes next for the peer is compacted away. */
export function becomeSnapshot(progress: Progress): void {
  progress.state = 'snapshot'
  progress.noticeDueAt = null
  progress.snapshotIndex = 0
  progress.isSnapshotSent = false
  progress.inflight = []
  progress.inflightBytes = 0
}
