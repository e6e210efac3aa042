/** The driver: steps the core with all that has arrived, one turn at a time, and carries out what it says. */
import { checkSchemaInForce } from './core/admission.ts'
import { isHandingOver } from './core/disk-health.ts'
import type { Effects } from './core/effects.ts'
import type { Event } from './core/event.ts'
import { committedMembership } from './core/membership.ts'
import { HEALTHY_DISK } from './core/progress.ts'
import type { Raft } from './core/state.ts'
import { step } from './core/step.ts'
import type { TransferFate } from './hand-over.ts'
import type { Inbox } from './inbox.ts'
import type { RaftNodeOptions } from './node-options.ts'
import type { NodeParts } from './node-parts.ts'
import { NoticeTimer } from './notice-timer.ts'
import type { Ports } from './ports.ts'
import { StepCounts } from './step-counts.ts'
import { Ticks } from './ticks.ts'

export class Driver {
  /** For whoever watches. */
  readonly steps = new StepCounts()
  readonly #options: RaftNodeOptions
  readonly #ports: Ports
  readonly #raft: Raft
  readonly #inbox: Inbox
  readonly #parts: NodeParts
  readonly #ticks: Ticks
  readonly #notices: NoticeTimer

  constructor(node: {
    options: RaftNodeOptions
    ports: Ports
    raft: Raft
    inbox: Inbox
    parts: NodeParts
  }) {
    this.#options = node.options
    this.#ports = node.ports
    this.#raft = node.raft
    this.#inbox = node.inbox
    this.#parts = node.parts
    const { clock } = node.ports
    this.#notices = new NoticeTimer({ raft: node.raft, clock, onDue: () => this.#inbox.wake() })
    this.#ticks = new Ticks({ clock, tickMs: node.options.tickMs, onTick: (ms) => this.#tick(ms) })
  }

  /** This node leads, and means to go on. */
  get isLeading(): boolean {
    return this.#raft.role === 'leader' && !isHandingOver(this.#raft)
  }

  start(): void {
    this.#inbox.add({ type: 'tick', disk: HEALTHY_DISK })
    this.#ticks.start()
  }

  /** There are no more turns. */
  stop(): void {
    this.#inbox.close()
    this.#ticks.stop()
    this.#notices.stop()
  }

  /** Stops, and says why. */
  fail(error: unknown): void {
    if (this.#inbox.isClosed) return
    this.stop()
    this.#ports.onFatal(error)
  }

  /** Everything that arrived since the last turn is stepped, written and sent as one batch. */
  turn(): void {
    try {
      const events = this.#takeEvents()
      const now = this.#ports.clock.now()
      const effects = step(this.#raft, events, now)
      this.#look(effects, now)
      this.#carryOut(effects)
      this.#sendRequests()
      this.#notices.follow()
      if (this.#canTakeParked() || this.#parts.reads.hasNext || !this.#inbox.isEmpty) this.#inbox.wake()
    } catch (error) {
      this.fail(error)
    }
  }

  #takeEvents(): Event[] {
    const { proposals, reads } = this.#parts
    const events = this.#inbox.take()
    if (this.#canTakeParked()) {
      for (const event of proposals.takeEvents(this.#ports.clock.wallTime())) events.push(event)
    }
    const read = reads.takeEvent()
    if (read !== null) events.push(read)
    return events
  }

  /** While leadership is handed over, or should be, requests stay parked: the next leader gets them. */
  #canTakeParked(): boolean {
    return this.isLeading && this.#parts.proposals.hasParked
  }

  /** Before anything is carried out. @throws {SchemaMismatchError} if this program cannot read what is to come. */
  #look(effects: Effects, now: number): void {
    const { proposals, witness } = this.#parts
    const { log, commitIndex, role } = this.#raft
    this.steps.note(this.#raft, effects, now)
    this.#options.onStep?.(this.#raft, effects)
    if (proposals.isFollowing) proposals.followLog({ durableIndex: log.durableIndex, commitIndex })
    const membership = effects.install?.membership ?? committedMembership(this.#raft)
    checkSchemaInForce(membership, this.#options.identity.schemas)
    if (role === 'leader') witness.noteProgress(this.#raft)
  }

  /** In the order of the fields of `Effects`. */
  #carryOut(effects: Effects): void {
    const { transport, logger, stateMachine } = this.#ports
    const { proposals, reads, lanes, gate, addresses } = this.#parts
    for (const message of effects.messages) transport.send(message)
    if (effects.batch !== null) lanes.persist(effects.batch)
    if (effects.install !== null) lanes.snapshots.install(effects.install)
    else lanes.snapshots.dropReceived()
    for (const fate of effects.proposals) proposals.handleProposalFate(fate)
    for (const fate of effects.memberships) this.#handleMembershipFate(fate)
    if (effects.committed.length > 0) lanes.apply.push(effects.committed)
    for (const fate of effects.transfers) this.#handleTransferFate(fate)
    for (const read of effects.reads) reads.handleReadIndex(read, stateMachine.appliedIndex)
    for (const fetch of effects.fetches) lanes.fetch(fetch)
    for (const wanted of effects.snapshots) void lanes.snapshots.send(wanted)
    for (const lost of effects.lostEntries)
      logger.error(lost, 'a peer has lost entries that it had acknowledged')
    gate.connectPeers()
    addresses.logChanges(this.#raft, logger)
  }

  #handleMembershipFate(fate: Effects['memberships'][number]): void {
    const next = this.#parts.proposals.handleMembershipFate(fate)
    if (next !== null) this.#inbox.add({ type: 'transfer', id: next.transferId, target: null })
  }

  #handleTransferFate(fate: TransferFate): void {
    const { handOvers, proposals } = this.#parts
    if (!handOvers.handleFate(fate)) proposals.handleTransferFate(fate)
  }

  /** Requests that wait here go to whoever leads now, and answers to whoever asked. */
  #sendRequests(): void {
    const { proposals } = this.#parts
    const { leaderId, role } = this.#raft
    if (leaderId !== null) proposals.handleLeader(leaderId)
    if (role !== 'leader') proposals.returnToPeers()
    if (leaderId !== null && role !== 'leader') proposals.forward(leaderId)
    proposals.flushReplies()
  }

  #tick(sinceLastMs: number): void {
    const { clock, stateMachine } = this.#ports
    const { proposals, reads, lanes } = this.#parts
    proposals.handleTick()
    reads.handleTick(stateMachine.appliedIndex)
    this.#inbox.add({ type: 'tick', disk: lanes.handleTick(sinceLastMs) })
    if (this.#raft.role === 'leader') this.#inbox.add({ type: 'maintain', time: clock.wallTime() })
    lanes.compact()
  }
}
