/** Whom a node is connected to, and whom it refuses: by the configuration, and by what it has seen of each peer. */

import type { Event } from './core/event.ts'
import { committedMembership, currentMembership } from './core/membership.ts'
import type { Raft } from './core/state.ts'
import type { AddressBook } from './peers.ts'
import type { Clock, Log, PeerIdentity, Transport } from './ports.ts'
import type { Membership } from './types.ts'
import type { Witness } from './witness.ts'

export class Gate {
  readonly #raft: Raft
  readonly #addresses: AddressBook
  readonly #witness: Witness
  readonly #clock: Clock
  readonly #transport: Transport
  readonly #logger: Log
  readonly #settleMs: number
  readonly #emit: (event: Event) => void
  /**
   * The committed configuration, an election timeout late: who was removed still hears the answers that are on
   * their way to it.
   */
  #settled: Membership
  #unsettled: { readonly membership: Membership; readonly since: number } | null = null

  constructor(options: {
    /** To be looked at only. */
    raft: Raft
    addresses: AddressBook
    witness: Witness
    clock: Clock
    transport: Transport
    logger: Log
    /** How long after its commit a removal takes effect here. */
    settleMs: number
    emit: (event: Event) => void
  }) {
    this.#raft = options.raft
    this.#addresses = options.addresses
    this.#witness = options.witness
    this.#clock = options.clock
    this.#transport = options.transport
    this.#logger = options.logger
    this.#settleMs = options.settleMs
    this.#emit = options.emit
    this.#settled = committedMembership(options.raft)
  }

  /** Null to accept. A leader puts on record what it is sure of. */
  authorize(peer: PeerIdentity): { reason: string; message: string } | null {
    const isLeader = this.#raft.role === 'leader'
    const newestSchema = isLeader ? currentMembership(this.#raft).schemaVersion : null
    const refusal = this.#addresses.authorize(peer, this.#admission(), { newestSchema })
    if (refusal !== null) return refusal
    const rolledBack = this.#witness.judge(peer, this.#clock.now())
    if (rolledBack?.isConfirmed === true && isLeader) {
      const { nodeId: id, incarnation } = peer
      const fields = { peer: id, reason: rolledBack.reason, error: rolledBack.message }
      this.#logger.error(fields, 'a member has lost what it had acknowledged: no node takes it back')
      this.#emit({ type: 'peerRolledBack', id, incarnation })
    }
    return rolledBack
  }

  /** Lets the transport follow the configuration. */
  connectPeers(): void {
    this.#settle()
    const current = currentMembership(this.#raft)
    const peers = this.#addresses.changedPeers({ current, committed: this.#settled })
    if (peers !== null) this.#transport.setPeers(peers)
  }

  /** Whose data directory is known counts at once; who is removed only when it has heard what it waits for. */
  #admission(): Membership {
    const known = withDirectoriesOf(committedMembership(this.#raft), currentMembership(this.#raft))
    return { ...known, removed: this.#settled.removed }
  }

  /** Lets the committed configuration become the settled one when its time has come. */
  #settle(): void {
    const membership = committedMembership(this.#raft)
    if (membership === this.#settled) return
    const now = this.#clock.now()
    if (membership !== this.#unsettled?.membership) this.#unsettled = { membership, since: now }
    else if (now - this.#unsettled.since >= this.#settleMs) this.#settled = membership
  }
}

/**
 * `committed` with the data directories that `newest` names. They need not be committed: a node that was just started does
 * not know how much of its log is, and must not take the vote of an empty disk for that of the lost one meanwhile.
 */
function withDirectoriesOf(committed: Membership, newest: Membership): Membership {
  const members = new Map(newest.members.map((member) => [member.id, member]))
  for (const member of committed.members) {
    const incarnation = member.incarnation ?? members.get(member.id)?.incarnation ?? null
    members.set(member.id, { ...member, incarnation })
  }
  return { ...committed, members: [...members.values()] }
}
