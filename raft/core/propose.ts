/** Commands of clients: appended by a leader that may and has room for them. */
import { encodedEntryBytes } from '../entry.ts'
import { noteWaitingPeer } from './commit-notice.ts'
import { isHandingOver } from './disk-health.ts'
import { votersWithoutRoom } from './disk-room.ts'
import type { Event } from './event.ts'
import { append } from './out.ts'
import type { Raft } from './state.ts'

/** Answers in `proposals`: where the command stands in the log, or why it certainly does not. */
export function propose(
  raft: Raft,
  { id, peer, payload, needsRoom, time }: Event & { type: 'propose' },
): void {
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
    noteWaitingPeer(raft, peer, index)
    raft.uncommittedBytes += encodedEntryBytes(entry)
    raft.out.proposals.push({ id, index, term: raft.currentTerm })
  }
}
