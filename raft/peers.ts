/** Where the other nodes are, and who may be one. */
import type { Raft } from './core/state.ts'
import { originOf } from './incarnation.ts'
import type { Identity, Log, PeerIdentity } from './ports.ts'
import type { Member, Membership, NodeId } from './types.ts'

export class AddressBook {
  readonly #self: Identity
  /** From the config file, then from whoever introduced itself; the membership's own addresses go first. */
  readonly #known: Map<NodeId, string>
  readonly #refusals = new Map<NodeId, { reason: string; message: string }>()
  #current: Membership | null = null
  #committed: Membership | null = null
  #isStale = true
  #seen = { role: 'follower', leaderId: null as NodeId | null, term: 0 }

  constructor(self: Identity, known: readonly { readonly id: NodeId; readonly addr: string }[]) {
    this.#self = self
    this.#known = new Map(known.map(({ id, addr }) => [id, addr]))
  }

  /** Why other nodes do not talk to this one, by who refused. */
  get refusals(): ReadonlyMap<NodeId, { reason: string; message: string }> {
    return this.#refusals
  }

  addrOf(id: NodeId, membership: Membership): string | null {
    return membership.members.find((member) => member.id === id)?.addr ?? this.#known.get(id) ?? null
  }

  /**
   * Members of the newest configuration, and whoever may be one: a removal that is not committed may be undone by
   * a leader that never saw it, even by the very node that it removes.
   *
   * @returns Whom to be connected to, or null if nothing has changed. After any change of a configuration, so that
   *   the transport asks anew who may stay.
   */
  changedPeers({
    current,
    committed,
  }: {
    current: Membership
    committed: Membership
  }): { id: NodeId; addr: string }[] | null {
    if (!this.#isStale && current === this.#current && committed === this.#committed) return null
    this.#isStale = false
    this.#current = current
    this.#committed = committed
    const addresses = new Map(this.#known)
    for (const { id, addr } of [...committed.members, ...current.members]) addresses.set(id, addr)
    for (const id of [this.#self.nodeId, ...committed.removed]) addresses.delete(id)
    return [...addresses].map(([id, addr]) => ({ id, addr })).toSorted((a, b) => a.id - b.id)
  }

  /**
   * A node that we do not know may be newer than our configuration; one that we know to be gone is not.
   *
   * @param membership Committed; see `changedPeers`.
   * @param newestSchema The schema version that the newest entry brings, on a leader: nobody knows of a higher one.
   *   Null elsewhere.
   */
  authorize(
    peer: PeerIdentity,
    membership: Membership,
    { newestSchema }: { newestSchema: number | null },
  ): { reason: string; message: string } | null {
    const { nodeId, incarnation } = peer
    if (membership.removed.includes(nodeId)) {
      const message = `node ${nodeId} was removed from the cluster; its id cannot return, join under a new one with an empty data directory`
      return { reason: 'removed', message }
    }
    const member = membership.members.find(({ id }) => id === nodeId)
    if (member !== undefined && member.incarnation !== null && member.incarnation !== incarnation) {
      const message = `node ${nodeId} is known with another data directory (${member.incarnation}, not ${incarnation}); if its disk was lost, remove node ${nodeId} and join the machine under a new id`
      return { reason: 'incarnation', message }
    }
    if (member !== undefined && this.#isOtherFounder(member, incarnation)) {
      const message = `node ${nodeId} was not restored from the same snapshot for the same nodes as node ${this.#self.nodeId}: empty the data directories of all nodes that are to found the cluster, and restore the same file with the same nodes on each`
      return { reason: 'incarnation', message }
    }
    if (member?.isRolledBack === true) {
      const message = `node ${nodeId} came with a data directory that is older than what it had acknowledged, and is refused since; remove node ${nodeId} and join the machine under a new id with an empty data directory`
      return { reason: 'rolled_back', message }
    }
    return refuseSchemas(peer, membership, newestSchema)
  }

  /**
   * A restored cluster begins with logs that are made equal, not replicated, so that its founders must come from one file.
   * Until the membership knows its data directory, a voter is a founder: who joins later is recorded before it votes.
   */
  #isOtherFounder(member: Member, incarnation: string): boolean {
    const origin = originOf(this.#self.incarnation)
    const isFounder = member.voter && member.incarnation === null
    return origin !== null && isFounder && originOf(incarnation) !== origin
  }

  notePeer({ nodeId, addr }: PeerIdentity): void {
    this.#refusals.delete(nodeId)
    if (this.#known.get(nodeId) === addr) return
    this.#known.set(nodeId, addr)
    this.#isStale = true
  }

  noteRefusal({ peer, reason, message }: { peer: NodeId; reason: string; message: string }): void {
    this.#refusals.set(peer, { reason, message })
  }

  /** The core does not log; its driver tells what has changed since the last turn. */
  logChanges(raft: Raft, logger: Log): void {
    const { role, leaderId, currentTerm: term } = raft
    if (role === this.#seen.role && leaderId === this.#seen.leaderId && term === this.#seen.term) return
    this.#seen = { role, leaderId, term }
    logger.info(
      { role, term, leader: leaderId, commitIndex: raft.commitIndex },
      'role, term or leader changed',
    )
  }
}

/**
 * A version that we know to be committed is never lowered; that a peer's lowest is above the newest only a leader can
 * say: a node that lags would refuse those that could bring it up to date.
 */
function refuseSchemas(
  { nodeId, schemas: { min, max } }: PeerIdentity,
  { members, schemaVersion }: Membership,
  newestSchema: number | null,
): { reason: string; message: string } | null {
  // Without members we wait to be added, and know of no version.
  if (members.length === 0) return null
  const isTooOld = max < schemaVersion
  const isTooNew = newestSchema !== null && min > newestSchema
  if (!isTooOld && !isTooNew) return null
  const version = isTooOld ? schemaVersion : newestSchema
  const message = `node ${nodeId} reads command schemas ${min} to ${max} and the cluster is at ${version}; install ${isTooOld ? 'newer' : 'older'} software on node ${nodeId}, one that reads schema ${version}`
  return { reason: 'schema', message }
}
