/** Raft as one function: dispatch, and the rules that follow every batch of events. */
import { assert, unreachable } from '../assert.ts'
import { encodedEntryBytes } from '../entry.ts'
import type { DiskHealth } from '../types.ts'
import { forgetStranger, notePeer, noteRolledBack } from './admission.ts'
import { acknowledge } from './append-entries.ts'
import { setDrained } from './drain.ts'
import type { Effects } from './effects.ts'
import type { Event } from './event.ts'
import { handleMessage } from './handle-message.ts'
import {
  handleSnapshotInstalled,
  handleSnapshotReceived,
  handleSnapshotSent,
  handleSnapshotStarted,
} from './install-snapshot.ts'
import { cachedEntries, compactTo, shrinkCache } from './log.ts'
import { changeMembership, isInContact, maintainMembership, voterIds } from './membership.ts'
import { handlePersisted, takeEffects } from './out.ts'
import { propose } from './propose.ts'
import { quorumSize } from './quorum.ts'
import { advanceReads, readIndex } from './read-index.ts'
import { advanceCommitIndex, handleFetched, replicate } from './replicate.ts'
import { campaign, countOwnVote } from './request-vote.ts'
import { becomeFollower } from './role.ts'
import type { Raft } from './state.ts'
import { advanceTransfer, giveWay, startTransfer } from './timeout-now.ts'
import { noteWrongStates, retireWrongLeader } from './wrong-state.ts'

/**
 * Advances one node by a batch of events and returns what its driver must now do.
 *
 * The whole of Raft happens here, without I/O, clock or randomness of its own: same state, events, `now`
 * and `random` give the same effects. Batching is the point: however many proposals arrive together, they
 * leave as one write, one fsync and one AppendEntries per follower.
 *
 * @param now Monotonic milliseconds; never less than at the previous call.
 */
export function step(raft: Raft, events: readonly Event[], now: number): Effects {
  assert(now >= raft.now, 'time went backwards')
  raft.now = now
  for (const event of events) handle(raft, event)
  retireWrongLeader(raft)
  if (raft.role === 'leader') {
    advanceCommitIndex(raft)
    advanceReads(raft)
    advanceTransfer(raft)
    replicate(raft)
  } else {
    acknowledge(raft)
  }
  releaseCommitted(raft)
  return takeEffects(raft)
}

function handle(raft: Raft, event: Event): void {
  switch (event.type) {
    case 'tick':
      handleTick(raft, event.disk)
      break
    case 'message':
      handleMessage(raft, event.message)
      break
    case 'propose':
      propose(raft, event)
      break
    case 'changeMembership':
      changeMembership(raft, event)
      break
    case 'transfer':
      startTransfer(raft, event)
      break
    case 'drain':
      setDrained(raft, event)
      break
    case 'readIndex':
      readIndex(raft, event.id)
      break
    case 'persisted':
      handlePersisted(raft, event.batchNumber)
      countOwnVote(raft)
      break
    case 'fetched':
      handleFetched(raft, event)
      break
    case 'snapshotStarted':
      handleSnapshotStarted(raft, event)
      break
    case 'snapshotSent':
      handleSnapshotSent(raft, event)
      break
    case 'snapshotReceived':
      handleSnapshotReceived(raft, event)
      break
    case 'snapshotInstalled':
      handleSnapshotInstalled(raft, event.meta)
      break
    case 'compacted':
      compactTo(raft.log, event.base)
      break
    case 'peerSeen':
      notePeer(raft, event)
      break
    case 'peerLost':
      forgetStranger(raft, event.id)
      break
    case 'wrongStates':
      noteWrongStates(raft, event)
      break
    case 'peerRolledBack':
      noteRolledBack(raft, event)
      break
    case 'maintain':
      maintainMembership(raft, event.time)
      break
    default:
      unreachable(event)
  }
}

function handleTick(raft: Raft, disk: DiskHealth): void {
  raft.disk = disk
  if (raft.role === 'leader') {
    checkQuorum(raft)
    giveWay(raft)
  } else if (raft.now >= raft.electionDeadline) campaign(raft)
}

/** A leader that a majority does not answer steps down (§6.2): another may have been elected behind a partition. */
function checkQuorum(raft: Raft): void {
  if (raft.now < raft.quorumDeadline) return
  raft.quorumDeadline = raft.now + raft.timing.electionMinMs
  const voters = voterIds(raft)
  const inContact = voters.filter((id) => isInContact(raft, id)).length
  if (inContact < quorumSize(voters.length)) becomeFollower(raft, { term: raft.currentTerm, leaderId: null })
}

function releaseCommitted(raft: Raft): void {
  const { log } = raft
  if (raft.installing !== null) return
  const end = Math.min(raft.commitIndex, log.durableIndex)
  if (end > raft.releasedIndex) {
    raft.out.committed = cachedEntries(log, raft.releasedIndex + 1, end)
    for (const entry of raft.out.committed) raft.uncommittedBytes -= encodedEntryBytes(entry)
    raft.uncommittedBytes = Math.max(0, raft.uncommittedBytes)
    raft.releasedIndex = end
  }
  shrinkCache(log, { through: end, bytesMax: raft.limits.cacheBytesMax })
}
