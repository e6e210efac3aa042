/** Raft as one function: dispatch, and the rules that follow every batch of events. */
import { assert, unreachable } from '../assert.ts'
import { encodedEntryBytes } from '../entry.ts'
import type { DiskHealth, RaftMessage } from '../types.ts'
import { notePeer, noteRolledBack } from './admission.ts'
import {
  acknowledge,
  advanceCommitIndex,
  handleAppendEntries,
  handleAppendEntriesReply,
  handleFetched,
  rejectStaleLeader,
  replicate,
} from './append-entries.ts'
import { isHandingOver } from './disk-health.ts'
import { votersWithoutRoom } from './disk-room.ts'
import { setDrained } from './drain.ts'
import {
  handleInstallSnapshot,
  handleInstallSnapshotReply,
  handleSnapshotInstalled,
  handleSnapshotReceived,
  handleSnapshotSent,
  handleSnapshotStarted,
} from './install-snapshot.ts'
import { cachedEntries, compactTo, shrinkCache } from './log.ts'
import { changeMembership, isInContact, isVoter, maintainMembership, voterIds } from './membership.ts'
import { append, handlePersisted, takeEffects } from './out.ts'
import { quorumSize } from './quorum.ts'
import { advanceReads, handleReadIndexReply, handleReadIndexRequest, readIndex } from './read-index.ts'
import {
  campaign,
  campaignForTransfer,
  countOwnVote,
  handleRequestVote,
  handleRequestVoteReply,
  isSticky,
} from './request-vote.ts'
import { becomeFollower, resetElectionDeadline } from './role.ts'
import type { Effects, Event, Raft } from './state.ts'
import { advanceTransfer, giveWay, startTransfer } from './timeout-now.ts'
import { noteWrongStates, retireWrongLeader } from './wrong-state.ts'

/**
 * Advances one node by a batch of events and returns what its driver must now do.
 *
 * The whole of Raft happens here, without I/O, clock or randomness of its own: same state, events, `now`
 * and `random` give the same effects. Batching is the point: however many proposals arrive together, they
 * leave as one write, one fsync and one AppendEntries per follower.
 *
 * @param now Monotonic milliseconds; never less than at the previous call.
 */
export function step(raft: Raft, events: readonly Event[], now: number): Effects {
  assert(now >= raft.now, 'time went backwards')
  raft.now = now
  for (const event of events) handle(raft, event)
  retireWrongLeader(raft)
  if (raft.role === 'leader') {
    advanceCommitIndex(raft)
    advanceReads(raft)
    advanceTransfer(raft)
    replicate(raft)
  } else {
    acknowledge(raft)
  }
  releaseCommitted(raft)
  return takeEffects(raft)
}

function handle(raft: Raft, event: Event): void {
  switch (event.type) {
    case 'tick':
      handleTick(raft, event.disk)
      break
    case 'message':
      handleMessage(raft, event.message)
      break
    case 'propose':
      propose(raft, event)
      break
    case 'changeMembership':
      changeMembership(raft, event)
      break
    case 'transfer':
      startTransfer(raft, event)
      break
    case 'drain':
      setDrained(raft, event)
      break
    case 'readIndex':
      readIndex(raft, event.id)
      break
    case 'persisted':
      handlePersisted(raft, event.batchNumber)
      countOwnVote(raft)
      break
    case 'fetched':
      handleFetched(raft, event)
      break
    case 'snapshotStarted':
      handleSnapshotStarted(raft, event)
      break
    case 'snapshotSent':
      handleSnapshotSent(raft, event)
      break
    case 'snapshotReceived':
      handleSnapshotReceived(raft, event)
      break
    case 'snapshotInstalled':
      handleSnapshotInstalled(raft, event.meta)
      break
    case 'compacted':
      compactTo(raft.log, event.base)
      break
    case 'peerSeen':
      notePeer(raft, event)
      break
    case 'wrongStates':
      noteWrongStates(raft, event)
      break
    case 'peerRolledBack':
      noteRolledBack(raft, event)
      break
    case 'maintain':
      maintainMembership(raft, event.time)
      break
    default:
      unreachable(event)
  }
}

function handleTick(raft: Raft, disk: DiskHealth): void {
  raft.disk = disk
  if (raft.role === 'leader') {
    checkQuorum(raft)
    giveWay(raft)
  } else if (raft.now >= raft.electionDeadline) campaign(raft)
}

/** A leader that a majority does not answer steps down (§6.2): another may have been elected behind a partition. */
function checkQuorum(raft: Raft): void {
  if (raft.now < raft.quorumDeadline) return
  raft.quorumDeadline = raft.now + raft.timing.electionMinMs
  const voters = voterIds(raft)
  const inContact = voters.filter((id) => isInContact(raft, id)).length
  if (inContact < quorumSize(voters.length)) becomeFollower(raft, { term: raft.currentTerm, leaderId: null })
}

function propose(raft: Raft, { id, payload, needsRoom, time }: Event & { type: 'propose' }): void {
  const { log, limits } = raft
  if (raft.role !== 'leader') {
    raft.out.proposals.push({ id, refusal: 'not_leader' })
    return
  }
  const lowVoters = needsRoom ? votersWithoutRoom(raft) : []
  if (isHandingOver(raft)) {
    raft.out.proposals.push({ id, refusal: 'transferring' })
  } else if (lowVoters.length > 0) {
    raft.out.proposals.push({ id, refusal: 'disk_low', lowVoters })
  } else if (
    log.lastIndex - raft.commitIndex >= limits.uncommittedEntriesMax ||
    raft.uncommittedBytes >= limits.uncommittedBytesMax
  ) {
    raft.out.proposals.push({ id, refusal: 'overloaded' })
  } else {
    const index = log.lastIndex + 1
    const entry = {
      index,
      term: raft.currentTerm,
      time: Math.max(time, log.maxTime),
      type: 'command',
      payload,
    } as const
    append(raft, entry)
    raft.uncommittedBytes += encodedEntryBytes(entry)
    raft.out.proposals.push({ id, index, term: raft.currentTerm })
  }
}

function handleMessage(raft: Raft, message: RaftMessage): void {
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

function releaseCommitted(raft: Raft): void {
  const { log } = raft
  if (raft.installing !== null) return
  const end = Math.min(raft.commitIndex, log.durableIndex)
  if (end > raft.releasedIndex) {
    raft.out.committed = cachedEntries(log, raft.releasedIndex + 1, end)
    for (const entry of raft.out.committed) raft.uncommittedBytes -= encodedEntryBytes(entry)
    raft.uncommittedBytes = Math.max(0, raft.uncommittedBytes)
    raft.releasedIndex = end
  }
  shrinkCache(log, { through: end, bytesMax: raft.limits.cacheBytesMax })
}
