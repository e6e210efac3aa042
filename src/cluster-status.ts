/** What a node says of itself and of the cluster, made of what its Raft knows. */
import type { DiskStatus, RaftStatus } from '../raft/index.ts'
import type { ClusterStatus, MemberStatus, Readiness } from './service.ts'

/** A follower that has this much to apply is not ready: reads there would wait. */
const APPLY_LAG_MAX = 1_000

/** @param electionMinMs A member that is silent for longer is not healthy. */
export function clusterStatus(
  status: RaftStatus,
  { clusterId, electionMinMs }: { clusterId: number; electionMinMs: number },
): ClusterStatus {
  return {
    nodeId: status.id,
    clusterId,
    role: status.role,
    members: memberStatuses(status, electionMinMs),
    schemaVersion: status.schemaVersion,
    leaderId: status.leaderId,
    leaderAddr: status.leaderAddr,
    term: status.term,
    commitIndex: status.commitIndex,
    appliedIndex: status.appliedIndex,
  }
}

function memberStatuses(status: RaftStatus, electionMinMs: number): MemberStatus[] {
  const isLeader = status.role === 'leader'
  return status.membership.members.map(({ id, addr, voter, schemas, isRolledBack }) => {
    const isSelf = id === status.id
    const peer = status.peers.find((candidate) => candidate.id === id)
    const lastContactMs = isSelf && isLeader ? 0 : (peer?.lastContactMs ?? null)
    const disk = isSelf ? status.disk : peer?.disk
    const reasons: string[] = []
    if (lastContactMs !== null && lastContactMs > electionMinMs) {
      reasons.push(`no answer for ${Math.round(lastContactMs)} ms`)
    }
    if (lastContactMs !== null && peer?.state === 'snapshot') reasons.push('receives a snapshot')
    if (disk !== undefined) reasons.push(...diskComplaints(disk))
    reasons.push(...stateComplaints(status, id))
    if (isRolledBack) reasons.push('its data directory is older than what it had acknowledged: remove it')
    return {
      nodeId: id,
      addr,
      role: id === status.leaderId ? 'leader' : voter ? 'follower' : 'learner',
      voter,
      schemas,
      healthy: isLeader ? reasons.length === 0 : null,
      matchIndex: isSelf ? status.appliedIndex : (peer?.matchIndex ?? null),
      lastContactMs: lastContactMs === null ? null : Math.round(lastContactMs),
      reasons,
    }
  })
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

/** @param isDraining By the wish of an operator, or because the process is about to end. */
export function readinessOf(status: RaftStatus, { isDraining }: { isDraining: boolean }): Readiness {
  const reasons: string[] = []
  if (isDraining) reasons.push('draining')
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
