import type { LogIndex, NodeId, SchemaRange } from './types.ts'

/** Base of every error that a caller of `raft/` is expected to handle. `code` is stable, `message` is not. */
export abstract class RaftError extends Error {
  abstract readonly code: string
  /**
   * Whether what was proposed may take effect. `no` is a promise: no copy of it is in any log, or ever will be. What
   * changes nothing, such as a read, has `no` as well.
   */
  abstract readonly applied: 'no' | 'unknown'
}

/** This node cannot accept the request, and no leader could be found in time. Nothing was appended. */
export class NotLeaderError extends RaftError {
  override readonly name = 'NotLeaderError'
  readonly code = 'RAFT_NOT_LEADER'
  readonly applied = 'no'
  readonly leaderId: NodeId | null

  constructor(leaderId: NodeId | null) {
    super(leaderId === null ? 'no leader is known' : `the leader is node ${leaderId}`)
    this.leaderId = leaderId
  }
}

/**
 * The leader was lost before the outcome was known, and no other could tell it in time; it may still commit. An idempotent
 * command gets here only when time runs out, or the node closes, after a copy may have reached a log.
 */
export class ProposalUncertainError extends RaftError {
  override readonly name = 'ProposalUncertainError'
  readonly code = 'RAFT_PROPOSAL_UNCERTAIN'
  readonly applied = 'unknown'
}

/** Another entry took the place of ours in the log. It was never and will never be applied. */
export class ProposalDroppedError extends RaftError {
  override readonly name = 'ProposalDroppedError'
  readonly code = 'RAFT_PROPOSAL_DROPPED'
  readonly applied = 'no'
}

/** A queue is at its maximum. Nothing was appended, by this attempt or an earlier one; try again shortly. */
export class OverloadedError extends RaftError {
  override readonly name = 'OverloadedError'
  readonly code = 'RAFT_OVERLOADED'
  readonly applied = 'no'
}

/** Fewer than a quorum of voters have room on disk, and the command needs some for good. Nothing was appended. */
export class DiskLowError extends RaftError {
  override readonly name = 'DiskLowError'
  readonly code = 'RAFT_DISK_LOW'
  readonly applied = 'no'
}

/** A read could not be confirmed by a quorum in time. */
export class ReadTimeoutError extends RaftError {
  override readonly name = 'ReadTimeoutError'
  readonly code = 'RAFT_READ_TIMEOUT'
  readonly applied = 'no'
}

/** `min_index` was not reached in time. */
export class IndexNotReachedError extends RaftError {
  override readonly name = 'IndexNotReachedError'
  readonly code = 'RAFT_INDEX_NOT_REACHED'
  readonly applied = 'no'

  constructor(wanted: LogIndex, applied: LogIndex) {
    super(`index ${wanted} is not applied here yet, ${applied} is`)
  }
}

/** The command is above `commandBytesMax`. */
export class CommandTooLargeError extends RaftError {
  override readonly name = 'CommandTooLargeError'
  readonly code = 'RAFT_COMMAND_TOO_LARGE'
  readonly applied = 'no'
}

/** A membership change or transfer that cannot be made now; `reason` is a stable machine word. */
export class MembershipRefusedError extends RaftError {
  override readonly name = 'MembershipRefusedError'
  readonly code = 'RAFT_MEMBERSHIP_REFUSED'
  readonly applied = 'no'
  readonly reason: string

  constructor(reason: string, message: string) {
    super(message)
    this.reason = reason
  }
}

/** This node's state is not what the majority has: it answers nothing from it, and takes no request. */
export class StateDivergedError extends RaftError {
  override readonly name = 'StateDivergedError'
  readonly code = 'RAFT_STATE_DIVERGED'
  readonly applied = 'no'

  constructor(index: LogIndex) {
    super(
      `the state of this node is not what the majority has (found at index ${index}); ask another node, and replace this one: remove it, and join under a new id with an empty data directory`,
    )
  }
}

/** The node is shutting down, and nobody else has had the request. */
export class ClosedError extends RaftError {
  override readonly name = 'ClosedError'
  readonly code = 'RAFT_CLOSED'
  readonly applied = 'no'

  constructor() {
    super('this node is shutting down')
  }
}

/**
 * What lies in the log is, or is about to be, written in commands that this program does not read: it must not take
 * part, or its state would part from everybody else's.
 */
export class SchemaMismatchError extends Error {
  override readonly name = 'SchemaMismatchError'
  readonly code = 'RAFT_SCHEMA_MISMATCH'

  constructor(schemaVersion: number, { min, max }: SchemaRange) {
    const age = schemaVersion > max ? 'newer' : 'older'
    super(
      `the cluster is at command schema ${schemaVersion} and this program reads ${min} to ${max}: install ${age} software, one that reads schema ${schemaVersion}`,
    )
  }
}

/**
 * The durable part of the log or of a snapshot does not read back as it was written.
 *
 * The node must not start: cutting the log here could lose what was acknowledged (§3.8).
 */
export class CorruptLogError extends Error {
  override readonly name: string = 'CorruptLogError'
  readonly code = 'RAFT_CORRUPT_LOG'
  readonly file: string
  readonly offset: number
  /** What is wrong there, without the place and the way out. */
  readonly reason: string

  /** @param remedy What an operator can do; empty where `message` says it. */
  constructor({
    file,
    offset,
    message,
    remedy = '',
  }: {
    file: string
    offset: number
    message: string
    remedy?: string
  }) {
    super(`${file} at offset ${offset}: ${message}${remedy === '' ? '' : `; ${remedy}`}`)
    this.file = file
    this.offset = offset
    this.reason = message
  }
}

/** Nothing is wrong there, but that another version has written it, which reads it still: it is no reason to throw anything away. */
export class LogFormatError extends CorruptLogError {
  override readonly name = 'LogFormatError'
  /** Than this program. */
  readonly isNewer: boolean

  constructor({
    file,
    offset,
    found,
    known,
  }: { file: string; offset: number; found: number; known: number }) {
    const isNewer = found > known
    const age = isNewer ? 'newer' : 'older'
    super({
      file,
      offset,
      message: `in format version ${found}, and this program reads ${known}`,
      remedy: `that is no damage: ${age} software has written it, and takes it again; put that back`,
    })
    this.isNewer = isNewer
  }
}
