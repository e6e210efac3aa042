/** A drained node goes on voting and storing, but does not lead: its operator is about to stop it. */
import { becomeFollower } from './role.ts'
import type { Raft } from './state.ts'
import { startTransfer } from './timeout-now.ts'

/** A leader hands over: what comes of it is told in `transfers`, as `not_leader` where there was nothing to hand over. */
export function setDrained(
  raft: Raft,
  { isDrained, transferId }: { isDrained: boolean; transferId: number },
): void {
  raft.isDrained = isDrained
  // The leader hears of it now, not with the next heartbeat: it may be about to choose its successor.
  raft.isAckDue = true
  const isCampaigning = raft.role === 'candidate' || raft.role === 'preCandidate'
  if (isDrained && isCampaigning) becomeFollower(raft, { term: raft.currentTerm, leaderId: null })
  if (isDrained) startTransfer(raft, { id: transferId, target: null })
}
