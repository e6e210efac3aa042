import { type Mutant, SIMULATOR, testFile } from './mutant.ts'

const ELECTION = testFile('test/raft/core/election.test.ts')

/** Terms, votes and who leads: §3.3, §3.4, §3.6.1, §4.2.3, §6.2, §9.6. */
export const ELECTIONS: readonly Mutant[] = [
  {
    name: 'a vote is not saved',
    source: 'rule 1; bug 4, hashicorp/raft#661',
    file: 'raft/core/request-vote.ts',
    find: `    raft.votedFor = request.from
    markHardState(raft)`,
    replace: `    raft.votedFor = request.from`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'the term is taken from the log at a restart, and the vote is lost',
    source: 'rule 5; bug 4',
    file: 'raft/recovery.ts',
    find: `hardState: recovered.hardState,`,
    replace: `hardState: { currentTerm: recovered.terms.at(-1)?.term ?? base.lastTerm, votedFor: null },`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'the vote is lost at a restart',
    source: 'rule 5; bug 4',
    file: 'raft/recovery.ts',
    find: `hardState: recovered.hardState,`,
    replace: `hardState: { ...recovered.hardState, votedFor: null },`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a new segment does not repeat term and vote',
    source: 'rule 5; bug 4',
    file: 'raft/storage/segmented-log.ts',
    find: `hardState: change.hardState ?? this.#hardState,`,
    replace: `hardState: change.hardState,`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a vote request leaves before its own vote is on disk',
    source: 'rule 1',
    file: 'raft/core/request-vote.ts',
    find: `    send(raft, {
      type: 'RequestVote',`,
    replace: `    raft.out.messages.push({
      type: 'RequestVote',`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a vote leaves before it is on disk',
    source: 'rule 1',
    file: 'raft/core/request-vote.ts',
    find: `  send(raft, { type: 'RequestVoteReply',`,
    replace: `  raft.out.messages.push({ type: 'RequestVoteReply',`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a message waits for a new term only in the step that brought it',
    source: 'rule 1',
    file: 'raft/core/out.ts',
    find: `return !raft.isHardStateDirty && raft.hardStateBatch <= raft.persistedBatch`,
    replace: `return !raft.isHardStateDirty`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a candidate counts its own vote before it is on disk',
    source: 'rule 1; bug 22, etcd#14370',
    file: 'raft/core/request-vote.ts',
    find: `raft.votes.has(raft.id) || !isHardStateDurable(raft)) return`,
    replace: `raft.votes.has(raft.id)) return`,
    caughtBy: ELECTION,
  },
  {
    name: 'a step back within a term clears the vote',
    source: 'bug 2, canonical/raft#196',
    file: 'raft/core/role.ts',
    find: `    raft.votedFor = null
    markHardState(raft)
    forgetLeader(raft)
  }`,
    replace: `    markHardState(raft)
    forgetLeader(raft)
  }
  raft.votedFor = null`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a node votes for everybody who asks in a term',
    source: '§3.4; bug 2',
    file: 'raft/core/request-vote.ts',
    find: `const isFree = raft.votedFor === null || raft.votedFor === request.from`,
    replace: `const isFree = raft.role === 'follower'`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a pre-vote counts as a vote',
    source: 'bug 2, canonical/raft#196',
    file: 'raft/core/request-vote.ts',
    find: `const isAnswer = raft.role === (message.isPreVote ? 'preCandidate' : 'candidate')`,
    replace: `const isAnswer = raft.role === 'preCandidate' || raft.role === 'candidate'`,
    caughtBy: ELECTION,
  },
  {
    name: 'a pre-vote is rejected in the term that was asked for, not in ours',
    source: 'elections; bug 3, canonical/raft#279',
    file: 'raft/core/request-vote.ts',
    find: `term: voteGranted ? request.term : raft.currentTerm })`,
    replace: `term: request.term })`,
    caughtBy: ELECTION,
  },
  {
    name: 'a candidate that is behind does not adopt the term of a pre-vote’s rejection',
    source: 'elections; bug 3, openraft#1796',
    file: 'raft/core/handle-message.ts',
    find: `return !message.isPreVote || !message.voteGranted`,
    replace: `return !message.isPreVote`,
    caughtBy: ELECTION,
  },
  {
    name: 'a vote ignores the log',
    source: '§3.6.1',
    file: 'raft/core/request-vote.ts',
    find: `return lastLogTerm > ownTerm || (lastLogTerm === ownTerm && lastLogIndex >= raft.log.lastIndex)`,
    replace: `return lastLogTerm >= 0 && ownTerm >= 0 && lastLogIndex >= 0`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a vote compares only the lengths of the logs',
    source: '§3.6.1',
    file: 'raft/core/request-vote.ts',
    find: `return lastLogTerm > ownTerm || (lastLogTerm === ownTerm && lastLogIndex >= raft.log.lastIndex)`,
    replace: `return lastLogIndex >= raft.log.lastIndex && ownTerm >= 0`,
    caughtBy: ELECTION,
  },
  {
    name: 'a vote wants a log whose last term and length are both at least ours',
    source: '§3.6.1; liferaft',
    file: 'raft/core/request-vote.ts',
    find: `return lastLogTerm > ownTerm || (lastLogTerm === ownTerm && lastLogIndex >= raft.log.lastIndex)`,
    replace: `return lastLogTerm >= ownTerm && lastLogIndex >= raft.log.lastIndex`,
    caughtBy: ELECTION,
  },
  {
    name: 'a leader that no majority answers goes on leading',
    source: 'elections (check-quorum); bug 6',
    file: 'raft/core/step.ts',
    find: `if (inContact < quorumSize(voters.length)) becomeFollower`,
    replace: `if (inContact === 0) becomeFollower`,
    caughtBy: ELECTION,
  },
  {
    name: 'a node that hears its leader helps to depose it',
    source: 'elections (stickiness); §4.2.3; bug 15',
    file: 'raft/core/handle-message.ts',
    find: `return message.isPreVote || message.isTransfer || !isSticky(raft)`,
    replace: `return true`,
    caughtBy: ELECTION,
  },
  {
    name: 'a node that hears its leader grants pre-votes',
    source: 'elections (stickiness); §9.6; bug 6',
    file: 'raft/core/request-vote.ts',
    find: `request.term > raft.currentTerm && isUpToDate(raft, request) && !isSticky(raft)`,
    replace: `request.term > raft.currentTerm && isUpToDate(raft, request)`,
    caughtBy: ELECTION,
  },
  {
    name: 'a removed node’s answer deposes the leader',
    source: 'bug 15, etcd#11038',
    file: 'raft/core/handle-message.ts',
    find: `return raft.role !== 'leader' || raft.progress.get(message.from)?.session === message.session`,
    replace: `return true`,
    caughtBy: ELECTION,
  },
  {
    name: 'a voter refuses a candidate that its own configuration does not name',
    source: 'bug 14, etcd PR 10998',
    file: 'raft/core/request-vote.ts',
    find: `const isFree = raft.votedFor === null ||`,
    replace: `const isFree = (isVoter(raft, request.from) && raft.votedFor === null) ||`,
    caughtBy: ELECTION,
  },
]
