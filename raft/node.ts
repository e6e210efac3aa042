/** The driver: gathers what arrives into turns, steps the core, and carries out what it says, on two lanes. */
import { ApplyLane } from './apply-lane.ts'
import { checkSchemaInForce } from './core/admission.ts'
import { isHandingOver } from './core/disk-health.ts'
import { lowestInstalling } from './core/install-snapshot.ts'
import { committedMembership, currentMembership, voterIds } from './core/membership.ts'
import { type Effects, type Event, HEALTHY_DISK, type Raft } from './core/state.ts'
import { step } from './core/step.ts'
import { DiskLane } from './disk-lane.ts'
import { DiskWatch } from './disk-watch.ts'
import { StateDivergedError } from './errors.ts'
import { figuresOf, type RaftFigures } from './figures.ts'
import { Gate } from './gate.ts'
import { HandOvers, type TransferFate } from './hand-over.ts'
import { LogKeeper } from './log-keeper.ts'
import type { RaftNodeOptions } from './node-options.ts'
import { peerHandlers } from './peer-handlers.ts'
import { AddressBook } from './peers.ts'
import type { Boot, Ports, StateImage } from './ports.ts'
import { Proposals } from './proposals.ts'
import { Reads } from './reads.ts'
import { recover } from './recovery.ts'
import type { Completion, Transferred } from './request.ts'
import type { RequestTrace } from './request-trace.ts'
import { Snapshots } from './snapshots.ts'
import { StateWatch } from './state-watch.ts'
import { leaderContactMs, type RaftStatus, statusOf } from './status.ts'
import { StepCounts } from './step-counts.ts'
import { Ticks } from './ticks.ts'
import type { CommandTraits, LogIndex, MembershipChange, NodeId, SnapshotMeta } from './types.ts'
import { Witness } from './witness.ts'

/** Two processes of a node hardly ever count through the same ids, and ids stay far below 2^53. */
function someId(random: () => number): number {
  return 1 + Math.floor(random() * 2 ** 48)
}

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
  readonly #snapshots: Snapshots
  readonly #watch: StateWatch
  readonly #addresses: AddressBook
  readonly #witness: Witness
  readonly #boot: Boot
  readonly #gate: Gate
  readonly #handOvers: HandOvers
  readonly #ticks: Ticks
  readonly #steps = new StepCounts()
  #inbox: Event[] = []
  #isTurnQueued = false
  #isStopped = false

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
    const { clock, stateMachine, transport, logger } = ports
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
      followPeer: options.followPeer ?? null,
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
    this.#keeper = new LogKeeper({
      store: ports.log,
      log: raft.log,
      disk: this.#disk,
      retainedEntriesMin: options.retainedEntriesMin,
      retainedBytesMax: options.retainedBytesMax,
      emit: (event) => this.#enqueue(event),
      onFatal,
    })
    this.#apply = new ApplyLane({
      limits: options.applyLimits,
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
    this.#snapshots = new Snapshots({
      raft,
      ports,
      disk: this.#disk,
      keeper: this.#keeper,
      apply: this.#apply,
      emit: (event) => this.#enqueue(event),
      isStateWrong: () => this.#watch.divergence !== null,
      isStopped: () => this.#isStopped,
      onInstalled: (meta) => this.#onInstalled(meta),
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
      isLeader: () => raft.role === 'leader',
      isQuiet: () => raft.leaderId !== null && this.#proposals.waitingCount === 0,
      clock,
      timing: options.timing,
      tickMs: options.tickMs,
      emit: (event) => this.#enqueue(event),
    })
    this.#ticks = new Ticks({ clock, tickMs: options.tickMs, onTick: (ms) => this.#onTick(ms) })
    stateMachine.failed.catch(onFatal)
  }

  async #start(): Promise<void> {
    const { transport } = this.#ports
    const handlers = peerHandlers({
      raft: this.#raft,
      proposals: this.#proposals,
      snapshots: this.#snapshots,
      watch: this.#watch,
      addresses: this.#addresses,
      witness: this.#witness,
      gate: this.#gate,
      emit: (event) => this.#enqueue(event),
      schedule: () => this.#schedule(),
      isStopped: () => this.#isStopped,
    })
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
    this.#ticks.start()
  }

  /**
   * Replicates `payload` and resolves with what `apply` made of it, once it is durable on a majority and applied
   * where it was decided. Waits for a leader if there is none.
   *
   * @param trace Is told where it is.
   * @throws {RaftError} whose `applied` says whether it may take effect.
   */
  propose(
    payload: Uint8Array,
    { isIdempotent = false, needsRoom = false }: Partial<CommandTraits> = {},
    trace: RequestTrace | null = null,
  ): Promise<Completion> {
    return this.#submit({ type: 'command', payload, traits: { isIdempotent, needsRoom } }, trace)
  }

  /**
   * Resolves with the index of the configuration when it is committed.
   *
   * @param note Comes back in the entry.
   * @throws {MembershipRefusedError}
   */
  async changeMembership(change: MembershipChange, note: string): Promise<LogIndex> {
    const { index } = await this.#submit({ type: 'membership', change, note })
    return index
  }

  /** Resolves when another node leads. @throws {MembershipRefusedError} */
  async transferLeadership(target: NodeId | null): Promise<Transferred> {
    const { result } = await this.#submit({ type: 'transfer', target, note: '' })
    return result as Transferred
  }

  async #submit(
    work: Parameters<Proposals['submit']>[0],
    trace: RequestTrace | null = null,
  ): Promise<Completion> {
    this.#watch.check()
    const done = this.#proposals.submit(work, trace)
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

  /**
   * A consistent image of what is applied here, for a file that leaves the cluster, and what its header says of it.
   * `release` it in any case.
   *
   * @throws {StateDivergedError | OverloadedError}
   */
  async image(): Promise<{ meta: SnapshotMeta; image: StateImage }> {
    this.#watch.check()
    return this.#snapshots.image()
  }

  status(): RaftStatus {
    return statusOf(this.#raft, {
      now: this.#ports.clock.now(),
      appliedIndex: this.#ports.stateMachine.appliedIndex,
      isRestoring: this.#snapshots.isRestoring,
      watch: this.#watch,
      refusals: this.#addresses.refusals,
      addrOf: (id) => this.#addresses.addrOf(id, currentMembership(this.#raft)),
    })
  }

  /** For whoever watches: what there is in memory, without waiting for anything. */
  figures(): RaftFigures {
    const apply = this.#apply
    return figuresOf(this.#raft, {
      status: this.status(),
      stateDurableIndex: this.#ports.stateMachine.durableIndex,
      steps: this.#steps,
      outcomes: this.#proposals.outcomes,
      slices: apply.durations,
      appliedCount: apply.appliedCount,
      underway: {
        requests: this.#proposals.underway,
        reads: this.#reads.count,
        unapplied: { count: apply.queuedCount, bytes: apply.queuedBytes },
        unwrittenJobs: this.#disk.queuedCount,
      },
      limits: { ...this.#options.proposalLimits, ...this.#options.readLimits, ...this.#options.applyLimits },
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
  handOver(): Promise<boolean> {
    return this.#handOvers.handOver()
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
  setDrained(isDrained: boolean): Promise<void> {
    return this.#handOvers.setDrained(isDrained)
  }

  /**
   * After `handOver`: resolves when nobody waits for this node any more, for what it still has in its log is answered
   * and its peers have had time to hear the next leader; or, if that does not come, after an election timeout.
   */
  settleDown(): Promise<void> {
    return this.#handOvers.settleDown()
  }

  /** Answers whoever waits, makes everything applied durable, and lets go of disk and network. */
  async close(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#ticks.stop()
    this.#diskWatch.stop()
    this.#proposals.close()
    this.#proposals.flushReplies()
    this.#reads.close()
    this.#handOvers.close()
    this.#apply.stop()
    await this.#ports.transport.close()
    await this.#disk.stop()
    await this.#snapshots.close()
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
      const events = this.#takeEvents()
      const now = this.#ports.clock.now()
      const effects = step(this.#raft, events, now)
      this.#steps.note(this.#raft, effects, now)
      this.#options.onStep?.(this.#raft, effects)
      if (this.#proposals.isFollowing) this.#followLog()
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

  #followLog(): void {
    const { commitIndex, log } = this.#raft
    this.#proposals.followLog({ durableIndex: log.durableIndex, commitIndex })
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
    if (effects.batch !== null) this.#persist(effects.batch)
    if (effects.install !== null) this.#snapshots.install(effects.install)
    else this.#snapshots.dropReceived()
    for (const fate of effects.proposals) this.#proposals.handleProposalFate(fate)
    for (const fate of effects.memberships) this.#handleMembershipFate(fate)
    if (effects.committed.length > 0) this.#apply.push(effects.committed)
    for (const fate of effects.transfers) this.#handleTransferFate(fate)
    for (const read of effects.reads) this.#reads.handleReadIndex(read, stateMachine.appliedIndex)
    for (const fetch of effects.fetches) this.#keeper.fetch(fetch)
    for (const wanted of effects.snapshots) void this.#snapshots.send(wanted)
    for (const lost of effects.lostEntries)
      logger.error(lost, 'a peer has lost entries that it had acknowledged')
    this.#gate.connectPeers()
    this.#addresses.logChanges(this.#raft, logger)
  }

  /** Entries wait for those before them to be applied where these are too many; so a leader's clients, and then its peers, wait. */
  #persist(batch: NonNullable<Effects['batch']>): void {
    const apply = this.#apply
    if (batch.entries.length > 0 && apply.isFull) this.#disk.pushTask(() => apply.room(), { isLong: true })
    this.#disk.push(batch)
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

  #onInstalled(meta: SnapshotMeta): void {
    this.#proposals.handleSnapshotInstalled(meta.lastIndex)
    this.#proposals.trustState()
    this.#watch.handleRestored()
    this.#enqueue({ type: 'snapshotInstalled', meta })
    this.#reads.handleApplied(meta.lastIndex)
  }

  #onTick(sinceLastMs: number): void {
    const { clock, stateMachine } = this.#ports
    this.#proposals.handleTick()
    this.#reads.handleTick(stateMachine.appliedIndex)
    this.#disk.elapse(sinceLastMs)
    const disk = this.#diskWatch.health({ now: clock.now(), stallMs: this.#disk.stallMs })
    this.#enqueue({ type: 'tick', disk })
    if (this.#raft.role === 'leader') this.#enqueue({ type: 'maintain', time: clock.wallTime() })
    this.#compact()
  }

  #compact(): void {
    if (this.#raft.installing !== null) return
    const { durableIndex } = this.#ports.stateMachine
    this.#keeper.compact(Math.min(durableIndex, this.#snapshots.lowestSending, lowestInstalling(this.#raft)))
  }

  #fail(error: unknown): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#ticks.stop()
    this.#ports.onFatal(error)
  }
}
