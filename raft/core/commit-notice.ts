/** When a peer hears of a commit that no further entry brings it. */
import type { Progress } from './progress.ts'
import type { Raft } from './state.ts'

/**
 * For so long, in ms, a commit waits for a message that goes to the peer anyway. Whoever asked has the answer by then, and is
 * about to ask for the next: at once, all peers would be woken to apply at just the time when that needs the processor.
 */
export const COMMIT_NOTICE_MS = 3

/** Leader rule, when nothing else leaves for the peer: whether a message of its own is due. Time counts from the first asking. */
export function isCommitNoticeDue(raft: Raft, progress: Progress): boolean {
  progress.noticeDueAt = isUnaware(raft, progress)
    ? (progress.noticeDueAt ?? raft.now + COMMIT_NOTICE_MS)
    : null
  return progress.noticeDueAt !== null && raft.now >= progress.noticeDueAt
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
