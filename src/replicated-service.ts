/** The service on a Raft node and the state machine behind it. */
import {
  type Clock,
  type DiskStatus,
  type Log,
  type Membership,
  MembershipRefusedError,
  type RaftNode,
  type RaftStatus,
} from '../raft/index.ts'
import { ActionNotes } from './action-notes.ts'
import { GatewaySession } from './gateway-session.ts'
import type { AccessView } from './ipam/access.ts'
import type { ClusterCommand } from './ipam/cluster-command.ts'
import type { Command, CommandContext, ResultOf } from './ipam/command.ts'
import type { IdempotencyStamp } from './ipam/idempotency.ts'
import type { AnswerTo, Query } from './ipam/query.ts'
import type {
  ClusterStatus,
  Consistency,
  IpamService,
  MemberStatus,
  Readiness,
  SnapshotStream,
} from './service.ts'
import type { SnapshotStreams } from './snapshot-streams.ts'
import type { IpamStateMachine } from './state/state-machine.ts'
import { type Span, spanned } from './tracing/span.ts'

/** A follower that has this much to apply is not ready: reads there would wait. */
const APPLY_LAG_MAX = 1_000

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
    clock: Pick<Clock, 'now' | 'setTimer'>
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

  /** Writes of this node's callers that are under way, for whoever watches. */
  get backups(): { readonly size: number; readonly max: number } {
    return this.#snapshots.figures
  }

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
    if (ready !== null) await (trace === null ? ready : spanned(trace, { name: 'raft.read_index' }, ready))
    this.#node.checkState()
    const index = this.#stateMachine.appliedIndex
    const lastContactMs = consistency.type === 'stale' ? this.#node.leaderContactMs : null
    return { value: await this.#stateMachine.query(query), index, lastContactMs }
  }

  /** Resolves when this node may answer; null: it may. */
  #readyFor(consistency: Consistency): Promise<unknown> | null {
    if (consistency.type === 'linearizable') return this.#node.readIndex()
    return consistency.type === 'minIndex' ? this.#node.waitForApplied(consistency.index) : null
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
    const status = this.#node.status()
    return {
      nodeId: status.id,
      clusterId: this.#clusterId,
      role: status.role,
      members: this.#members(status),
      schemaVersion: status.schemaVersion,
      leaderId: status.leaderId,
      leaderAddr: status.leaderAddr,
      term: status.term,
      commitIndex: status.commitIndex,
      appliedIndex: status.appliedIndex,
    }
  }

  #members(status: RaftStatus): MemberStatus[] {
    const isLeader = status.role === 'leader'
    return status.membership.members.map(({ id, addr, voter, schemas, isRolledBack }) => {
      const peer = status.peers.find((candidate) => candidate.id === id)
      const lastContactMs = id === status.id && isLeader ? 0 : (peer?.lastContactMs ?? null)
      const disk = id === status.id ? status.disk : peer?.disk
      const reasons = [
        ...(lastContactMs === null ? [] : this.#complaints(lastContactMs, peer?.state ?? 'replicate')),
        ...(disk === undefined ? [] : diskComplaints(disk)),
        ...stateComplaints(status, id),
      ]
      if (isRolledBack) reasons.push('its data directory is older than what it had acknowledged: remove it')
      return {
        nodeId: id,
        addr,
        role: id === status.leaderId ? 'leader' : voter ? 'follower' : 'learner',
        voter,
        schemas,
        healthy: isLeader ? reasons.length === 0 : null,
        matchIndex: id === status.id ? status.appliedIndex : (peer?.matchIndex ?? null),
        lastContactMs: lastContactMs === null ? null : Math.round(lastContactMs),
        reasons,
      }
    })
  }

  #complaints(lastContactMs: number, state: 'probe' | 'replicate' | 'snapshot'): string[] {
    const reasons = []
    if (lastContactMs > this.#electionMinMs) reasons.push(`no answer for ${Math.round(lastContactMs)} ms`)
    if (state === 'snapshot') reasons.push('receives a snapshot')
    return reasons
  }

  readiness(): Readiness {
    const status = this.#node.status()
    const reasons: string[] = []
    if (this.#isDraining || this.#node.isDrained) reasons.push('draining')
    if (status.isRemoved) reasons.push('removed')
    else if (!status.membership.members.some(({ id }) => id === status.id)) reasons.push('not_member')
    if (status.divergence !== null) reasons.push('state_diverged')
    if (status.leaderId === null) reasons.push('no_leader')
    if (status.disk.isStalled) reasons.push('disk_stalled')
    const lag = status.knownCommitIndex - status.appliedIndex
    if (status.isRestoring || lag > APPLY_LAG_MAX) reasons.push('catching_up')
    const refused = status.refusals.filter(({ reason }) => reason !== 'closed' && reason !== 'removed')
    // One node that refuses us may be mistaken; while nobody leads us it is the likeliest reason.
    if (status.leaderId === null) for (const { message } of refused) reasons.push(`refused: ${message}`)
    return { ready: reasons.length === 0, reasons }
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

function stateComplaints({ id: self, divergence, stateAlarms }: RaftStatus, id: number): string[] {
  if (id === self) {
    return divergence === null
      ? []
      : [`state_diverged: not what the majority has at index ${divergence.index}`]
  }
  return stateAlarms
    .filter(({ peer }) => peer === id)
    .map(({ index, isPeerWrong }) => {
      return isPeerWrong
        ? `state_diverged: not what the majority has at index ${index}`
        : `state differs from that of node ${self} at index ${index}, and no majority tells which is right`
    })
}

function diskComplaints({ isStalled, stallMs, isLow }: DiskStatus): string[] {
  const complaints = []
  if (isStalled) complaints.push(`disk stalled for ${stallMs} ms`)
  if (isLow) complaints.push('low on disk')
  return complaints
}

/** Comes back when the change is applied, for its audit row. */
function note({ user, requestId }: CommandContext): string {
  return JSON.stringify({ user, requestId })
}
