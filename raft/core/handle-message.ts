/** What comes from other nodes: what of it counts in our term ("Rules for Servers", Figure 3.1), and which handler has it. */
import { assert, unreachable } from '../assert.ts'
import type { RaftMessage } from '../types.ts'
import { handleAppendEntries, handleAppendEntriesReply, rejectStaleLeader } from './append-entries.ts'
import { handleInstallSnapshot, handleInstallSnapshotReply } from './install-snapshot.ts'
import { isVoter } from './membership.ts'
import { handleReadIndexReply, handleReadIndexRequest } from './read-index.ts'
import { campaignForTransfer, handleRequestVote, handleRequestVoteReply, isSticky } from './request-vote.ts'
import { becomeFollower, resetElectionDeadline } from './role.ts'
import type { Raft } from './state.ts'

export function handleMessage(raft: Raft, message: RaftMessage): void {
  if (!isRelevant(raft, message)) return
  if (message.term > raft.currentTerm && carriesTerm(message)) {
    // "If RPC request or response contains term T > currentTerm: … convert to follower" (Figure 3.1).
    becomeFollower(raft, { term: message.term, leaderId: null })
  }
  if (message.term < raft.currentTerm && !isGoodInAnyTerm(message)) {
    // A leader that is behind learns our term from this, and steps down.
    if (message.type === 'AppendEntries' || message.type === 'InstallSnapshot')
      rejectStaleLeader(raft, message)
    return
  }
  switch (message.type) {
    case 'RequestVote':
      handleRequestVote(raft, message)
      break
    case 'RequestVoteReply':
      handleRequestVoteReply(raft, message)
      break
    case 'AppendEntries':
      followLeader(raft, message.from)
      handleAppendEntries(raft, message)
      break
    case 'InstallSnapshot':
      followLeader(raft, message.from)
      handleInstallSnapshot(raft, message)
      break
    case 'AppendEntriesReply':
    case 'InstallSnapshotReply':
      handleReply(raft, message)
      break
    case 'TimeoutNow':
      if (raft.role === 'follower') campaignForTransfer(raft)
      break
    case 'ReadIndexRequest':
      handleReadIndexRequest(raft, message)
      break
    case 'ReadIndexReply':
      handleReadIndexReply(raft, message)
      break
    default:
      unreachable(message)
  }
}

/** What must not even move our term. */
function isRelevant(raft: Raft, message: RaftMessage): boolean {
  switch (message.type) {
    case 'RequestVote':
      // "…if a server receives a RequestVote within the minimum election timeout of hearing from a current
      // leader, it does not update its term or grant its vote" (§4.2.3), unless that leader asked for it (§3.10).
      return message.isPreVote || message.isTransfer || !isSticky(raft)
    case 'AppendEntriesReply':
    case 'InstallSnapshotReply':
      // A node that was removed, or a reply from before it was added again, does not depose a leader.
      return raft.role !== 'leader' || raft.progress.get(message.from)?.session === message.session
    case 'RequestVoteReply':
      // Only voters were asked.
      return isVoter(raft, message.from)
    default:
      return true
  }
}

/**
 * The term of a pre-vote, and of a granted one, is a future one that nobody has yet (§9.6); and whoever merely
 * asks for a read, member or not, deposes nobody.
 */
function carriesTerm(message: RaftMessage): boolean {
  if (message.type === 'ReadIndexRequest') return false
  if (message.type === 'RequestVote') return !message.isPreVote
  if (message.type === 'RequestVoteReply') return !message.isPreVote || !message.voteGranted
  return true
}

/**
 * A candidate that is behind is told so; a read index is asked of whoever leads now, and once
 * confirmed stays good whatever term begins. Everything else of an old term is void.
 */
function isGoodInAnyTerm({ type }: RaftMessage): boolean {
  return type === 'RequestVote' || type === 'ReadIndexRequest' || type === 'ReadIndexReply'
}

function followLeader(raft: Raft, leaderId: number): void {
  assert(raft.role !== 'leader', 'nodes {} and {} both lead term {}', raft.id, leaderId, raft.currentTerm)
  if (raft.role !== 'follower' || raft.leaderId !== leaderId) {
    becomeFollower(raft, { term: raft.currentTerm, leaderId })
  }
  raft.lastLeaderContact = raft.now
  raft.refusedForLog = 0
  resetElectionDeadline(raft)
}

function handleReply(
  raft: Raft,
  message: RaftMessage & { type: 'AppendEntriesReply' | 'InstallSnapshotReply' },
): void {
  const progress = raft.progress.get(message.from)
  if (raft.role !== 'leader' || progress === undefined || progress.session !== message.session) return
  progress.lastContact = raft.now
  progress.hasAnswered = true
  progress.disk = message.disk
  progress.ackedRound = Math.max(progress.ackedRound, message.readRound)
  if (message.type === 'AppendEntriesReply') handleAppendEntriesReply(raft, progress, message)
  else handleInstallSnapshotReply(raft, progress, message)
}
