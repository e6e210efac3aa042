/** What is true of every node after every step; tests and the simulator check it. */
import { assert } from '../assert.ts'
import { lastTerm, termAt } from './log.ts'
import { isVoter } from './membership.ts'
import type { Raft } from './state.ts'

/** @throws {AssertionError} naming what does not hold. */
export function checkState(raft: Raft): void {
  const { log, commitIndex, releasedIndex } = raft
  assert(
    log.base.lastIndex <= releasedIndex,
    'released {} is below the base {}',
    releasedIndex,
    log.base.lastIndex,
  )
  assert(releasedIndex <= commitIndex, 'released {} is above commit {}', releasedIndex, commitIndex)
  assert(commitIndex <= log.lastIndex, 'commit {} is above the last index {}', commitIndex, log.lastIndex)
  assert(
    releasedIndex <= log.durableIndex,
    'released {} is not durable ({})',
    releasedIndex,
    log.durableIndex,
  )
  assert(log.durableIndex <= log.lastIndex, 'durable {} is above the last index', log.durableIndex)
  assert(
    lastTerm(log) <= raft.currentTerm,
    'the log has term {}, the node {}',
    lastTerm(log),
    raft.currentTerm,
  )
  assert(raft.verifiedIndex <= log.lastIndex, 'verified {} is above the last index', raft.verifiedIndex)
  checkRole(raft)
  checkLog(raft)
}

function checkRole(raft: Raft): void {
  if (raft.role === 'leader') {
    assert(raft.leaderId === raft.id, 'a leader follows itself')
    assert(raft.votedFor === raft.id, 'a leader voted for itself')
    assert(isVoter(raft, raft.id), 'a leader is a voter')
    const startTerm = termAt(raft.log, raft.termStartIndex)
    const isCompacted = raft.termStartIndex < raft.log.base.lastIndex
    assert(isCompacted || startTerm === raft.currentTerm, 'a term starts with a no-op')
    for (const [id, progress] of raft.progress) {
      assert(
        progress.matchIndex < progress.nextIndex,
        'node {}: match {} is not below next',
        id,
        progress.matchIndex,
      )
      assert(progress.matchIndex <= raft.log.lastIndex, 'node {}: match is above the last index', id)
      // Else its driver would step it again at once, for ever.
      assert((progress.noticeDueAt ?? raft.now + 1) > raft.now, 'node {}: a notice is overdue', id)
    }
  } else {
    assert(raft.progress.size === 0, 'only a leader replicates')
    assert(raft.pendingReads.length === 0 && raft.earlyReads.length === 0, 'only a leader confirms reads')
    assert(raft.transfer === null, 'only a leader hands over')
    assert(raft.leaderId !== raft.id, 'only a leader is the leader')
  }
}

function checkLog({ log }: Raft): void {
  let previous = { firstIndex: log.base.lastIndex, term: log.base.lastTerm }
  for (const run of log.terms) {
    assert(run.firstIndex > previous.firstIndex && run.term >= previous.term, 'terms ascend')
    previous = run
  }
  const cached = log.cache.length - log.cacheStart
  assert(cached <= log.lastIndex - log.base.lastIndex, 'the cache reaches below the base')
  const newest = log.cache.at(-1)
  assert(cached === 0 || newest?.index === log.lastIndex, 'the cache ends where the log ends')
}
