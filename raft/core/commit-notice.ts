/** When a peer hears of a commit that no further entry brings it. */
import type { LogIndex, NodeId } from '../types.ts'
import type { Progress } from './progress.ts'
import type { Raft } from './state.ts'

/**
 * For so long, in ms, a commit waits for a message that goes to the peer anyway. Whoever asked has the answer by then, and is
 * about to ask for the next: at once, all peers would be woken to apply at just the time when that needs the processor.
 */
export const COMMIT_NOTICE_MS = 3

/**
 * Leader rule, when nothing else leaves for the peer: whether a message of its own is due. Time counts from the first asking.
 * Whoever waits for an answer has no time to lose, and is to have applied what it is answered: its clients may ask it alone.
 */
export function isCommitNoticeDue(raft: Raft, progress: Progress): boolean {
  if (!isUnaware(raft, progress)) {
    progress.noticeDueAt = null
    return false
  }
  if (progress.waitsForIndex > progress.sentCommit) return true
  progress.noticeDueAt ??= raft.now + COMMIT_NOTICE_MS
  return raft.now >= progress.noticeDueAt
}

/** The entry at `index` was asked for by `peer`; null: not by a peer. */
export function noteWaitingPeer(raft: Raft, peer: NodeId | null, index: LogIndex): void {
  const progress = peer === null ? undefined : raft.progress.get(peer)
  if (progress !== undefined) progress.waitsForIndex = index
}

/** When the first of them is due, in `now` terms; null if all peers are told. For the driver, which has the timer. */
export function commitNoticeDueAt(raft: Raft): number | null {
  if (raft.role !== 'leader') return null
  let first: number | null = null
  for (const { noticeDueAt } of raft.progress.values())
    if (noticeDueAt !== null && noticeDueAt < (first ?? Number.POSITIVE_INFINITY)) first = noticeDueAt
  return first
}

/** Entries that are under way bring the commit index along, or their own commit does. */
function isUnaware(raft: Raft, progress: Progress): boolean {
  return raft.commitIndex === raft.log.lastIndex && progress.sentCommit < raft.commitIndex
}
