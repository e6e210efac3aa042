/** How much may wait for the cluster on one node, and for how long. */
export interface ProposalLimits {
  readonly commandBytesMax: number
  /** Requests that wait for a leader, or for its answer, on this node; and their bytes. */
  readonly waitingRequestsMax: number
  readonly waitingBytesMax: number
  /** One ForwardRequests or ForwardReplies frame. */
  readonly forwardBytesMax: number
  /** How long a request may wait for a leader, and then for its outcome. */
  readonly requestTimeoutMs: number
  /** An idempotent request that has no answer for this long is sent again: about an election timeout. */
  readonly askAgainMs: number
  /** How long a membership change waits for the one before it. */
  readonly changeWaitMs: number
}

/** Those of production. */
export const DEFAULT_PROPOSAL_LIMITS: ProposalLimits = {
  commandBytesMax: 1024 * 1024,
  waitingRequestsMax: 10_000,
  waitingBytesMax: 32 * 1024 * 1024,
  forwardBytesMax: 1024 * 1024,
  requestTimeoutMs: 8_000,
  askAgainMs: 1_000,
  changeWaitMs: 1_000,
}
