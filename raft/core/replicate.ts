/** A leader's rules at the end of a step: what is committed (§3.6.2), and who gets what of the log (§3.5). */
import { assert } from '../assert.ts'
import { encodedEntryBytes } from '../entry.ts'
import type { Entry, NodeId } from '../types.ts'
import { isCommitNoticeDue } from './commit-notice.ts'
import { sendSnapshotHeartbeat, startSnapshot } from './install-snapshot.ts'
import { entriesFrom, termAt } from './log.ts'
import { isInContact, voterIds } from './membership.ts'
import { becomeProbe, type Progress } from './progress.ts'
import { reachedByQuorum } from './quorum.ts'
import type { Raft } from './state.ts'

/** Leader rule: commit what a majority has on disk, if it is from our own term (§3.6.2). */
export function advanceCommitIndex(raft: Raft): void {
  const matches = voterIds(raft).map((id) => {
    return id === raft.id ? raft.log.durableIndex : (raft.progress.get(id)?.matchIndex ?? 0)
  })
  if (matches.length === 0) return
  const index = reachedByQuorum(matches)
  if (index > raft.commitIndex && termAt(raft.log, index) === raft.currentTerm) raft.commitIndex = index
}

/** Leader rule, at the end of a step: every peer gets what it lacks, or a heartbeat when it is time. */
export function replicate(raft: Raft): void {
  for (const [to, progress] of raft.progress) {
    const isHeartbeatDue = raft.now - progress.lastSent >= raft.timing.heartbeatMs
    // The message or its reply was lost, or is slow: ask again.
    if (isHeartbeatDue) progress.isProbeSent = false
    const hasSent = progress.state !== 'snapshot' && sendEntries(raft, to, progress)
    if (!hasSent && (isHeartbeatDue || isNewsDue(raft, progress))) sendHeartbeat(raft, to, progress)
  }
}

/** A read waits for the peer's echo, or the peer for a commit index that no further entry will bring. */
function isNewsDue(raft: Raft, progress: Progress): boolean {
  if (progress.sentRound < raft.leaderRound) return true
  if (progress.state === 'snapshot') return false
  return isCommitNoticeDue(raft, progress)
}

/** @returns Whether anything left; each message carries commit index and read round as well. */
function sendEntries(raft: Raft, to: NodeId, progress: Progress): boolean {
  const { log, limits } = raft
  // Whoever does not answer gets heartbeats: no disk is read and no snapshot made for a node that is down.
  if (!isInContact(raft, to)) return false
  let hasSent = false
  while (progress.nextIndex <= log.lastIndex && !isPaused(raft, progress)) {
    const { nextIndex } = progress
    if (nextIndex <= log.base.lastIndex) {
      startSnapshot(raft, to, progress)
      break
    }
    const entries = entriesFrom(log, nextIndex, limits.appendBytesMax)
    if (entries === null) {
      fetchEntries(raft, to, progress)
      break
    }
    sendAppend(raft, to, progress, entries)
    hasSent = true
  }
  return hasSent
}

function isPaused({ limits }: Raft, progress: Progress): boolean {
  if (progress.isFetching) return true
  if (progress.state === 'probe') return progress.isProbeSent
  return (
    progress.inflight.length >= limits.inflightMessagesMax ||
    progress.inflightBytes >= limits.inflightBytesMax
  )
}

function sendAppend(raft: Raft, to: NodeId, progress: Progress, entries: readonly Entry[]): void {
  sendMessage(raft, to, progress, entries)
  if (progress.state === 'probe') {
    progress.isProbeSent = true
    return
  }
  const bytes = entries.reduce((sum, entry) => sum + encodedEntryBytes(entry), 0)
  progress.nextIndex += entries.length
  progress.inflight.push({ lastIndex: progress.nextIndex - 1, bytes })
  progress.inflightBytes += bytes
}

function sendHeartbeat(raft: Raft, to: NodeId, progress: Progress): void {
  if (progress.state === 'snapshot') sendSnapshotHeartbeat(raft, to, progress)
  else sendMessage(raft, to, progress, [])
}

function sendMessage(raft: Raft, to: NodeId, progress: Progress, entries: readonly Entry[]): void {
  // What the peer lacks may be compacted away; whether it answers at all is asked with what we still have.
  const prevLogIndex = Math.max(progress.nextIndex - 1, raft.log.base.lastIndex)
  const prevLogTerm = termAt(raft.log, prevLogIndex)
  assert(prevLogTerm !== null, 'no term is known at {}', prevLogIndex)
  raft.out.messages.push({
    type: 'AppendEntries',
    from: raft.id,
    to,
    term: raft.currentTerm,
    prevLogIndex,
    prevLogTerm,
    entries,
    leaderCommit: raft.commitIndex,
    leaderDurable: raft.log.durableIndex,
    session: progress.session,
    readRound: raft.leaderRound,
  })
  progress.lastSent = raft.now
  progress.sentCommit = raft.commitIndex
  progress.noticeDueAt = null
  progress.sentRound = raft.leaderRound
}

/** What has left the memory is read from disk by the driver, a message's worth at a time. */
function fetchEntries(raft: Raft, to: NodeId, progress: Progress): void {
  progress.isFetching = true
  raft.out.fetches.push({
    to,
    session: progress.session,
    first: progress.nextIndex,
    // What is not durable yet may lie on disk under another leader's entries, or not at all.
    last: raft.log.durableIndex,
    bytesMax: raft.limits.appendBytesMax,
  })
}

/** The driver has read what `fetchEntries` asked for. */
export function handleFetched(
  raft: Raft,
  { to, session, entries }: { to: NodeId; session: number; entries: readonly Entry[] },
): void {
  const progress = raft.progress.get(to)
  if (raft.role !== 'leader' || progress?.session !== session || !progress.isFetching) return
  progress.isFetching = false
  if (entries.length === 0 && progress.state !== 'snapshot') {
    // The disk is letting go of them, and will have said so by the next heartbeat.
    becomeProbe(progress, progress.nextIndex)
    progress.isProbeSent = true
    return
  }
  // Meanwhile the log may have been compacted, or the peer may have moved: then `replicate` looks anew.
  const isNext = entries[0]?.index === progress.nextIndex && progress.nextIndex > raft.log.base.lastIndex
  if (isNext && progress.state !== 'snapshot') sendAppend(raft, to, progress, entries)
}
