/** Single requests, followed on their way through the nodes: what follows one is told where it is, and changes nothing. */
import type { LogIndex, NodeId, Term } from './types.ts'

/** Of what travels with a request to the leader; ASCII, so that it is as many bytes. */
export const TRACE_CONTEXT_CHARS_MAX = 640

/** Follows one request. None of it may throw or wait; each may be called again, as a request may be sent again. */
export interface RequestTrace {
  /** To the leader, with the request: at most `TRACE_CONTEXT_CHARS_MAX`. Asked before an attempt, which may not come about. */
  contextForLeader(): string
  /** The attempt was made, with the context that was asked for last. */
  forwarded(leader: NodeId): void
  /** It stands in this node's log, which leads. */
  appended(position: { readonly index: LogIndex; readonly term: Term }): void
  /** … and on this node's own disk. */
  durable(): void
  /** … and on the disks of a majority (§3.6.2). */
  committed(): void
  /** It is answered, with `applied` or the code of an error. `durable` and `committed` may still come, and mean nothing then. */
  ended(outcome: string): void
}

/** What is to follow a peer's request that came with `context`; null for nothing, as where it cannot be read. */
export type FollowPeerRequest = (request: {
  readonly peer: NodeId
  readonly context: string
}) => RequestTrace | null

interface Followed {
  readonly index: LogIndex
  readonly term: Term
  readonly trace: RequestTrace
  isDurable: boolean
  isCommitted: boolean
}

/** Requests that are followed and stand in a leader's log: as many as are neither on its disk nor committed, at most. */
export class FollowedEntries {
  #entries: Followed[] = []

  get isEmpty(): boolean {
    return this.#entries.length === 0
  }

  add(position: { readonly index: LogIndex; readonly term: Term }, trace: RequestTrace): void {
    const { index, term } = position
    this.#entries.push({ index, term, trace, isDurable: false, isCommitted: false })
    trace.appended(position)
  }

  /** @param leadingTerm Null unless this node leads: then others decide what stands there, and nothing more is told. */
  note({
    leadingTerm,
    durableIndex,
    commitIndex,
  }: {
    readonly leadingTerm: Term | null
    readonly durableIndex: LogIndex
    readonly commitIndex: LogIndex
  }): void {
    this.#entries = this.#entries.filter((entry) => {
      if (entry.term !== leadingTerm) return false
      if (!entry.isDurable && entry.index <= durableIndex) {
        entry.isDurable = true
        entry.trace.durable()
      }
      if (!entry.isCommitted && entry.index <= commitIndex) {
        entry.isCommitted = true
        entry.trace.committed()
      }
      return !(entry.isDurable && entry.isCommitted)
    })
  }

  clear(): void {
    this.#entries = []
  }
}
