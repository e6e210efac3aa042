/** From what lies on disk to a node that may take part: every ordering rule is checked before a word is said. */
import { checkSchemasAtStart } from './core/admission.ts'
import { decodeMembership } from './core/membership-entry.ts'
import { type Limits, type Raft, restoreRaft, type Timing } from './core/state.ts'
import { CorruptLogError } from './errors.ts'
import type { LogStore, Ports, RecoveredLog, SnapshotStore, StateMachine } from './ports.ts'
import type { Entry, LogIndex, Membership, NodeId, SchemaRange, SnapshotMeta } from './types.ts'

const READ_BYTES_MAX = 4 * 1024 * 1024

export interface RecoverOptions {
  readonly id: NodeId
  /** Who a new cluster starts with; no members for a node that waits to be added. */
  readonly initialMembership: Membership
  /** What this program can read. */
  readonly schemas: SchemaRange
  readonly timing: Timing
  readonly limits: Limits
}

/**
 * @throws {CorruptLogError} if log, snapshot and state machine do not fit together: something acknowledged
 * would be missing, and going on would hide it.
 * @throws {SchemaMismatchError} before anything is changed, if this program cannot read what the log holds.
 */
export async function recover(
  options: RecoverOptions,
  ports: Pick<Ports, 'log' | 'snapshots' | 'stateMachine' | 'clock' | 'random' | 'logger'>,
): Promise<Raft> {
  const { log, snapshots, stateMachine, clock, random, logger } = ports
  const recovered = await log.open()
  checkSchemasAtStart(newestMembership(recovered) ?? options.initialMembership, options.schemas)
  const base = recovered.base ?? (await initialize(log, stateMachine, options.initialMembership))
  if (recovered.tornBytes > 0) {
    logger.info({ bytes: recovered.tornBytes }, 'dropped an unfinished write from the end of the log')
  }
  await finishInstall(base, snapshots, stateMachine, logger)
  const lastIndex = recovered.base === null ? base.lastIndex : recovered.lastIndex
  const appliedIndex = stateMachine.appliedIndex
  if (appliedIndex > lastIndex) {
    throw mismatch(
      `the state machine has entry ${appliedIndex} and the log ends at ${lastIndex}: a part of the log is missing`,
    )
  }
  const tail = await readTail(log, { ...recovered, base, lastIndex }, appliedIndex)
  return restoreRaft({
    id: options.id,
    hardState: recovered.hardState,
    base,
    lastIndex,
    terms: recovered.terms,
    membershipEntries: recovered.membershipEntries,
    tail,
    appliedIndex,
    timing: options.timing,
    limits: options.limits,
    random,
    now: clock.now(),
  })
}

/** Committed or not; null in a new directory. */
export function newestMembership({
  base,
  membershipEntries,
}: Pick<RecoveredLog, 'base' | 'membershipEntries'>): Membership | null {
  const newest = membershipEntries.at(-1)
  return newest === undefined ? (base?.membership ?? null) : decodeMembership(newest.payload).membership
}

async function initialize(
  log: LogStore,
  stateMachine: StateMachine,
  membership: Membership,
): Promise<SnapshotMeta> {
  if (stateMachine.appliedIndex > 0) {
    throw mismatch(`the state machine has entry ${stateMachine.appliedIndex} but there is no log`)
  }
  const base: SnapshotMeta = { lastIndex: 0, lastTerm: 0, lastTime: 0, membership, membershipIndex: 0 }
  await log.initialize(base)
  return base
}

/** The log was replaced by a snapshot, and the process ended before the state machine was. */
async function finishInstall(
  base: SnapshotMeta,
  snapshots: SnapshotStore,
  stateMachine: StateMachine,
  logger: Ports['logger'],
): Promise<void> {
  if (stateMachine.durableIndex >= base.lastIndex) {
    await tidy(snapshots, logger)
    return
  }
  const file = await snapshots.open()
  if (file === null || file.meta.lastIndex !== base.lastIndex) {
    await file?.close()
    throw mismatch(
      `the log starts after ${base.lastIndex}, the state machine has ${stateMachine.durableIndex} and no snapshot fills the gap`,
    )
  }
  logger.info({ lastIndex: base.lastIndex }, 'finishing the installation of a snapshot')
  await stateMachine.restore(file.meta, file.chunks())
  await file.close()
}

/** The state machine has all of it: what is left of a snapshot is of no use, and may be damaged or of another version's format. */
async function tidy(snapshots: SnapshotStore, logger: Ports['logger']): Promise<void> {
  try {
    await (await snapshots.open())?.close()
  } catch (error) {
    if (!(error instanceof CorruptLogError)) throw error
    logger.warn({ error }, 'a snapshot that is not needed cannot be read')
  }
}

/** All that is not applied, and the last entry in any case: its time is the floor for the next one's. */
async function readTail(
  log: LogStore,
  { base, lastIndex }: Pick<RecoveredLog, 'lastIndex'> & { base: SnapshotMeta },
  appliedIndex: LogIndex,
): Promise<Entry[]> {
  const tail: Entry[] = []
  let first = Math.max(base.lastIndex + 1, Math.min(appliedIndex + 1, lastIndex))
  while (first <= lastIndex) {
    for (const entry of await log.read({ first, last: lastIndex, bytesMax: READ_BYTES_MAX })) tail.push(entry)
    first = (tail.at(-1)?.index ?? lastIndex) + 1
  }
  return tail
}

function mismatch(message: string): CorruptLogError {
  return new CorruptLogError({
    file: 'data directory',
    offset: 0,
    message: `${message}; remove this node from the cluster and let it join again, empty and under a new id`,
  })
}
