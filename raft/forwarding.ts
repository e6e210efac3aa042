/** The way of a request from a follower to the leader and back: outcomes as data, and answers that leave as one frame. */
import {
  CommandTooLargeError,
  DiskLowError,
  MembershipRefusedError,
  NotLeaderError,
  OverloadedError,
  ProposalUncertainError,
  type RaftError,
} from './errors.ts'
import type { ForwardedOutcome, ForwardReplies, Message, NodeId } from './types.ts'

/** What an outcome takes in a frame beside its result, about. */
const OUTCOME_OVERHEAD_BYTES = 256

type Reply = ForwardReplies['replies'][number]

/** Answers to followers gather during a turn and leave as one frame for each. */
export class ReplyQueue {
  readonly #host: { readonly id: NodeId; send(message: Message): boolean }
  readonly #frameBytesMax: number
  readonly #replies = new Map<NodeId, Reply[]>()

  constructor(host: { readonly id: NodeId; send(message: Message): boolean }, frameBytesMax: number) {
    this.#host = host
    this.#frameBytesMax = frameBytesMax
  }

  push(peer: NodeId, reply: Reply): void {
    const replies = this.#replies.get(peer)
    if (replies === undefined) this.#replies.set(peer, [reply])
    else replies.push(reply)
  }

  /** The connection that the requests came on is gone, and with it whoever waited. */
  drop(peer: NodeId): void {
    this.#replies.delete(peer)
  }

  flush(): void {
    for (const [to, replies] of this.#replies) {
      while (replies.length > 0) {
        const frame = this.#takeFrame(replies)
        // If it cannot be sent the follower asks again, or times out and rightly says that the outcome is unknown.
        this.#host.send({ type: 'ForwardReplies', from: this.#host.id, to, replies: frame })
      }
    }
    this.#replies.clear()
  }

  #takeFrame(replies: Reply[]): Reply[] {
    let bytes = 0
    let count = 0
    for (const { outcome } of replies) {
      bytes += OUTCOME_OVERHEAD_BYTES + (outcome.type === 'result' ? outcome.result.length : 0)
      if (bytes > this.#frameBytesMax && count > 0) break
      count += 1
    }
    return replies.splice(0, count)
  }
}

/** Which requests of other nodes are under way here. */
export class PeerRequests {
  readonly #ids = new Map<NodeId, Set<number>>()

  has({ peer, requestId }: { peer: NodeId; requestId: number }): boolean {
    return this.#ids.get(peer)?.has(requestId) ?? false
  }

  add({ peer, requestId }: { peer: NodeId; requestId: number }): void {
    const ids = this.#ids.get(peer)
    if (ids === undefined) this.#ids.set(peer, new Set([requestId]))
    else ids.add(requestId)
  }

  delete({ peer, requestId }: { peer: NodeId; requestId: number }): void {
    const ids = this.#ids.get(peer)
    ids?.delete(requestId)
    if (ids?.size === 0) this.#ids.delete(peer)
  }
}

/** The leader's word that nothing was appended, or that it never will be applied: another try is safe. */
export function isRetriable(code: string): boolean {
  return code === 'RAFT_NOT_LEADER' || code === 'RAFT_PROPOSAL_DROPPED' || code === 'RAFT_CLOSED'
}

const REFUSED_PREFIX = 'RAFT_MEMBERSHIP_REFUSED:'

export function errorOutcome(error: RaftError): ForwardedOutcome {
  const code = error instanceof MembershipRefusedError ? `${REFUSED_PREFIX}${error.reason}` : error.code
  const leaderId = error instanceof NotLeaderError ? error.leaderId : null
  return { type: 'error', code, message: error.message, leaderId }
}

/** An error that this version does not know may stand for anything: then the outcome is unknown. */
export function errorFrom({ code, message }: ForwardedOutcome & { type: 'error' }): RaftError {
  if (code.startsWith(REFUSED_PREFIX)) {
    return new MembershipRefusedError(code.slice(REFUSED_PREFIX.length), message)
  }
  if (code === 'RAFT_OVERLOADED') return new OverloadedError(message)
  if (code === 'RAFT_DISK_LOW') return new DiskLowError(message)
  if (code === 'RAFT_COMMAND_TOO_LARGE') return new CommandTooLargeError(message)
  return new ProposalUncertainError(message)
}
