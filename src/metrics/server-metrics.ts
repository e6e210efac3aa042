/** The node as a member of the cluster, in its own view. */
import type { RaftFigures, RaftStatus } from '../../raft/index.ts'
import { counter, type Family, flag, gauge, histogram, type Source } from './family.ts'

export interface ServerSource {
  figures(): RaftFigures
  isReady(): boolean
}

export function serverMetrics({ figures, isReady }: ServerSource): Source {
  return () => {
    const now = figures()
    return [...roleFamilies(now, isReady()), ...proposalFamilies(now), ...raftFamilies(now)]
  }
}

function roleFamilies({ status, isDrained, happened }: RaftFigures, isReady: boolean): Family[] {
  const { role, leaderId, leaderContactMs, divergence, stateAlarms, disk } = status
  return [
    flag('ipam_server_has_leader', 'Whether this node knows a leader.', leaderId !== null),
    flag('ipam_server_is_leader', 'Whether this node leads.', role === 'leader'),
    flag('ipam_server_is_learner', 'Whether this node is no voter (yet).', role === 'learner'),
    flag('ipam_server_is_ready', 'What /health/ready says.', isReady),
    flag('ipam_server_is_drained', 'Whether its operator wants it not to lead.', isDrained),
    flag(
      'ipam_server_is_diverged',
      'Whether its state is not what the majority has: it serves nothing.',
      divergence !== null,
    ),
    gauge('ipam_server_state_alarms', 'Members whose state is not that of this node.', stateAlarms.length),
    flag('ipam_server_is_restoring', 'Whether a snapshot takes the place of its state.', status.isRestoring),
    flag('ipam_server_is_removed', 'Whether it was removed from the cluster.', status.isRemoved),
    gauge(
      'ipam_server_leader_contact_seconds',
      'Time since the leader was heard; 0 on the leader.',
      leaderContactMs === null ? null : leaderContactMs / 1_000,
    ),
    counter(
      'ipam_server_leader_changes_seen_total',
      'Leaders that this node learned of.',
      happened.leaderChanges,
    ),
    flag('ipam_server_disk_is_low', 'Whether the data directory is low on space.', disk.isLow),
    gauge(
      'ipam_server_disk_stall_seconds',
      'For how long the oldest write has waited for the disk.',
      disk.stallMs / 1_000,
    ),
    gauge('ipam_server_schema_version', 'In which commands are written, cluster-wide.', status.schemaVersion),
  ]
}

function proposalFamilies({ outcomes, proposals, queues, slices, appliedCount }: RaftFigures): Family[] {
  const pending = queues.find(({ queue, unit }) => queue === 'waiting_requests' && unit === 'entries')
  return [
    gauge(
      'ipam_server_proposals_pending',
      'Requests of clients and of other nodes that are not answered.',
      pending?.size ?? 0,
    ),
    counter(
      'ipam_server_proposals_total',
      'Requests that were answered, by where they came from (origin: local, peer) and what became of them (outcome: applied, or the code of the error).',
      outcomes.map(({ origin, outcome, count }) => [{ origin, outcome: wordOf(outcome) }, count]),
    ),
    histogram(
      'ipam_server_proposal_duration_seconds',
      'From the call on this node to the result, of what was applied.',
      proposals,
    ),
    histogram(
      'ipam_server_apply_duration_seconds',
      'Applying a slice of at most 256 committed entries, and answering them.',
      slices,
    ),
    counter('ipam_server_entries_applied_total', 'Entries applied since the start.', appliedCount),
  ]
}

/** `RAFT_NOT_LEADER` → `not_leader`. */
function wordOf(outcome: string): string {
  return outcome.replace(/^RAFT_/, '').toLowerCase()
}

function raftFamilies(now: RaftFigures): Family[] {
  const { status, happened } = now
  return [
    gauge('ipam_raft_term', 'The current term.', status.term),
    gauge('ipam_raft_last_index', 'The last entry of the log.', status.lastIndex),
    gauge('ipam_raft_durable_index', 'Up to here the log is on this disk.', now.durableIndex),
    gauge('ipam_raft_commit_index', 'Up to here it is known to be committed.', status.commitIndex),
    gauge(
      'ipam_raft_known_commit_index',
      'The highest commit index that the leader has told: this log may not reach it yet.',
      status.knownCommitIndex,
    ),
    gauge('ipam_raft_applied_index', 'Up to here it is applied.', status.appliedIndex),
    gauge(
      'ipam_raft_state_durable_index',
      'Up to here the state would survive without the log.',
      now.stateDurableIndex,
    ),
    gauge('ipam_raft_base_index', 'The log starts after this.', now.baseIndex),
    gauge('ipam_raft_members', 'Members of the newest configuration.', memberCounts(status)),
    histogram(
      'ipam_raft_commit_duration_seconds',
      'On the leader, from appending a batch to the commitment of all of it.',
      now.commits,
    ),
    counter('ipam_raft_pre_votes_total', 'Times it asked whether it could win.', happened.preVotes),
    counter('ipam_raft_campaigns_total', 'Elections that it stood in.', happened.campaigns),
    counter('ipam_raft_elections_won_total', 'Elections that it won.', happened.elected),
    counter('ipam_raft_step_downs_total', 'Times it ceased to lead.', happened.stepDowns),
    counter('ipam_raft_snapshot_sends_total', 'Snapshots it began to send.', happened.snapshotSends),
    counter(
      'ipam_raft_snapshot_installs_total',
      'Snapshots it began to put in place.',
      happened.snapshotInstalls,
    ),
    counter(
      'ipam_raft_lost_entries_total',
      'Times a peer lacked what it had acknowledged.',
      happened.lostEntries,
    ),
  ]
}

function memberCounts({ membership: { members } }: RaftStatus): [{ role: string }, number][] {
  const voters = members.filter(({ voter }) => voter).length
  return [
    [{ role: 'voter' }, voters],
    [{ role: 'learner' }, members.length - voters],
  ]
}
