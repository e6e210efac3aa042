/** The addresses in use and the expiries, from a checkpoint and the journal since: without a row for each allocation. */
import { CheckpointReader } from './checkpoint-codec.ts'
import { CorruptStateError } from './errors.ts'
import type { ExpiryIndex } from './expiry-index.ts'
import { CHECKPOINT_KEY, checkpointPartKey, checkpointParts, JOURNAL, journalKey } from './key-space.ts'
import type { NetworkTable } from './network-table.ts'
import { decodeChanges, type RangeChange } from './range-journal.ts'
import { type CheckpointHead, decodeCheckpointHead } from './row-codec.ts'
import type { StateDatabase } from './storage.ts'
import { tripsThrough } from './trips.ts'

export interface LoadedCheckpoint {
  readonly head: CheckpointHead
  readonly reader: CheckpointReader
  readonly changes: readonly RangeChange[]
}

/**
 * Null if there is none.
 *
 * @param expiries Gets those of the checkpoint.
 * @throws {CorruptStateError}
 */
export async function loadCheckpoint(
  database: StateDatabase,
  expiries: ExpiryIndex,
): Promise<LoadedCheckpoint | null> {
  const row = database.getSync(CHECKPOINT_KEY)
  if (row === undefined) return null
  const head = decodeCheckpointHead(row)
  const reader = new CheckpointReader(expiries)
  let parts = 0
  // Beyond them may be some of an earlier attempt at the same index, which a crash has ended.
  const { gte } = checkpointParts(head.generation)
  for await (const rows of tripsThrough(database, {
    gte,
    lt: checkpointPartKey(head.generation, head.parts),
  })) {
    for (const [, part] of rows) reader.read(part)
    parts += rows.length
  }
  if (parts !== head.parts) {
    throw new CorruptStateError(
      `the checkpoint of index ${head.generation} has ${parts} of ${head.parts} parts`,
    )
  }
  return { head, reader, changes: await loadChanges(database, head) }
}

async function loadChanges(database: StateDatabase, { generation }: CheckpointHead): Promise<RangeChange[]> {
  const changes: RangeChange[] = []
  const range = { gte: journalKey(generation + 1), lt: JOURNAL.lt }
  for await (const rows of tripsThrough(database, range)) {
    for (const [, row] of rows) for (const change of decodeChanges(row)) changes.push(change)
  }
  return changes
}

/** Repeats what has changed since the checkpoint was begun. Networks that are deleted meanwhile have nothing left to change. */
export function repeatChanges(
  changes: readonly RangeChange[],
  { networks, expiries }: { readonly networks: NetworkTable; readonly expiries: ExpiryIndex },
): void {
  for (const { network, range, isAllocated, position, expiresAt } of changes) {
    networks.at(network)?.space.settle(range, { isAllocated })
    const { before, after } = expiresAt
    if (before !== null) expiries.remove({ expiresAt: before, position })
    if (after !== null) expiries.put({ expiresAt: after, position })
  }
}
