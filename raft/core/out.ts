/** How handlers ask for something to be sent or written; `step` hands it to the driver. */

import { assert } from '../assert.ts'
import type { Entry, RaftMessage } from '../types.ts'
import { type Effects, noEffects, type PersistBatch } from './effects.ts'
import { appendEntry, truncateFrom } from './log.ts'
import type { Raft } from './state.ts'

/** Term and vote are on disk as they are now. */
export function isHardStateDurable(raft: Raft): boolean {
  return !raft.isHardStateDirty && raft.hardStateBatch <= raft.persistedBatch
}

/**
 * A message that our term and vote stand behind: it waits until they are on disk. As long as they
 * are, it leaves at once, ahead of any entry that is being written.
 */
export function send(raft: Raft, message: RaftMessage): void {
  if (isHardStateDurable(raft)) raft.out.messages.push(message)
  else openBatch(raft).messages.push(message)
}

/** Records a new term or vote for the batch of this step. */
export function markHardState(raft: Raft): void {
  raft.isHardStateDirty = true
  openBatch(raft)
}

/** Appends to the log and to the batch of this step; an entry at or below the last index replaces from there on. */
export function append(raft: Raft, entry: Entry): void {
  const { log } = raft
  if (entry.index <= log.lastIndex) {
    assert(entry.index > raft.commitIndex, 'entry {} would replace a committed one', entry.index)
    assert(raft.role !== 'leader', 'a leader never overwrites its own log (§3.5, Leader Append-Only)')
    truncateFrom(log, entry.index)
    for (const batch of raft.unpersisted) batch.lastIndex = Math.min(batch.lastIndex, log.lastIndex)
    raft.verifiedIndex = Math.min(raft.verifiedIndex, log.lastIndex)
  }
  appendEntry(log, entry)
  const { entries } = openBatch(raft)
  while ((entries.at(-1)?.index ?? 0) >= entry.index) entries.pop()
  entries.push(entry)
}

/** Closes the step: numbers its batch and hands everything over. */
export function takeEffects(raft: Raft): Effects {
  const { out } = raft
  const { batch } = out
  if (batch !== null) {
    if (raft.isHardStateDirty) {
      batch.hardState = { currentTerm: raft.currentTerm, votedFor: raft.votedFor }
      raft.hardStateBatch = batch.number
      raft.isHardStateDirty = false
    }
    raft.unpersisted.push({ number: batch.number, lastIndex: raft.log.lastIndex })
    raft.nextBatch += 1
  }
  raft.out = noEffects()
  return out
}

/** A batch is on disk, and with it all before it. A late word about a truncated suffix counts for what is left. */
export function handlePersisted(raft: Raft, batchNumber: number): void {
  assert(
    batchNumber >= raft.persistedBatch && batchNumber < raft.nextBatch,
    'batch {} is unknown',
    batchNumber,
  )
  raft.persistedBatch = batchNumber
  while (raft.unpersisted[0] !== undefined && raft.unpersisted[0].number <= batchNumber) {
    const { lastIndex } = raft.unpersisted[0]
    raft.log.durableIndex = Math.max(raft.log.durableIndex, lastIndex)
    raft.unpersisted.shift()
  }
}

function openBatch(raft: Raft): PersistBatch {
  raft.out.batch ??= { number: raft.nextBatch, hardState: null, entries: [], messages: [] }
  return raft.out.batch
}
