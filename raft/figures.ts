/** What there is to watch of a node: counted as it happens, put together when somebody asks. */
import type { ApplyLimits } from './apply-lane.ts'
import type { Raft } from './core/state.ts'
import type { Durations } from './durations.ts'
import type { QueueFigure } from './ports.ts'
import type { ProposalLimits } from './proposal-limits.ts'
import type { ProposalOutcomes } from './proposal-outcomes.ts'
import type { ReadLimits } from './reads.ts'
import type { RaftStatus } from './status.ts'
import type { Happened, StepCounts } from './step-counts.ts'
import type { LogIndex } from './types.ts'

/** What a node counts, for whoever watches: a moment's values, and sums since its start. */
export interface RaftFigures {
  readonly status: RaftStatus
  /** The log starts after this. */
  readonly baseIndex: LogIndex
  readonly durableIndex: LogIndex
  /** Up to here the state machine would survive a crash. */
  readonly stateDurableIndex: LogIndex
  readonly isDrained: boolean
  readonly happened: Readonly<Happened>
  /** By origin and outcome. */
  readonly outcomes: ReturnType<ProposalOutcomes['all']>
  readonly proposals: Durations
  readonly commits: Durations
  /** Of slices of at most 256 entries, their answers included. */
  readonly slices: Durations
  readonly appliedCount: number
  readonly queues: readonly QueueFigure[]
}

/** What is on its way through a node. */
export interface Underway {
  readonly requests: { readonly count: number; readonly bytes: number; readonly forwarded: number }
  readonly reads: number
  readonly unapplied: { readonly count: number; readonly bytes: number }
  readonly unwrittenJobs: number
}

export function figuresOf(
  raft: Raft,
  node: {
    readonly status: RaftStatus
    readonly stateDurableIndex: LogIndex
    readonly steps: StepCounts
    readonly outcomes: ProposalOutcomes
    readonly slices: Durations
    readonly appliedCount: number
    readonly underway: Underway
    readonly limits: ProposalLimits & ReadLimits & ApplyLimits
  },
): RaftFigures {
  const { status, stateDurableIndex, steps, outcomes, slices, appliedCount } = node
  return {
    status,
    baseIndex: raft.log.base.lastIndex,
    durableIndex: raft.log.durableIndex,
    stateDurableIndex,
    isDrained: raft.isDrained,
    happened: steps.happened,
    outcomes: outcomes.all(),
    proposals: outcomes.durations,
    commits: steps.commit,
    slices,
    appliedCount,
    queues: [...queuesOfNode(node.underway, node.limits), ...queuesOfCore(raft), ...queuesOfPeers(raft)],
  }
}

function queuesOfNode(
  { requests, reads, unapplied, unwrittenJobs }: Underway,
  limits: ProposalLimits & ReadLimits & ApplyLimits,
): QueueFigure[] {
  return [
    entries('waiting_requests', requests.count, limits.waitingRequestsMax),
    bytes('waiting_requests', requests.bytes, limits.waitingBytesMax),
    entries('forwarded_requests', requests.forwarded, limits.waitingRequestsMax),
    entries('waiting_reads', reads, limits.waitingReadsMax),
    entries('unapplied_entries', unapplied.count, limits.unappliedEntriesMax),
    bytes('unapplied_entries', unapplied.bytes, limits.unappliedBytesMax),
    entries('unwritten_batches', unwrittenJobs, null),
  ]
}

function queuesOfCore({ log, limits, role, commitIndex, ...raft }: Raft): QueueFigure[] {
  const uncommitted = role === 'leader' ? log.lastIndex - commitIndex : 0
  const reads = raft.pendingReads.length + raft.earlyReads.length
  return [
    entries('uncommitted_entries', uncommitted, limits.uncommittedEntriesMax),
    bytes('uncommitted_entries', role === 'leader' ? raft.uncommittedBytes : 0, limits.uncommittedBytesMax),
    entries('unconfirmed_reads', reads, limits.pendingReadsMax),
    bytes('log_cache', log.cacheBytes, limits.cacheBytesMax),
  ]
}

/** The leader's; elsewhere there are none. */
function queuesOfPeers({ progress, limits }: Raft): QueueFigure[] {
  return [...progress].flatMap(([peer, { inflight, inflightBytes }]) => [
    { ...entries('inflight_appends', inflight.length, limits.inflightMessagesMax), peer },
    { ...bytes('inflight_appends', inflightBytes, limits.inflightBytesMax), peer },
  ])
}

function entries(queue: string, size: number, max: number | null): QueueFigure {
  return { queue, peer: null, unit: 'entries', size, max }
}

function bytes(queue: string, size: number, max: number | null): QueueFigure {
  return { queue, peer: null, unit: 'bytes', size, max }
}
