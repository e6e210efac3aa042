/** The way of a write through Raft, as spans: what each of the stages took, on the node that it was at. */
import type { RequestTrace } from '../../raft/request-trace.ts'
import type { LogIndex, NodeId, Term } from '../../raft/types.ts'
import type { Span } from './span.ts'
import { encodeSpanContext } from './trace-context.ts'

/** A stage that the request has left without success: it was begun anew. */
const SENT_AGAIN = 'sent_again'

/**
 * Below `span`, which ends with the request:
 *
 *     raft.queue     until it is in the log, or on its way to the leader
 *     raft.forward   on its way to the leader and back; one for each attempt
 *     raft.append    until it is on the leader's own disk
 *     raft.commit    from the log to a majority, beside raft.append
 *     raft.apply     from both of them to its result
 */
export class RequestSpans implements RequestTrace {
  readonly #span: Span
  #queue: Span | null
  /** Asked for, and perhaps not sent. */
  #attempt: Span | null = null
  #forward: Span | null = null
  #append: Span | null = null
  #commit: Span | null = null
  #apply: Span | null = null

  constructor(span: Span) {
    this.#span = span
    this.#queue = span.child({ name: 'raft.queue' })
  }

  contextForLeader(): string {
    this.#attempt = this.#span.child({ name: 'raft.forward', kind: 'client' })
    return encodeSpanContext(this.#attempt.context)
  }

  forwarded(leader: NodeId): void {
    this.#leaveStages()
    this.#forward = this.#attempt
    this.#forward?.set('raft.leader_id', leader)
    this.#attempt = null
  }

  appended({ index, term }: { readonly index: LogIndex; readonly term: Term }): void {
    this.#leaveStages()
    this.#span.set('raft.index', index)
    this.#span.set('raft.term', term)
    this.#append = this.#span.child({ name: 'raft.append' })
    this.#commit = this.#span.child({ name: 'raft.commit' })
  }

  durable(): void {
    if (this.#append === null) return
    this.#append.end()
    this.#append = null
    this.#beginApply()
  }

  committed(): void {
    if (this.#commit === null) return
    this.#commit.end()
    this.#commit = null
    this.#beginApply()
  }

  /** A leader applies what is on its own disk as well. */
  #beginApply(): void {
    if (this.#append !== null || this.#commit !== null) return
    this.#apply ??= this.#span.child({ name: 'raft.apply' })
  }

  ended(outcome: string): void {
    const error = outcome === 'applied' ? null : outcome
    this.#endStages(error)
    this.#span.end(error)
  }

  /** For the next one, or the same anew. */
  #leaveStages(): void {
    this.#queue?.end()
    this.#queue = null
    this.#endStages(SENT_AGAIN)
  }

  #endStages(error: string | null): void {
    for (const stage of [this.#queue, this.#forward, this.#append, this.#commit, this.#apply]) {
      stage?.end(error)
    }
    this.#queue = null
    this.#forward = null
    this.#append = null
    this.#commit = null
    this.#apply = null
  }
}

/** A write of this node's own caller, below the span of his request. */
export function proposalSpans(parent: Span): RequestSpans {
  return new RequestSpans(parent.child({ name: 'raft.propose' }))
}
