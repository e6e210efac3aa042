/** Snapshots for peers whose next entry is compacted away (ch. 5). The bytes travel beside the core. */
import type { InstallSnapshot, InstallSnapshotReply, LogIndex, NodeId, SnapshotMeta, Term } from '../types.ts'
import { resetTo, termAt } from './log.ts'
import { isInContact } from './membership.ts'
import { send } from './out.ts'
import { becomeProbe, becomeSnapshot, type Progress } from './progress.ts'
import type { Raft } from './state.ts'

/** From here on the peer gets heartbeats only, until it has the snapshot or the attempt has failed. */
export function startSnapshot(raft: Raft, to: NodeId, progress: Progress): void {
  becomeSnapshot(progress)
  raft.out.snapshots.push({ to, session: progress.session })
}

export function sendSnapshotHeartbeat(raft: Raft, to: NodeId, progress: Progress): void {
  raft.out.messages.push({
    type: 'InstallSnapshot',
    from: raft.id,
    to,
    term: raft.currentTerm,
    lastIndex: progress.snapshotIndex,
    session: progress.session,
    readRound: raft.leaderRound,
  })
  progress.lastSent = raft.now
  progress.sentRound = raft.leaderRound
}

export function handleSnapshotStarted(
  raft: Raft,
  { to, session, lastIndex }: { to: NodeId; session: number; lastIndex: LogIndex },
): void {
  const progress = snapshotProgress(raft, to, session)
  if (progress !== null) progress.snapshotIndex = lastIndex
}

/** All bytes arrived, or the connection broke: then the next heartbeat starts over, from where the peer stopped. */
export function handleSnapshotSent(
  raft: Raft,
  { to, session, isSent }: { to: NodeId; session: number; isSent: boolean },
): void {
  const progress = snapshotProgress(raft, to, session)
  if (progress === null) return
  progress.isSnapshotSent = isSent
  if (!isSent) {
    retry(raft, progress)
    return
  }
  // What the peer does with the bytes, only its answers to what is said from now on can tell.
  raft.leaderRound += 1
  progress.snapshotRound = raft.leaderRound
}

/** Entries that the log is kept longer for, so that a peer which installs a snapshot finds what comes after it. */
const HELD_ENTRIES_MAX = 1_000_000

/**
 * The lowest index that a snapshot brings a peer to which has its bytes and is putting it in place. A log that is compacted
 * past it meanwhile would make the peer need another one, and under load another one after that, for ever.
 *
 * @returns Infinity if there is none. A peer that is silent, or takes too long, is not waited for.
 */
export function lowestInstalling(raft: Raft): LogIndex {
  let lowest = Number.POSITIVE_INFINITY
  for (const [id, { state, snapshotIndex }] of raft.progress) {
    const isHeld = snapshotIndex > 0 && raft.log.lastIndex - snapshotIndex <= HELD_ENTRIES_MAX
    if (state === 'snapshot' && isHeld && isInContact(raft, id)) lowest = Math.min(lowest, snapshotIndex)
  }
  return lowest
}

function snapshotProgress(raft: Raft, to: NodeId, session: number): Progress | null {
  const progress = raft.progress.get(to)
  if (raft.role !== 'leader' || progress?.session !== session || progress.state !== 'snapshot') return null
  return progress
}

/** One probe per heartbeat finds out what the peer has by now. */
function retry(raft: Raft, progress: Progress): void {
  becomeProbe(progress, raft.log.lastIndex + 1)
  progress.isProbeSent = true
}

/** The leader of our term sends a snapshot on another connection; this is its heartbeat meanwhile. */
export function handleInstallSnapshot(raft: Raft, request: InstallSnapshot): void {
  raft.session = request.session
  raft.readRound = Math.max(raft.readRound, request.readRound)
  // Durable too: the leader will never again look for where we agree below it.
  const isHere = Math.min(raft.commitIndex, raft.log.durableIndex) >= request.lastIndex
  const isInstalled = request.lastIndex > 0 && isHere && raft.installing === null
  send(raft, {
    type: 'InstallSnapshotReply',
    from: raft.id,
    to: request.from,
    term: raft.currentTerm,
    success: isInstalled,
    // Without success: what is being put in place just now, 0 if nothing is.
    lastIndex: isInstalled ? request.lastIndex : (raft.installing?.lastIndex ?? 0),
    session: request.session,
    readRound: request.readRound,
    disk: raft.disk,
  })
}

export function handleInstallSnapshotReply(
  raft: Raft,
  progress: Progress,
  reply: InstallSnapshotReply,
): void {
  if (progress.state !== 'snapshot') return
  if (reply.success) {
    // It may speak of an earlier snapshot than the one under way.
    progress.matchIndex = Math.max(progress.matchIndex, reply.lastIndex)
    progress.nextIndex = progress.matchIndex + 1
    const isOver = progress.snapshotIndex > 0 && progress.matchIndex >= progress.snapshotIndex
    if (!isOver && progress.matchIndex < raft.log.base.lastIndex) return
    becomeProbe(progress, progress.nextIndex)
  } else if (progress.isSnapshotSent && reply.readRound >= progress.snapshotRound && reply.lastIndex === 0) {
    // It had all the bytes and is not installing them: it was restarted in between, or found them damaged.
    retry(raft, progress)
  }
}

/** A complete snapshot is here as a file. Take it unless our log has all of it already. */
export function handleSnapshotReceived(
  raft: Raft,
  { from, term, meta }: { from: NodeId; term: Term; meta: SnapshotMeta },
): void {
  const isFromLeader = raft.role === 'follower' && term === raft.currentTerm && raft.leaderId === from
  if (!isFromLeader || raft.installing !== null || meta.lastIndex <= raft.commitIndex) return
  if (termAt(raft.log, meta.lastIndex) === meta.lastTerm && raft.log.durableIndex >= meta.lastIndex) {
    // "…if existing log entry has same index and term as snapshot's last included entry, retain log entries" (Figure 5.3).
    raft.commitIndex = meta.lastIndex
    raft.verifiedIndex = Math.max(raft.verifiedIndex, meta.lastIndex)
    return
  }
  raft.installing = meta
  raft.out.install = meta
}

/** Log and state machine are the snapshot's now, durably. */
export function handleSnapshotInstalled(raft: Raft, meta: SnapshotMeta): void {
  resetTo(raft.log, meta)
  raft.unpersisted = raft.unpersisted.map(({ number }) => ({ number, lastIndex: meta.lastIndex }))
  raft.commitIndex = meta.lastIndex
  raft.releasedIndex = meta.lastIndex
  raft.verifiedIndex = meta.lastIndex
  raft.ackedIndex = 0
  raft.installing = null
  raft.isAckDue = true
}
