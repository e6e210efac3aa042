/**
 * Logs that a new cluster begins with: after a snapshot of another one, or with what one member of a cluster has whose
 * majority is lost for good. For a node that does not run, since both go round the protocol.
 */
import { currentMembership } from './core/membership.ts'
import { encodeMembership } from './core/membership-entry.ts'
import type { Limits, Timing } from './core/state.ts'
import type { LogStore, Ports } from './ports.ts'
import { recover } from './recovery.ts'
import type { LogIndex, Member, Membership, NodeId, SchemaRange, SnapshotMeta, Term } from './types.ts'

/**
 * Makes a new log start after a snapshot. Every founder of the cluster does the same with the same `base`.
 *
 * @param base Whose membership is that of the new cluster.
 */
export async function beginAfter(log: LogStore, base: SnapshotMeta): Promise<void> {
  await log.open()
  await log.initialize(base)
  // A term is never below that of an entry in the log (Figure 3.1): the founders would grant votes in terms that are over.
  await log.append({ hardState: { currentTerm: base.lastTerm, votedFor: null }, entries: [] })
  await log.close()
}

/** What was made of the log of a survivor. */
export interface ForcedCluster {
  readonly membership: Membership
  /** Of the entry that says who is left, the last one. */
  readonly lastIndex: LogIndex
  readonly term: Term
}

/**
 * Appends an entry to the log of a node after which it is the only member. Everything before it counts, also what was not
 * known to be committed: any of it may have been, and been acknowledged. What only the lost nodes had is gone.
 *
 * @param survivor Its data directory is another one from now on, so that no copy of it as it was can take part.
 * @param rename Makes the directory that of another cluster. Done first: were it not, members of the old one could still
 *   vote, and count, after the log says that they are none.
 * @throws {CorruptLogError | SchemaMismatchError} with nothing changed, if the node would not start either.
 */
export async function forceNewCluster(
  {
    survivor,
    rename,
    schemas,
    timing,
    limits,
  }: {
    survivor: { readonly id: NodeId; readonly addr: string; readonly incarnation: string }
    rename: () => Promise<void>
    schemas: SchemaRange
    timing: Timing
    limits: Limits
  },
  ports: Pick<Ports, 'log' | 'snapshots' | 'stateMachine' | 'clock' | 'random' | 'logger'>,
): Promise<ForcedCluster> {
  const { id } = survivor
  const initialMembership: Membership = { members: [], removed: [], schemaVersion: schemas.min }
  const raft = await recover({ id, initialMembership, schemas, timing, limits }, ports)
  const membership = withoutOthers(currentMembership(raft), survivor)
  const term = raft.currentTerm + 1
  const index = raft.log.lastIndex + 1
  const time = Math.max(ports.clock.wallTime(), raft.log.maxTime)
  const payload = encodeMembership({ membership, note: '' })
  await rename()
  await ports.log.append({
    hardState: { currentTerm: term, votedFor: id },
    entries: [{ index, term, time, type: 'membership', payload }],
  })
  return { membership, lastIndex: index, term }
}

/** Those who are gone do not come back under their ids, as after every removal. */
function withoutOthers(
  { members, removed, schemaVersion }: Membership,
  { id, addr, incarnation }: { id: NodeId; addr: string; incarnation: string },
): Membership {
  const schemas = members.find((member) => member.id === id)?.schemas ?? null
  const left: Member = { id, addr, voter: true, incarnation, schemas, isRolledBack: false }
  const others = members.map((member) => member.id).filter((other) => other !== id)
  return {
    members: [left],
    removed: [...new Set([...removed, ...others])].toSorted((a, b) => a - b),
    schemaVersion,
  }
}
