/** The driver: gathers what arrives into turns, steps the core, and carries out what it says, on two lanes. */
import { ApplyLane } from './apply-lane.ts'
import { assert } from './assert.ts'
import { checkSchemaInForce } from './core/admission.ts'
import { isHandingOver } from './core/disk-health.ts'
import { lowestInstalling } from './core/install-snapshot.ts'
import { snapshotMetaAt } from './core/log.ts'
import { committedMembership, currentMembership, voterIds } from './core/membership.ts'
import { type Effects, type Event, HEALTHY_DISK, type Limits, type Raft, type Timing } from './core/state.ts'
import { step } from './core/step.ts'
import { DiskLane } from './disk-lane.ts'
import { DiskWatch } from './disk-watch.ts'
import { MembershipRefusedError, StateDivergedError } from './errors.ts'
import { Gate } from './gate.ts'
import { HandOvers, type TransferFate } from './hand-over.ts'
import { LogKeeper } from './log-keeper.ts'
import { AddressBook } from './peers.ts'
import type {
  Boot,
  Identity,
  PeerIdentity,
  Ports,
  SnapshotFile,
  SnapshotOffer,
  SnapshotReceiver,
  TransportHandlers,
} from './ports.ts'
import type { ProposalLimits } from './proposal-limits.ts'
import { Proposals } from './proposals.ts'
import { type ReadLimits, Reads } from './reads.ts'
import { recover } from './recovery.ts'
import type { Completion } from './request.ts'
import { SnapshotTransfer } from './snapshot-transfer.ts'
import { StateWatch } from './state-watch.ts'
import { leaderContactMs, type RaftStatus, statusOf } from './status.ts'
import type {
  CommandTraits,
  DiskHealth,
  LogIndex,
  Membership,
  MembershipChange,
  Message,
  NodeId,
  SnapshotMeta,
} from './types.ts'
import { Witness } from './witness.ts'

export interface RaftNodeOptions {
  readonly identity: Identity
  /** Who a new cluster starts with; no members for a node that waits to be added. */
  readonly initialMembership: Membership
  /** Where nodes may be found that the membership does not name yet. */
  readonly addresses: readonly { readonly id: NodeId; readonly addr: string }[]
  readonly timing: Timing
  /** How often deadlines are looked at. */
  readonly tickMs: number
  readonly limits: Limits
  readonly proposalLimits: ProposalLimits
  readonly readLimits: ReadLimits
  /** Entries kept in the log after they are durable in the state machine, for peers that lag. */
  readonly retainedEntriesMin: number
  /** Nodes compare their states every so many entries, at least; the same on every node. */
  readonly checkpointInterval: number
  /** Free bytes below which this node's disk is low, until there is a quarter more; 0: it never is. */
  readonly diskLowBytes: number
  /** Sees every step before its effects are carried out, and changes nothing: for checks and traces. */
  readonly onStep?: (raft: Raft, effects: Effects) => void
}

/** Two processes of a node hardly ever count through the same ids, and ids stay far below 2^53. */
function someId(random: () => number): number {
  return 1 + Math.floor(random() * 2 ** 48)
}

/** A failed snapshot is not tried again before this has passed. */
const SNAPSHOT_RETRY_MS = 1_000

export class RaftNode {
  readonly #options: RaftNodeOptions
  readonly #ports: Ports
  readonly #raft: Raft
  readonly #proposals: Proposals
  readonly #reads: Reads
  readonly #disk: DiskLane
  readonly #diskWatch: DiskWatch
  readonly #keeper: LogKeeper
  readonly #apply: ApplyLane
  readonly #transfer: SnapshotTransfer
  readonly #watch: StateWatch
  readonly #addresses: AddressBook
  readonly #witness: Witness
  readonly #boot: Boot
  readonly #gate: Gate
  readonly #handOvers: HandOvers
  #inbox: Event[] = []
  #isTurnQueued = false
  #isStopped = false
  #isRestoring = false
  #cancelTick: () => void = () => {}
  #tickedAt: number

  /** Reads everything back from disk, then takes part. @throws {CorruptLogError | SchemaMismatchError} */
  static async open(options: RaftNodeOptions, ports: Ports): Promise<RaftNode> {
    const { identity, initialMembership, timing, limits } = options
    const { nodeId: id, schemas } = identity
    const raft = await recover({ id, initialMembership, schemas, timing, limits }, ports)
    const node = new RaftNode(options, ports, raft)
    await node.#start()
    return node
  }

  private constructor(options: RaftNodeOptions, ports: Ports, raft: Raft) {
    this.#options = options
    this.#ports = ports
    this.#raft = raft
    const { clock, stateMachine, transport, snapshots, logger } = ports
    const now = (): number => clock.now()
    const onFatal = (error: unknown): void => this.#fail(error)
    this.#proposals = new Proposals({
      id: raft.id,
      limits: options.proposalLimits,
      stateMachine,
      firstId: someId(ports.random),
      now,
      send: (message) => transport.send(message),
      leaderId: () => raft.leaderId,
      leadingTerm: () => (raft.role === 'leader' ? raft.currentTerm : null),
    })
    this.#reads = new Reads(options.readLimits, { now, firstId: someId(ports.random) })
    this.#disk = new DiskLane({
      log: ports.log,
      onPersisted: ({ messages, batchNumber }) => {
        for (const message of messages) transport.send(message)
        this.#enqueue({ type: 'persisted', batchNumber })
      },
      onFatal,
    })
    this.#diskWatch = new DiskWatch({
      disk: ports.disk,
      lowBytes: options.diskLowBytes,
      timing: options.timing,
      logger,
    })
    this.#tickedAt = clock.now()
    this.#keeper = new LogKeeper({
      store: ports.log,
      log: raft.log,
      disk: this.#disk,
      retainedEntriesMin: options.retainedEntriesMin,
      emit: (event) => this.#enqueue(event),
      onFatal,
    })
    this.#apply = new ApplyLane({
      stateMachine,
      clock,
      onApplied: (entry, result) => {
        // First: it may find that the result is worth nothing.
        this.#watch.handleApplied(entry)
        this.#proposals.handleApplied(entry.index, entry.term, result)
      },
      onSlice: () => this.#onApplied(),
      onFatal,
    })
    this.#transfer = new SnapshotTransfer({
      id: raft.id,
      snapshots,
      stateMachine,
      transport,
      logger,
      currentTerm: () => raft.currentTerm,
      metaAt: (index) => snapshotMetaAt(raft.log, index),
      baseIndex: () => raft.log.base.lastIndex,
      isInstalling: () => raft.installing !== null,
    })
    this.#watch = new StateWatch({
      id: raft.id,
      stateMachine,
      interval: options.checkpointInterval,
      logger,
      members: () => committedMembership(raft).members,
      send: (message) => transport.send(message),
      onDiverged: () => this.#onDiverged(),
      onWrongStates: (nodes) => this.#tellWrongStates(nodes),
      onFatal,
    })
    this.#addresses = new AddressBook(options.identity, options.addresses)
    this.#witness = new Witness({ confirmMs: options.timing.electionMinMs })
    this.#boot = { id: someId(ports.random), term: raft.currentTerm, lastIndex: raft.log.lastIndex }
    this.#gate = new Gate({
      raft,
      addresses: this.#addresses,
      witness: this.#witness,
      clock,
      transport,
      logger,
      settleMs: options.timing.electionMinMs,
      emit: (event) => this.#enqueue(event),
    })
    this.#handOvers = new HandOvers({
      clock,
      timing: options.timing,
      retryMs: options.tickMs,
      emit: (event) => this.#enqueue(event),
    })
    stateMachine.failed.catch(onFatal)
  }

  async #start(): Promise<void> {
    const { transport } = this.#ports
    const handlers: TransportHandlers = {
      onMessage: (message) => this.#onMessage(message),
      authorize: (peer) => this.#gate.authorize(peer),
      onPeer: (peer) => this.#onPeer(peer),
      onPeerLost: (peer) => {
        this.#proposals.handlePeerLost(peer)
        this.#schedule()
      },
      onRefused: (refusal) => this.#addresses.noteRefusal(refusal),
      onSnapshotOffer: (offer) => this.#onSnapshotOffer(offer),
      onSnapshotReceived: (offer, file) => this.#onSnapshotReceived(offer, file),
    }
    await transport.start(handlers, this.#boot)
    this.#gate.connectPeers()
    if (this.#watch.divergence !== null) {
      this.#onDiverged()
      this.#tellWrongStates(this.#watch.wrongStates)
    }
    const { incarnation, schemas } = this.#options.identity
    this.#enqueue({ type: 'peerSeen', id: this.#raft.id, incarnation, schemas })
    const voters = voterIds(this.#raft)
    // Nobody else could lead: there is nothing to wait for.
    if (voters.length === 1 && voters[0] === this.#raft.id) this.#raft.electionDeadline = this.#raft.now
    this.#enqueue({ type: 'tick', disk: HEALTHY_DISK })
    this.#startTick()
  }

  /**
   * Replicates `payload` and resolves with what `apply` made of it, once it is durable on a majority and applied
   * where it was decided. Waits for a leader if there is none.
   *
   * @throws {RaftError} whose `applied` says whether it may take effect.
   */
  propose(
    payload: Uint8Array,
    { isIdempotent = false, needsRoom = false }: Partial<CommandTraits> = {},
  ): Promise<Completion> {
    return this.#submit({ type: 'command', payload, traits: { isIdempotent, needsRoom } })
  }

  /** Resolves when the change is committed. @param note Comes back in the entry. @throws {MembershipRefusedError} */
  async changeMembership(change: MembershipChange, note: string): Promise<void> {
    await this.#submit({ type: 'membership', change, note })
  }

  /** Resolves when another node leads. @throws {MembershipRefusedError} */
  async transferLeadership(target: NodeId | null): Promise<void> {
    await this.#submit({ type: 'transfer', target, note: '' })
  }

  async #submit(work: Parameters<Proposals['submit']>[0]): Promise<Completion> {
    this.#watch.check()
    const done = this.#proposals.submit(work)
    this.#schedule()
    return done
  }

  /** Resolves once a read of this node's state is linearizable (§6.4). @throws {ReadTimeoutError} */
  async readIndex(): Promise<LogIndex> {
    this.#watch.check()
    const done = this.#reads.wait()
    this.#schedule()
    return done
  }

  /** Resolves once `index` is applied here. @throws {IndexNotReachedError} */
  async waitForApplied(index: LogIndex): Promise<LogIndex> {
    this.#watch.check()
    return this.#reads.waitForApplied(index, this.#ports.stateMachine.appliedIndex)
  }

  /** Before anything is answered from the state machine. @throws {StateDivergedError} if it is wrong. */
  checkState(): void {
    this.#watch.check()
  }

  status(): RaftStatus {
    return statusOf(this.#raft, {
      now: this.#ports.clock.now(),
      appliedIndex: this.#ports.stateMachine.appliedIndex,
      isRestoring: this.#isRestoring,
      watch: this.#watch,
      refusals: this.#addresses.refusals,
      addrOf: (id) => this.#addresses.addrOf(id, currentMembership(this.#raft)),
    })
  }

  /** Since the leader was last heard; 0 on the leader, null if not in this term. */
  get leaderContactMs(): number | null {
    return leaderContactMs(this.#raft, this.#ports.clock.now())
  }

  /** In which commands are to be written: every member can read it, now and later. */
  get schemaVersion(): number {
    return committedMembership(this.#raft).schemaVersion
  }

  get isLeader(): boolean {
    return this.#raft.role === 'leader' && !isHandingOver(this.#raft)
  }

  /** Hands leadership to whoever can take it, if it is ours. @returns Whether it was ours, and is gone. */
  async handOver(): Promise<boolean> {
    if (this.#raft.role !== 'leader') return false
    const { refusal } = await this.#handOvers.start((id) => ({ type: 'transfer', id, target: null }))
    return refusal === null || refusal === 'not_leader'
  }

  get isDrained(): boolean {
    return this.#raft.isDrained
  }

  /**
   * A drained node goes on serving, voting and storing, but hands leadership over if it has it, does not campaign, and
   * is refused as the target of a transfer. Until it is undone, or the process ends.
   *
   * @throws {MembershipRefusedError} if this node leads and nobody takes over; nothing has changed then.
   */
  async setDrained(isDrained: boolean): Promise<void> {
    if (!isDrained) {
      this.#enqueue({ type: 'drain', isDrained, transferId: 0 })
      return
    }
    const fate = await this.#handOvers.start((transferId) => ({ type: 'drain', isDrained, transferId }))
    if (fate.refusal === null || fate.refusal === 'not_leader') return
    this.#enqueue({ type: 'drain', isDrained: false, transferId: 0 })
    throw new MembershipRefusedError(fate.refusal, fate.message)
  }

  /**
   * After `handOver`: resolves when nobody waits for this node any more, for what it still has in its log is answered
   * and its peers have had time to hear the next leader; or, if that does not come, after an election timeout.
   */
  async settleDown(): Promise<void> {
    const { clock } = this.#ports
    const { electionMinMs, heartbeatMs } = this.#options.timing
    const deadline = clock.now() + electionMinMs
    let quietSince = clock.now()
    while (clock.now() < deadline && clock.now() - quietSince < 2 * heartbeatMs) {
      await new Promise<void>((resolve) => {
        clock.setTimer(this.#options.tickMs, resolve)
      })
      const isQuiet = this.#raft.leaderId !== null && this.#proposals.waitingCount === 0
      if (!isQuiet) quietSince = clock.now()
    }
  }

  /** Answers whoever waits, makes everything applied durable, and lets go of disk and network. */
  async close(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#cancelTick()
    this.#diskWatch.stop()
    this.#proposals.close()
    this.#proposals.flushReplies()
    this.#reads.close()
    this.#handOvers.close()
    this.#apply.stop()
    await this.#ports.transport.close()
    await this.#disk.stop()
    await this.#transfer.close()
    await this.#ports.stateMachine.flush()
    await this.#ports.stateMachine.close()
    await this.#ports.log.close()
  }

  #enqueue(event: Event): void {
    if (this.#isStopped) return
    this.#inbox.push(event)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isTurnQueued || this.#isStopped) return
    this.#isTurnQueued = true
    this.#ports.clock.setSoon(() => this.#turn())
  }

  /** Everything that arrived since the last turn is stepped, written and sent as one batch. */
  #turn(): void {
    this.#isTurnQueued = false
    if (this.#isStopped) return
    try {
      const effects = step(this.#raft, this.#takeEvents(), this.#ports.clock.now())
      this.#options.onStep?.(this.#raft, effects)
      this.#checkSchema(effects)
      if (this.#raft.role === 'leader') this.#witness.noteProgress(this.#raft)
      this.#carryOut(effects)
      const { leaderId, role } = this.#raft
      if (leaderId !== null) this.#proposals.handleLeader(leaderId)
      if (role !== 'leader') this.#proposals.returnToPeers()
      if (leaderId !== null && role !== 'leader') this.#proposals.forward(leaderId)
      this.#proposals.flushReplies()
      if (this.#canTakeParked() || this.#reads.hasNext || this.#inbox.length > 0) this.#schedule()
    } catch (error) {
      this.#fail(error)
    }
  }

  #checkSchema({ install }: Effects): void {
    const membership = install?.membership ?? committedMembership(this.#raft)
    checkSchemaInForce(membership, this.#options.identity.schemas)
  }

  #takeEvents(): Event[] {
    const events = this.#inbox
    this.#inbox = []
    if (this.#canTakeParked()) {
      for (const event of this.#proposals.takeEvents(this.#ports.clock.wallTime())) events.push(event)
    }
    const read = this.#reads.takeEvent()
    if (read !== null) events.push(read)
    return events
  }

  /** While leadership is handed over, or should be, requests stay parked: the next leader gets them. */
  #canTakeParked(): boolean {
    return this.isLeader && this.#proposals.hasParked
  }

  /** In the order of the fields of `Effects`. */
  #carryOut(effects: Effects): void {
    const { transport, logger, stateMachine } = this.#ports
    for (const message of effects.messages) transport.send(message)
    if (effects.batch !== null) this.#disk.push(effects.batch)
    if (effects.install !== null) this.#install(effects.install)
    // The core has seen it by now, and did not want it.
    else this.#transfer.dropReceived()
    for (const fate of effects.proposals) this.#proposals.handleProposalFate(fate)
    for (const fate of effects.memberships) this.#handleMembershipFate(fate)
    if (effects.committed.length > 0) this.#apply.push(effects.committed)
    for (const fate of effects.transfers) this.#handleTransferFate(fate)
    for (const read of effects.reads) this.#reads.handleReadIndex(read, stateMachine.appliedIndex)
    for (const fetch of effects.fetches) this.#keeper.fetch(fetch)
    for (const { to, session } of effects.snapshots) void this.#sendSnapshot(to, session)
    for (const lost of effects.lostEntries)
      logger.error(lost, 'a peer has lost entries that it had acknowledged')
    this.#gate.connectPeers()
    this.#addresses.logChanges(this.#raft, logger)
  }

  #handleMembershipFate(fate: Effects['memberships'][number]): void {
    const next = this.#proposals.handleMembershipFate(fate)
    if (next !== null) this.#enqueue({ type: 'transfer', id: next.transferId, target: null })
  }

  #handleTransferFate(fate: TransferFate): void {
    if (!this.#handOvers.handleFate(fate)) this.#proposals.handleTransferFate(fate)
  }

  #onApplied(): void {
    this.#reads.handleApplied(this.#ports.stateMachine.appliedIndex)
    this.#proposals.flushReplies()
  }

  #onMessage(message: Message): void {
    if (this.#isStopped) return
    if (message.type === 'ForwardRequests') {
      const isLeader = this.#raft.role === 'leader' && this.#watch.divergence === null
      this.#proposals.handleForwardRequests(message, { isLeader })
      this.#schedule()
    } else if (message.type === 'ForwardReplies') {
      this.#proposals.handleForwardReplies(message)
      this.#schedule()
    } else if (message.type === 'StateHashes') {
      this.#watch.handleStateHashes(message)
    } else {
      this.#witness.noteMessage(message)
      this.#enqueue({ type: 'message', message })
    }
  }

  #onPeer(peer: PeerIdentity): void {
    const { nodeId: id, incarnation, schemas } = peer
    this.#addresses.notePeer(peer)
    this.#watch.handlePeer(id)
    this.#witness.notePeer(peer)
    this.#enqueue({ type: 'peerSeen', id, incarnation, schemas })
    this.#gate.connectPeers()
  }

  #onDiverged(): void {
    const index = this.#watch.divergence?.index ?? 0
    const error = (): StateDivergedError => new StateDivergedError(index)
    this.#proposals.distrustState(error)
    this.#reads.rejectAll(error)
    this.#schedule()
  }

  #tellWrongStates(nodes: readonly NodeId[]): void {
    this.#enqueue({ type: 'wrongStates', nodes, transferId: this.#handOvers.takeId() })
  }

  async #sendSnapshot(to: NodeId, session: number): Promise<void> {
    // A wrong state must not spread: whoever leads next sends its own.
    const isSent =
      this.#watch.divergence === null &&
      (await this.#transfer.send(to, session, (lastIndex) => {
        this.#enqueue({ type: 'snapshotStarted', to, session, lastIndex })
      }))
    const report = (): void => this.#enqueue({ type: 'snapshotSent', to, session, isSent })
    if (isSent) report()
    else this.#ports.clock.setTimer(SNAPSHOT_RETRY_MS, report)
  }

  async #onSnapshotOffer(offer: SnapshotOffer): Promise<SnapshotReceiver | null> {
    const { currentTerm, leaderId, installing, commitIndex } = this.#raft
    const isWanted =
      offer.term === currentTerm &&
      offer.from === leaderId &&
      installing === null &&
      offer.lastIndex > commitIndex
    return isWanted && !this.#isStopped ? this.#transfer.receive(offer) : null
  }

  #onSnapshotReceived(offer: SnapshotOffer, file: SnapshotFile): void {
    this.#transfer.keepReceived(file)
    this.#enqueue({ type: 'snapshotReceived', from: offer.from, term: offer.term, meta: file.meta })
  }

  /**
   * Puts a snapshot in place of log and state machine. The file is durable; resetting the log is the commit
   * point: a crash before it leaves the old state, one after it is finished at the next start (`recovery.ts`).
   */
  #install(meta: SnapshotMeta): void {
    const file = this.#transfer.takeReceived()
    assert(file !== null && file.meta.lastIndex === meta.lastIndex, 'the snapshot to install is not here')
    const install = async (): Promise<void> => {
      await this.#apply.idle()
      this.#isRestoring = true
      await this.#keeper.settled()
      await this.#ports.log.reset(meta)
      await this.#ports.stateMachine.restore(meta, file.chunks())
      await file.close()
      this.#isRestoring = false
      this.#ports.logger.info({ lastIndex: meta.lastIndex }, 'installed a snapshot')
      this.#proposals.handleSnapshotInstalled(meta.lastIndex)
      this.#proposals.trustState()
      this.#watch.handleRestored()
      this.#enqueue({ type: 'snapshotInstalled', meta })
      this.#reads.handleApplied(meta.lastIndex)
    }
    this.#disk.pushTask(install, { isLong: true })
  }

  #startTick(): void {
    this.#cancelTick = this.#ports.clock.setTimer(this.#options.tickMs, () => {
      // After a stall of the event loop the messages that waited go first: they may be the leader's heartbeats.
      this.#ports.clock.setSoon(() => this.#ports.clock.setSoon(() => this.#tick()))
    })
  }

  #tick(): void {
    if (this.#isStopped) return
    this.#proposals.handleTick()
    this.#reads.handleTick(this.#ports.stateMachine.appliedIndex)
    this.#enqueue({ type: 'tick', disk: this.#diskHealth() })
    if (this.#raft.role === 'leader') this.#enqueue({ type: 'maintain', time: this.#ports.clock.wallTime() })
    this.#compact()
    this.#startTick()
  }

  /** A tick that comes late may have found the whole process asleep: the disk is not blamed for more than two. */
  #diskHealth(): DiskHealth {
    const now = this.#ports.clock.now()
    this.#disk.elapse(Math.min(now - this.#tickedAt, 2 * this.#options.tickMs))
    this.#tickedAt = now
    return this.#diskWatch.health({ now, stallMs: this.#disk.stallMs })
  }

  #compact(): void {
    if (this.#raft.installing !== null) return
    const { durableIndex } = this.#ports.stateMachine
    this.#keeper.compact(Math.min(durableIndex, this.#transfer.lowestSending, lowestInstalling(this.#raft)))
  }

  #fail(error: unknown): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#cancelTick()
    this.#ports.onFatal(error)
  }
}
