import { committedMembership, currentMembership, voterIds } from './core/membership.ts'
import type { Raft } from './core/state.ts'
import { Driver } from './driver.ts'
import { figuresOf, type RaftFigures } from './figures.ts'
import { Inbox } from './inbox.ts'
import type { RaftNodeOptions } from './node-options.ts'
import { createNodeParts, type NodeParts } from './node-parts.ts'
import { peerHandlers } from './peer-handlers.ts'
import type { Ports, StateImage } from './ports.ts'
import type { Proposals } from './proposals.ts'
import { recover } from './recovery.ts'
import type { Completion, Transferred } from './request.ts'
import type { RequestTrace } from './request-trace.ts'
import { leaderContactMs, type RaftStatus, statusOf } from './status.ts'
import type { CommandTraits, LogIndex, MembershipChange, NodeId, SnapshotMeta } from './types.ts'

/** A node of the cluster, as its own process sees it: what can be asked of it, from `open` to `close`. */
export class RaftNode {
  readonly #options: RaftNodeOptions
  readonly #ports: Ports
  readonly #raft: Raft
  readonly #inbox: Inbox
  readonly #parts: NodeParts
  readonly #driver: Driver

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
    const onFatal = (error: unknown): void => this.#driver.fail(error)
    const inbox = new Inbox({ clock: ports.clock, onTurn: () => this.#driver.turn() })
    this.#inbox = inbox
    this.#parts = createNodeParts({ options, ports, raft, inbox, onFatal })
    this.#driver = new Driver({ options, ports, raft, inbox, parts: this.#parts })
    ports.stateMachine.failed.catch(onFatal)
  }

  async #start(): Promise<void> {
    const { boot, gate, watch } = this.#parts
    await this.#ports.transport.start(peerHandlers(this.#raft, this.#inbox, this.#parts), boot)
    gate.connectPeers()
    watch.start()
    const { incarnation, schemas } = this.#options.identity
    this.#inbox.add({ type: 'peerSeen', id: this.#raft.id, incarnation, schemas })
    const voters = voterIds(this.#raft)
    // Nobody else could lead: there is nothing to wait for.
    if (voters.length === 1 && voters[0] === this.#raft.id) this.#raft.electionDeadline = this.#raft.now
    this.#driver.start()
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
    const { result } = await this.#submit({ type: 'transfer', target })
    return result as Transferred
  }

  /** Not `async`: a promise returned from there is wrapped in another, three turns of the microtask queue later. */
  #submit(work: Parameters<Proposals['submit']>[0], trace: RequestTrace | null = null): Promise<Completion> {
    try {
      this.#parts.watch.check()
    } catch (error) {
      return Promise.reject(error)
    }
    const done = this.#parts.proposals.submit(work, trace)
    this.#inbox.wake()
    return done
  }

  /** Resolves once a read of this node's state is linearizable (§6.4). @throws {ReadTimeoutError} */
  async readIndex(): Promise<LogIndex> {
    this.#parts.watch.check()
    const done = this.#parts.reads.wait()
    this.#inbox.wake()
    return done
  }

  /** Resolves once `index` is applied here. @throws {IndexNotReachedError} */
  async waitForApplied(index: LogIndex): Promise<LogIndex> {
    this.#parts.watch.check()
    return this.#parts.reads.waitForApplied(index, this.#ports.stateMachine.appliedIndex)
  }

  /** Before anything is answered from the state machine. @throws {StateDivergedError} if it is wrong. */
  checkState(): void {
    this.#parts.watch.check()
  }

  /**
   * A consistent image of what is applied here, for a file that leaves the cluster, and what its header says of it.
   * `release` it in any case.
   *
   * @throws {StateDivergedError | OverloadedError}
   */
  async image(): Promise<{ meta: SnapshotMeta; image: StateImage }> {
    this.#parts.watch.check()
    return this.#parts.lanes.snapshots.image()
  }

  status(): RaftStatus {
    const { lanes, watch, addresses } = this.#parts
    return statusOf(this.#raft, {
      now: this.#ports.clock.now(),
      appliedIndex: this.#ports.stateMachine.appliedIndex,
      isRestoring: lanes.snapshots.isRestoring,
      watch,
      refusals: addresses.refusals,
      addrOf: (id) => addresses.addrOf(id, currentMembership(this.#raft)),
    })
  }

  /** For whoever watches: what there is in memory, without waiting for anything. */
  figures(): RaftFigures {
    const { proposals, reads, lanes } = this.#parts
    const { apply, disk } = lanes
    return figuresOf(this.#raft, {
      status: this.status(),
      stateDurableIndex: this.#ports.stateMachine.durableIndex,
      steps: this.#driver.steps,
      outcomes: proposals.outcomes,
      slices: apply.durations,
      appliedCount: apply.appliedCount,
      underway: {
        requests: proposals.underway,
        reads: reads.count,
        unapplied: { count: apply.queuedCount, bytes: apply.queuedBytes },
        unwrittenJobs: disk.queuedCount,
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

  /** It leads, and is not about to hand over. */
  get isLeader(): boolean {
    return this.#driver.isLeading
  }

  /** Hands leadership to whoever can take it, if it is ours. @returns Whether it was ours, and is gone. */
  handOver(): Promise<boolean> {
    return this.#parts.handOvers.handOver()
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
    return this.#parts.handOvers.setDrained(isDrained)
  }

  /**
   * After `handOver`: resolves when nobody waits for this node any more, for what it still has in its log is answered
   * and its peers have had time to hear the next leader; or, if that does not come, after an election timeout.
   */
  settleDown(): Promise<void> {
    return this.#parts.handOvers.settleDown()
  }

  /** Answers whoever waits, makes everything applied durable, and lets go of disk and network. */
  async close(): Promise<void> {
    if (this.#inbox.isClosed) return
    const { proposals, reads, handOvers, lanes } = this.#parts
    this.#driver.stop()
    proposals.close()
    proposals.flushReplies()
    reads.close()
    handOvers.close()
    lanes.stop()
    await this.#ports.transport.close()
    await lanes.close()
  }
}
