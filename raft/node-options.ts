import type { ApplyLimits } from './apply-lane.ts'
import type { Effects } from './core/effects.ts'
import type { Limits, Raft, Timing } from './core/state.ts'
import type { Identity } from './ports.ts'
import type { ProposalLimits } from './proposal-limits.ts'
import type { ReadLimits } from './reads.ts'
import type { FollowPeerRequest } from './request-trace.ts'
import type { Membership, NodeId } from './types.ts'

/** What a node is started with. */
export interface RaftNodeOptions {
  readonly identity: Identity
  /** Who a new cluster starts with; no members for a node that waits to be added. */
  readonly initialMembership: Membership
  /** Where nodes may be found that the membership does not name yet. */
  readonly addresses: readonly { readonly id: NodeId; readonly addr: string }[]
  readonly timing: Timing
  /** How often deadlines are looked at. */
  readonly tickMs: number
  readonly limits: Limits
  readonly proposalLimits: ProposalLimits
  readonly readLimits: ReadLimits
  readonly applyLimits: ApplyLimits
  /** Entries kept in the log after they are durable in the state machine, for peers that lag. */
  readonly retainedEntriesMin: number
  /** … unless they are many more bytes than this. */
  readonly retainedBytesMax: number
  /** Nodes compare their states every so many entries, at least; the same on every node. */
  readonly checkpointInterval: number
  /** Free bytes below which this node's disk is low, until there is a quarter more; 0: it never is. */
  readonly diskLowBytes: number
  /** Sees every step before its effects are carried out, and changes nothing: for checks and traces. */
  readonly onStep?: (raft: Raft, effects: Effects) => void
  /** Without it no request of a peer is followed. */
  readonly followPeer?: FollowPeerRequest | null
}
