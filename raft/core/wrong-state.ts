/**
 * Nodes whose state machine went wrong. Their log is right, so they store and vote as before; but what such a node answers
 * is not, so it must not lead.
 */
import type { NodeId } from '../types.ts'
import { becomeFollower } from './role.ts'
import type { Raft } from './state.ts'
import { startTransfer } from './timeout-now.ts'

/** @param nodes All that are known, perhaps this one; replaces what was known before. */
export function noteWrongStates(
  raft: Raft,
  { nodes, transferId }: { nodes: readonly NodeId[]; transferId: number },
): void {
  raft.wrongStates = nodes
  if (!nodes.includes(raft.id)) return
  if (raft.role === 'leader') {
    if (raft.transfer === null) startTransfer(raft, { id: transferId, target: null })
  } else if (raft.role !== 'follower') {
    becomeFollower(raft, { term: raft.currentTerm, leaderId: null })
  }
}

/**
 * Leader rule, after the events of a step: such a leader leads for no longer than it takes to hand over. One that was
 * elected because nobody else could be takes nothing and brings its log to the others, who can then.
 */
export function retireWrongLeader(raft: Raft): void {
  if (raft.role !== 'leader' || raft.transfer !== null || !raft.wrongStates.includes(raft.id)) return
  // Nobody waits for this one.
  if (raft.commitIndex < raft.termStartIndex) startTransfer(raft, { id: 0, target: null })
  if (raft.transfer === null) becomeFollower(raft, { term: raft.currentTerm, leaderId: null })
}
