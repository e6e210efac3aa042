/** Linearizable reads without the log (§6.4), on the leader and, through it, on followers. */
import type { LogIndex, NodeId, ReadIndexReply, ReadIndexRequest } from '../types.ts'
import { voterIds } from './membership.ts'
import { send } from './out.ts'
import { reachedByQuorum } from './quorum.ts'
import type { Raft } from './state.ts'

/** A read of this node: answered here if we lead, else by whoever does. */
export function readIndex(raft: Raft, id: number): void {
  if (raft.role === 'leader') {
    leaderRead(raft, { id, from: raft.id })
    return
  }
  if (raft.leaderId === null) {
    raft.out.reads.push({ id, readIndex: null })
    return
  }
  send(raft, {
    type: 'ReadIndexRequest',
    from: raft.id,
    to: raft.leaderId,
    term: raft.currentTerm,
    requestId: id,
  })
}

export function handleReadIndexRequest(raft: Raft, { requestId, from }: ReadIndexRequest): void {
  if (raft.role === 'leader') leaderRead(raft, { id: requestId, from })
  else answer(raft, { id: requestId, from, readIndex: null })
}

export function handleReadIndexReply(raft: Raft, reply: ReadIndexReply): void {
  raft.out.reads.push({ id: reply.requestId, readIndex: reply.readIndex })
}

function leaderRead(raft: Raft, { id, from }: { id: number; from: NodeId }): void {
  const waiting = raft.earlyReads.length + raft.pendingReads.length
  // While leadership is handed over another leader may commit what we would not see.
  if (raft.transfer !== null || waiting >= raft.limits.pendingReadsMax) {
    answer(raft, { id, from, readIndex: null })
  } else {
    raft.earlyReads.push({ id, from })
  }
}

/**
 * Leader rule, at the end of a step. All reads that have come since the last one share a round: a number of
 * ours that every AppendEntries carries and every reply echoes. A quorum that echoes c or more has heard us,
 * in this term, after every read up to c arrived, so nobody else had been elected by then.
 */
export function advanceReads(raft: Raft): void {
  // Before the term's no-op is committed we may not know of everything that is (§6.4, etcd-io/etcd#7331).
  if (raft.earlyReads.length > 0 && raft.commitIndex >= raft.termStartIndex) {
    raft.leaderRound += 1
    for (const { id, from } of raft.earlyReads) {
      raft.pendingReads.push({ id, from, readIndex: raft.commitIndex, round: raft.leaderRound })
    }
    raft.earlyReads = []
  }
  if (raft.pendingReads.length === 0) return
  const confirmed = reachedByQuorum(
    voterIds(raft).map((id) =>
      id === raft.id ? raft.leaderRound : (raft.progress.get(id)?.ackedRound ?? 0),
    ),
  )
  const isConfirmed = (read: { round: number }): boolean => read.round <= confirmed
  for (const read of raft.pendingReads.filter(isConfirmed)) answer(raft, read)
  raft.pendingReads = raft.pendingReads.filter((read) => !isConfirmed(read))
}

function answer(
  raft: Raft,
  { id, from, readIndex }: { id: number; from: NodeId; readIndex: LogIndex | null },
): void {
  if (from === raft.id) {
    raft.out.reads.push({ id, readIndex })
    return
  }
  send(raft, {
    type: 'ReadIndexReply',
    from: raft.id,
    to: from,
    term: raft.currentTerm,
    requestId: id,
    readIndex,
  })
}
