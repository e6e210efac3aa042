/** Room on the disks of a quorum, for commands that need it for good. */
import type { NodeId } from '../types.ts'
import { isInContact, voterIds } from './membership.ts'
import { quorumSize } from './quorum.ts'
import type { Raft } from './state.ts'

/**
 * Who is to blame if too few voters have room; nobody if a quorum has.
 *
 * A voter that does not answer does not count: a quorum would be found without it, among those that fill up.
 */
export function votersWithoutRoom(raft: Raft): NodeId[] {
  const voters = voterIds(raft)
  const low = voters.filter((id) => isLow(raft, id))
  if (low.length === 0) return low
  const withRoom = voters.filter((id) => !isLow(raft, id) && isInContact(raft, id)).length
  return withRoom < quorumSize(voters.length) ? low : []
}

function isLow(raft: Raft, id: NodeId): boolean {
  return id === raft.id ? raft.disk.isLow : raft.progress.get(id)?.disk.isLow === true
}
