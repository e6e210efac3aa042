/** Changes of role (§3.3, §3.4): what each forgets and what it starts with. */
import { assert } from '../assert.ts'
import type { NodeId, Term } from '../types.ts'
import { syncProgress } from './membership.ts'
import { append, markHardState } from './out.ts'
import type { Raft } from './state.ts'

/** Follows `term`, which is ours or a later one. Only a later one clears the vote. */
export function becomeFollower(
  raft: Raft,
  { term, leaderId }: { term: Term; leaderId: NodeId | null },
): void {
  assert(term >= raft.currentTerm, 'term {} is before {}', term, raft.currentTerm)
  if (term > raft.currentTerm) {
    raft.currentTerm = term
    raft.votedFor = null
    markHardState(raft)
    forgetLeader(raft)
  }
  if (raft.role === 'leader') abandonLeadership(raft)
  raft.role = 'follower'
  raft.leaderId = leaderId
  raft.votes.clear()
  resetElectionDeadline(raft)
}

/** §9.6: asks whether a campaign could be won, before anybody's term changes. */
export function becomePreCandidate(raft: Raft): void {
  assert(raft.role !== 'leader', 'a leader does not campaign')
  raft.role = 'preCandidate'
  raft.leaderId = null
  raft.votes = new Map([[raft.id, true]])
  raft.isTransferCampaign = false
  resetElectionDeadline(raft)
}

/** §3.4: a new term, and our vote for ourselves, which counts once it is on disk. */
export function becomeCandidate(raft: Raft, { isTransfer }: { isTransfer: boolean }): void {
  assert(raft.role !== 'leader', 'a leader does not campaign')
  raft.role = 'candidate'
  raft.currentTerm += 1
  raft.votedFor = raft.id
  markHardState(raft)
  forgetLeader(raft)
  raft.votes = new Map()
  raft.isTransferCampaign = isTransfer
  resetElectionDeadline(raft)
}

/** Opens the term with a no-op: with it everything of earlier terms gets committed (§3.6.2, §6.4). */
export function becomeLeader(raft: Raft): void {
  assert(raft.role === 'candidate', 'only a candidate is elected')
  raft.role = 'leader'
  raft.leaderId = raft.id
  raft.progress.clear()
  raft.votes.clear()
  raft.uncommittedBytes = 0
  raft.pendingReads = []
  raft.earlyReads = []
  raft.leaderRound = 0
  raft.transfer = null
  raft.rolledBack.clear()
  raft.refusedForLog = 0
  raft.quorumDeadline = raft.now + raft.timing.electionMinMs
  // Progress starts at the end of the log as it was before the no-op.
  syncProgress(raft)
  raft.termStartIndex = raft.log.lastIndex + 1
  append(raft, {
    index: raft.termStartIndex,
    term: raft.currentTerm,
    time: raft.log.maxTime,
    type: 'noop',
    payload: new Uint8Array(),
  })
}

export function resetElectionDeadline(raft: Raft): void {
  const { electionMinMs, electionMaxMs } = raft.timing
  raft.electionDeadline = raft.now + electionMinMs + raft.random() * (electionMaxMs - electionMinMs)
}

/** What was verified against an earlier leader says nothing about the next one's log. */
function forgetLeader(raft: Raft): void {
  raft.leaderId = null
  raft.lastLeaderContact = Number.NEGATIVE_INFINITY
  raft.verifiedIndex = 0
  raft.ackedIndex = 0
  raft.isAckDue = false
  raft.session = 0
  raft.readRound = 0
}

/** Nobody may wait for a leader that is none any more: reads fail, a transfer is over. */
function abandonLeadership(raft: Raft): void {
  for (const { id, from } of [...raft.pendingReads, ...raft.earlyReads]) {
    if (from === raft.id) raft.out.reads.push({ id, readIndex: null })
  }
  raft.pendingReads = []
  raft.earlyReads = []
  if (raft.transfer !== null) {
    const { id } = raft.transfer
    if (id !== null) raft.out.transfers.push({ id, refusal: null, message: '' })
    raft.transfer = null
  }
  raft.progress.clear()
}
