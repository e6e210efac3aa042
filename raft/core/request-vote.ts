/** Elections: §3.4, §3.6.1; pre-vote §9.6; voters that stick to a live leader §4.2.3. */
import type { RequestVote, RequestVoteReply } from '../types.ts'
import { isDiskStalled } from './disk-health.ts'
import { lastTerm } from './log.ts'
import { isVoter, voterIds } from './membership.ts'
import { isHardStateDurable, markHardState, send } from './out.ts'
import { quorumSize } from './quorum.ts'
import {
  becomeCandidate,
  becomeFollower,
  becomeLeader,
  becomePreCandidate,
  resetElectionDeadline,
} from './role.ts'
import type { Raft } from './state.ts'

/** The election timeout has passed. */
export function campaign(raft: Raft): void {
  if (!mayLead(raft)) {
    resetElectionDeadline(raft)
    return
  }
  becomePreCandidate(raft)
  requestVotes(raft, { isPreVote: true })
  countVotes(raft)
}

/** The leader wants us to take over: no pre-vote, for the leader it asks about is about to step down (§3.10). */
export function campaignForTransfer(raft: Raft): void {
  if (!mayLead(raft)) return
  becomeCandidate(raft, { isTransfer: true })
  requestVotes(raft, { isPreVote: false })
}

/** By then whoever could win without us has. */
const REFUSED_FOR_LOG_MAX = 3

/** Voting is another matter: it takes no more than a log. A leader whose disk is stalled would only have to give way. */
function mayLead(raft: Raft): boolean {
  const isReady = isVoter(raft, raft.id) && raft.installing === null && !isDiskStalled(raft)
  const isFit = !raft.wrongStates.includes(raft.id) && !raft.isDrained
  return isReady && (isFit || isIndispensable(raft))
}

/**
 * Nobody leads, and those who want to lack what we have, committed perhaps: without us leading there would be no leader
 * until a node that is down comes back, which may be never.
 */
function isIndispensable({ refusedForLog }: Raft): boolean {
  return refusedForLog >= REFUSED_FOR_LOG_MAX
}

function requestVotes(raft: Raft, { isPreVote }: { isPreVote: boolean }): void {
  for (const to of voterIds(raft)) {
    if (to === raft.id) continue
    send(raft, {
      type: 'RequestVote',
      from: raft.id,
      to,
      term: isPreVote ? raft.currentTerm + 1 : raft.currentTerm,
      isPreVote,
      isTransfer: raft.isTransferCampaign,
      lastLogIndex: raft.log.lastIndex,
      lastLogTerm: lastTerm(raft.log),
    })
  }
}

/** We hear a leader, or are one: such a node does not help to depose it (§4.2.3). */
export function isSticky(raft: Raft): boolean {
  if (raft.role === 'leader') return true
  return raft.leaderId !== null && raft.now - raft.lastLeaderContact < raft.timing.electionMinMs
}

/**
 * Answers whoever asks, also when our own configuration does not show the candidate or ourselves as a
 * voter: ours may be the older one (etcd-io/etcd PR 10998).
 */
export function handleRequestVote(raft: Raft, request: RequestVote): void {
  if (request.isPreVote) {
    // "…if the candidate's log is sufficiently up-to-date and the voter has not heard from a valid leader" (§9.6).
    const voteGranted = request.term > raft.currentTerm && isUpToDate(raft, request) && !isSticky(raft)
    if (!isUpToDate(raft, request) && !isSticky(raft)) raft.refusedForLog += 1
    // A rejection carries our term: a candidate that is behind must learn it, or it asks in vain forever.
    reply(raft, request, { voteGranted, term: voteGranted ? request.term : raft.currentTerm })
    return
  }
  const isFree = raft.votedFor === null || raft.votedFor === request.from
  const voteGranted = request.term === raft.currentTerm && isFree && isUpToDate(raft, request)
  if (voteGranted && raft.votedFor === null) {
    raft.votedFor = request.from
    markHardState(raft)
  }
  if (voteGranted) resetElectionDeadline(raft)
  reply(raft, request, { voteGranted, term: raft.currentTerm })
}

/** §3.6.1: "If the logs have last entries with different terms, the later term wins; else the longer log." */
function isUpToDate(raft: Raft, { lastLogTerm, lastLogIndex }: RequestVote): boolean {
  const ownTerm = lastTerm(raft.log)
  return lastLogTerm > ownTerm || (lastLogTerm === ownTerm && lastLogIndex >= raft.log.lastIndex)
}

function reply(
  raft: Raft,
  { from, isPreVote }: RequestVote,
  { voteGranted, term }: { voteGranted: boolean; term: number },
): void {
  send(raft, { type: 'RequestVoteReply', from: raft.id, to: from, term, isPreVote, voteGranted })
}

export function handleRequestVoteReply(raft: Raft, message: RequestVoteReply): void {
  const asked = raft.role === 'preCandidate' ? raft.currentTerm + 1 : raft.currentTerm
  const isAnswer = raft.role === (message.isPreVote ? 'preCandidate' : 'candidate')
  if (!isAnswer || !isVoter(raft, message.from)) return
  if (message.voteGranted && message.term !== asked) return
  raft.votes.set(message.from, message.voteGranted)
  countVotes(raft)
}

/** Our own vote counts like any other: from when it is on disk. */
export function countOwnVote(raft: Raft): void {
  if (raft.role !== 'candidate' || raft.votes.has(raft.id) || !isHardStateDurable(raft)) return
  raft.votes.set(raft.id, true)
  countVotes(raft)
}

function countVotes(raft: Raft): void {
  const voters = voterIds(raft)
  const granted = voters.filter((id) => raft.votes.get(id) === true).length
  const rejected = voters.filter((id) => raft.votes.get(id) === false).length
  const needed = quorumSize(voters.length)
  if (granted >= needed) {
    if (raft.role === 'candidate') {
      // The vote of a single voter is on disk by now as well: see `countOwnVote`.
      if (raft.votes.get(raft.id) === true) becomeLeader(raft)
    } else if (isDiskStalled(raft)) {
      // Since it asked.
      becomeFollower(raft, { term: raft.currentTerm, leaderId: null })
    } else {
      becomeCandidate(raft, { isTransfer: false })
      requestVotes(raft, { isPreVote: false })
    }
  } else if (voters.length - rejected < needed) {
    becomeFollower(raft, { term: raft.currentTerm, leaderId: null })
  }
}
