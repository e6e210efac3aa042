/** The service on a Raft node and the state machine behind it. */
import {
  type Clock,
  type Log,
  type Membership,
  MembershipRefusedError,
  type RaftNode,
} from '../raft/index.ts'
import { ActionNotes } from './action-notes.ts'
import { clusterStatus, readinessOf } from './cluster-status.ts'
import { GatewaySession } from './gateway-session.ts'
import type { AccessView } from './ipam/access.ts'
import type { ClusterCommand } from './ipam/cluster-command.ts'
import type { Command, CommandContext, ResultOf } from './ipam/command.ts'
import type { IdempotencyStamp } from './ipam/idempotency.ts'
import type { AnswerTo, Query } from './ipam/query.ts'
import type { ClusterStatus, Consistency, IpamService, Readiness, SnapshotStream } from './service.ts'
import type { SnapshotStreams } from './snapshot-streams.ts'
import type { IpamStateMachine } from './state/state-machine.ts'
import { type Span, spanned } from './tracing/span.ts'

export class ReplicatedIpamService implements IpamService {
  readonly isClusterMode: boolean
  readonly #node: RaftNode
  readonly #stateMachine: IpamStateMachine
  readonly #clusterId: number
  readonly #electionMinMs: number
  readonly #newId: () => string
  readonly #newToken: () => string
  readonly #session: GatewaySession
  readonly #snapshots: SnapshotStreams
  readonly #notes: ActionNotes
  readonly #clock: Pick<Clock, 'setSoon'>
  /** Null: nobody waits for it. */
  #endOfTurn: Promise<void> | null = null
  #isDraining = false

  constructor(options: {
    node: RaftNode
    stateMachine: IpamStateMachine
    clusterId: number
    isClusterMode: boolean
    /** A member that is silent for longer is not healthy. */
    electionMinMs: number
    /** Unique, of letters, digits, `_` and `-`. */
    newId: () => string
    /** Unique: `TOKEN_CHARS` of `TOKEN_ALPHABET`. */
    newToken: () => string
    clock: Pick<Clock, 'now' | 'setTimer' | 'setSoon'>
    snapshots: SnapshotStreams
    logger: Pick<Log, 'warn'>
  }) {
    this.isClusterMode = options.isClusterMode
    this.#node = options.node
    this.#stateMachine = options.stateMachine
    this.#clusterId = options.clusterId
    this.#electionMinMs = options.electionMinMs
    this.#newId = options.newId
    this.#newToken = options.newToken
    this.#snapshots = options.snapshots
    this.#clock = options.clock
    this.#session = new GatewaySession({
      schemaVersion: () => options.node.schemaVersion,
      propose: (payload, traits, trace) => options.node.propose(payload, traits, trace),
      now: () => options.clock.now(),
    })
    this.#notes = new ActionNotes({
      execute: (note, context) => this.execute(note, context),
      clock: options.clock,
      logger: options.logger,
    })
  }

  /** Those that are being sent, for whoever watches. */
  get backups(): { readonly size: number; readonly max: number } {
    return this.#snapshots.figures
  }

  /** Of this node's callers, for whoever watches. */
  get writesUnderWay(): { readonly size: number; readonly max: number } {
    return this.#session.underway
  }

  get access(): AccessView | null {
    return this.#stateMachine.access
  }

  get leaderContactMs(): number | null {
    return this.#node.leaderContactMs
  }

  async catchUp(): Promise<void> {
    await this.#node.readIndex()
  }

  newNetworkId(): string {
    return `net-${this.#newId()}`
  }

  newAllocationToken(): string {
    return this.#newToken()
  }

  execute<C extends Command>(
    command: C,
    context: CommandContext,
    idempotency: IdempotencyStamp | null = null,
    trace: Span | null = null,
  ): Promise<{ value: ResultOf<C>; index: number; isReplay: boolean }> {
    return this.#session.execute(command, context, idempotency, trace)
  }

  async read<Q extends Query>(
    query: Q,
    consistency: Consistency,
    trace: Span | null = null,
  ): Promise<{ value: AnswerTo<Q>; index: number; lastContactMs: number | null }> {
    const ready = this.#readyFor(consistency)
    if (ready === null) await this.#untilEndOfTurn()
    else await (trace === null ? ready : spanned(trace, { name: 'raft.read_index' }, ready))
    this.#node.checkState()
    const index = this.#stateMachine.appliedIndex
    const lastContactMs = consistency.type === 'stale' ? this.#node.leaderContactMs : null
    return { value: await this.#stateMachine.query(query), index, lastContactMs }
  }

  /** Resolves when this node may answer; null: it may. */
  #readyFor(consistency: Consistency): Promise<unknown> | null {
    if (consistency.type === 'linearizable') return this.#node.readIndex()
    if (consistency.type === 'stale' || consistency.index <= this.#stateMachine.appliedIndex) return null
    return this.#node.waitForApplied(consistency.index)
  }

  /**
   * Who need not wait for the cluster waits for whatever the sockets hold, and is answered with it. An answer wakes its
   * client: one at a time, each client's next request finds this node asleep, and 64 of them get two fifths of what they could.
   */
  #untilEndOfTurn(): Promise<void> {
    this.#endOfTurn ??= new Promise((resolve) => {
      this.#clock.setSoon(() => {
        this.#endOfTurn = null
        resolve()
      })
    })
    return this.#endOfTurn
  }

  takeSnapshot(context: CommandContext): Promise<SnapshotStream> {
    return this.#snapshots.open(async () => {
      // A round of the log, and so the snapshot is as new as a linearizable read.
      const { nodeId } = this.status()
      const { index } = await this.execute({ type: 'noteSnapshot', nodeId }, context)
      await this.#node.waitForApplied(index)
    })
  }

  status(): ClusterStatus {
    return clusterStatus(this.#node.status(), {
      clusterId: this.#clusterId,
      electionMinMs: this.#electionMinMs,
    })
  }

  readiness(): Readiness {
    const isDraining = this.#isDraining || this.#node.isDrained
    return readinessOf(this.#node.status(), { isDraining })
  }

  /** A load balancer should send nothing new. */
  drain(): void {
    this.#isDraining = true
  }

  async addNode(
    { nodeId: id, addr }: { nodeId: number; addr: string },
    context: CommandContext,
  ): Promise<{ index: number }> {
    this.#refuseStandalone()
    const change = this.#node.changeMembership({ type: 'add', id, addr }, note(context))
    return await this.#orDone(change, 'node_exists', ({ members }) => {
      return members.some((member) => member.id === id && member.addr === addr)
    })
  }

  async removeNode(
    { nodeId: id, isForced }: { nodeId: number; isForced: boolean },
    context: CommandContext,
  ): Promise<{ index: number }> {
    const change = this.#node.changeMembership({ type: 'remove', id, isForced }, note(context))
    return await this.#orDone(change, 'node_not_found', ({ removed }) => removed.includes(id))
  }

  async transferLeader(
    { nodeId }: { nodeId: number | null },
    context: CommandContext,
  ): Promise<{ index: number }> {
    try {
      const { from, to } = await this.#node.transferLeadership(nodeId)
      return await this.#written({ type: 'noteTransfer', from, to }, context)
    } catch (error) {
      // As of a repeated change of members: the node that was named has just said that it leads.
      if (!isRefused(error, 'is_leader')) throw error
      return { index: this.#stateMachine.appliedIndex }
    }
  }

  async setDraining(isDrained: boolean, context: CommandContext): Promise<{ index: number }> {
    const wasDrained = this.#node.isDrained
    await this.#node.setDrained(isDrained)
    if (isDrained === wasDrained) return { index: this.#stateMachine.appliedIndex }
    return await this.#written({ type: 'noteDrain', nodeId: this.#node.status().id, isDrained }, context)
  }

  /**
   * Whoever has lost the answer to a change of members asks again, and is not to be told that it cannot be made.
   *
   * @param reason With which a change is refused that was made already.
   * @param isDone Whether it was that very change.
   */
  async #orDone(
    change: Promise<number>,
    reason: string,
    isDone: (membership: Membership) => boolean,
  ): Promise<{ index: number }> {
    try {
      return { index: await change }
    } catch (error) {
      if (!isRefused(error, reason)) throw error
      // What the leader has refused it for is applied here, too, by then.
      await this.#node.readIndex()
      if (!isDone(this.#node.status().membership)) throw error
      return { index: this.#stateMachine.appliedIndex }
    }
  }

  async #written(note: ClusterCommand, context: CommandContext): Promise<{ index: number }> {
    return { index: (await this.#notes.write(note, context)) ?? this.#stateMachine.appliedIndex }
  }

  #refuseStandalone(): void {
    if (this.isClusterMode) return
    const message =
      'this node runs standalone and has no Raft address; start it with --config and a cluster file to add nodes'
    throw new MembershipRefusedError('standalone', message)
  }
}

function isRefused(error: unknown, reason: string): boolean {
  return error instanceof MembershipRefusedError && error.reason === reason
}

/** Comes back when the change is applied, for its audit row. */
function note({ user, requestId }: CommandContext): string {
  return JSON.stringify({ user, requestId })
}
