/** Log replication: §3.5, commitment §3.6.2. The request, its handler and its reply's handler; then the leader's rules. */
import { assert } from '../assert.ts'
import { encodedEntryBytes } from '../entry.ts'
import type { AppendEntries, AppendEntriesReply, Entry, LogIndex, NodeId, Term } from '../types.ts'
import { sendSnapshotHeartbeat, startSnapshot } from './install-snapshot.ts'
import { entriesFrom, lastIndexWithTermAtMost, termAt } from './log.ts'
import { isInContact, voterIds } from './membership.ts'
import { append, send } from './out.ts'
import { reachedByQuorum } from './quorum.ts'
import type { Progress, Raft } from './state.ts'

/** A follower's part of Figure 3.1. The sender is known to be the leader of our term. */
export function handleAppendEntries(raft: Raft, request: AppendEntries): void {
  raft.session = request.session
  raft.readRound = Math.max(raft.readRound, request.readRound)
  raft.leaderCommit = Math.max(raft.leaderCommit, request.leaderCommit)
  const { prevLogIndex, prevLogTerm, entries } = afterBase(raft, request)
  if (raft.installing !== null) {
    // The log is being replaced. The leader hears from us, and asks for the same again at its next heartbeat.
    reject(raft, request, { conflictIndex: request.prevLogIndex, conflictTerm: request.prevLogTerm })
    return
  }
  if (termAt(raft.log, prevLogIndex) !== prevLogTerm) {
    const conflictIndex = lastIndexWithTermAtMost(raft.log, request.prevLogIndex, request.prevLogTerm)
    reject(raft, request, { conflictIndex, conflictTerm: termAt(raft.log, conflictIndex) ?? 0 })
    return
  }
  for (const entry of entries) {
    // A delayed duplicate must not truncate what came after it.
    if (termAt(raft.log, entry.index) !== entry.term) append(raft, entry)
  }
  const verified = prevLogIndex + entries.length
  raft.verifiedIndex = Math.max(raft.verifiedIndex, verified)
  // Only what this very message has verified: the rest of our log may be another leader's (copycat#265).
  raft.commitIndex = Math.max(raft.commitIndex, Math.min(request.leaderCommit, verified))
  // What was just appended is acknowledged when it is on disk; a heartbeat is answered now.
  if (entries.length === 0 || raft.log.durableIndex >= verified) raft.isAckDue = true
}

/** Our snapshot stands for everything up to its end, all of it committed: start the check there. */
function afterBase(
  raft: Raft,
  request: AppendEntries,
): { prevLogIndex: LogIndex; prevLogTerm: number; entries: readonly Entry[] } {
  const { base } = raft.log
  if (request.prevLogIndex >= base.lastIndex) return request
  return {
    prevLogIndex: base.lastIndex,
    prevLogTerm: base.lastTerm,
    entries: request.entries.filter((entry) => entry.index > base.lastIndex),
  }
}

/** Tells the leader where it may look next, past all of a conflicting term at once, and the term that we have there. */
function reject(
  raft: Raft,
  request: AppendEntries,
  { conflictIndex, conflictTerm }: { conflictIndex: LogIndex; conflictTerm: Term },
): void {
  send(raft, {
    type: 'AppendEntriesReply',
    from: raft.id,
    to: request.from,
    term: raft.currentTerm,
    success: false,
    matchIndex: 0,
    conflictIndex,
    conflictTerm,
    rejectedIndex: request.prevLogIndex,
    session: request.session,
    readRound: request.readRound,
    isDrained: raft.isDrained,
    disk: raft.disk,
  })
}

/** To a leader of an earlier term: it learns ours and steps down. */
export function rejectStaleLeader(raft: Raft, { from, session }: { from: NodeId; session: number }): void {
  send(raft, {
    type: 'AppendEntriesReply',
    from: raft.id,
    to: from,
    term: raft.currentTerm,
    success: false,
    matchIndex: 0,
    conflictIndex: 0,
    conflictTerm: 0,
    rejectedIndex: 0,
    session,
    readRound: 0,
    isDrained: raft.isDrained,
    disk: raft.disk,
  })
}

/**
 * A follower acknowledges what is both the leader's log and on its own disk, at the end of a step: when that
 * grew, or when the leader waits to hear from us. However many messages came, one reply leaves.
 */
export function acknowledge(raft: Raft): void {
  if (raft.role !== 'follower' || raft.leaderId === null || raft.session === 0) return
  if (raft.installing !== null) return
  const matchIndex = Math.min(raft.verifiedIndex, raft.log.durableIndex)
  if (!raft.isAckDue && matchIndex <= raft.ackedIndex) return
  raft.isAckDue = false
  raft.ackedIndex = Math.max(raft.ackedIndex, matchIndex)
  send(raft, {
    type: 'AppendEntriesReply',
    from: raft.id,
    to: raft.leaderId,
    term: raft.currentTerm,
    success: true,
    matchIndex,
    conflictIndex: 0,
    conflictTerm: 0,
    rejectedIndex: 0,
    session: raft.session,
    readRound: raft.readRound,
    isDrained: raft.isDrained,
    disk: raft.disk,
  })
}

/** The leader hears from a peer. `progress` is of the same session. */
export function handleAppendEntriesReply(raft: Raft, progress: Progress, reply: AppendEntriesReply): void {
  progress.isDrained = reply.isDrained
  if (reply.success) {
    handleAcknowledgement(raft, progress, reply.matchIndex)
    return
  }
  if (progress.state === 'snapshot') return
  // A rejection of something older than what we know by now.
  if (
    progress.state === 'replicate'
      ? reply.rejectedIndex < progress.matchIndex
      : reply.rejectedIndex !== progress.nextIndex - 1
  )
    return
  // Once may be a rejection from before the logs met. Asked again, exactly there, the peer says the same.
  const isAskedAgain = progress.state === 'probe' && reply.rejectedIndex === progress.matchIndex
  if (isAskedAgain && reply.conflictIndex < progress.matchIndex) {
    raft.out.lostEntries.push({
      peer: reply.from,
      matchIndex: progress.matchIndex,
      conflictIndex: reply.conflictIndex,
    })
  }
  const candidate = lastIndexWithTermAtMost(
    raft.log,
    Math.min(reply.conflictIndex, reply.rejectedIndex),
    reply.conflictTerm,
  )
  const nextIndex = Math.max(candidate + 1, progress.matchIndex + 1)
  const isSameAgain = nextIndex >= reply.rejectedIndex + 1
  becomeProbe(progress, nextIndex)
  // Asking again at once would get the same answer, as fast as the network allows.
  progress.isProbeSent = isSameAgain
}

function handleAcknowledgement(raft: Raft, progress: Progress, matchIndex: LogIndex): void {
  progress.matchIndex = Math.max(progress.matchIndex, matchIndex)
  progress.nextIndex = Math.max(progress.nextIndex, progress.matchIndex + 1)
  while (progress.inflight[0] !== undefined && progress.inflight[0].lastIndex <= progress.matchIndex) {
    progress.inflightBytes -= progress.inflight.shift()?.bytes ?? 0
  }
  // What was under way when the snapshot was begun may bring the peer to where our log goes on.
  if (progress.state === 'snapshot' && progress.matchIndex < raft.log.base.lastIndex) return
  if (progress.state === 'replicate') return
  progress.state = 'replicate'
  progress.inflight = []
  progress.inflightBytes = 0
}

export function becomeProbe(progress: Progress, nextIndex: LogIndex): void {
  progress.state = 'probe'
  progress.nextIndex = nextIndex
  progress.inflight = []
  progress.inflightBytes = 0
  progress.isProbeSent = false
  progress.isFetching = false
}

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
  return raft.commitIndex === raft.log.lastIndex && progress.sentCommit < raft.commitIndex
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
