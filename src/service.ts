/** All that HTTP, the command line and later parts know of the cluster. */
import type { AccessSource } from './ipam/access.ts'
import type { Command, CommandContext, ResultOf } from './ipam/command.ts'
import type { IdempotencyStamp } from './ipam/idempotency.ts'
import type { AnswerTo, Query } from './ipam/query.ts'
import type { Span } from './tracing/span.ts'

/** `stale` answers from this node as it is; `minIndex` first waits until that index is applied here. */
export type Consistency =
  | { readonly type: 'linearizable' }
  | { readonly type: 'stale' }
  | { readonly type: 'minIndex'; readonly index: number }

export interface MemberStatus {
  readonly nodeId: number
  readonly addr: string
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner'
  readonly voter: boolean
  /** Versions of commands that its program reads; null until a leader has seen it. */
  readonly schemas: { readonly min: number; readonly max: number } | null
  /** Known to the leader only; null elsewhere. */
  readonly healthy: boolean | null
  readonly matchIndex: number | null
  readonly lastContactMs: number | null
  /** Why it is not healthy. Nodes other than the leader know of their own disk, of states that differ, and of old data directories. */
  readonly reasons: readonly string[]
}

export interface ClusterStatus {
  readonly nodeId: number
  readonly clusterId: number
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner'
  readonly members: readonly MemberStatus[]
  /** In which commands are written. */
  readonly schemaVersion: number
  readonly leaderId: number | null
  readonly leaderAddr: string | null
  readonly term: number
  readonly commitIndex: number
  readonly appliedIndex: number
}

export interface Readiness {
  readonly ready: boolean
  /** Why not: `no_leader`, `catching_up`, `disk_stalled`, `draining`, `removed`, `state_diverged`, `refused: …`. */
  readonly reasons: readonly string[]
}

/** A backup on its way to whoever asked for it. */
export interface SnapshotStream {
  /** Log index of the state in it. */
  readonly index: number
  /** The next part of the file; null after the last one, when nothing is left to be released. */
  next(): Promise<Uint8Array | null>
  /** It is not wanted any more. In any case, and as often as one likes. */
  release(): Promise<void>
}

/**
 * Every method may reject with a `RaftError`, whose `applied` says whether the change may have happened.
 */
export interface IpamService extends AccessSource {
  /** False for standalone. */
  readonly isClusterMode: boolean
  /**
   * Replicates a command and waits until it is durable on a majority and applied.
   *
   * @param idempotency A second command with the same key is not carried out: it gets the answer of the first, as `isReplay`.
   * @param trace Below it the write is followed.
   * @throws {IpamError} if it was refused; nothing has changed then.
   */
  execute<C extends Command>(
    command: C,
    context: CommandContext,
    idempotency?: IdempotencyStamp | null,
    trace?: Span | null,
  ): Promise<{ readonly value: ResultOf<C>; readonly index: number; readonly isReplay: boolean }>
  /** @throws {InvalidCursorError} */
  read<Q extends Query>(
    query: Q,
    consistency: Consistency,
    trace?: Span | null,
  ): Promise<{ readonly value: AnswerTo<Q>; readonly index: number; readonly lastContactMs: number | null }>
  /** This node's view, without asking anyone. */
  status(): ClusterStatus
  readiness(): Readiness
  /**
   * Resolves when the change is committed, with the log index of the configuration. Made already, it changes nothing more, as with
   * `removeNode` and `transferLeader`; the index is what this node has applied, then.
   *
   * @throws {MembershipRefusedError}
   */
  addNode(
    node: { readonly nodeId: number; readonly addr: string },
    context: CommandContext,
  ): Promise<{ readonly index: number }>
  removeNode(
    node: { readonly nodeId: number; readonly isForced: boolean },
    context: CommandContext,
  ): Promise<{ readonly index: number }>
  /**
   * Once it is done, an audit row says so; it is not undone where that cannot be.
   *
   * @returns The log index of that row; without one, of what this node has applied.
   * @throws {MembershipRefusedError}
   */
  transferLeader(
    target: { readonly nodeId: number | null },
    context: CommandContext,
  ): Promise<{ readonly index: number }>
  /**
   * A node that drains still serves, but is not ready, does not lead, and does not become the leader. For this node alone, and
   * until it is undone or restarted. What this changes has an audit row, as a transfer does.
   *
   * @returns As of a transfer.
   * @throws {MembershipRefusedError} if it leads and nobody takes over; nothing has changed then.
   */
  setDraining(isDraining: boolean, context: CommandContext): Promise<{ readonly index: number }>
  /**
   * The whole state at one index, as a file that a new cluster can be made of. Everything that was acknowledged before the
   * call is in it, and so is the audit row which says who has taken it.
   */
  takeSnapshot(context: CommandContext): Promise<SnapshotStream>
  /** `net-…`. */
  newNetworkId(): string
  /** The random part of the id of an allocation, which is made whole when the command is applied. */
  newAllocationToken(): string
}
