/** What a node knows of itself and, where it leads, of the others. */
import { isStall } from './core/disk-health.ts'
import { committedMembership, currentMembership } from './core/membership.ts'
import type { Raft, Timing } from './core/state.ts'
import type { StateAlarm } from './state-watch.ts'
import type { DiskHealth, Divergence, LogIndex, Membership, NodeId, Term } from './types.ts'

/** As operators see it: a node that may not vote yet is a learner, a pre-candidate a candidate. */
export type StatusRole = 'leader' | 'follower' | 'candidate' | 'learner'

/** What a node knows of a disk, its own or a peer's. */
export interface DiskStatus extends DiskHealth {
  /** The oldest write waits for so long that such a node neither leads nor campaigns. */
  readonly isStalled: boolean
}

/** What the leader knows of another member. */
export interface PeerStatus {
  readonly id: NodeId
  /** Entries up to here are durable there. */
  readonly matchIndex: LogIndex
  /** Since its last answer. */
  readonly lastContactMs: number
  readonly state: 'probe' | 'replicate' | 'snapshot'
  /** As it last told. */
  readonly disk: DiskStatus
}

/** What a node knows at this moment. On a follower it may be old: see `leaderContactMs`. */
export interface RaftStatus {
  readonly id: NodeId
  readonly role: StatusRole
  readonly term: Term
  readonly leaderId: NodeId | null
  readonly leaderAddr: string | null
  readonly commitIndex: LogIndex
  /** The highest commit index that the leader has told, which our own log may not reach yet. */
  readonly knownCommitIndex: LogIndex
  readonly appliedIndex: LogIndex
  readonly lastIndex: LogIndex
  readonly membership: Membership
  /** In which commands are written: that of the committed membership. */
  readonly schemaVersion: number
  /** The leader's view of the others; empty elsewhere. */
  readonly peers: readonly PeerStatus[]
  /** Since the leader was last heard; 0 on the leader, null if never in this term. */
  readonly leaderContactMs: number | null
  readonly isTransferring: boolean
  /** Of this node, as of the last tick. */
  readonly disk: DiskStatus
  readonly isRestoring: boolean
  /** This node was removed from the cluster. */
  readonly isRemoved: boolean
  /** Why this node does not serve: its state is not what the majority has. */
  readonly divergence: Divergence | null
  /** Members whose state is not ours. */
  readonly stateAlarms: readonly StateAlarm[]
  /** What other nodes told us when they refused our connection. */
  readonly refusals: readonly { readonly peer: NodeId; readonly reason: string; readonly message: string }[]
}

export function statusOf(
  raft: Raft,
  node: {
    now: number
    appliedIndex: LogIndex
    isRestoring: boolean
    watch: { readonly divergence: Divergence | null; readonly alarms: readonly StateAlarm[] }
    refusals: ReadonlyMap<NodeId, { reason: string; message: string }>
    addrOf: (id: NodeId) => string | null
  },
): RaftStatus {
  const membership = currentMembership(raft)
  const refusals = [...node.refusals].map(([peer, refusal]) => ({ peer, ...refusal }))
  return {
    id: raft.id,
    role: roleOf(raft, membership),
    term: raft.currentTerm,
    leaderId: raft.leaderId,
    leaderAddr: raft.leaderId === null ? null : node.addrOf(raft.leaderId),
    commitIndex: raft.commitIndex,
    knownCommitIndex: Math.max(raft.commitIndex, raft.leaderCommit),
    appliedIndex: node.appliedIndex,
    lastIndex: raft.log.lastIndex,
    membership,
    schemaVersion: committedMembership(raft).schemaVersion,
    peers: [...raft.progress].map(([id, { matchIndex, lastContact, state, disk }]) => {
      const lastContactMs = Math.max(0, node.now - lastContact)
      return { id, matchIndex, lastContactMs, state, disk: diskStatus(disk, raft.timing) }
    }),
    leaderContactMs: leaderContactMs(raft, node.now),
    isTransferring: raft.transfer !== null,
    disk: diskStatus(raft.disk, raft.timing),
    isRestoring: node.isRestoring,
    isRemoved: membership.removed.includes(raft.id) || refusals.some(({ reason }) => reason === 'removed'),
    divergence: node.watch.divergence,
    stateAlarms: node.watch.alarms,
    refusals,
  }
}

function diskStatus(disk: DiskHealth, timing: Timing): DiskStatus {
  return { ...disk, isStalled: isStall(disk, timing) }
}

/** Null if no leader was heard in this term. */
export function leaderContactMs(raft: Raft, now: number): number | null {
  if (raft.role === 'leader') return 0
  const contactMs = now - raft.lastLeaderContact
  return Number.isFinite(contactMs) ? Math.max(0, contactMs) : null
}

function roleOf(raft: Raft, membership: Membership): StatusRole {
  if (raft.role === 'leader') return 'leader'
  if (raft.role === 'candidate' || raft.role === 'preCandidate') return 'candidate'
  const self = membership.members.find(({ id }) => id === raft.id)
  return self?.voter === true ? 'follower' : 'learner'
}
