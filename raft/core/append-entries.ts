/** AppendEntries (§3.5): the request's handler, and the reply with its handler. What a leader sends is in `replicate.ts`. */
import type { AppendEntries, AppendEntriesReply, Entry, LogIndex, NodeId, Term } from '../types.ts'
import { lastIndexWithTermAtMost, termAt } from './log.ts'
import { append, send } from './out.ts'
import { becomeProbe, becomeReplicate, type Progress } from './progress.ts'
import type { Raft } from './state.ts'

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
  becomeReplicate(progress)
}
